//! What somebody typed in answer to a message: `A7`, `R7`, `ack`, `resolve 7`, `snooze 7 2h`, `reroute 7 team/platform`.
//!
//! Only a text that is understood to the end counts: half a command at night does more harm than a question back.

use reveille_sdk::types::{Command, Operation, Subject, Target};

/// Incidents that one text may name.
const INCIDENTS_MAX: usize = 16;
/// Longest text that is looked at, in bytes.
const TEXT_MAX_BYTES: usize = 500;
/// Longest snooze, in seconds: 30 days.
const SNOOZE_MAX_SECONDS: u32 = 30 * 86_400;

/// What somebody who was not understood is told.
pub const HELP: &str =
    "Not understood. Reply A7 to acknowledge incident 7, R7 to resolve it, S7 2h to snooze it; without a number the newest is meant.";

/// The commands in the first line that says something; empty: it is none that is known.
pub fn read(text: &str, kind: &str, address: &str) -> Vec<Command> {
    let Some(line) = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('>')) else { return Vec::new() };
    if line.len() > TEXT_MAX_BYTES {
        return Vec::new();
    }
    let lower = line.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).filter(|word| !word.is_empty()).collect();
    let wanted = wanted(&words).unwrap_or_default();
    wanted.into_iter().map(|(subject, operation)| Command::new(subject, operation).by(kind, address)).collect()
}

fn wanted(words: &[&str]) -> Option<Vec<(Subject, Operation)>> {
    let (first, rest) = words.split_first()?;
    let first = first.trim_start_matches('/').trim_end_matches(['.', '!', ':']);
    let (verb, glued) = verb(first)?;
    let mut ids: Vec<String> = glued.into_iter().collect();
    let mut rest = rest.iter().peekable();
    while let Some(id) = rest.peek().and_then(|word| again(word, verb)) {
        ids.push(id);
        rest.next();
    }
    let rest: Vec<&str> = rest.copied().collect();
    let operation = match (verb, rest.as_slice()) {
        ('a', []) => Operation::Acknowledge,
        ('u', []) => Operation::Unacknowledge,
        ('r', []) => Operation::Resolve,
        ('s', [time]) => Operation::SnoozeSeconds(seconds(time)?),
        ('t', targets) if !targets.is_empty() => Operation::Reroute(targets.iter().map(|t| target(t)).collect::<Option<_>>()?),
        _ => return None,
    };
    if ids.is_empty() {
        return Some(vec![(Subject::Latest, operation)]);
    }
    (ids.len() <= INCIDENTS_MAX).then(|| ids.into_iter().map(|id| (Subject::Incident(id), operation.clone())).collect())
}

/// The verb's letter, and the number that is glued to it.
fn verb(word: &str) -> Option<(char, Option<String>)> {
    let at = word.find(|c: char| c.is_ascii_digit() || c == '#').unwrap_or(word.len());
    let (name, number) = word.split_at(at);
    let letter = match name {
        "a" | "ack" | "acknowledge" | "acknowledged" => 'a',
        "u" | "unack" | "unacknowledge" => 'u',
        "r" | "res" | "resolve" | "resolved" => 'r',
        "s" | "snooze" => 's',
        "t" | "reroute" => 't',
        _ => return None,
    };
    if number.is_empty() { Some((letter, None)) } else { incident(number).map(|id| (letter, Some(id))) }
}

/// A further number, with or without the letter before it: `a7 8`, `a7 a8`.
fn again(word: &str, verb: char) -> Option<String> {
    incident(word.strip_prefix(verb).unwrap_or(word))
}

/// `7` or `#7`.
fn incident(word: &str) -> Option<String> {
    let digits = word.strip_prefix('#').unwrap_or(word).trim_end_matches(['.', '!', ':']);
    (!digits.is_empty() && digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.to_owned())
}

/// `30m`, `2h`, `1d`.
fn seconds(word: &str) -> Option<u32> {
    let (number, unit) = word.split_at_checked(word.len().checked_sub(1)?)?;
    let unit = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = number.parse::<u32>().ok()?.checked_mul(unit)?;
    (1..=SNOOZE_MAX_SECONDS).contains(&seconds).then_some(seconds)
}

/// `team/platform`, `user/bob`, `policy/night`, `rotation/shop-primary`.
fn target(word: &str) -> Option<Target> {
    let (kind, id) = word.split_once('/')?;
    let id = Some(id).filter(|id| !id.is_empty())?.to_owned();
    match kind {
        "team" => Some(Target::Team(id)),
        "user" => Some(Target::User(id)),
        "policy" => Some(Target::EscalationPolicy(id)),
        "rotation" => Some(Target::Rotation(id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(Subject, Operation)> {
        read(text, "sms", "+39").into_iter().map(|command| (command.subject, command.operation)).collect()
    }

    fn id(id: &str) -> Subject {
        Subject::Incident(id.into())
    }

    #[test]
    fn letters_and_words_with_and_without_a_number() {
        assert_eq!(of("A7"), [(id("7"), Operation::Acknowledge)]);
        assert_eq!(of("  r 7. "), [(id("7"), Operation::Resolve)]);
        assert_eq!(of("Ack"), [(Subject::Latest, Operation::Acknowledge)]);
        assert_eq!(of("/resolve #12"), [(id("12"), Operation::Resolve)]);
        assert_eq!(of("Resolved!\n\n> On Monday, Reveille wrote"), [(Subject::Latest, Operation::Resolve)]);
        assert_eq!(
            of("a7, a8 9"),
            [(id("7"), Operation::Acknowledge), (id("8"), Operation::Acknowledge), (id("9"), Operation::Acknowledge)]
        );
    }

    #[test]
    fn snooze_and_reroute_say_how_long_and_to_whom() {
        assert_eq!(of("S7 2h"), [(id("7"), Operation::SnoozeSeconds(7200))]);
        assert_eq!(of("snooze 30m"), [(Subject::Latest, Operation::SnoozeSeconds(1800))]);
        assert_eq!(
            of("reroute 7 team/platform user/bob"),
            [(id("7"), Operation::Reroute(vec![Target::Team("platform".into()), Target::User("bob".into())]))]
        );
    }

    /// Planted bug that this finds: a first word that is enough, so that "Resolve it yourself" resolves.
    #[test]
    fn what_is_not_understood_to_the_end_does_nothing() {
        for text in [
            "",
            "7",
            "hello",
            "ack please",
            "Resolve it yourself",
            "a7 when you can",
            "r-7",
            "a7b",
            "snooze",
            "snooze 2h 7",
            "s7 0m",
            "s7 31d",
            "reroute 7",
            "reroute 7 platform",
            "acknowledge 7 8 not 9",
            "> ack",
        ] {
            assert_eq!(of(text), [], "{text}");
        }
        assert_eq!(of(&format!("a{}", " 7".repeat(17))), []);
        assert_eq!(of(&format!("a{}", " 7".repeat(16))).len(), 16);
    }
}
