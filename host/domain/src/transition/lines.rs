//! The words of the timeline: one plain sentence each.

use crate::alert::Severity;
use crate::command::Actor;
use crate::decision::{NoteKind, StageNote};
use crate::id::{IntegrationId, Revision};
use crate::time::Millis;
use crate::timeline::{Cause, LineKind};

/// Who reported: the integration, or the host for its own.
pub fn reporter(integration: Option<&IntegrationId>) -> Actor {
    integration.map_or(Actor::Host, |id| Actor::Integration(id.clone()))
}

/// What to call an actor in a line.
pub fn name(actor: &Actor) -> String {
    match actor {
        Actor::User(id, _) => id.to_string(),
        Actor::Integration(id) => id.to_string(),
        Actor::Outside(contact) => format!("{} {}", contact.kind, contact.address),
        Actor::Host => "Reveille".to_owned(),
    }
}

/// ` by page link`, where the way is known.
pub fn way(actor: &Actor) -> String {
    match actor {
        Actor::User(_, way) if !way.is_empty() => format!(" by {way}"),
        _ => String::new(),
    }
}

pub fn opened(actor: &Actor, title: &str, severity: Severity) -> String {
    format!("Opened by {}: {title} ({})", name(actor), severity.as_str())
}

pub fn joined(actor: &Actor, title: &str, severity: Severity) -> String {
    format!("Joined by {}: {title} ({})", name(actor), severity.as_str())
}

pub fn last_listed(line: String) -> String {
    format!("{line}; further alerts are counted and not listed")
}

pub fn severity_changed(before: Severity, after: Severity) -> String {
    let verb = if after > before { "rose" } else { "fell" };
    format!("Severity {verb} from {} to {}", before.as_str(), after.as_str())
}

pub fn retriggered(acknowledged: Option<Severity>, worst: Severity) -> String {
    let then = acknowledged.map_or("lower", Severity::as_str);
    format!("No longer acknowledged: it is {} now and was {then} when it was acknowledged", worst.as_str())
}

pub fn recovered(title: &str) -> String {
    format!("Recovered: {title}")
}

pub fn expired(title: &str) -> String {
    format!("Not reported again, so it counts as recovered: {title}")
}

pub fn all_recovered(entities: u32) -> String {
    match entities {
        0 | 1 => "Resolved: its only alert has recovered".to_owned(),
        2 => "Resolved: both alerts have recovered".to_owned(),
        n => format!("Resolved: all {n} alerts have recovered"),
    }
}

/// ` until 2026-03-29T01:00:00Z`, where the suppression has an end.
fn until(suppressed: Option<Millis>) -> String {
    suppressed.filter(|until| *until != super::FOREVER).map_or_else(String::new, |until| format!(" until {}", until.rfc3339()))
}

pub fn suppressed(title: &str, severity: Severity, until_: Option<Millis>, note: Option<&StageNote>) -> String {
    let by = note.map_or_else(String::new, |n| because(&format!(" by {}", n.plugin.name), &n.reason));
    format!("Pages nobody{}: {title} ({}), suppressed{by}", until(until_), severity.as_str())
}

pub fn suppression_ended(title: &str, severity: Severity) -> String {
    format!("No longer suppressed: {title} ({})", severity.as_str())
}

fn because(what: &str, reason: &str) -> String {
    if reason.is_empty() { what.to_owned() } else { format!("{what}: {reason}") }
}

/// The line that a stage's note makes, if it makes one.
pub fn of_note(note: &StageNote, key: &str, suppressed: Option<Millis>) -> Option<(LineKind, String)> {
    let plugin = &note.plugin.name;
    let stage = note.stage.as_str();
    let (kind, what) = match &note.kind {
        NoteKind::Edited(_) => (LineKind::Edited, format!("Edited by {plugin}")),
        NoteKind::Grouped => (LineKind::Grouped, format!("Grouped under \"{key}\" by {plugin}")),
        NoteKind::Suppressed => (LineKind::Suppressed, format!("Suppressed by {plugin}{}", until(suppressed))),
        NoteKind::Skipped => (LineKind::StageFailed, format!("Went on without {plugin} at {stage}")),
        NoteKind::DefaultRoute => (LineKind::StageFailed, format!("Goes to the default policy because {plugin} failed at {stage}")),
        NoteKind::Dropped => return None,
    };
    Some((kind, because(&what, &note.reason)))
}

/// The cause that a note gives a line.
pub fn cause(note: &StageNote, revision: Revision) -> Cause {
    Cause { stage: note.stage, plugin: note.plugin.clone(), revision, reason: note.reason.clone() }
}
