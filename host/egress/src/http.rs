//! One HTTP exchange: parse, allow, fill in, resolve, check, dial, send, read. No redirect is followed and no connection is kept, so a
//! request can only ever arrive at an address that was checked for it.

use crate::allow::{Trust, checked, entries};
use crate::outside::Parts;
use crate::push::seal;
use crate::secret::{Filler, Redactor};
use crate::template::{Piece, Place, pieces};
use base64::Engine as _;
use bytes::Bytes;
use domain::alert::Label;
use domain::page::{Authorization, HttpRequest, HttpResponse, PushReceiver};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use ports::EgressError;
use ports::egress::OnBehalf;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::{Host, Url};

/// Largest request body, in bytes, secrets filled in.
const REQUEST_LIMIT_BYTES: usize = 128 * 1024;
/// Longest URL, in bytes, secrets filled in.
const URL_LIMIT_BYTES: usize = 8 * 1024;
/// Most headers of a request, and their bytes.
const HEADERS_LIMIT: usize = 64;
const HEADERS_LIMIT_BYTES: usize = 32 * 1024;
/// So much of a response's body is kept, in bytes.
const RESPONSE_LIMIT_BYTES: usize = 64 * 1024;
/// Largest head of a response, in bytes.
const RESPONSE_HEAD_LIMIT_BYTES: usize = 32 * 1024;
/// So many addresses of a name are tried.
const DIALS_LIMIT: usize = 4;

/// Headers that say how a message is carried: the egress writes them, a plugin cannot.
const OWN_HEADERS: [&str; 11] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

fn refused(message: impl Into<String>) -> EgressError {
    EgressError::Refused(message.into())
}

fn unreachable(message: impl Into<String>) -> EgressError {
    EgressError::Unreachable(message.into())
}

/// Where a request goes.
struct Goal {
    url: Url,
    /// Lower case, without brackets or a dot at the end.
    host: String,
    /// The host for messages; not itself where it is a secret.
    shown: String,
    port: u16,
    secure: bool,
}

/// A request that may go out, and what takes its secrets out of the answer.
struct Prepared {
    goal: Goal,
    trust: Trust,
    request: hyper::Request<Full<Bytes>>,
    redactor: Redactor,
}

/// Makes one exchange. The caller bounds its time.
pub(crate) async fn exchange(parts: &Parts, request: HttpRequest, on_behalf: OnBehalf) -> Result<HttpResponse, EgressError> {
    let Prepared { goal, trust, request, redactor } = prepare(parts, request, &on_behalf)?;
    let _pass = parts.gate.enter(&goal.host).await?;
    let addresses = checked(parts.resolver.as_ref(), &goal.host, &goal.shown, trust).await?;
    let stream = dial(&addresses, &goal).await?;
    if goal.secure {
        let name = server_name(&goal.host).ok_or_else(|| refused(format!("{} cannot be a TLS name", goal.shown)))?;
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::clone(&parts.tls));
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(|error| unreachable(format!("cannot set up TLS with {}:{}: {error}", goal.shown, goal.port)))?;
        converse(stream, request, &goal, &redactor).await
    } else {
        converse(stream, request, &goal, &redactor).await
    }
}

fn prepare(parts: &Parts, request: HttpRequest, on_behalf: &OnBehalf) -> Result<Prepared, EgressError> {
    let mut filler = Filler::new(&parts.secrets, on_behalf);
    let goal = goal(&request.url, &mut filler)?;
    let fitting = entries(&parts.allow, &on_behalf.plugin, &goal.host, goal.port, &goal.shown)?;
    let trust = Trust { private: fitting.iter().any(|entry| entry.private) };
    let (mut headers, basic) = headers(&request.headers, request.authorization.as_ref(), &mut filler)?;
    let mut body = body(request.body, &request.headers, &mut filler)?;
    if let Some(Authorization::WebPush(receiver)) = &request.authorization {
        body = pushed(parts, &goal, receiver, &body, &mut headers)?;
    }
    // On a network of its own, the operator decides whether a token may travel in clear.
    filler.check_host(&goal.host, &goal.shown, !goal.secure && !trust.private)?;
    let host = match goal.url.port() {
        Some(port) => format!("{}:{port}", goal.url.host_str().unwrap_or_default()),
        None => goal.url.host_str().unwrap_or_default().to_owned(),
    };
    headers.insert(HOST, HeaderValue::from_str(&host).map_err(|_| refused("the URL's host cannot stand in a header"))?);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("reveille/", env!("CARGO_PKG_VERSION"))));
    let mut redactor = filler.redactor();
    if let Some((value, hidden)) = basic {
        redactor.add(&value, &hidden);
    }
    let target = &goal.url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut outgoing = hyper::Request::builder()
        .method(request.method.as_str())
        .uri(target)
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| refused(format!("the URL for {} has a part that HTTP cannot carry", goal.shown)))?;
    *outgoing.headers_mut() = headers;
    Ok(Prepared { goal, trust, request: outgoing, redactor })
}

