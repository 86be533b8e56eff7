//! Mail through relays: a real one, and scripted ones that refuse, encrypt and misbehave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod house;

use domain::page::Mail;
use egress::{EgressSettings, Outside, Password, Smtp, SmtpTls};
use house::{certificate, outside};
use ports::egress::OnBehalf;
use ports::{Egress, EgressError};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

fn mail() -> Mail {
    Mail {
        to: vec!["alice@example.org".into()],
        subject: "Checkout is slow\r\nBcc: eve@example.org".into(),
        text: "Wake up.\n.\nLa città è giù.\n".into(),
        html: None,
        in_reply_to: None,
    }
}

fn relay(address: SocketAddr, tls: SmtpTls) -> Smtp {
    let host = if tls == SmtpTls::None { "127.0.0.1" } else { "localhost" };
    Smtp { host: host.into(), port: address.port(), tls, login: None, from: "Reveille <reveille@host.example.org>".into() }
}

fn through(smtp: Smtp) -> Outside {
    outside(EgressSettings { smtp: Some(smtp), total_time: Duration::from_secs(5), ..EgressSettings::default() })
}

/// Debian's aiosmtpd, which keeps what it gets in a Maildir.
struct Aiosmtpd(Child);

impl Drop for Aiosmtpd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn aiosmtpd(directory: &std::path::Path) -> (Aiosmtpd, SocketAddr) {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = Command::new("/usr/bin/aiosmtpd")
        .args(["-n", "-l", &address.to_string(), "-c", "aiosmtpd.handlers.Mailbox"])
        .arg(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("Debian's package python3-aiosmtpd is needed");
    let server = Aiosmtpd(child);
    for _ in 0..200 {
        if TcpStream::connect(address).await.is_ok() {
            return (server, address);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("aiosmtpd does not listen on {address}");
}

#[tokio::test]
async fn a_real_relay_takes_a_mail_and_its_answer_makes_a_thread() {
    let directory = tempfile::tempdir().unwrap();
    let box_path = directory.path().join("box");
    let (_server, address) = aiosmtpd(&box_path).await;
    let egress = through(relay(address, SmtpTls::None));
    let (code, text) = egress.mail(mail(), "7-1-0-0-alice-0-0".into(), OnBehalf::default()).await.unwrap();
    assert_eq!(code, 250, "{text}");
    let second = Mail { html: Some("<p>Still slow</p>".into()), in_reply_to: Some("7-1-0-0-alice-0-0".into()), ..mail() };
    egress.mail(second, "7-1-1-0-alice-0-0".into(), OnBehalf::default()).await.unwrap();

    let mut kept: Vec<String> =
        std::fs::read_dir(box_path.join("new")).unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    kept.sort_by_key(|text| text.contains("In-Reply-To"));
    assert_eq!(kept.len(), 2);
    let first = kept[0].replace("\r\n", "\n");
    for line in [
        "From: Reveille <reveille@host.example.org>",
        "To: alice@example.org",
        "Message-ID: <7-1-0-0-alice-0-0@host.example.org>",
        "Date: Sun, 29 Mar 2026 01:00:00 +0000",
        "Auto-Submitted: auto-generated",
        "X-MailFrom: reveille@host.example.org",
        "X-RcptTo: alice@example.org",
    ] {
        assert!(first.lines().any(|found| found == line), "{line} is not in\n{first}");
    }
    assert!(!first.lines().any(|line| line.starts_with("Bcc:")), "{first}");
    assert!(first.contains("\nWake up.\n.\nLa citt=C3=A0") || first.contains("\nWake up.\n.\nLa città è giù."), "{first}");
    assert!(kept[1].contains("In-Reply-To: <7-1-0-0-alice-0-0@host.example.org>"), "{}", kept[1]);
    assert!(kept[1].contains("References: <7-1-0-0-alice-0-0@host.example.org>"));
    assert!(kept[1].contains("multipart/alternative") && kept[1].contains("<p>Still slow</p>"));
}

/// How a scripted relay behaves.
#[derive(Clone)]
struct Script {
    greeting: &'static str,
    offers: &'static [&'static str],
    /// What it says to a command that begins so; others get `250 ok`.
    says: &'static [(&'static str, &'static str)],
    tls: Option<Arc<rustls::ServerConfig>>,
    implicit: bool,
}

const PLAIN: Script =
    Script { greeting: "220 relay ESMTP", offers: &["8BITMIME", "SMTPUTF8"], says: &[("DATA", "354 go on")], tls: None, implicit: false };

type Heard = Arc<Mutex<Vec<String>>>;

async fn scripted(script: Script) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Heard::default();
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (script, kept) = (script.clone(), Arc::clone(&kept));
            tokio::spawn(async move {
                let acceptor = script.tls.clone().map(tokio_rustls::TlsAcceptor::from);
                match acceptor {
                    Some(acceptor) if script.implicit => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            converse(stream, &script, &kept, true).await;
                        }
                    }
                    Some(acceptor) => {
                        if let Some(stream) = converse(stream, &script, &kept, true).await
                            && let Ok(stream) = acceptor.accept(stream).await
                        {
                            kept.lock().unwrap().push("(encrypted)".into());
                            converse(stream, &script, &kept, false).await;
                        }
                    }
                    None => drop(converse(stream, &script, &kept, true).await),
                }
            });
        }
    });
    (address, heard)
}

