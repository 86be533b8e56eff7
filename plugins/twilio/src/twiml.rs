//! TwiML: <https://www.twilio.com/docs/voice/twiml> and <https://www.twilio.com/docs/messaging/twiml>.

use message::html;
use reveille_sdk::types::Reply;

/// Which key does what: as in VictorOps, so that nobody has to learn it anew.
pub const KEYS: &str = "Press 4 to acknowledge, or 6 to resolve.";
/// How long a call waits for a key, in seconds.
const KEY_SECONDS: u32 = 10;

/// Reads a text twice and waits for a key.
pub fn asking(text: &str, action: &str, language: &str) -> String {
    let said = say(&format!("{text} {KEYS}"), language);
    let pause = "<Pause length=\"2\"/>";
    gather(&format!("{said}{pause}{said}"), action, &say("Nobody pressed a key. Others may be called. Goodbye.", language))
}

/// Says that a key does nothing, and waits for another.
pub fn again(action: &str, language: &str) -> String {
    gather(&say(&format!("That key does nothing. {KEYS}"), language), action, "")
}

/// Reads a text twice.
pub fn telling(text: &str, language: &str) -> String {
    let said = say(text, language);
    document(&format!("{said}<Pause length=\"2\"/>{said}"))
}

/// Reads a text and hangs up.
pub fn ending(text: &str, language: &str) -> String {
    document(&format!("{}<Hangup/>", say(text, language)))
}

/// Answers a message by a message.
pub fn message(text: &str) -> String {
    document(&format!("<Message>{}</Message>", html(text)))
}

/// Nothing to do.
pub fn nothing() -> String {
    document("")
}

/// TwiML as an answer.
pub fn reply(body: String) -> Reply {
    Reply { status: 200, content_type: "text/xml; charset=utf-8".into(), body: body.into_bytes() }
}

fn gather(inside: &str, action: &str, after: &str) -> String {
    let action = html(action);
    document(&format!("<Gather numDigits=\"1\" timeout=\"{KEY_SECONDS}\" method=\"POST\" action=\"{action}\">{inside}</Gather>{after}"))
}

fn say(text: &str, language: &str) -> String {
    format!("<Say language=\"{}\">{}</Say>", html(language), html(text))
}

fn document(inside: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{inside}</Response>")
}
