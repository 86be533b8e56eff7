//! Making a silence: filled in from an incident, with what it would have muted in words before anybody decides.

use crate::api::silences::{NewSilence, Preview, PreviewQuestion, make_as, preview_for};
use crate::app::App;
use crate::extract::{Asked, Caller, Filled};
use crate::guard::incident_by;
use crate::pages::view::Lens;
use crate::pages::{Frame, Here, render};
use crate::principal::{Action, Principal, Teams};
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::alert::{Status, cut};
use domain::id::IncidentId;
use domain::matcher::exactly;
use jiff::civil;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Days that a preview looks back.
const DAYS: u32 = 7;
/// Alerts of an incident whose entities are filled in.
const ALERTS: u32 = 500;
/// Services and incidents that the words for a preview name.
const NAMED: usize = 5;
/// Values and names of how long.
const LENGTHS: [(&str, &str); 7] = [
    ("1800", "30 minutes"),
    ("3600", "1 hour"),
    ("7200", "2 hours"),
    ("14400", "4 hours"),
    ("28800", "8 hours"),
    ("86400", "1 day"),
    ("604800", "7 days"),
];

/// What stands in the form's fields.
#[derive(Debug, Default, Deserialize)]
pub struct SilenceForm {
    /// The incident that it was made from; may be empty.
    #[serde(default)]
    incident: String,
    /// One a line.
    #[serde(default)]
    matchers: String,
    /// Empty: all teams.
    #[serde(default)]
    team: String,
    /// Wall-clock times in the viewer's zone; empty: now, and by `length`.
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    /// Seconds.
    #[serde(default)]
    length: String,
    #[serde(default)]
    purpose: String,
    /// `preview`, or `make`.
    #[serde(default)]
    what: String,
}

struct Offer {
    value: String,
    name: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "silence_form.html")]
