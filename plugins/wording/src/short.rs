//! A text of one SMS: how bad, where, what, and what to answer. The end is kept, the middle is cut.

use message::{Kind, Message, line};
use reveille_sdk::types::{Purpose, Severity, Status};
use reveille_sdk::{Incident, Page};

use crate::gsm::{Alphabet, folded};

/// What the middle is cut to before it is fitted, in characters.
const MIDDLE_MAX: usize = 200;
/// Incidents whose numbers are named in what to answer.
const NUMBERS_MAX: usize = 4;
/// What the end may take at most, of 160 places: what is wrong comes first.
const END_MAX: usize = 70;

/// The text. `replies`: an answer reaches the host, so the text says what to answer; else it ends in the incident's address, where there is room.
pub fn text(page: &Page, replies: bool) -> String {
    let (head, middle) = words(page);
    let end = end(page, replies);
    let whole = [head.as_str(), &middle, &end].concat();
    let plain = folded(&whole);
    match Alphabet::of(&plain) {
        Alphabet::Gsm => fitted(Alphabet::Gsm, &folded(&head), &folded(&middle), &folded(&end)),
        Alphabet::Ucs2 => fitted(Alphabet::Ucs2, &head, &middle, &end),
    }
}

/// A text that answers somebody, cut to one SMS.
pub fn reply(words: &str) -> String {
    let plain = folded(words);
    match Alphabet::of(&plain) {
        Alphabet::Gsm => Alphabet::Gsm.cut(&plain, Alphabet::Gsm.limit()),
        Alphabet::Ucs2 => Alphabet::Ucs2.cut(words, Alphabet::Ucs2.limit()),
    }
}

fn fitted(alphabet: Alphabet, head: &str, middle: &str, end: &str) -> String {
    // In 70 places there is no room for the long form.
    let short;
    let end = match alphabet {
        Alphabet::Ucs2 => {
            short = end.replace("Reply ", "").replace(" to ack", "=ack").replace(" to resolve", "=resolve").replace(", ", " ");
            short.as_str()
        }
        Alphabet::Gsm => end,
    };
    let room = alphabet.limit().saturating_sub(alphabet.length(end));
    let front = alphabet.cut(&format!("{head}{middle}"), room);
    format!("{front}{end}")
}

/// What comes first and is never cut, as far as it fits, and what follows it.
fn words(page: &Page) -> (String, String) {
    let message = Message::of(page, None);
    match page.purpose() {
        Purpose::Test(code) => {
            return (format!("Your Reveille code is {}. ", line(code, 32)), "Type it in where you added this number.".into());
        }
        Purpose::Reminder(text) => return ("Reveille: ".into(), line(text, MIDDLE_MAX)),
        Purpose::Approval(text) => return ("APPROVE? ".into(), line(text, MIDDLE_MAX)),
        _ => {}
    }
    let word = message.kind.word();
    let (count, worst) = (page.incidents().len(), page.incidents().iter().max_by_key(|incident| rank(incident.severity())));
    let Some(worst) = worst else { return (format!("{word} "), message.title) };
    let many = if count > 1 { format!("{count} incidents: ") } else { String::new() };
    let what = line(&about(worst), MIDDLE_MAX);
    match page.purpose() {
        Purpose::Update(text) if message.kind == Kind::Firing(worst.severity()) || count > 1 => {
            (format!("{word} {many}"), format!("{}: {what}", line(text, MIDDLE_MAX)))
        }
        Purpose::Update(_) => (format!("{word} {}: ", line(worst.id(), 20)), what),
        _ => (format!("{word} {many}"), what),
    }
}

/// `checkout: Error rate above 5 %`.
fn about(incident: &Incident) -> String {
    let newest = incident.alerts().first();
    let title = incident.title().or_else(|| newest.and_then(|alert| alert.summary())).or_else(|| newest.and_then(|alert| alert.entity()));
    let title = title.map_or_else(|| format!("incident {}", incident.id()), str::to_owned);
    match incident.service() {
        Some(service) if !title.to_lowercase().contains(&service.to_lowercase()) => format!("{service}: {title}"),
        _ => title,
    }
}

fn end(page: &Page, replies: bool) -> String {
    let open: Vec<&str> = page.incidents().iter().filter(|i| i.status() != Status::Resolved).map(Incident::id).take(NUMBERS_MAX).collect();
    let asked = matches!(page.purpose(), Purpose::Escalation(_));
    let more = page.incidents().len() > NUMBERS_MAX;
    match open.as_slice() {
        [] => String::new(),
        // Without a number, the host takes the message as a whole.
        [_, _, ..] if more && replies && asked => "\nReply A to ack all".to_owned(),
        [one] if replies && asked => format!("\nReply A{one} to ack, R{one} to resolve"),
        many if replies && asked => {
            let numbers: Vec<String> = many.iter().map(|id| format!("A{id}")).collect();
            format!("\nReply {} to ack", numbers.join(" "))
        }
        _ => page
            .incidents()
            .iter()
            .find_map(Incident::url)
            .and_then(message::address)
            .filter(|url| url.len() < END_MAX)
            .map_or_else(String::new, |url| format!("\n{url}")),
    }
}

fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 0,
        Severity::Warning => 1,
        Severity::Error => 2,
        Severity::Critical => 3,
    }
}
