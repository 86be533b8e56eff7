//! An interaction: <https://discord.com/developers/docs/interactions/receiving-and-responding>, signed with Ed25519 over the time stamp
//! and the body.

use message::line;
use reveille_sdk::inbound::Http;
use reveille_sdk::types::{Command, CommandResult, Interaction, Operation, Reply, Subject};
use reveille_sdk::{Error, Result, keys};
use serde::Deserialize;
use serde_json::json;
use wording::{hex, result};

/// The contact kind that users are known by.
const KIND: &str = "discord";
/// How the ids of our buttons begin.
pub const CUSTOM_ID_PREFIX: &str = "reveille:";
/// How far the sender's clock may be from ours, in seconds.
const WINDOW_SECONDS: i64 = 300;
const STRANGER: &str =
    "Nothing was changed: Reveille knows nobody by this Discord account. Ask for a contact of the kind discord with your user id";
/// Kinds of interactions and of answers.
const PING: u32 = 1;
const COMPONENT: u32 = 3;
const PONG: u32 = 1;
const MESSAGE: u32 = 4;
/// Seen by the one who pressed.
const EPHEMERAL: u32 = 64;

/// Whether the request is Discord's, and of now.
pub fn is_signed(request: &Http, received_at_ms: i64, key: &str) -> Result<bool> {
    let (Some(stamp), Some(signature)) = (request.header("x-signature-timestamp"), request.header("x-signature-ed25519")) else {
        return Ok(false);
    };
    let (Ok(seconds), Some(signature)) = (stamp.parse::<i64>(), hex::bytes(signature)) else { return Ok(false) };
    if (received_at_ms / 1000).saturating_sub(seconds).saturating_abs() > WINDOW_SECONDS {
        return Ok(false);
    }
    let mut signed = stamp.as_bytes().to_vec();
    signed.extend(request.body());
    Ok(keys::verify(key, keys::Algorithm::Ed25519, &signed, &signature)?)
}

/// What came.
#[derive(Debug)]
pub enum Came {
    /// Discord asks whether the address is ours.
    Ping,
    /// Who pressed, and the choice.
    Press { user: String, token: String },
    /// Something that asks for nothing here.
    Other,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: u32,
    #[serde(default)]
    data: Option<Data>,
    /// In a server.
    #[serde(default)]
    member: Option<Member>,
    /// In a direct message.
    #[serde(default)]
    user: Option<User>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    custom_id: String,
}

#[derive(Deserialize)]
struct Member {
    user: User,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

impl Came {
    /// What is in a body whose signature fits.
    pub fn read(body: &[u8]) -> Result<Self> {
        let body: Body =
            serde_json::from_slice(body).map_err(|error| Error::rejected(format!("the interaction cannot be read: {error}")))?;
        let token = body.data.as_ref().and_then(|data| data.custom_id.strip_prefix(CUSTOM_ID_PREFIX)).map(str::to_owned);
        match (body.kind, token, body.member.map(|member| member.user).or(body.user)) {
            (PING, ..) => Ok(Self::Ping),
            (COMPONENT, Some(token), Some(user)) => Ok(Self::Press { user: user.id, token }),
            (COMPONENT, Some(_), None) => Err(Error::rejected("nobody pressed the button: the interaction has no user")),
            _ => Ok(Self::Other),
        }
    }

    pub fn interaction(self) -> Interaction {
        match self {
            Self::Press { user, token } => Interaction::commands([Command::new(Subject::Latest, Operation::Choose(token)).by(KIND, user)]),
            Self::Ping | Self::Other => Interaction::nothing(),
        }
    }

    /// What Discord shows; the message itself is edited by the host's news about it.
    pub fn reply(self, results: &[CommandResult]) -> Reply {
        let words = match self {
            Self::Ping => return Reply::json(200, &json!({ "type": PONG })),
            Self::Press { .. } => line(&result::words(results, STRANGER), 1_000),
            Self::Other => "Nothing here answers that.".into(),
        };
        let data = json!({ "content": words, "flags": EPHEMERAL, "allowed_mentions": { "parse": [] } });
        Reply::json(200, &json!({ "type": MESSAGE, "data": data }))
    }
}