struct FormPage {
    frame: Frame,
    form: SilenceForm,
    /// The incident's number and title.
    about: Option<(u64, String)>,
    /// A matcher that takes in more, for whoever wants that.
    wider: Option<String>,
    lengths: Vec<Offer>,
    teams: Vec<Offer>,
    zone: String,
    /// What it would have muted, a sentence each.
    muted: Vec<String>,
    /// What is wrong with it.
    problem: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub struct NewQuery {
    incident: Option<u64>,
}

/// The empty form, or one filled in from an incident.
pub async fn new(
    State(app): State<App>,
    headers: HeaderMap,
    Caller(caller): Caller,
    Asked(query): Asked<NewQuery>,
) -> Result<Response, Problem> {
    let mut form = SilenceForm { length: "3600".to_owned(), ..SilenceForm::default() };
    if let Some(id) = query.incident {
        fill(&app, &caller, id, &mut form).await?;
    }
    let (muted, problem) = if form.matchers.is_empty() { (Vec::new(), None) } else { asked(&app, &caller, &form).await? };
    show(&app, &headers, &caller, form, muted, problem).await
}

/// Makes it, or says what it would have muted. What is wrong is said above the form, which keeps what was typed.
pub async fn send(
    State(app): State<App>,
    headers: HeaderMap,
    Caller(caller): Caller,
    Filled(form): Filled<SilenceForm>,
) -> Result<Response, Problem> {
    if form.what != "make" {
        let (muted, problem) = asked(&app, &caller, &form).await?;
        return show(&app, &headers, &caller, form, muted, problem).await;
    }
    let zone = Lens::of(&app, caller.user.as_ref()).zone;
    let made = match wanted(&form, &zone) {
        Ok(new) => make_as(&app, &caller, &new).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(made) => Ok(Redirect::to(&format!("/silences?made={}", made.silence.id)).into_response()),
        Err(problem) => {
            let said = correctable(problem)?;
            show(&app, &headers, &caller, form, Vec::new(), Some(said)).await
        }
    }
}

/// What whoever typed it can put right; anything else is the page's end.
fn correctable(problem: Problem) -> Result<String, Problem> {
    if problem.status == 422 || problem.status == 409 { Ok(problem.detail) } else { Err(problem) }
}

fn lines(form: &SilenceForm) -> Vec<String> {
    form.matchers.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn team(form: &SilenceForm) -> Option<String> {
    Some(form.team.clone()).filter(|team| !team.is_empty())
}

/// What the form asks for.
fn wanted(form: &SilenceForm, zone: &TimeZone) -> Result<NewSilence, Problem> {
    let at = |field: &str, text: &str| {
        if text.is_empty() {
            return Ok(None);
        }
        let at = text.parse::<civil::DateTime>().and_then(|wall| wall.to_zoned_datetime(zone.clone()));
        let wrong = |_| Problem::invalid(format!("{field}: `{}` is no date and time.", cut(text, 60)), "Correct it.");
        at.map(|at| Some(at.timestamp().to_string())).map_err(wrong)
    };
    let (starts, ends) = (at("From", &form.from)?, at("Until", &form.until)?);
    let seconds = form.length.parse().ok().filter(|_| ends.is_none());
    if ends.is_none() && seconds.is_none() {
        return Err(Problem::invalid("Say how long, or until when.", "Choose one."));
    }
    Ok(NewSilence {
        matchers: lines(form),
        team: team(form),
        starts,
        ends,
        seconds,
        purpose: form.purpose.trim().to_owned(),
        ..NewSilence::default()
    })
}

/// What it would have muted; or what is wrong with it.
async fn asked(app: &App, caller: &Principal, form: &SilenceForm) -> Result<(Vec<String>, Option<String>), Problem> {
    // Whose alerts are counted is limited to the teams that the caller sees; a team that is not theirs is refused when it is made.
    let question = PreviewQuestion { days: Some(DAYS), matchers: lines(form), team: team(form), ..PreviewQuestion::default() };
    match preview_for(app, caller, question).await {
        Ok(preview) => Ok((in_words(&preview), None)),
        Err(problem) => Ok((Vec::new(), Some(correctable(problem)?))),
    }
}

/// A preview as people read it.
fn in_words(preview: &Preview) -> Vec<String> {
    let count = |n: u64, one: &str, many: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {many}") };
    if preview.reports == 0 {
        return vec![format!("Nothing that came in the last {} days matches: check how it is written.", preview.days)];
    }
    let mut services: Vec<(&String, &u64)> = preview.services.iter().collect();
    services.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), *name));
    let mut named = String::new();
    for (name, n) in services.iter().take(NAMED) {
        let name = if name.is_empty() { "no service".to_owned() } else { cut(name, 60) };
        let _ = write!(named, "{}{name} {n}", if named.is_empty() { "" } else { ", " });
    }
    if services.len() > NAMED {
        let _ = write!(named, " and {} more", count((services.len() - NAMED) as u64, "service", "services"));
    }
    let mut words = vec![format!(
        "In the last {} days it would have muted {} about {} ({named}).",
        preview.days,
        count(preview.reports, "report", "reports"),
        count(preview.entities, "thing", "things"),
    )];
    words.push(if preview.incidents == 0 {
        "No incident began with one of them.".to_owned()
    } else {
        let newest: Vec<String> = preview.newest_incidents.iter().take(NAMED).map(|id| format!("#{id}")).collect();
        format!(
            "{} would not have been opened ({}{}), and {} not sent.",
            count(preview.incidents as u64, "incident", "incidents"),
            newest.join(", "),
            if preview.incidents > newest.len() { ", …" } else { "" },
            count(preview.pages, "message", "messages"),
        )
    });
    if preview.cut_short {
        words.push(format!("Only the newest {} decisions were looked at.", preview.looked_at));
    }
    words
}

/// Fills in what an incident is about: exactly the entities that are in it.
async fn fill(app: &App, caller: &Principal, id: u64, form: &mut SilenceForm) -> Result<(), Problem> {
    let incident = incident_by(app, caller, Action::See, IncidentId(id)).await?;
    let alerts = app.parts.store.view(move |view| view.alerts_of(incident.id, ALERTS)).await?;
    let firing: BTreeSet<String> =
        alerts.iter().filter(|alert| alert.status != Status::Resolved).map(|alert| alert.entity.clone()).collect();
    let entities = if firing.is_empty() { alerts.iter().map(|alert| alert.entity.clone()).collect() } else { firing };
    let entities: Vec<String> = entities.into_iter().collect();
    let of_service = || incident.service.as_ref().and_then(|service| exactly("service", std::slice::from_ref(service)));
    form.matchers = exactly("entity", &entities).or_else(of_service).map(|matcher| matcher.to_string()).unwrap_or_default();
    form.team.clone_from(&incident.team.0);
    form.incident = id.to_string();
    Ok(())
}

