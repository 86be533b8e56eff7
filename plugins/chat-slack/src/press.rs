//! What came: pressed buttons in a form's field `payload`, or the handshake of an address.

use reveille_sdk::types::{Command, Interaction, Operation, Subject};
use reveille_sdk::{Error, Result};
use serde::Deserialize;

use crate::blocks::ACTION_PREFIX;

/// The contact kind that members are known by.
const KIND: &str = "slack";

/// What came.
#[derive(Debug)]
pub enum Press {
    /// Who pressed, and the tokens of the choices.
    Buttons { user: String, tokens: Vec<String> },
    /// Slack asks whether the address is ours; the text goes back.
    Handshake(String),
    /// Something that asks for nothing here, such as a link that was opened.
    Nothing,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    challenge: Option<String>,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    action_id: String,
    #[serde(default)]
    value: Option<String>,
}

impl Press {
    pub fn read(body: &[u8]) -> Result<Self> {
        let json = match form_field(body, "payload") {
            Some(payload) => payload,
            None => String::from_utf8(body.to_vec()).map_err(|_| Error::rejected("the body is no UTF-8"))?,
        };
        let payload: Payload =
            serde_json::from_str(&json).map_err(|error| Error::rejected(format!("the payload cannot be read: {error}")))?;
        Ok(match payload.kind.as_str() {
            "url_verification" => Self::Handshake(payload.challenge.unwrap_or_default()),
            "block_actions" => {
                let ours = payload.actions.into_iter().filter(|action| action.action_id.starts_with(ACTION_PREFIX));
                let tokens: Vec<String> = ours.filter_map(|action| action.value).collect();
                match payload.user {
                    Some(user) if !tokens.is_empty() => Self::Buttons { user: user.id, tokens },
                    Some(_) => Self::Nothing,
                    None => return Err(Error::rejected("nobody pressed the button: the payload has no user")),
                }
            }
            _ => Self::Nothing,
        })
    }

    pub fn interaction(self) -> Interaction {
        match self {
            Self::Buttons { user, tokens } => {
                let command = |token| Command::new(Subject::Latest, Operation::Choose(token)).by(KIND, user.clone());
                Interaction::commands(tokens.into_iter().map(command))
            }
            Self::Handshake(_) | Self::Nothing => Interaction::nothing(),
        }
    }
}

/// The value of a field of `application/x-www-form-urlencoded`.
fn form_field(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let value = text.split('&').find_map(|pair| pair.split_once('=').filter(|(known, _)| *known == name).map(|(_, value)| value))?;
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = (*byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let decoded = escaped.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match (byte, decoded) {
            (_, Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', None) => out.push(b' '),
            (byte, None) => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_forms_are_decoded() {
        assert_eq!(form_field(b"a=1&payload=%7B%22x%22%3A+%C3%A8%7D", "payload").as_deref(), Some("{\"x\": è}"));
        assert_eq!(form_field(b"payload=100%", "payload").as_deref(), Some("100%"));
        assert_eq!(form_field(b"payloads=1", "payload"), None);
        assert_eq!(form_field(b"payload=%ff", "payload"), None);
    }
}