/// Gives the stream back when it is to be encrypted.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(stream: S, script: &Script, heard: &Heard, greets: bool) -> Option<S> {
    let mut stream = BufReader::new(stream);
    if greets {
        stream.write_all(format!("{}\r\n", script.greeting).as_bytes()).await.ok()?;
    }
    let mut data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        let answer = if data {
            data = line != ".";
            if data {
                continue;
            }
            "250 taken as 4711".to_owned()
        } else if line.starts_with("EHLO") {
            let offers: Vec<String> = std::iter::once("relay").chain(script.offers.iter().copied()).map(str::to_owned).collect();
            let (last, front) = offers.split_last().unwrap();
            front.iter().map(|offer| format!("250-{offer}\r\n")).collect::<Vec<_>>().concat() + &format!("250 {last}")
        } else {
            script.says.iter().find(|(start, _)| line.starts_with(start)).map_or("250 ok", |(_, answer)| answer).to_owned()
        };
        heard.lock().unwrap().push(line.to_owned());
        data |= answer.starts_with("354");
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        if line == "STARTTLS" && answer.starts_with("220") {
            return Some(stream.into_inner());
        }
    }
}

#[tokio::test]
async fn a_refusal_comes_back_with_its_code_and_text() {
    for (script, code, text) in [
        (Script { says: &[("RCPT", "550 5.1.1 no such user here")], ..PLAIN }, 550, "5.1.1 no such user here"),
        (Script { says: &[("RCPT", "451 4.7.1 greylisted")], ..PLAIN }, 451, "4.7.1 greylisted"),
        (Script { says: &[("DATA", "552 too much")], ..PLAIN }, 552, "too much"),
        (Script { greeting: "421 come back later", ..PLAIN }, 421, "come back later"),
    ] {
        let (address, _) = scripted(script).await;
        let answer = through(relay(address, SmtpTls::None)).mail(mail(), "1".into(), OnBehalf::default()).await.unwrap();
        assert_eq!(answer, (code, text.to_owned()));
    }
    let (address, _) = scripted(PLAIN).await;
    let answer = through(relay(address, SmtpTls::None)).mail(mail(), "1".into(), OnBehalf::default()).await.unwrap();
    assert_eq!(answer, (250, "taken as 4711".to_owned()));
}

#[tokio::test]
async fn starttls_comes_before_the_password() {
    let (config, root) = certificate(&["localhost"]);
    let script = Script {
        offers: &["STARTTLS", "AUTH PLAIN LOGIN", "8BITMIME"],
        says: &[("STARTTLS", "220 go on"), ("AUTH", "235 welcome"), ("DATA", "354 go on")],
        tls: Some(Arc::new(config)),
        ..PLAIN
    };
    let (address, heard) = scripted(script).await;
    let smtp = Smtp { login: Some(("reveille".into(), Password::new("pw-12345"))), ..relay(address, SmtpTls::Starttls) };
    let settings = EgressSettings { smtp: Some(smtp), further_roots_pem: root, ..EgressSettings::default() };
    assert!(!format!("{settings:?}").contains("pw-12345"));
    let answer = outside(settings).mail(mail(), "1".into(), OnBehalf::default()).await.unwrap();
    assert_eq!(answer.0, 250);
    let heard = heard.lock().unwrap();
    let at = |start: &str| heard.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {heard:?}"));
    assert!(at("STARTTLS") < at("(encrypted)") && at("(encrypted)") < at("AUTH PLAIN") && at("AUTH PLAIN") < at("MAIL FROM"));
}

