//! A fake Telegram: takes the Bot API's sendMessage and editMessageText as they are documented, and tells a webhook of pressed buttons.

use crate::provider::{Answer, Provider, Seen};
use ring::hmac;
use serde_json::{Value, json};

/// The bot's token.
pub const TOKEN: &str = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11";
/// A user, and the chat with them.
pub const ALICE: i64 = 987_654_321;
/// What the operator keeps as the key `telegram-signing`.
pub const KEY: &str = "a key that openssl made";

/// A message as it stands now.
#[derive(Debug, Clone)]
pub struct Posted {
    pub id: i64,
    pub body: Value,
    pub edits: u32,
}

impl Posted {
    /// Its buttons that answer: what they say and their data.
    pub fn buttons(&self) -> Vec<(String, String)> {
        let rows = self.body["reply_markup"]["inline_keyboard"].as_array().cloned().unwrap_or_default();
        let buttons = rows.iter().flat_map(|row| row.as_array().cloned().unwrap_or_default());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        buttons.filter(|b| b["callback_data"].is_string()).map(|b| (text(&b["text"]), text(&b["callback_data"]))).collect()
    }

    /// What it says.
    pub fn text(&self) -> String {
        self.body["text"].as_str().unwrap_or_default().to_owned()
    }
}

/// Everything that was sent, oldest first.
#[derive(Default)]
pub struct Messages(pub Vec<Posted>);

/// Starts it.
pub fn start() -> Provider<Messages> {
    Provider::start(Messages::default(), take)
}

/// The secret token that the operator gave `setWebhook`, as the plugin's page says to make it.
pub fn secret_token() -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes());
    hex::encode(hmac::sign(&key, b"reveille telegram webhook 1").as_ref())
}

/// The update of a user who presses a button.
pub fn pressed(message: &Posted, user: i64, button: usize) -> Value {
    let data = message.buttons()[button].1.clone();
    json!({
        "update_id": 10_000,
        "callback_query": {
            "id": "4382bfdwdsb323b2d9", "from": { "id": user, "is_bot": false, "first_name": "Somebody" }, "chat_instance": "1",
            "message": { "message_id": message.id, "chat": { "id": ALICE, "type": "private" }, "date": 1_441_645_532 }, "data": data,
        },
    })
}

fn refused(status: u16, why: &str) -> Answer {
    Err((status, json!({ "ok": false, "error_code": status, "description": why })))
}

fn take(messages: &mut Messages, seen: &Seen) -> Answer {
    let Some(method) =
        seen.path.strip_prefix("/bot").and_then(|rest| rest.rsplit_once('/')).filter(|(token, _)| token.replace("%3A", ":") == TOKEN)
    else {
        return refused(401, "Unauthorized");
    };
    let body = match seen.json() {
        Ok(body) => body,
        Err(why) => return refused(400, why),
    };
    if body["chat_id"] != ALICE {
        return refused(400, "Bad Request: chat not found");
    }
    if !body["text"].as_str().is_some_and(|text| (1..=4096).contains(&text.chars().count())) {
        return refused(400, "Bad Request: message text is empty");
    }
    let rows = body["reply_markup"]["inline_keyboard"].as_array().cloned().unwrap_or_default();
    let fits = |button: &Value| {
        let data = button["callback_data"].as_str().is_none_or(|data| (1..=64).contains(&data.len()));
        data && button["text"].is_string() && (button["callback_data"].is_string() || button["url"].is_string())
    };
    if !rows.iter().all(|row| row.as_array().is_some_and(|row| row.iter().all(fits))) {
        return refused(400, "Bad Request: BUTTON_DATA_INVALID");
    }
    let answer = |id: i64| json!({ "ok": true, "result": { "message_id": id, "chat": { "id": ALICE, "type": "private" }, "date": 1 } });
    match method.1 {
        "sendMessage" => {
            let id = 100 + messages.0.len() as i64;
            messages.0.push(Posted { id, body, edits: 0 });
            Ok((200, answer(id)))
        }
        "editMessageText" => {
            let found = messages.0.iter_mut().find(|message| body["message_id"] == message.id);
            let Some(message) = found else { return refused(400, "Bad Request: message to edit not found") };
            message.body = body;
            message.edits += 1;
            Ok((200, answer(message.id)))
        }
        _ => refused(404, "Not Found"),
    }
}