/// Fills the URL in and reads it. A secret may be a part of it, or its beginning (an address that is itself secret), but never changes
/// where a written address leads.
fn goal(template: &str, filler: &mut Filler<'_>) -> Result<Goal, EgressError> {
    let mut template = template;
    let mut base = String::new();
    let mut shown = None;
    if let Some(Piece::Secret(name)) = pieces(template).first() {
        filler.value(name)?.clone_into(&mut base);
        shown = Some(format!("the host in secret `{name}`"));
        template = &template["{{secret:}}".len() + name.len()..];
    }
    let filled = base.clone() + &filler.fill(template, Place::Url, "the URL")?;
    if filled.len() > URL_LIMIT_BYTES {
        return Err(refused(format!("the URL is too long: at most {URL_LIMIT_BYTES} bytes")));
    }
    let url = Url::parse(&filled).map_err(|error| refused(format!("the URL cannot be read: {error}")))?;
    let written: String = pieces(template).iter().map(|piece| if let Piece::Text(text) = piece { *text } else { "x" }).collect();
    let plain = Url::parse(&(base + &written)).map_err(|error| refused(format!("the URL cannot be read: {error}")))?;
    if (plain.scheme(), plain.host(), plain.port()) != (url.scheme(), url.host(), url.port()) {
        return Err(refused("a secret may not stand in the URL's host or port"));
    }
    let secure = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return Err(refused("the URL must begin with https:// or http://")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("the URL may not hold a user or password: name a secret in `authorization`"));
    }
    let host = match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => String::new(),
    };
    if host.is_empty() {
        return Err(refused("the URL has no host"));
    }
    let port = url.port_or_known_default().unwrap_or(if secure { 443 } else { 80 });
    let shown = shown.unwrap_or_else(|| host.clone());
    Ok(Goal { url, host, shown, port, secure })
}

/// The headers, and for basic authorization its encoded form with the words that hide it.
type Headers = (HeaderMap, Option<(String, String)>);

fn headers(list: &[Label], authorization: Option<&Authorization>, filler: &mut Filler<'_>) -> Result<Headers, EgressError> {
    let bytes: usize = list.iter().map(|(name, value)| name.len() + value.len()).sum();
    if list.len() > HEADERS_LIMIT || bytes > HEADERS_LIMIT_BYTES {
        return Err(refused(format!("the headers are too many: at most {HEADERS_LIMIT}, and {HEADERS_LIMIT_BYTES} bytes")));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused(format!("`{name}` is no name of a header")))?;
        if OWN_HEADERS.contains(&key.as_str()) {
            return Err(refused(format!("header `{name}` is written by the host and cannot be set")));
        }
        if key == AUTHORIZATION && authorization.is_some() {
            return Err(refused("`authorization` is given twice: as a header and by a secret's name"));
        }
        let filled = filler.fill(value, Place::Header, &format!("header `{name}`"))?;
        headers.append(key, sensitive(&filled, name)?);
    }
    let mut basic = None;
    match authorization {
        // What it says depends on where it goes: see `pushed`.
        None | Some(Authorization::WebPush(_)) => {}
        Some(Authorization::Bearer(secret)) => {
            let token = filler.fill(&format!("{{{{secret:{secret}}}}}"), Place::Header, "the authorization")?;
            headers.insert(AUTHORIZATION, sensitive(&format!("Bearer {token}"), "authorization")?);
        }
        Some(Authorization::Basic(user, secret)) => {
            let user = filler.fill(user, Place::Header, "the user name")?;
            if user.contains(':') {
                return Err(refused("a user name for basic authorization may not hold a colon"));
            }
            let password = filler.value(secret)?;
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            headers.insert(AUTHORIZATION, sensitive(&format!("Basic {encoded}"), "authorization")?);
            basic = Some((encoded, format!("{{{{secret:{secret}}}}}")));
        }
    }
    Ok((headers, basic))
}

