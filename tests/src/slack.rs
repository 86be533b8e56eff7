//! A fake Slack: takes what its Web API documents, refuses what it documents to refuse, and presses buttons with its signature.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Json;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The bot token that it knows.
pub const TOKEN: &str = "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy";
/// Signs what it posts.
pub const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// One message as it stands now.
#[derive(Debug, Clone)]
pub struct Posted {
    /// Where it was sent: a member or a channel.
    pub to: String,
    /// The conversation that it is in: for a member, another id than the member's.
    pub channel: String,
    pub ts: String,
    pub text: String,
    pub blocks: Value,
    /// How often it was edited.
    pub edits: u32,
}

impl Posted {
    /// Its buttons: what they say, their action id and their value.
    pub fn buttons(&self) -> Vec<(String, String, String)> {
        let blocks = self.blocks.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let elements = blocks.iter().filter(|b| b["type"] == "actions").flat_map(|b| b["elements"].as_array().cloned().unwrap_or_default());
        elements.map(|b| (text(&b["text"]["text"]), text(&b["action_id"]), text(&b["value"]))).collect()
    }
}

#[derive(Default)]
struct Inner {
    posted: Vec<Posted>,
    /// What was wrong with requests, for a story to find none.
    complaints: Vec<String>,
}

/// The fake.
#[derive(Clone)]
pub struct Slack {
    pub address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Slack {
    /// Listens on a free port; ends with the process.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port for Slack");
        listener.set_nonblocking(true).expect("a non-blocking listener");
        let address = listener.local_addr().expect("Slack's address");
        let inner = Arc::new(Mutex::new(Inner::default()));
        let app = Router::new().fallback(take).with_state(Arc::clone(&inner));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for Slack");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, app).await.expect("Slack keeps running");
            });
        });
        Self { address, inner }
    }

    /// Its messages, oldest first.
    pub fn posted(&self) -> Vec<Posted> {
        self.lock().posted.clone()
    }

    /// What was wrong with requests.
    pub fn complaints(&self) -> Vec<String> {
        self.lock().complaints.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The form that Slack posts when a member presses a button, and its headers at `seconds` since 1970, signed with `secret`.
pub fn pressed(message: &Posted, user: &str, button: usize, seconds: i64, secret: &str) -> (String, [(&'static str, String); 3]) {
    let (text, action_id, value) = message.buttons()[button].clone();
    let payload = json!({
        "type": "block_actions",
        "user": { "id": user, "username": "somebody", "team_id": "T1DC2JH3J" },
        "api_app_id": "A02",
        "container": { "type": "message", "message_ts": message.ts, "channel_id": message.channel, "is_ephemeral": false },
        "trigger_id": format!("12466734323.{seconds}"),
        "team": { "id": "T1DC2JH3J", "domain": "testteamnow" },
        "channel": { "id": message.channel, "name": "directmessage" },
        "response_url": "https://hooks.slack.com/actions/T1DC2JH3J/1/2",
        "actions": [{
            "action_id": action_id, "block_id": "=qXel", "type": "button", "value": value,
            "text": { "type": "plain_text", "text": text }, "action_ts": format!("{seconds}.840180"),
        }],
    });
    let mut body = "payload=".to_owned();
    for byte in payload.to_string().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => body.push(char::from(byte)),
            b' ' => body.push('+'),
            byte => body.push_str(&format!("%{byte:02X}")),
        }
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(format!("v0:{seconds}:{body}").as_bytes());
    let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
    let headers = [
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ("x-slack-request-timestamp", seconds.to_string()),
        ("x-slack-signature", signature),
    ];
    (body, headers)
}

async fn take(State(inner): State<Arc<Mutex<Inner>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = answer(&mut inner, uri.path(), &headers, &body);
    let answer = answer.unwrap_or_else(|error| {
        inner.complaints.push(format!("{} {error}: {}", uri.path(), String::from_utf8_lossy(&body)));
        json!({ "ok": false, "error": error })
    });
    Json(answer)
}

fn answer(inner: &mut Inner, path: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, &'static str> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header("authorization") != format!("Bearer {TOKEN}") {
        return Err("invalid_auth");
    }
    if !header("content-type").starts_with("application/json") {
        return Err("invalid_post_type");
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| "invalid_json")?;
    let text = body["text"].as_str().filter(|text| !text.is_empty()).ok_or("no_text")?.to_owned();
    let channel = body["channel"].as_str().ok_or("channel_not_found")?.to_owned();
    let blocks = body["blocks"].clone();
    check(&blocks)?;
    match path {
        "/api/chat.postMessage" => {
            // A member's id opens the conversation with them, which has an id of its own.
            let conversation = channel.strip_prefix('U').map_or_else(|| channel.clone(), |rest| format!("D{rest}"));
            let ts = format!("1503435956.{:06}", inner.posted.len() + 1);
            inner.posted.push(Posted { to: channel, channel: conversation.clone(), ts: ts.clone(), text, blocks, edits: 0 });
            Ok(json!({ "ok": true, "channel": conversation, "ts": ts, "message": { "type": "message" } }))
        }
        "/api/chat.update" => {
            let ts = body["ts"].as_str().ok_or("message_not_found")?.to_owned();
            let found = inner.posted.iter_mut().find(|m| m.channel == channel && m.ts == ts).ok_or("message_not_found")?;
            (found.text, found.blocks) = (text.clone(), blocks);
            found.edits += 1;
            Ok(json!({ "ok": true, "channel": channel, "ts": ts, "text": text }))
        }
        _ => Err("unknown_method"),
    }
}

/// What the reference of Block Kit says of the blocks that are used.
fn check(blocks: &Value) -> Result<(), &'static str> {
    let blocks = blocks.as_array().filter(|list| (1..=50).contains(&list.len())).ok_or("invalid_blocks")?;
    let within = |value: &Value, most: usize| value.as_str().is_some_and(|text| (1..=most).contains(&text.chars().count()));
    for block in blocks {
        let fits = match block["type"].as_str() {
            Some("header") => block["text"]["type"] == "plain_text" && within(&block["text"]["text"], 150),
            Some("section") => within(&block["text"]["text"], 3000),
            Some("context") => block["elements"].as_array().is_some_and(|list| (1..=10).contains(&list.len())),
            Some("actions") => {
                let buttons = block["elements"].as_array().cloned().unwrap_or_default();
                let mut ids: Vec<&str> = buttons.iter().filter_map(|button| button["action_id"].as_str()).collect();
                ids.sort_unstable();
                ids.dedup();
                let fits = |button: &Value| {
                    button["type"] == "button"
                        && button["text"]["type"] == "plain_text"
                        && within(&button["text"]["text"], 75)
                        && within(&button["action_id"], 255)
                        && within(&button["value"], 2000)
                };
                (1..=25).contains(&buttons.len()) && ids.len() == buttons.len() && buttons.iter().all(fits)
            }
            _ => false,
        };
        if !fits {
            return Err("invalid_blocks");
        }
    }
    Ok(())
}
