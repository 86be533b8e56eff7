//! What the tests of the way out share: a clock that stands, name servers that lie, and a receiver that remembers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "each test file uses its part")]

use bytes::Bytes;
use domain::inbound::Method;
use domain::page::HttpRequest;
use domain::time::Millis;
use egress::{Allow, EgressSettings, Outside, Resolve};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use ports::egress::OnBehalf;
use ports::{BoxFuture, Clock};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// 2026-03-29T01:00:00Z, for ever.
#[derive(Debug)]
pub struct Standing;

impl Clock for Standing {
    fn now(&self) -> Millis {
        Millis(1_774_746_000_000)
    }

    fn wait_until(&self, _: Millis) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// A name server that gives the next answer each time, and the last one for ever.
pub struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    pub asked: Mutex<Vec<String>>,
}

impl Names {
    pub fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: Mutex::default() })
    }
}

impl Resolve for Names {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.lock().unwrap().push(host);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Arrived {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// An HTTP server on loopback that remembers what it got.
pub struct Receiver {
    pub address: SocketAddr,
    pub arrived: Arc<Mutex<Vec<Arrived>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub type Answer = Arc<dyn Fn(Arrived) -> BoxFuture<'static, Response<Full<Bytes>>> + Send + Sync>;

/// Answers each request with what `answer` makes of it.
pub fn answering(answer: impl Fn(&Arrived) -> Response<Full<Bytes>> + Send + Sync + 'static) -> Answer {
    Arc::new(move |arrived| {
        let response = answer(&arrived);
        Box::pin(async move { response })
    })
}

pub fn ok(text: &str) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from(text.to_owned())))
}

impl Receiver {
    pub async fn plain(answer: Answer) -> Self {
        Self::start(answer, None).await
    }

    pub async fn tls(answer: Answer, config: rustls::ServerConfig) -> Self {
        Self::start(answer, Some(tokio_rustls::TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(answer: Answer, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&arrived);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, kept, tls) = (Arc::clone(&answer), Arc::clone(&kept), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, answer, kept).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, answer, kept).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, arrived, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn only(&self) -> Arrived {
        let arrived = self.arrived.lock().unwrap();
        assert_eq!(arrived.len(), 1, "{arrived:#?}");
        arrived[0].clone()
    }

    pub fn count(&self) -> usize {
        self.arrived.lock().unwrap().len()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, answer: Answer, kept: Arc<Mutex<Vec<Arrived>>>) {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
        async move {
            let line = format!("{} {}", request.method(), request.uri());
            let headers = request.headers().iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
            let body = String::from_utf8(request.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
            let arrived = Arrived { line, headers, body };
            kept.lock().unwrap().push(arrived.clone());
            Ok::<_, Infallible>(answer(arrived).await)
        }
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Settings that let every plugin reach a receiver on loopback.
pub fn allowing(receiver: SocketAddr) -> EgressSettings {
    EgressSettings {
        allow: vec![entry("127.0.0.1", receiver.port(), true)],
        total_time: Duration::from_secs(5),
        ..EgressSettings::default()
    }
}

pub fn entry(host: &str, port: u16, private: bool) -> Allow {
    Allow { host: host.into(), ports: vec![port], private, plugins: Vec::new() }
}

pub fn outside(settings: EgressSettings) -> Outside {
    Outside::new(settings, Arc::new(Standing)).unwrap()
}

pub fn outside_with(settings: EgressSettings, names: &Arc<Names>) -> Outside {
    Outside::with_resolver(settings, Arc::new(Standing), Arc::clone(names) as Arc<dyn Resolve>).unwrap()
}

pub fn post(url: &str, body: &str) -> HttpRequest {
    HttpRequest { method: Method::Post, url: url.into(), headers: Vec::new(), body: body.into(), authorization: None }
}

pub fn plugin(secrets: &[&str]) -> OnBehalf {
    OnBehalf { plugin: "ntfy".into(), secrets: secrets.iter().map(|name| (*name).to_owned()).collect() }
}

/// A certificate for `names` signed by a fresh authority: the server's configuration, and the authority in PEM.
pub fn certificate(names: &[&str]) -> (rustls::ServerConfig, Vec<u8>) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    (config, root.pem().into_bytes())
}
