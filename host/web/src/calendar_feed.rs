//! Shifts as an iCalendar file (RFC 5545), for the calendar programs of people.

use crate::app::App;
use crate::extract::Named;
use crate::guard::{Permission, Routes};
use crate::principal::{Principal, Teams, Way};
use crate::problem::Problem;
use crate::secret::Secret;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use domain::id::{RotationId, TeamId, UserId};
use domain::installation::Installation;
use domain::schedule::{Override, Rotation, Shift, Turns, shifts_up_to};
use domain::time::Millis;
use icalendar::{Calendar, Component as _, Event, EventLike as _, Property};
use ports::store::{Credential, CredentialKind};
use std::fmt;

const DAY_MS: i64 = 86_400_000;
/// How far back shifts are listed.
const BACK_MS: i64 = 31 * DAY_MS;
/// How far ahead.
const AHEAD_MS: i64 = 186 * DAY_MS;
/// Longest turn of a layer that is handed over by a rule, as far as a feed looks.
const RULE_DAYS: i64 = 100;
/// Most shifts of a rotation that are looked at.
const SHIFTS_LIMIT: usize = 10_000;

/// Whose shifts a feed lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Person(UserId),
    Team(TeamId),
    Rotation(RotationId),
}

impl Subject {
    /// The last part of its address, without `.ics`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Team(_) => "team",
            Self::Rotation(_) => "rotation",
        }
    }

    /// As [`Subject`] prints; `None`: it says something else.
    fn parse(text: &str) -> Option<Self> {
        let (word, name) = text.split_once('/')?;
        match word {
            "person" => Some(Self::Person(name.into())),
            "team" => Some(Self::Team(name.into())),
            "rotation" => Some(Self::Rotation(name.into())),
            _ => None,
        }
    }

    fn holds(&self, rotation: &Rotation, shift: &Shift) -> bool {
        match self {
            Self::Person(user) => shift.user == *user,
            Self::Team(team) => rotation.team == *team,
            Self::Rotation(id) => rotation.id == *id,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Person(user) => user.as_str(),
            Self::Team(team) => team.as_str(),
            Self::Rotation(rotation) => rotation.as_str(),
        };
        write!(f, "{}/{name}", self.word())
    }
}

pub fn register(routes: &mut Routes) {
    let why = "the secret in the address is the permission: it opens one calendar";
    routes.plain("/ical/{token}/{file}", Permission::Everybody(why), get(show));
}

async fn show(State(app): State<App>, Named((token, file)): Named<(String, String)>) -> Result<Response, Problem> {
    let missing = || Problem::not_found("feed");
    let id = Secret::presented(&token).id();
    let found = app.parts.store.view(move |view| view.credential(&id)).await?;
    let credential = found.filter(|found| found.kind == CredentialKind::CalendarFeed).ok_or_else(missing)?;
    let subject = Subject::parse(&credential.scope).filter(|subject| file == format!("{}.ics", subject.word())).ok_or_else(missing)?;
    let installation = app.parts.live.load().installation.clone();
    let sees = rights(&credential, &installation).ok_or_else(missing)?;
    let now = app.now();
    let from = now.plus_millis(-BACK_MS);
    let rows = app.parts.store.view(move |view| view.overrides(None, from)).await?;
    let text = text(&subject, &sees, &rows, &installation, now).ok_or_else(|| Problem::internal("The calendar cannot be written."))?;
    note_use(&app, credential, now);
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/calendar; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=300")),
    ];
    Ok((head, text).into_response())
}

/// What who made the feed may see now; `None`: they are gone.
fn rights(credential: &Credential, installation: &Installation) -> Option<Teams> {
    let Some(user) = &credential.user else { return Some(Teams::All) };
    Some(Principal::of_user(installation.users.get(user)?, installation, Way::PageLink).sees)
}

fn note_use(app: &App, mut credential: Credential, now: Millis) {
    if credential.last_used_at.is_some_and(|at| now.since(at) < DAY_MS) {
        return;
    }
    credential.last_used_at = Some(now);
    let job = move |tx: &mut dyn ports::Tx| {
        // It may have been withdrawn since: never bring it back.
        if tx.credential(&credential.id)?.is_some() { tx.put_credential(&credential) } else { Ok(()) }
    };
    app.parts.store.submit(Box::new(job), Box::new(|_| ()));
}

