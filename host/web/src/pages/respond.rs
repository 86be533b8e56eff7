//! The forms of an incident's page beyond acknowledging and resolving it: one address, and the button says what.

use crate::api::incidents::command;
use crate::api::wishes::{Importance, Merge, NewLink, Resolution, Role, Snooze, Split, Targets, Update, Wish, meant};
use crate::app::App;
use crate::extract::{Caller, Filled, TheIncident};
use crate::pages::view::Lens;
use crate::principal::Principal;
use crate::problem::Problem;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::care::Answer;
use domain::escalation::Target;
use domain::incident::Incident;
use domain::installation::Installation;

/// Something that a form offers.
pub struct Offer {
    pub value: String,
    pub name: String,
}

/// What an incident's page shows of what people arranged, and offers to arrange.
pub struct Arranged {
    pub snoozed_until: Option<crate::pages::moment::Moment>,
    /// Whom, by whom, and what they said.
    pub asked: Vec<(String, String, &'static str)>,
    /// The caller was asked to help and has not answered.
    pub asks_me: bool,
    pub roles: Vec<(String, String)>,
    pub update: Option<(String, String, crate::pages::moment::Moment)>,
    /// Addresses and names.
    pub related: Vec<(String, String)>,
    pub merged_into: Option<u64>,
    pub split_from: Option<u64>,
    /// What it turned out to be.
    pub closing: Option<String>,
    pub targets: Vec<Offer>,
    pub people: Vec<Offer>,
    /// `datetime-local` of tomorrow at nine.
    pub tomorrow: String,
}

impl Arranged {
    pub fn new(incident: &Incident, lens: &Lens, caller: &Principal) -> Self {
        let care = &incident.care;
        let closing = care.closing.as_ref().map(|closing| {
            let words = [closing.mark.map(domain::command::Mark::words), Some(closing.reason.as_str())];
            words.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
        });
        Self {
            snoozed_until: care.snoozed_until.map(|at| lens.moment(at)),
            asked: care.asked.iter().map(|a| (a.target.to_string(), a.by.clone(), answer_words(a.answer))).collect(),
            asks_me: asks(incident, caller),
            roles: care.roles.iter().map(|(role, user)| (role.clone(), lens.name(user))).collect(),
            update: care.update.as_ref().map(|u| (domain::alert::cut(&u.text, 600), u.by.clone(), lens.moment(u.at))),
            related: care.related.iter().map(related).collect(),
            merged_into: care.merged_into.map(|id| id.0),
            split_from: care.split_from.map(|id| id.0),
            closing: closing.filter(|words| !words.is_empty()),
            targets: targets(&lens.installation),
            people: lens.installation.users.values().map(|user| Offer { value: user.id.0.clone(), name: user.name.clone() }).collect(),
            tomorrow: morning(lens),
        }
    }
}

/// Whether the caller may be among those who were asked to help and have not answered.
pub fn asks(incident: &Incident, caller: &Principal) -> bool {
    let mine = |target: &Target| match target {
        Target::User(user) => caller.user.as_ref() == Some(user),
        // Whether a policy or a rotation meant them is known to the commit.
        _ => caller.user.is_some(),
    };
    incident.is_open() && incident.care.asked.iter().any(|asked| asked.answer == Answer::Open && mine(&asked.target))
}

fn answer_words(answer: Answer) -> &'static str {
    match answer {
        Answer::Open => "no answer yet",
        Answer::Accepted => "is on it",
        Answer::Declined => "declined",
        Answer::Over => "over before an answer",
    }
}

fn related(related: &domain::care::Related) -> (String, String) {
    match related {
        domain::care::Related::Incident(id) => (format!("/incidents/{id}"), format!("Incident #{id}")),
        domain::care::Related::Page { url, text } => (url.clone(), if text.is_empty() { url.clone() } else { text.clone() }),
    }
}

fn targets(installation: &Installation) -> Vec<Offer> {
    let offer = |kind: &str, id: &str, name: &str| Offer { value: format!("{kind}/{id}"), name: format!("{kind} {name}") };
    let teams = installation.teams.values().map(|team| offer("team", &team.id.0, &team.name));
    let policies = installation.policies.keys().map(|id| offer("policy", &id.0, &id.0));
    let rotations = installation.rotations.keys().map(|id| offer("rotation", &id.0, &id.0));
    let users = installation.users.values().map(|user| Offer { value: format!("user/{}", user.id), name: user.name.clone() });
    users.chain(teams).chain(policies).chain(rotations).collect()
}

/// Tomorrow at nine on the viewer's clock.
fn morning(lens: &Lens) -> String {
    let today = jiff::Timestamp::from_millisecond(lens.now.0).ok().map(|now| now.to_zoned_datetime(lens.zone.clone()).date());
    today.and_then(|today| today.tomorrow().ok()).map(|day| format!("{day}T09:00")).unwrap_or_default()
}

/// The fields of a form, in its order; a field may come several times.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn text(&self, name: &str) -> String {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    }

    fn filled(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(field, value)| field == name && !value.is_empty()).map(|(_, value)| value.clone()).collect()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name).trim_start_matches('#').parse().ok()
    }
}

/// What a pressed button means.
fn pressed(fields: &Fields) -> Result<Wish, Problem> {
    let missing = |what: &str| Problem::invalid(format!("{what} Nothing was changed."), "Go back and fill it in.");
    Ok(match fields.text("what").as_str() {
        "snooze" => Wish::Snooze(match fields.number("minutes") {
            Some(minutes) => Snooze { until: None, seconds: Some(u32::try_from(minutes * 60).unwrap_or(u32::MAX)) },
            None => Snooze { until: fields.filled("until"), seconds: None },
        }),
        "reroute" => Wish::Reroute(Targets { targets: fields.all("target") }),
        "ask" => Wish::AddResponders(Targets { targets: fields.all("target") }),
        "take" => Wish::Take,
        "decline" => Wish::Decline,
        "reopen" => Wish::Reopen,
        "close" => Wish::Resolve(Resolution { mark: fields.filled("mark"), reason: fields.filled("reason") }),
        "role" => Wish::Role(Role { role: fields.text("role"), user: fields.filled("user") }),
        "update" => Wish::Update(Update { text: fields.text("text"), users: fields.all("user"), contacts: Vec::new() }),
        "link" => {
            let to = fields.text("to");
            match to.trim_start_matches('#').parse() {
                Ok(id) => Wish::Link(NewLink { incident: Some(id), url: None, text: String::new() }),
                Err(_) => Wish::Link(NewLink { incident: None, url: Some(to), text: fields.text("text") }),
            }
        }
        "merge" => Wish::Merge(Merge { into: fields.number("into").ok_or_else(|| missing("It is not said into which incident."))? }),
        "split" => {
            let alerts = fields.all("alert").iter().filter_map(|id| id.parse().ok()).collect();
            Wish::Split(Split { alerts, title: fields.filled("title") })
        }
        "priority" => Wish::Priority(Importance { priority: fields.text("priority") }),
        _ => return Err(missing("It is not said what to do.")),
    })
}

pub async fn respond(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Filled(fields): Filled<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let operation = meant(&app, &caller, pressed(&Fields(fields))?).await?;
    command(&app, &caller, &incident, operation).await?;
    Ok(Redirect::to(&format!("/incidents/{}", incident.id)).into_response())
}
