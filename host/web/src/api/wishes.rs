//! What people ask to be done to an incident, as API and pages spell it, and the command that it means.

use crate::api::incidents::{note_operation, priority};
use crate::app::App;
use crate::guard::incident_by;
use crate::pages::zone_of;
use crate::principal::{Action, Principal};
use crate::problem::Problem;
use domain::care::Related;
use domain::command::{Mark, Message, Operation};
use domain::contact::Contact;
use domain::escalation::Target;
use domain::id::{AlertId, IncidentId, UserId};
use domain::installation::Installation;
use domain::time::Millis;
use serde::Deserialize;
use utoipa::ToSchema;

/// Longest address of a link, in bytes.
const URL_LIMIT_BYTES: usize = 2048;
/// Longest name of a link, in bytes.
const TEXT_LIMIT_BYTES: usize = 200;

/// Until when to let it rest: one of both.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Snooze {
    /// An instant in RFC 3339, or a wall-clock time in the caller's zone such as `2026-03-02T09:00`.
    pub until: Option<String>,
    /// So many seconds from now.
    pub seconds: Option<u32>,
}

/// Whom.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// Each `user/NAME`, `rotation/NAME`, `team/NAME` or `policy/NAME`; at most 16.
    pub targets: Vec<String>,
}

/// What it turned out to be; nothing of it has to be said.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// `false-alarm` or `not-actionable`.
    pub mark: Option<String>,
    /// Plain text, at most 1024 bytes.
    pub reason: Option<String>,
}

/// Who does what.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// `commander`, `scribe`, `liaison`, or a name of your own of at most 40 bytes.
    pub role: String,
    /// Absent: nobody.
    pub user: Option<String>,
}

/// News for those who do not work on it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Plain text, at most 4096 bytes.
    pub text: String,
    /// Members who get it as a message; by mail where they have one.
    #[serde(default)]
    pub users: Vec<String>,
    /// Further addresses; at most 50 recipients in all.
    #[serde(default)]
    pub contacts: Vec<Address>,
}

/// An address outside.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// A kind that a channel serves, such as `mail`.
    pub kind: String,
    pub address: String,
}

/// Something that has to do with it: one of both.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// Another incident.
    pub incident: Option<u64>,
    /// An `https` or `http` address.
    pub url: Option<String>,
    /// What to call the address.
    #[serde(default)]
    pub text: String,
}

/// Which incident it really is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    pub into: u64,
}

/// What does not belong to it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Ids of its alerts.
    pub alerts: Vec<u64>,
    /// Of the new incident; absent: the first alert's.
    pub title: Option<String>,
}

/// A note.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    pub text: String,
}

/// How important it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Importance {
    /// `p1` (comes first) to `p5`.
    pub priority: String,
}

/// What is to be done, with what it needs.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum Wish {
    Acknowledge,
    Unacknowledge,
    Resolve(Resolution),
    Reopen,
    Take,
    Decline,
    Snooze(Snooze),
    Reroute(Targets),
    AddResponders(Targets),
    Note(Note),
    Priority(Importance),
    Role(Role),
    Update(Update),
    Link(NewLink),
    Unlink(NewLink),
    Merge(Merge),
    Split(Split),
}

/// The command that a wish means, where the caller may have it.
pub async fn meant(app: &App, caller: &Principal, wish: Wish) -> Result<Operation, Problem> {
    let installation = app.parts.live.load().installation.clone();
    Ok(match wish {
        Wish::Acknowledge => Operation::Acknowledge,
        Wish::Unacknowledge => Operation::Unacknowledge,
        Wish::Resolve(Resolution { mark: None, reason: None }) => Operation::Resolve,
        Wish::Resolve(Resolution { mark, reason }) => {
            Operation::ResolveAs(mark.as_deref().map(mark_of).transpose()?, reason.unwrap_or_default())
        }
        Wish::Reopen => Operation::Reopen,
        Wish::Take => Operation::Take,
        Wish::Decline => Operation::Decline,
        Wish::Snooze(snooze) => Operation::Snooze(until(app, caller, &snooze)?),
        Wish::Reroute(Targets { targets }) => Operation::Reroute(targets_of(&targets, &installation)?),
        Wish::AddResponders(Targets { targets }) => Operation::AddResponders(targets_of(&targets, &installation)?),
        Wish::Note(Note { text }) => note_operation(&text)?,
        Wish::Priority(Importance { priority: word }) => Operation::SetPriority(priority(&word)?),
        Wish::Role(Role { role, user }) => Operation::SetRole(role, user.map(|user| member(&user, &installation)).transpose()?),
        Wish::Update(update) => Operation::Inform(message(update, &installation)?),
        Wish::Link(link) => Operation::Link(related(app, caller, link).await?),
        Wish::Unlink(link) => Operation::Unlink(related(app, caller, link).await?),
        Wish::Merge(Merge { into }) => {
            incident_by(app, caller, Action::Change, IncidentId(into)).await?;
            Operation::Merge(IncidentId(into))
        }
        Wish::Split(Split { alerts, title }) => Operation::Split(alerts.into_iter().map(AlertId).collect(), title),
    })
}

