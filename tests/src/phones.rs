//! Phones that stories look at: an HTTP sink that keeps what it was sent and fails when told to.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One request that arrived.
#[derive(Debug, Clone)]
pub struct Ring {
    /// The topic in the JSON, or the path.
    pub topic: String,
    pub body: String,
    pub headers: Vec<(String, String)>,
    /// Whether the sink said that it took it.
    pub taken: bool,
}

impl Ring {
    /// The body as JSON; null if it is text.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

#[derive(Default)]
struct Inner {
    rings: Vec<Ring>,
    /// Answer this status to these topics.
    broken: Vec<(String, u16)>,
}

/// The sink.
#[derive(Clone)]
pub struct Phones {
    pub address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Phones {
    /// Listens on a free port; ends with the process.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port for the phones");
        listener.set_nonblocking(true).expect("a non-blocking listener");
        let address = listener.local_addr().expect("the phones' address");
        let inner = Arc::new(Mutex::new(Inner::default()));
        let app = Router::new().fallback(take).with_state(Arc::clone(&inner));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for the phones");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, app).await.expect("the phones keep running");
            });
        });
        Self { address, inner }
    }

    /// Where a contact of this topic points.
    pub fn url(&self, topic: &str) -> String {
        format!("http://{}/{topic}", self.address)
    }

    /// What reached a topic and was taken, oldest first.
    pub fn of(&self, topic: &str) -> Vec<Ring> {
        self.lock().rings.iter().filter(|r| r.topic == topic && r.taken).cloned().collect()
    }

    /// Every request, also those that were refused.
    pub fn all(&self) -> Vec<Ring> {
        self.lock().rings.clone()
    }

    /// From now on this topic answers `status`.
    pub fn break_topic(&self, topic: &str, status: u16) {
        self.lock().broken.push((topic.to_owned(), status));
    }

    /// All topics work again.
    pub fn mend(&self) {
        self.lock().broken.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn take(State(inner): State<Arc<Mutex<Inner>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let text = String::from_utf8_lossy(&body).into_owned();
    let json: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let topic = json["topic"].as_str().map_or_else(|| uri.path().trim_matches('/').to_owned(), str::to_owned);
    let headers = headers.iter().map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect();
    let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
    let broken = inner.broken.iter().find(|(t, _)| *t == topic).map(|(_, status)| *status);
    let id = format!("ring{}", inner.rings.len() + 1);
    inner.rings.push(Ring { topic, body: text, headers, taken: broken.is_none() });
    match broken {
        Some(status) => StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response(),
        None => Json(json!({ "id": id, "event": "message" })).into_response(),
    }
}
