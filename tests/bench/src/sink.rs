//! Where pages go: takes each and notes when it came.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Json;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// By idempotency key, when it came first, in milliseconds since 1970.
type Came = Arc<Mutex<HashMap<String, i64>>>;

/// The sink; it ends with the process.
pub struct Sink {
    pub address: SocketAddr,
    came: Came,
}

impl Sink {
    /// Listens on a free port of loopback, in a thread of its own.
    pub fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let came = Came::default();
        let app = Router::new().fallback(take).with_state(Arc::clone(&came));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("a runtime")?;
            runtime.block_on(async move { axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await.context("serve") })
        });
        Ok(Self { address, came })
    }

    /// Where a contact of this topic points.
    pub fn url(&self, topic: &str) -> String {
        format!("http://{}/{topic}", self.address)
    }

    /// Distinct messages so far.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// When the message with this idempotency key came first.
    pub fn at(&self, key: &str) -> Option<i64> {
        self.lock().get(key).copied()
    }

    /// Waits until so many distinct messages came.
    pub fn wait(&self, count: usize, at_most: Duration) -> Result<()> {
        let began = Instant::now();
        while self.count() < count {
            ensure!(began.elapsed() < at_most, "{} of {count} messages came within {} s", self.count(), at_most.as_secs());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn take(State(came): State<Came>, headers: HeaderMap) -> Json<Value> {
    if let Some(key) = headers.get("idempotency-key").and_then(|key| key.to_str().ok()) {
        came.lock().unwrap_or_else(PoisonError::into_inner).entry(key.to_owned()).or_insert_with(wall_ms);
    }
    Json(json!({ "id": "taken", "event": "message" }))
}

/// Now, in milliseconds since 1970.
pub fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}