fn until(app: &App, caller: &Principal, snooze: &Snooze) -> Result<Millis, Problem> {
    let remedy = "Give `until` (such as 2026-03-02T09:00, or with an offset) or `seconds`.";
    match (&snooze.until, snooze.seconds) {
        (None, Some(0)) => Err(Problem::invalid("`seconds` is 0: a snooze lasts at least one second. Nothing was changed.", remedy)),
        (None, Some(seconds)) => Ok(app.now().plus_seconds(seconds)),
        (Some(text), None) => instant(text, &zone_of(app, caller))
            .ok_or_else(|| Problem::invalid(format!("`until` is {text:?}, which is no time. Nothing was changed."), remedy)),
        (None, None) => Err(Problem::invalid("It is not said until when. Nothing was changed.", remedy)),
        (Some(_), Some(_)) => Err(Problem::invalid("`until` and `seconds` are both given. Nothing was changed.", remedy)),
    }
}

/// An instant, or a wall-clock time in the zone.
fn instant(text: &str, zone: &jiff::tz::TimeZone) -> Option<Millis> {
    let text = text.trim();
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => text.parse::<jiff::civil::DateTime>().ok()?.to_zoned_datetime(zone.clone()).ok()?.timestamp(),
    };
    Some(Millis(at.as_millisecond()))
}

fn mark_of(word: &str) -> Result<Mark, Problem> {
    [Mark::FalseAlarm, Mark::NotActionable].into_iter().find(|mark| mark.as_str() == word).ok_or_else(|| {
        Problem::invalid(format!("`mark` is {word:?}. Nothing was changed."), "Give `false-alarm` or `not-actionable`, or leave it out.")
    })
}

fn targets_of(texts: &[String], installation: &Installation) -> Result<Vec<Target>, Problem> {
    let remedy = "Name each as user/NAME, rotation/NAME, team/NAME or policy/NAME.";
    if texts.is_empty() {
        return Err(Problem::invalid("`targets` is empty. Nothing was changed.", remedy));
    }
    texts
        .iter()
        .map(|text| target(text, installation).map_err(|why| Problem::invalid(format!("{why} Nothing was changed."), remedy)))
        .collect()
}

fn target(text: &str, installation: &Installation) -> Result<Target, String> {
    let (kind, name) = text.split_once('/').ok_or_else(|| format!("The target {text:?} does not say what it is."))?;
    let target = match kind {
        "user" => Target::User(name.into()),
        "rotation" => Target::Rotation(name.into()),
        "team" => Target::Team(name.into()),
        "policy" => Target::Policy(name.into()),
        _ => return Err(format!("The target {text:?} is of no kind that can be paged.")),
    };
    if oncall::exists(installation, &target) { Ok(target) } else { Err(format!("There is no {kind} {name:?}.")) }
}

fn member(name: &str, installation: &Installation) -> Result<UserId, Problem> {
    let user = UserId::from(name);
    if installation.users.contains_key(&user) {
        return Ok(user);
    }
    Err(Problem::invalid(format!("There is no user {name:?}. Nothing was changed."), "Give the id of a member of this installation."))
}

fn message(update: Update, installation: &Installation) -> Result<Message, Problem> {
    let mut users = Vec::new();
    for name in &update.users {
        let user = member(name, installation)?;
        if installation.users.get(&user).is_some_and(|user| user.contacts.is_empty()) {
            let detail = format!("{name} has no contact, so nothing can be sent to them. Nothing was changed.");
            return Err(Problem::invalid(detail, "Leave them out, or add a contact to their document."));
        }
        users.push(user);
    }
    let contacts = update.contacts.into_iter().map(|Address { kind, address }| Contact { kind, address });
    Ok(Message { text: update.text, users, contacts: contacts.map(checked).collect::<Result<_, _>>()? })
}

fn checked(contact: Contact) -> Result<Contact, Problem> {
    let wrong =
        |what: &str| Problem::invalid(format!("An address of `contacts` {what}. Nothing was changed."), "Give kind and address of each.");
    if contact.kind.is_empty() || contact.address.trim().is_empty() {
        return Err(wrong("is empty"));
    }
    if contact.kind.len() > 64 || contact.address.len() > 512 || contact.address.chars().any(char::is_control) {
        return Err(wrong("is too long or holds control characters"));
    }
    Ok(contact)
}

async fn related(app: &App, caller: &Principal, link: NewLink) -> Result<Related, Problem> {
    let remedy = "Give `incident` (a number) or `url` (https or http).";
    match (link.incident, link.url) {
        (Some(id), None) => {
            incident_by(app, caller, Action::See, IncidentId(id)).await?;
            Ok(Related::Incident(IncidentId(id)))
        }
        (None, Some(url)) => {
            let url = crate::pages::web_address(url.trim())
                .filter(|url| url.len() <= URL_LIMIT_BYTES)
                .ok_or_else(|| Problem::invalid("`url` is no web address of at most 2 KiB. Nothing was changed.", remedy))?;
            Ok(Related::Page { url, text: domain::alert::cut(link.text.trim(), TEXT_LIMIT_BYTES) })
        }
        (None, None) => Err(Problem::invalid("It is not said what to link. Nothing was changed.", remedy)),
        (Some(_), Some(_)) => Err(Problem::invalid("`incident` and `url` are both given. Nothing was changed.", remedy)),
    }
}