/// The file; `None`: a time is beyond what calendars know.
fn text(subject: &Subject, sees: &Teams, overrides: &[Override], installation: &Installation, now: Millis) -> Option<String> {
    let known: Vec<Override> = overrides.iter().filter(|row| installation.users.contains_key(&row.user)).cloned().collect();
    let (from, until) = (now.plus_millis(-BACK_MS), now.plus_millis(AHEAD_MS));
    let mut calendar = Calendar::new();
    calendar.name(&format!("On call: {subject}")).description("Shifts of Reveille");
    // The library has put its own name there, and RFC 5545 wants exactly one.
    calendar.properties.retain(|property| property.key() != "PRODID");
    calendar.append_property(Property::new("PRODID", "-//Reveille//on call//EN"));
    calendar.append_property(Property::new("REFRESH-INTERVAL", "PT1H").add_parameter("VALUE", "DURATION").done());
    for rotation in installation.rotations.values().filter(|rotation| sees.holds(&rotation.team)) {
        // Further than is shown to either side: a shift that is cut would have another beginning at each look, and be another event.
        let turn_ms = longest_turn_ms(rotation);
        let list = shifts_up_to(SHIFTS_LIMIT, rotation, &known, from.plus_millis(-turn_ms), until.plus_millis(turn_ms));
        for shift in list.iter().filter(|shift| shift.from < until && shift.until > from && subject.holds(rotation, shift)) {
            calendar.push(event(rotation, shift, installation, now)?);
        }
    }
    Some(calendar.to_string())
}

fn longest_turn_ms(rotation: &Rotation) -> i64 {
    let days = rotation.layers.iter().map(|layer| match &layer.turns {
        Turns::Every(turn) => turn.days() + 2,
        Turns::At(_) => RULE_DAYS,
    });
    days.max().unwrap_or(0) * DAY_MS
}

fn event(rotation: &Rotation, shift: &Shift, installation: &Installation, now: Millis) -> Option<Event> {
    let name = installation.users.get(&shift.user).map_or(shift.user.as_str(), |user| user.name.as_str());
    let mut event = Event::new();
    event
        .uid(&format!("{}/{}/{}@reveille", rotation.id, shift.from.0 / 1000, shift.user))
        .summary(&format!("{name} on call: {}", rotation.id))
        .timestamp(at(now)?)
        .starts(at(shift.from)?)
        .ends(at(shift.until)?)
        .append_property(Property::new("TRANSP", "TRANSPARENT"));
    if shift.entry.is_some() {
        event.description("By override.");
    }
    Some(event.done())
}

fn at(at: Millis) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(at.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::schedule::Turn;
    use std::collections::BTreeMap;

    /// The names of the properties between `BEGIN` and `END` of each component, without those of components within.
    fn components(text: &str) -> Vec<(String, BTreeMap<String, usize>)> {
        let (mut open, mut done) = (Vec::new(), Vec::new());
        // A line that begins with a space goes on with the one before.
        for line in text.lines().filter(|line| !line.starts_with(' ')) {
            let (name, value) = line.split_once(':').expect("name and value");
            match name {
                "BEGIN" => open.push((value.to_owned(), BTreeMap::new())),
                "END" => done.push(open.pop().expect("it began")),
                _ => {
                    let name = name.split(';').next().unwrap_or(name).to_owned();
                    *open.last_mut().expect("it is within something").1.entry(name).or_default() += 1;
                }
            }
        }
        done
    }

    /// RFC 5545, 3.6 and 3.6.1: what must be there, and what may be there once only. Seen red with: our PRODID beside the library's.
    #[test]
    fn what_may_stand_once_stands_once() {
        let starts = "2026-01-05T09:00".parse().expect("a time");
        let rotation = Rotation::simple("shop".into(), "shop".into(), vec!["alice".into()], "Europe/Rome".into(), Turn::Weeks(1), starts);
        let installation = Installation { rotations: [(rotation.id.clone(), rotation)].into(), ..Installation::default() };
        let now = Millis(1_772_409_600_000);
        let text = text(&Subject::Team("shop".into()), &Teams::All, &[], &installation, now).expect("a calendar");
        let all = components(&text);
        assert!(all.iter().any(|(kind, _)| kind == "VEVENT") && all.last().is_some_and(|(kind, _)| kind == "VCALENDAR"), "{text}");
        for (kind, counts) in all {
            let required: &[&str] = if kind == "VCALENDAR" { &["PRODID", "VERSION"] } else { &["UID", "DTSTAMP", "DTSTART"] };
            assert!(required.iter().all(|name| counts.get(*name) == Some(&1)), "{kind}: {counts:?}");
            assert!(counts.values().all(|count| *count == 1), "{kind}: {counts:?}");
        }
    }
}