/// The planted bug that this catches: going on in clear where the offer of STARTTLS was cut out.
#[tokio::test]
async fn without_the_offer_of_starttls_nothing_is_said() {
    let (address, heard) = scripted(PLAIN).await;
    let smtp = Smtp { login: Some(("reveille".into(), Password::new("pw-12345"))), ..relay(address, SmtpTls::Starttls) };
    let error = through(smtp).mail(mail(), "1".into(), OnBehalf::default()).await.unwrap_err();
    assert!(matches!(&error, EgressError::Unreachable(m) if m.contains("STARTTLS") && !m.contains("pw-")), "{error:?}");
    assert!(heard.lock().unwrap().iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{heard:?}");
}

#[tokio::test]
async fn implicit_tls_checks_the_relays_name() {
    let (config, root) = certificate(&["localhost"]);
    let (other, _) = certificate(&["localhost"]);
    for (config, good) in [(config, true), (other, false)] {
        let (address, heard) = scripted(Script { tls: Some(Arc::new(config)), implicit: true, ..PLAIN }).await;
        let smtp = Some(relay(address, SmtpTls::Implicit));
        let settings = EgressSettings { smtp, further_roots_pem: root.clone(), ..EgressSettings::default() };
        let answer = outside(settings).mail(mail(), "1".into(), OnBehalf::default()).await;
        assert_eq!(answer.is_ok(), good, "{answer:?}");
        assert_eq!(heard.lock().unwrap().is_empty(), !good);
    }
}

#[tokio::test]
async fn a_wrong_password_is_an_answer_and_does_not_show() {
    let script = Script { offers: &["AUTH PLAIN"], says: &[("AUTH", "535 5.7.8 no")], ..PLAIN };
    let (address, _) = scripted(script).await;
    let smtp = Smtp { login: Some(("reveille".into(), Password::new("pw-12345"))), ..relay(address, SmtpTls::None) };
    let answer = through(smtp).mail(mail(), "1".into(), OnBehalf::default()).await.unwrap();
    assert_eq!(answer, (535, "5.7.8 no".to_owned()));
}

#[tokio::test]
async fn odd_mails_are_refused_before_the_relay_is_asked() {
    let (address, heard) = scripted(PLAIN).await;
    let egress = through(relay(address, SmtpTls::None));
    for (mail, word) in [
        (Mail { to: Vec::new(), ..mail() }, "recipients"),
        (Mail { to: vec!["a@b.org".into(); 17], ..mail() }, "recipients"),
        (Mail { to: vec!["nobody".into()], ..mail() }, "no mail address"),
        (Mail { to: vec!["a@b.org>\r\nRCPT TO:<c@d.org".into()], ..mail() }, "no mail address"),
        (Mail { text: "a".repeat(128 * 1024 + 1), ..mail() }, "too large"),
        (Mail { in_reply_to: Some("x\r\nBcc: eve@example.org".into()), ..mail() }, "no message id"),
    ] {
        match egress.mail(mail, "1".into(), OnBehalf::default()).await {
            Err(EgressError::Refused(told)) => assert!(told.contains(word), "{told}"),
            other => panic!("{word}: {other:?}"),
        }
    }
    assert!(heard.lock().unwrap().is_empty());
    let none = outside(EgressSettings::default()).mail(mail(), "1".into(), OnBehalf::default()).await.unwrap_err();
    assert!(matches!(&none, EgressError::Refused(m) if m.contains("[smtp]")), "{none:?}");
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_unreachable() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = through(relay(address, SmtpTls::None)).mail(mail(), "1".into(), OnBehalf::default()).await.unwrap_err();
    assert!(matches!(&error, EgressError::Unreachable(m) if m.contains(&address.to_string())), "{error:?}");
    let many = Smtp { host: "224.0.0.1".into(), ..relay(address, SmtpTls::None) };
    let error = through(many).mail(mail(), "1".into(), OnBehalf::default()).await.unwrap_err();
    assert!(matches!(&error, EgressError::Refused(_)), "{error:?}");
}

#[test]
fn a_sender_that_is_none_is_told_at_start() {
    let smtp = Smtp { from: "nobody".into(), ..relay(SocketAddr::from(([127, 0, 0, 1], 25)), SmtpTls::None) };
    let settings = EgressSettings { smtp: Some(smtp), ..EgressSettings::default() };
    assert!(Outside::new(settings, Arc::new(house::Standing)).is_err());
}
