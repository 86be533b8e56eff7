//! One message as a phone would show it.

use axum::http::HeaderMap;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A button under a message.
#[derive(Debug, Clone)]
pub struct Button {
    pub label: String,
    pub url: String,
    /// `view` opens the address, `http` requests it.
    pub action: String,
    pub method: String,
}

/// What was received.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: String,
    pub topic: String,
    pub title: String,
    pub text: String,
    pub priority: u64,
    pub click: Option<String>,
    pub buttons: Vec<Button>,
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub raw: String,
}

impl Message {
    /// JSON posted to the root, with the topic inside; anything else is kept as text under the topic `(none)`.
    pub fn from_json(headers: &HeaderMap, body: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let topic = value.get("topic").and_then(Value::as_str).unwrap_or("(none)").to_owned();
        let buttons = value.get("actions").and_then(Value::as_array).map(|list| list.iter().map(button).collect()).unwrap_or_default();
        let body_text = if value.is_null() { String::from_utf8_lossy(body).into_owned() } else { text("message") };
        Self {
            title: text("title"),
            text: body_text,
            priority: value.get("priority").and_then(Value::as_u64).unwrap_or(3),
            click: value.get("click").and_then(Value::as_str).map(str::to_owned),
            buttons,
            ..Self::raw(topic, headers, body)
        }
    }

    /// Text (or a webhook's JSON) posted to a topic's own address.
    pub fn from_headers(topic: String, headers: &HeaderMap, body: &[u8]) -> Self {
        let named = |name: &str| headers.get(name).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).unwrap_or_default();
        Self { title: named("title"), text: String::from_utf8_lossy(body).into_owned(), ..Self::raw(topic, headers, body) }
    }

    fn raw(topic: String, headers: &HeaderMap, body: &[u8]) -> Self {
        Self {
            id: format!("m{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            topic,
            title: String::new(),
            text: String::new(),
            priority: 3,
            click: None,
            buttons: Vec::new(),
            headers: headers.iter().map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect(),
            raw: String::from_utf8_lossy(body).into_owned(),
        }
    }

    /// For tests.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "topic": self.topic, "title": self.title, "text": self.text, "priority": self.priority, "click": self.click,
            "buttons": self.buttons.iter().map(|b| json!({ "label": b.label, "url": b.url, "action": b.action, "method": b.method })).collect::<Vec<_>>(),
            "headers": self.headers, "raw": self.raw,
        })
    }
}

fn button(value: &Value) -> Button {
    let text = |name: &str, default: &str| value.get(name).and_then(Value::as_str).unwrap_or(default).to_owned();
    Button { label: text("label", "Open"), url: text("url", "#"), action: text("action", "view"), method: text("method", "POST") }
}
