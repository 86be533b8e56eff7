//! What a voice reads to somebody who was asleep: how bad, where, what, and which incident it is.

use message::{Message, line};
use reveille_sdk::Page;
use reveille_sdk::types::Purpose;

/// Characters of a title that are read: some twenty seconds.
const TITLE_MAX: usize = 200;

/// The sentences, without which key does what.
pub fn text(page: &Page) -> String {
    let message = Message::of(page, None);
    let first = match page.purpose() {
        Purpose::Test(code) => {
            // Digit by digit, or a voice reads a number in the millions.
            let digits: Vec<String> = line(code, 32).chars().map(String::from).collect();
            return format!("This is Reveille. Your code is: {}.", digits.join(", "));
        }
        Purpose::Reminder(text) | Purpose::Approval(text) | Purpose::Update(text) => line(text, TITLE_MAX),
        _ => String::new(),
    };
    let count = page.incidents().len();
    let mut said = vec!["This is Reveille.".to_owned()];
    said.extend(Some(format!("{}.", first.trim_end_matches('.'))).filter(|_| !first.is_empty()));
    if count > 1 {
        said.push(format!("{count} incidents need you. The worst:"));
    }
    if count > 0 {
        said.push(format!("{}: {}.", word(&message), readable(&message.title)));
    }
    if let [one] = page.incidents() {
        said.push(format!("Incident {}.", line(one.id(), 20)));
    }
    said.join(" ")
}

fn word(message: &Message) -> String {
    let word = message.kind.word().to_lowercase();
    let mut rest = word.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// Marks that a voice would spell are left out.
fn readable(text: &str) -> String {
    let kept: String = text
        .chars()
        .map(|c| if matches!(c, '_' | '/' | '\\' | '|' | '<' | '>' | '{' | '}' | '[' | ']' | '`' | '*' | '#') { ' ' } else { c })
        .collect();
    line(&kept, TITLE_MAX).trim_end_matches('.').to_owned()
}
