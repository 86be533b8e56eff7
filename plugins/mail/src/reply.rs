//! What a reply has to quote: the tokens of the choices, for the plugin that hears replies.

use message::{html as escaped, line};
use reveille_sdk::types::Choice;

/// How to reply.
const HOW: &str = "Or reply with ACK or RESOLVE as the first line, and leave this text below it:";
/// The same for a mail about several incidents, which one answer acknowledges.
const HOW_ALL: &str = "Or reply with ACK as the first line to acknowledge all, and leave this text below it:";
const NAME_MAX: usize = 40;

/// For the plain text.
pub fn text(choices: &[Choice]) -> String {
    let marks: String = choices.iter().flat_map(|choice| [mark(choice), "\n".to_owned()]).collect();
    if marks.is_empty() { marks } else { format!("\n{}\n{marks}", how(choices)) }
}

/// For the HTML.
pub fn html(choices: &[Choice]) -> String {
    let marks: Vec<String> = choices.iter().map(|choice| escaped(&mark(choice))).collect();
    if marks.is_empty() {
        return String::new();
    }
    format!("<p style=\"margin:24px 0 0;font-size:12px;opacity:.7\">{}<br>{}</p>", how(choices), marks.join("<br>"))
}

fn how(choices: &[Choice]) -> &'static str {
    if choices.iter().any(|choice| choice.text == "Resolve") { HOW } else { HOW_ALL }
}

/// One word, so that no mail reader breaks it in two.
fn mark(choice: &Choice) -> String {
    format!("[reveille:{}:{}]", line(&choice.text, NAME_MAX).replace(' ', "-"), choice.token)
}
