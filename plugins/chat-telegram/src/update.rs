//! What Telegram posts: <https://core.telegram.org/bots/api#update>, a pressed button or a message to the bot.

use message::line;
use reveille_sdk::inbound::Http;
use reveille_sdk::types::{Command, CommandResult, Interaction, Operation, Reply, Subject};
use reveille_sdk::{Error, Result, keys};
use serde::Deserialize;
use serde_json::json;
use wording::{hex, result, said};

/// The contact kind that users are known by.
const KIND: &str = "telegram";
/// What the webhook's secret token is a signature over: a plugin sees no secret that it could compare with.
pub const SIGNED: &str = "reveille telegram webhook 1";
const STRANGER: &str =
    "Nothing was changed: Reveille knows nobody by this Telegram account. Ask for a contact of the kind telegram with your user id";
/// Longest notice over a chat, in characters.
const NOTICE_MAX: usize = 190;

/// Refuses what does not carry the webhook's secret token.
pub fn check(request: &Http, key: &str) -> Result<()> {
    let refused = |why: &str| Error::rejected(format!("this does not come from Telegram: {why}"));
    let given = request.header("x-telegram-bot-api-secret-token");
    let given = given.ok_or_else(|| refused("the header x-telegram-bot-api-secret-token is missing; give setWebhook a secret_token"))?;
    let given = hex::bytes(given).ok_or_else(|| refused("its secret token is none"))?;
    if keys::verify(key, keys::Algorithm::HmacSha256, SIGNED.as_bytes(), &given)? {
        Ok(())
    } else {
        Err(refused("its secret token does not fit"))
    }
}

/// What came.
#[derive(Debug)]
pub enum Update {
    /// A pressed button.
    Press { id: String, user: String, token: String },
    /// A message to the bot.
    Text { chat: i64, user: String, text: String },
    /// Something that asks for nothing here.
    Other,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    callback_query: Option<Query>,
    #[serde(default)]
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Query {
    id: String,
    from: User,
    #[serde(default)]
    data: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    from: Option<User>,
    chat: Chat,
    #[serde(default)]
    text: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: i64,
}

#[derive(Deserialize)]
struct Chat {
    id: i64,
    #[serde(rename = "type", default)]
    kind: String,
}

impl Update {
    /// What is in the body.
    pub fn read(body: &[u8]) -> Result<Self> {
        let body: Body = serde_json::from_slice(body).map_err(|error| Error::rejected(format!("the update cannot be read: {error}")))?;
        Ok(match (body.callback_query, body.message) {
            (Some(Query { id, from, data: Some(token) }), _) => Self::Press { id, user: from.id.to_string(), token },
            // In a group people talk to each other: there only buttons and commands count.
            (None, Some(Message { from: Some(from), chat, text: Some(text) })) if chat.kind == "private" || text.starts_with('/') => {
                Self::Text { chat: chat.id, user: from.id.to_string(), text }
            }
            _ => Self::Other,
        })
    }

    pub fn interaction(self) -> Interaction {
        match self {
            Self::Press { user, token, .. } => {
                Interaction::commands([Command::new(Subject::Latest, Operation::Choose(token)).by(KIND, user)])
            }
            Self::Text { user, text, .. } => Interaction::commands(said::read(&text, KIND, &user)),
            Self::Other => Interaction::nothing(),
        }
    }

    /// A call of the Bot API as the answer: <https://core.telegram.org/bots/api#making-requests-when-getting-updates>.
    pub fn reply(self, results: &[CommandResult]) -> Option<Reply> {
        let call = match self {
            Self::Press { id, .. } => json!({
                "method": "answerCallbackQuery",
                "callback_query_id": id,
                "text": line(&result::words(results, STRANGER), NOTICE_MAX),
                "show_alert": !result::is_done(results),
            }),
            Self::Text { chat, .. } if results.is_empty() => json!({ "method": "sendMessage", "chat_id": chat, "text": said::HELP }),
            Self::Text { chat, .. } => {
                json!({ "method": "sendMessage", "chat_id": chat, "text": line(&result::words(results, STRANGER), 1_000) })
            }
            Self::Other => return None,
        };
        Some(Reply::json(200, &call))
    }
}
