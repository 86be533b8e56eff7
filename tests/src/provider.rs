//! A provider that is played: an HTTP server on a free port that keeps its state, checks what it is sent, and notes what was wrong.

use crate::tls::Certificate;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Seen {
    /// A header's value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, &'static str> {
        let is_json = self.header("content-type").starts_with("application/json");
        if is_json { serde_json::from_slice(&self.body).map_err(|_| "the body is no JSON") } else { Err("the content type is not JSON") }
    }

    /// The body as a form.
    pub fn form(&self) -> Vec<(String, String)> {
        decoded(&String::from_utf8_lossy(&self.body))
    }
}

/// The fields of a form or a query.
pub fn decoded(text: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://x/?{text}")).expect("a form");
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// A form's body.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://x/").expect("an address");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

/// What it answers: the status and JSON. The error is answered too, and noted as a complaint.
pub type Answer = Result<(u16, Value), (u16, Value)>;

type Take<S> = fn(&mut S, &Seen) -> Answer;

struct Inner<S> {
    state: S,
    complaints: Vec<String>,
    take: Take<S>,
}

/// The provider.
pub struct Provider<S> {
    pub address: SocketAddr,
    inner: Arc<Mutex<Inner<S>>>,
}

impl<S: Send + 'static> Provider<S> {
    /// Listens on a free port; ends with the process.
    pub fn start(state: S, take: Take<S>) -> Self {
        Self::serve(state, take, None)
    }

    /// The same over TLS.
    pub fn start_tls(state: S, take: Take<S>, certificate: &Certificate) -> Self {
        Self::serve(state, take, Some(certificate))
    }

    fn serve(state: S, take: Take<S>, certificate: Option<&Certificate>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port for the provider");
        listener.set_nonblocking(true).expect("a non-blocking listener");
        let address = listener.local_addr().expect("the provider's address");
        let inner = Arc::new(Mutex::new(Inner { state, complaints: Vec::new(), take }));
        let app = Router::new().fallback(answer::<S>).with_state(Arc::clone(&inner));
        let certificate = certificate.cloned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for the provider");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                let served = match certificate {
                    Some(certificate) => axum::serve(certificate.listen(listener), app).await,
                    None => axum::serve(listener, app).await,
                };
                served.expect("the provider keeps running");
            });
        });
        Self { address, inner }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at its state, or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut S) -> T) -> T {
        look(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner).state)
    }

    /// What was wrong with requests.
    pub fn complaints(&self) -> Vec<String> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).complaints.clone()
    }
}

async fn answer<S: Send + 'static>(
    State(inner): State<Arc<Mutex<Inner<S>>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let headers = headers.iter().map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect();
    let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
    let seen = Seen { method: method.to_string(), path, query, body: body.to_vec(), headers };
    let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, body) = match (inner.take)(&mut inner.state, &seen) {
        Ok(answer) => answer,
        Err((status, body)) => {
            let said = String::from_utf8_lossy(&seen.body).into_owned();
            inner.complaints.push(format!("{} {} {status} {body}: {said}", seen.method, seen.path));
            (status, body)
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = if body.is_null() { String::new() } else { body.to_string() };
    (status, [("content-type", "application/json")], text).into_response()
}
