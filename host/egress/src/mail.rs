//! One mail over the operator's relay. What the relay answers goes back to the plugin, also when it refuses.

use crate::allow::{Trust, checked};
use crate::outside::Parts;
use crate::settings::{Smtp, SmtpTls};
use domain::alert::cut;
use domain::page::Mail;
use domain::time::Millis;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::{Address, Message};
use ports::EgressError;
use rustls::pki_types::CertificateDer;
use std::error::Error as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};
use thiserror::Error;

/// Most recipients of one mail.
const RECIPIENTS_LIMIT: usize = 16;
/// Longest text and HTML together, in bytes.
const TEXT_LIMIT_BYTES: usize = 128 * 1024;
/// Longest subject, in bytes; a longer one is cut.
const SUBJECT_LIMIT_BYTES: usize = 512;
/// Longest reply of a relay that is kept, in bytes.
const REPLY_LIMIT_BYTES: usize = 2048;

/// Why the relay's settings cannot be used.
#[derive(Debug, Error)]
pub enum MailError {
    #[error("cannot read the mail sender `{from}`")]
    From { from: String, source: lettre::address::AddressError },
    #[error("cannot set up TLS with mail relay {host}")]
    Tls { host: String, source: lettre::transport::smtp::Error },
}

/// The relay, ready to be used.
pub(crate) struct Relay {
    settings: Smtp,
    from: Mailbox,
    hello: ClientId,
    tls: TlsParameters,
}

impl Relay {
    pub fn new(settings: Smtp, further: &[CertificateDer<'static>]) -> Result<Self, MailError> {
        let from: Mailbox = settings.from.parse().map_err(|source| MailError::From { from: settings.from.clone(), source })?;
        let failed = |source| MailError::Tls { host: settings.host.clone(), source };
        let mut tls = TlsParameters::builder(settings.host.clone());
        for certificate in further {
            tls = tls.add_root_certificate(Certificate::from_der(certificate.to_vec()).map_err(failed)?);
        }
        let tls = tls.build_rustls().map_err(failed)?;
        let hello = ClientId::Domain(from.email.domain().to_owned());
        Ok(Self { settings, from, hello, tls })
    }

    /// `<id@domain of the sender>`: the same for every try of one page.
    fn message_id(&self, id: &str) -> String {
        let plain: String = id.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
        format!("<{plain}@{}>", self.from.email.domain())
    }

    /// What the mail answers: a whole message id as it is, a page's id as the message id that it was sent with.
    fn answered(&self, text: &str) -> Result<String, EgressError> {
        let bare = text.trim().trim_start_matches('<').trim_end_matches('>');
        let fits = bare.len() <= 250 && bare.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
        match (fits && !bare.is_empty(), bare.contains('@')) {
            (false, _) => Err(EgressError::Refused(format!("`{}` is no message id", cut(text, 100)))),
            (true, true) => Ok(format!("<{bare}>")),
            (true, false) => Ok(self.message_id(bare)),
        }
    }

    fn message(&self, mail: Mail, id: &str, now: Millis) -> Result<Message, EgressError> {
        let refused = |message: String| EgressError::Refused(message);
        if mail.to.is_empty() || mail.to.len() > RECIPIENTS_LIMIT {
            return Err(refused(format!("a mail must have from 1 to {RECIPIENTS_LIMIT} recipients")));
        }
        if mail.text.len() + mail.html.as_ref().map_or(0, String::len) > TEXT_LIMIT_BYTES {
            return Err(refused(format!("the mail is too large: at most {TEXT_LIMIT_BYTES} bytes")));
        }
        let millis = u64::try_from(now.0).unwrap_or(0);
        let subject: String = mail.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .message_id(Some(self.message_id(id)))
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
            .subject(cut(&subject, SUBJECT_LIMIT_BYTES))
            // RFC 3834: nobody's out-of-office may answer a page.
            .raw_header(header("Auto-Submitted", "auto-generated"));
        for to in &mail.to {
            let to: Address = to.trim().parse().map_err(|error| refused(format!("`{}` is no mail address: {error}", cut(to, 100))))?;
            builder = builder.to(Mailbox::new(None, to));
        }
        if let Some(text) = &mail.in_reply_to {
            let answered = self.answered(text)?;
            builder = builder.in_reply_to(answered.clone()).references(answered);
        }
        let built = match mail.html {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(mail.text, html)),
            None => builder.singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(mail.text)),
        };
        built.map_err(|error| refused(format!("cannot write the mail: {error}")))
    }

    /// Connects to the first address that takes the connection; all were checked.
    async fn connect(&self, addresses: &[SocketAddr], time: Duration) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
        let implicit = (self.settings.tls == SmtpTls::Implicit).then(|| self.tls.clone());
        // One call with all addresses: it tries them in order.
        let mut connection = AsyncSmtpConnection::connect_tokio1(addresses, Some(time), &self.hello, implicit, None).await?;
        if self.settings.tls == SmtpTls::Starttls {
            // Fails where the relay does not offer it: a password or a page must not go out in clear because somebody cut the offer out.
            connection.starttls(self.tls.clone(), &self.hello).await?;
        }
        if let Some((user, password)) = &self.settings.login {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        Ok(connection)
    }

    async fn hand_over(
        &self,
        addresses: &[SocketAddr],
        message: &Message,
        time: Duration,
    ) -> Result<Response, lettre::transport::smtp::Error> {
        let mut connection = self.connect(addresses, time).await?;
        let response = connection.send(message.envelope(), &message.formatted()).await?;
        // The mail is taken: a relay that is slow to say goodbye changes nothing.
        let _ = tokio::time::timeout(Duration::from_secs(1), connection.quit()).await;
        Ok(response)
    }
}

fn header(name: &'static str, value: &str) -> lettre::message::header::HeaderValue {
    lettre::message::header::HeaderValue::new(lettre::message::header::HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// Sends one mail. The caller bounds its time.
pub(crate) async fn send(parts: &Parts, mail: Mail, id: &str, now: Millis) -> Result<(u16, String), EgressError> {
    let Some(relay) = &parts.relay else {
        return Err(EgressError::Refused("mail cannot be sent: there is no [smtp] in reveille.toml".into()));
    };
    let message = relay.message(mail, id, now)?;
    let Smtp { host, port, .. } = &relay.settings;
    let _pass = parts.gate.enter(&format!("smtp {host}")).await?;
    // The operator named the relay, so it may be inside; it is still never a multicast or an unspecified address.
    let addresses = checked(parts.resolver.as_ref(), host, host, Trust { private: true }).await?;
    let addresses: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, *port)).collect();
    match relay.hand_over(&addresses, &message, parts.total_time).await {
        Ok(response) => Ok((code(response.code()), reply(&response.message().collect::<Vec<_>>().join(" ")))),
        Err(error) => match error.status() {
            Some(status) => Ok((code(status), reply(&error.source().map(ToString::to_string).unwrap_or_default()))),
            None => Err(EgressError::Unreachable(format!("mail relay {host}:{port}: {}", chain(&error)))),
        },
    }
}

fn code(code: lettre::transport::smtp::response::Code) -> u16 {
    u16::from(code)
}

fn reply(text: &str) -> String {
    cut(text.trim(), REPLY_LIMIT_BYTES)
}

/// An error and its sources, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text
}
