//! A fake Teams workflow: takes a message with an Adaptive Card as Microsoft documents it, and says 202.

use crate::provider::{Answer, Provider, Seen};
use serde_json::{Value, json};

/// The cards that came, oldest first.
#[derive(Default)]
pub struct Workflow {
    pub cards: Vec<Value>,
}

/// Starts it.
pub fn start() -> Provider<Workflow> {
    Provider::start(Workflow::default(), take)
}

/// The titles and addresses of a card's buttons.
pub fn buttons(card: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    card["actions"].as_array().into_iter().flatten().map(|action| (text(&action["title"]), text(&action["url"]))).collect()
}

fn take(workflow: &mut Workflow, seen: &Seen) -> Answer {
    let refused = |why: &str| Err((400, json!({ "error": { "code": "InvalidRequest", "message": why } })));
    if seen.path != "/workflows/abc/triggers/manual/paths/invoke" || !seen.query.contains("sig=s3cr3t") {
        return Err((401, json!({ "error": { "code": "DirectApiAuthorizationRequired" } })));
    }
    if seen.body.len() > 28 * 1024 {
        return refused("the message is over 28 KB");
    }
    let body = match seen.json() {
        Ok(body) => body,
        Err(why) => return refused(why),
    };
    let [attachment] = body["attachments"].as_array().map_or(&[][..], Vec::as_slice) else { return refused("there is no one attachment") };
    let card = &attachment["content"];
    let fits = body["type"] == "message"
        && attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        && card["type"] == "AdaptiveCard"
        && card["version"].as_str().is_some_and(|version| version <= "1.5")
        && card["body"].as_array().is_some_and(|items| !items.is_empty());
    let links = card["actions"].as_array().is_some_and(|actions| {
        actions.len() <= 6
            && actions.iter().all(|a| a["type"] == "Action.OpenUrl" && a["url"].as_str().is_some_and(|url| url.starts_with("http")))
    });
    if !fits || !links {
        return refused("it is no message with one Adaptive Card");
    }
    workflow.cards.push(card.clone());
    Ok((202, Value::Null))
}
