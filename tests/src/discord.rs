//! A fake Discord: opens direct channels, takes messages and edits as its API documents them, and signs interactions with Ed25519.

use crate::provider::{Answer, Provider, Seen};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

/// The bot's token.
pub const TOKEN: &str = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs";
/// A user.
pub const ALICE: &str = "80351110224678912";
/// The channel between the two.
const DIRECT: &str = "319674150115610528";
const SEED: [u8; 32] = [7; 32];

/// A message as it stands now.
#[derive(Debug, Clone)]
pub struct Posted {
    pub id: String,
    pub body: Value,
    pub edits: u32,
}

impl Posted {
    /// Its buttons that answer: what they say and their id.
    pub fn buttons(&self) -> Vec<(String, String)> {
        let rows = self.body["components"].as_array().cloned().unwrap_or_default();
        let buttons = rows.iter().flat_map(|row| row["components"].as_array().cloned().unwrap_or_default());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        buttons.filter(|b| b["style"] != 5).map(|b| (text(&b["label"]), text(&b["custom_id"]))).collect()
    }
}

/// Everything that was sent, oldest first.
#[derive(Default)]
pub struct Messages(pub Vec<Posted>);

/// Starts it.
pub fn start() -> Provider<Messages> {
    Provider::start(Messages::default(), take)
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&SEED).expect("a key of 32 bytes")
}

/// The application's public key, in hexadecimal digits as the developer portal shows it.
pub fn public_key() -> String {
    hex::encode(pair().public_key().as_ref())
}

/// The headers of an interaction, signed at `seconds` since 1970.
pub fn signed(body: &str, seconds: i64) -> [(&'static str, String); 3] {
    let signature = hex::encode(pair().sign(format!("{seconds}{body}").as_bytes()).as_ref());
    [("content-type", "application/json".to_owned()), ("x-signature-timestamp", seconds.to_string()), ("x-signature-ed25519", signature)]
}

/// The interaction of a user who presses a button.
pub fn pressed(message: &Posted, user: &str, button: usize) -> String {
    let custom_id = message.buttons()[button].1.clone();
    json!({
        "version": 1, "type": 3, "token": "unique", "id": "846462639134605312", "application_id": "845027738276462632",
        "user": { "id": user, "username": "somebody" }, "channel_id": DIRECT, "message": { "id": message.id, "channel_id": DIRECT },
        "data": { "custom_id": custom_id, "component_type": 2 },
    })
    .to_string()
}

fn refused(status: u16, code: u32, why: &str) -> Answer {
    Err((status, json!({ "message": why, "code": code })))
}

fn take(messages: &mut Messages, seen: &Seen) -> Answer {
    if seen.header("authorization") != format!("Bot {TOKEN}") {
        return refused(401, 0, "401: Unauthorized");
    }
    let body = match seen.json() {
        Ok(body) => body,
        Err(why) => return refused(400, 50109, why),
    };
    let posts = format!("/api/v10/channels/{DIRECT}/messages");
    match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/api/v10/users/@me/channels") if body["recipient_id"] == ALICE => Ok((200, json!({ "id": DIRECT, "type": 1 }))),
        ("POST", path) if path == posts => {
            if let Err(why) = check(&body) {
                return refused(400, 50035, why);
            }
            let id = format!("33438495195876{:04}", messages.0.len() + 1);
            messages.0.push(Posted { id: id.clone(), body, edits: 0 });
            Ok((200, json!({ "id": id, "channel_id": DIRECT })))
        }
        ("PATCH", path) => {
            if let Err(why) = check(&body) {
                return refused(400, 50035, why);
            }
            let id = path.strip_prefix(&format!("{posts}/")).unwrap_or_default();
            let Some(message) = messages.0.iter_mut().find(|message| message.id == id) else {
                return refused(404, 10008, "Unknown Message");
            };
            message.body = body;
            message.edits += 1;
            Ok((200, json!({ "id": message.id, "channel_id": DIRECT })))
        }
        _ => refused(404, 0, "404: Not Found"),
    }
}

/// What the reference of messages, embeds and components says.
fn check(body: &Value) -> Result<(), &'static str> {
    let within = |value: &Value, most: usize| value.as_str().is_none_or(|text| text.chars().count() <= most);
    if !within(&body["content"], 2000) {
        return Err("content is too long");
    }
    let embeds = body["embeds"].as_array().ok_or("embeds are missing")?;
    let length: usize = embeds.iter().map(|embed| embed.to_string().chars().count()).sum();
    let fits = |embed: &Value| {
        within(&embed["title"], 256) && within(&embed["description"], 4096) && embed["fields"].as_array().is_none_or(|f| f.len() <= 25)
    };
    if embeds.len() > 10 || length > 6000 || !embeds.iter().all(fits) {
        return Err("embeds are too large");
    }
    let rows = body["components"].as_array().ok_or("components are missing")?;
    for row in rows {
        let buttons = row["components"].as_array().cloned().unwrap_or_default();
        let button = |b: &Value| {
            let target = if b["style"] == 5 {
                b["url"].is_string()
            } else {
                b["custom_id"].as_str().is_some_and(|id| (1..=100).contains(&id.len()))
            };
            b["type"] == 2 && within(&b["label"], 80) && target
        };
        if row["type"] != 1 || !(1..=5).contains(&buttons.len()) || !buttons.iter().all(button) {
            return Err("components are wrong");
        }
    }
    if rows.len() > 5 { Err("too many rows") } else { Ok(()) }
}
