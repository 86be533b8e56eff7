//! Pretend phones: takes what a notify plugin would send to an ntfy server (or to any webhook) and shows it, one phone per topic.
//!
//! It keeps the last 200 messages in memory and forgets them at its end. It is for demos and tests, on loopback.

mod message;
mod screen;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{Html, Json};
use axum::routing::{get, post};
use clap::Parser;
use message::Message;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// How many messages are kept.
const KEPT: usize = 200;

#[derive(Parser)]
#[command(about = "Pretend phones for the demo: shows what each person was sent")]
struct Options {
    /// Where to listen; loopback only.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
}

#[derive(Default)]
struct Phones(Mutex<VecDeque<Message>>);

impl Phones {
    fn keep(&self, message: Message) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(message);
        kept.truncate(KEPT);
    }

    fn all(&self) -> Vec<Message> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    anyhow::ensure!(options.listen.ip().is_loopback(), "the pretend phones listen on loopback only, not on {}", options.listen);
    let phones = Arc::new(Phones::default());
    let app = Router::new()
        .route("/", get(show).post(publish))
        .route("/messages.json", get(list))
        .route("/{topic}", post(publish_to).put(publish_to).get(show_one))
        .with_state(phones);
    let listener = tokio::net::TcpListener::bind(options.listen).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn publish(State(phones): State<Arc<Phones>>, headers: HeaderMap, body: Bytes) -> Json<serde_json::Value> {
    let message = Message::from_json(&headers, &body);
    answer(&phones, message)
}

async fn publish_to(
    State(phones): State<Arc<Phones>>,
    Path(topic): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Json<serde_json::Value> {
    let message = Message::from_headers(topic, &headers, &body);
    answer(&phones, message)
}

fn answer(phones: &Phones, message: Message) -> Json<serde_json::Value> {
    let reply = serde_json::json!({ "id": message.id, "event": "message", "topic": message.topic });
    phones.keep(message);
    Json(reply)
}

async fn show(State(phones): State<Arc<Phones>>) -> Html<String> {
    Html(screen::page(&phones.all(), None))
}

async fn show_one(State(phones): State<Arc<Phones>>, Path(topic): Path<String>) -> Html<String> {
    Html(screen::page(&phones.all(), Some(&topic)))
}

async fn list(State(phones): State<Arc<Phones>>) -> Json<Vec<serde_json::Value>> {
    Json(phones.all().iter().map(Message::to_json).collect())
}
