//! A fake Mattermost: opens direct channels, takes posts and edits as its API documents them, and tells an integration of pressed buttons.

use crate::provider::{Answer, Provider, Seen};
use serde_json::{Value, json};

/// The bot's token and id.
pub const TOKEN: &str = "9xuqwrwgstrb3mzrxb83nb357a";
pub const BOT: &str = "botbotbotbotbotbotbotbotbo";
/// A member.
pub const ALICE: &str = "alicealicealicealicealicea";
/// The channel between the two.
const DIRECT: &str = "dmdmdmdmdmdmdmdmdmdmdmdmdm";

/// A post as it stands now.
#[derive(Debug, Clone)]
pub struct Posted {
    pub id: String,
    pub channel: String,
    pub root: String,
    pub message: String,
    pub props: Value,
    pub edits: u32,
}

impl Posted {
    /// Its buttons: what they say, where they go, and what they carry.
    pub fn buttons(&self) -> Vec<(String, String, Value)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let attachments = self.props["attachments"].as_array().cloned().unwrap_or_default();
        let actions = attachments.iter().flat_map(|each| each["actions"].as_array().cloned().unwrap_or_default());
        actions.map(|a| (text(&a["name"]), text(&a["integration"]["url"]), a["integration"]["context"].clone())).collect()
    }
}

/// Everything that was posted, oldest first.
#[derive(Default)]
pub struct Posts(pub Vec<Posted>);

/// Starts it.
pub fn start() -> Provider<Posts> {
    Provider::start(Posts::default(), take)
}

/// What the server posts to a button's integration when a member presses it.
pub fn pressed(post: &Posted, user: &str, button: usize) -> (String, Value) {
    let (_, url, context) = post.buttons()[button].clone();
    let body = json!({
        "user_id": user, "user_name": "somebody", "channel_id": post.channel, "channel_name": "town-square", "team_id": "",
        "team_domain": "", "post_id": post.id, "trigger_id": "abc", "type": "", "data_source": "", "context": context,
    });
    (url, body)
}

fn refused(status: u16, why: &str) -> Answer {
    Err((status, json!({ "id": "api.error", "message": why, "status_code": status })))
}

fn take(posts: &mut Posts, seen: &Seen) -> Answer {
    if seen.header("authorization") != format!("Bearer {TOKEN}") {
        return refused(401, "Invalid or expired session, please login again.");
    }
    let body = match seen.json() {
        Ok(body) => body,
        Err(why) => return refused(400, why),
    };
    match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/api/v4/channels/direct") if body == json!([BOT, ALICE]) => Ok((201, json!({ "id": DIRECT, "type": "D" }))),
        ("POST", "/api/v4/channels/direct") => refused(400, "Invalid or missing user ids"),
        ("POST", "/api/v4/posts") => {
            if let Err(why) = check(&body) {
                return refused(400, why);
            }
            if body["channel_id"] != DIRECT {
                return refused(403, "You do not have the appropriate permissions.");
            }
            let root = body["root_id"].as_str().unwrap_or_default().to_owned();
            if !root.is_empty() && !posts.0.iter().any(|post| post.id == root) {
                return refused(400, "Invalid RootId parameter.");
            }
            let id = format!("post{:022}", posts.0.len() + 1);
            let message = body["message"].as_str().unwrap_or_default().to_owned();
            let post =
                Posted { id: id.clone(), channel: DIRECT.into(), root: root.clone(), message, props: body["props"].clone(), edits: 0 };
            posts.0.push(post);
            Ok((201, json!({ "id": id, "channel_id": DIRECT, "root_id": root })))
        }
        ("PUT", path) => {
            if let Err(why) = check(&body) {
                return refused(400, why);
            }
            let id = path.strip_prefix("/api/v4/posts/").and_then(|rest| rest.strip_suffix("/patch")).unwrap_or_default();
            let Some(post) = posts.0.iter_mut().find(|post| post.id == id) else { return refused(404, "Unable to get the post.") };
            body["message"].as_str().unwrap_or_default().clone_into(&mut post.message);
            post.props = body["props"].clone();
            post.edits += 1;
            Ok((200, json!({ "id": post.id, "channel_id": post.channel, "root_id": post.root })))
        }
        _ => refused(404, "Sorry, we could not find the page."),
    }
}

/// What the reference of message attachments and interactive messages says.
fn check(body: &Value) -> Result<(), &'static str> {
    if !body["message"].as_str().is_some_and(|text| (1..=16_383).contains(&text.chars().count())) {
        return Err("the message is empty or too long");
    }
    for attachment in body["props"]["attachments"].as_array().ok_or("there are no attachments")? {
        for action in attachment["actions"].as_array().into_iter().flatten() {
            let id = action["id"].as_str().unwrap_or_default();
            let fits = !id.is_empty()
                && id.bytes().all(|b| b.is_ascii_alphanumeric())
                && action["type"] == "button"
                && action["integration"]["url"].as_str().is_some_and(|url| url.starts_with("http"))
                && action["integration"]["context"].is_object();
            if !fits {
                return Err("an action is none");
            }
        }
    }
    Ok(())
}