/// Seals a message to a browser and signs for its push service.
fn pushed(parts: &Parts, goal: &Goal, receiver: &PushReceiver, message: &[u8], headers: &mut HeaderMap) -> Result<Vec<u8>, EgressError> {
    let key = parts.push.as_ref().ok_or_else(|| refused("this program has no key to sign messages to browsers with"))?;
    if !goal.secure {
        return Err(refused("a browser's push service must have an https:// address"));
    }
    let authorization = key.authorization(&goal.url.origin().ascii_serialization(), parts.clock.now())?;
    headers.insert(AUTHORIZATION, sensitive(&authorization, "authorization")?);
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    seal(message, receiver)
}

fn sensitive(value: &str, name: &str) -> Result<HeaderValue, EgressError> {
    let wrong = |_| refused(format!("header `{name}` holds a line break or another control character"));
    let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(wrong)?;
    value.set_sensitive(true);
    Ok(value)
}

fn body(body: Vec<u8>, headers: &[Label], filler: &mut Filler<'_>) -> Result<Vec<u8>, EgressError> {
    let too_large = || refused(format!("the body is too large: at most {REQUEST_LIMIT_BYTES} bytes"));
    if body.len() > REQUEST_LIMIT_BYTES {
        return Err(too_large());
    }
    let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()));
    let place = Place::of_body(content_type.map_or("", |(_, value)| value));
    let filled = match String::from_utf8(body) {
        Ok(text) => filler.fill(&text, place, "the body")?.into_bytes(),
        // No text, so no placeholder.
        Err(binary) => binary.into_bytes(),
    };
    if filled.len() > REQUEST_LIMIT_BYTES { Err(too_large()) } else { Ok(filled) }
}

fn server_name(host: &str) -> Option<ServerName<'static>> {
    match host.parse::<IpAddr>() {
        Ok(address) => Some(ServerName::IpAddress(address.into())),
        Err(_) => ServerName::try_from(host.to_owned()).ok(),
    }
}

async fn dial(addresses: &[IpAddr], goal: &Goal) -> Result<TcpStream, EgressError> {
    let mut last = None;
    for address in addresses.iter().take(DIALS_LIMIT) {
        match TcpStream::connect(SocketAddr::new(*address, goal.port)).await {
            Ok(stream) => {
                // A page is one small write: it must not wait for another.
                stream.set_nodelay(true).map_err(|error| unreachable(format!("cannot set up the connection: {error}")))?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    let why = last.map_or_else(|| "it has no address".to_owned(), |error| error.to_string());
    Err(unreachable(format!("cannot connect to {}:{}: {why}", goal.shown, goal.port)))
}

/// Ends the connection's task with the exchange.
struct Aborting(tokio::task::JoinHandle<()>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    request: hyper::Request<Full<Bytes>>,
    goal: &Goal,
    redactor: &Redactor,
) -> Result<HttpResponse, EgressError> {
    let failed = |what: &str, error: hyper::Error| unreachable(format!("{what} {}:{}: {error}", goal.shown, goal.port));
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(RESPONSE_HEAD_LIMIT_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed("cannot speak HTTP with", error))?;
    let _task = Aborting(tokio::spawn(async move {
        // What goes wrong with the connection is told by the exchange that it carries.
        let _ = connection.await;
    }));
    let response = sender.send_request(request).await.map_err(|error| failed("no answer from", error))?;
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), redactor.text(&String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let body = read(response.into_body(), RESPONSE_LIMIT_BYTES + redactor.longest())
        .await
        .map_err(|error| failed("the answer broke off from", error))?;
    let mut body = redactor.bytes(body);
    body.truncate(RESPONSE_LIMIT_BYTES);
    Ok(HttpResponse { status, headers, body })
}

/// The body, up to `limit_bytes`; what follows is not read.
async fn read(mut body: Incoming, limit_bytes: usize) -> Result<Vec<u8>, hyper::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data[..data.len().min(limit_bytes - bytes.len())]);
        }
        if bytes.len() >= limit_bytes {
            break;
        }
    }
    Ok(bytes)
}