async fn show(
    app: &App,
    headers: &HeaderMap,
    caller: &Principal,
    form: SilenceForm,
    muted: Vec<String>,
    problem: Option<String>,
) -> Result<Response, Problem> {
    let lens = Lens::of(app, caller.user.as_ref());
    let incident = match form.incident.parse() {
        Ok(id) => Some(incident_by(app, caller, Action::See, IncidentId(id)).await?),
        Err(_) => None,
    };
    let theirs = lens.installation.teams.values().filter(|team| caller.changes.holds(&team.id));
    let mut teams: Vec<Offer> =
        theirs.map(|team| Offer { value: team.id.0.clone(), name: team.name.clone(), chosen: team.id.0 == form.team }).collect();
    if caller.changes == Teams::All {
        teams.push(Offer { value: String::new(), name: "All teams".to_owned(), chosen: form.team.is_empty() });
    }
    let foreign = incident.as_ref().filter(|incident| !caller.may(Action::Change, &incident.team));
    let foreign =
        foreign.map(|incident| format!("This incident is of the team {}: only its members may silence its alerts.", incident.team));
    let wider = incident.as_ref().and_then(|incident| exactly("service", &[incident.service.as_ref()?.clone()]));
    let wider = wider.map(|matcher| matcher.to_string()).filter(|wider| !form.matchers.contains(wider.as_str()));
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = FormPage {
        frame: Frame::of(app, headers, caller, Here::Silences, "New silence", "/silences/new"),
        about: incident.map(|incident| (incident.id.0, cut(&incident.title, 120))),
        wider,
        lengths: LENGTHS
            .iter()
            .map(|(value, name)| Offer { value: (*value).to_owned(), name: (*name).to_owned(), chosen: *value == form.length })
            .collect(),
        teams,
        zone: lens.zone.iana_name().unwrap_or("UTC").to_owned(),
        muted,
        problem: problem.or(foreign),
        form,
    };
    Ok((status, render(&page)?).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(reports: u64, incidents: usize) -> Preview {
        Preview {
            days: 7,
            reports,
            entities: 1,
            services: [("checkout".to_owned(), reports)].into(),
            incidents,
            newest_incidents: (1..=incidents as u64).rev().collect(),
            pages: 1,
            looked_at: 100,
            cut_short: false,
        }
    }

    #[test]
    fn a_preview_is_said_in_sentences() {
        assert_eq!(in_words(&preview(0, 0)), ["Nothing that came in the last 7 days matches: check how it is written."]);
        assert_eq!(
            in_words(&preview(1, 0)),
            ["In the last 7 days it would have muted 1 report about 1 thing (checkout 1).", "No incident began with one of them."]
        );
        let many = in_words(&preview(12, 7));
        assert_eq!(many[1], "7 incidents would not have been opened (#7, #6, #5, #4, #3, …), and 1 message not sent.");
    }

    /// Planted bug that this finds: the wall-clock time taken as UTC, so that a silence for the night ended an hour early.
    #[test]
    fn times_are_wall_clock_times_of_the_viewer() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let form = SilenceForm {
            matchers: "a=b\n\n c=d ".into(),
            until: "2026-03-29T09:00".into(),
            length: "60".into(),
            ..SilenceForm::default()
        };
        let new = wanted(&form, &rome).unwrap();
        assert_eq!(
            (new.ends.as_deref(), new.seconds, new.matchers),
            (Some("2026-03-29T07:00:00Z"), None, vec!["a=b".to_owned(), "c=d".into()])
        );
        assert!(wanted(&SilenceForm::default(), &rome).unwrap_err().detail.contains("how long"));
        assert!(wanted(&SilenceForm { until: "soon".into(), ..SilenceForm::default() }, &rome).unwrap_err().detail.contains("Until"));
    }
}
