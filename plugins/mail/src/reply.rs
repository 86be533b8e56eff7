//! What a reply has to quote: the tokens of the choices, for the plugin that hears replies.

use message::{html as escaped, line};
use reveille_sdk::types::Choice;

/// How to reply.
const HOW: &str = "Or reply with ACK or RESOLVE as the first line, and leave this text below it:";
const NAME_MAX: usize = 40;

/// For the plain text.
pub fn text(choices: &[Choice]) -> String {
    let marks: String = choices.iter().flat_map(|choice| [mark(choice), "\n".to_owned()]).collect();
    if marks.is_empty() { marks } else { format!("\n{HOW}\n{marks}") }
}

/// For the HTML.
pub fn html(choices: &[Choice]) -> String {
    let marks: Vec<String> = choices.iter().map(|choice| escaped(&mark(choice))).collect();
    if marks.is_empty() {
        return String::new();
    }
    format!("<p style=\"margin:24px 0 0;font-size:12px;opacity:.7\">{HOW}<br>{}</p>", marks.join("<br>"))
}

/// One word, so that no mail reader breaks it in two.
fn mark(choice: &Choice) -> String {
    format!("[reveille:{}:{}]", line(&choice.text, NAME_MAX).replace(' ', "-"), choice.token)
}
