//! A pressed button: <https://developers.mattermost.com/integrate/plugins/interactive-messages/>. Mattermost signs nothing, and gives the
//! button's context back to nobody but the integration: the context holds our own signature over the choice.

use reveille_sdk::types::{Command, Interaction, Operation, Subject};
use reveille_sdk::{Error, Result, keys};
use serde::Deserialize;
use serde_json::{Value, json};
use wording::hex;

use crate::reference::is_id;

/// The contact kind that members are known by.
const KIND: &str = "mattermost";
/// Sets these signatures apart from others with the same key.
const PURPOSE: &str = "reveille mattermost button 1\n";

/// Who pressed, and the choice.
#[derive(Debug)]
pub struct Press {
    user: String,
    token: String,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    user_id: String,
    #[serde(default)]
    context: Context,
}

#[derive(Default, Deserialize)]
struct Context {
    #[serde(default)]
    token: String,
    #[serde(default)]
    proof: String,
}

/// What a button carries.
pub fn context(token: &str, key: &str) -> Result<Value> {
    let proof = keys::sign(key, keys::Algorithm::HmacSha256, signed(token).as_bytes())?;
    Ok(json!({ "token": token, "proof": hex::text(&proof) }))
}

impl Press {
    /// The press in a body, if its button is one of ours.
    pub fn read(body: &[u8], key: &str) -> Result<Self> {
        let refused = |why: &str| Error::rejected(format!("this is no button of ours: {why}"));
        let body: Body = serde_json::from_slice(body).map_err(|error| refused(&format!("the body cannot be read: {error}")))?;
        let Context { token, proof } = body.context;
        let proof = hex::bytes(&proof).ok_or_else(|| refused("it has no signature"))?;
        if !keys::verify(key, keys::Algorithm::HmacSha256, signed(&token).as_bytes(), &proof)? {
            return Err(refused("its signature does not fit"));
        }
        if !is_id(&body.user_id) {
            return Err(refused("nobody pressed it: user_id is none"));
        }
        Ok(Self { user: body.user_id, token })
    }

    pub fn interaction(self) -> Interaction {
        Interaction::commands([Command::new(Subject::Latest, Operation::Choose(self.token)).by(KIND, self.user)])
    }
}

fn signed(token: &str) -> String {
    format!("{PURPOSE}{token}")
}
