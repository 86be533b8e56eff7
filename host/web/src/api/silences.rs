//! Silences and maintenance windows: see, make, end, and ask beforehand what one would mute.

use crate::api::shape::{ListOf, instant};
use crate::app::App;
use crate::extract::{Asked, Caller, Named, Sent};
use crate::principal::{Principal, Teams};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::alert::cut;
use domain::id::TeamId;
use domain::matcher::{self, Matcher};
use domain::recurrence::Recurrence;
use domain::silence::{Phase, Silence, When};
use domain::time::Millis;
use oncall::preview::{self, DAYS_LIMIT, Question};
use oncall::silences::{Failure, Made, Silencing, Wish, Wisher};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// A silence, or a maintenance window of a document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Silence)]
pub struct SilenceShape {
    /// Of a document: `maintenance/` and its id; such a one is changed there.
    pub id: String,
    /// Whose alerts; absent: all teams'.
    pub team: Option<String>,
    /// As `service="checkout"`.
    pub matchers: Vec<String>,
    /// `pending`, `active` or `expired`.
    pub state: &'static str,
    /// When it holds, or does next; absent: it is over.
    pub starts: Option<String>,
    pub ends: Option<String>,
    /// By which rule it comes again.
    pub rrule: Option<String>,
    pub owner: String,
    pub purpose: String,
}

impl SilenceShape {
    fn new(silence: &Silence, now: Millis) -> Self {
        let present = silence.present(now);
        let over = silence.over_at();
        Self {
            id: silence.id.clone(),
            team: silence.team.as_ref().map(|team| team.0.clone()),
            matchers: silence.matchers.iter().map(ToString::to_string).collect(),
            state: silence.phase(now).as_str(),
            starts: present.map(|stretch| instant(stretch.from)),
            ends: present.map(|stretch| instant(stretch.until)).or_else(|| over.map(instant)),
            rrule: match &silence.when {
                When::Again { recurrence, .. } => Some(recurrence.rule.clone()),
                When::Once { .. } => None,
            },
            owner: silence.owner.clone(),
            purpose: silence.purpose.clone(),
        }
    }
}

/// Which ones.
#[derive(Debug, Deserialize, IntoParams)]
pub struct SilencesQuery {
    /// Those that are over too, for five days after their end.
    #[serde(default)]
    all: bool,
}

/// Lists silences and maintenance windows of the caller's teams, those of all teams among them.
#[utoipa::path(get, path = "/api/v1/silences", tag = "silences", operation_id = "list_silences", params(SilencesQuery),
    responses((status = 200, body = ListOf<SilenceShape>)))]
pub async fn list(State(app): State<App>, Caller(caller): Caller, Asked(query): Asked<SilencesQuery>) -> Json<ListOf<SilenceShape>> {
    let now = app.now();
    let silences = app.parts.live.silences();
    let seen = silences.list().iter().filter(|silence| sees(&caller, silence));
    let shown = seen.filter(|silence| query.all || silence.phase(now) != Phase::Expired);
    Json(ListOf::whole(shown.map(|silence| SilenceShape::new(silence, now)).collect()))
}

/// Whether the caller may know of it.
pub fn sees(caller: &Principal, silence: &Silence) -> bool {
    silence.team.as_ref().is_none_or(|team| caller.sees.holds(team))
}

/// When a silence holds.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSilence {
    /// All have to hold: `service="checkout"`, `host=~"web-.*"`.
    pub matchers: Vec<String>,
    /// Whose alerts; default: of the only team that the caller may change something of, or of all teams.
    pub team: Option<String>,
    /// RFC 3339; default: now. With `rrule`, a wall-clock time in `time_zone`, such as `2026-01-05T09:00`.
    pub starts: Option<String>,
    /// RFC 3339. This or `seconds`.
    pub ends: Option<String>,
    /// How long it lasts, each time.
    pub seconds: Option<u32>,
    /// When it comes again, as RFC 5545 writes it.
    pub rrule: Option<String>,
    /// IANA name; default: UTC.
    pub time_zone: Option<String>,
    /// What it is for.
    pub purpose: String,
}

/// A silence that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeSilence {
    #[serde(flatten)]
    pub silence: SilenceShape,
    /// Alerts that match and fire already: each is suppressed at its next report, and its escalation waits from then on.
    pub firing: u32,
    /// The same in words.
    pub note: String,
}

/// Makes a silence. It holds when this is answered.
#[utoipa::path(post, path = "/api/v1/silences", tag = "silences", operation_id = "make_silence", request_body = NewSilence,
    responses((status = 201, body = MadeSilence)))]
pub async fn make(
    State(app): State<App>,
    Caller(caller): Caller,
    Sent(new): Sent<NewSilence>,
) -> Result<(StatusCode, Json<MadeSilence>), Problem> {
    let made = make_as(&app, &caller, &new).await?;
    let now = app.now();
    Ok((StatusCode::CREATED, Json(MadeSilence { silence: SilenceShape::new(&made.silence, now), firing: made.firing, note: note(&made) })))
}

/// What happens to what fires already, in words.
fn note(made: &Made) -> String {
    match made.firing {
        0 => "Nothing that it matches fires now.".to_owned(),
        1 => "One alert that it matches fires already: it is suppressed when it is reported next.".to_owned(),
        n => format!("{n} alerts that it matches fire already: each is suppressed when it is reported next."),
    }
}

/// Makes a silence as the caller.
pub async fn make_as(app: &App, caller: &Principal, new: &NewSilence) -> Result<Made, Problem> {
    let wish = Wish {
        id: None,
        team: new.team.as_deref().map(TeamId::from),
        matchers: matchers(&new.matchers)?,
        when: when(new, app.now())?.ok_or_else(|| invalid("ends: give `ends` or `seconds`"))?,
        owner: caller.user.as_ref().map_or_else(|| "the installation".to_owned(), |user| user.0.clone()),
        purpose: new.purpose.clone(),
    };
    silencing(app).make(wish, &wisher(caller)).await.map_err(problem)
}

fn silencing(app: &App) -> Silencing {
    Silencing {
        store: Arc::clone(&app.parts.store),
        live: Arc::clone(&app.parts.live),
        clock: Arc::clone(&app.parts.clock),
        wakes: Arc::clone(&app.parts.wakes),
    }
}

fn wisher(caller: &Principal) -> Wisher {
    Wisher { teams: caller.changes.filter(), name: caller.audit_name() }
}

fn invalid(words: impl Into<String>) -> Problem {
    Problem::invalid(words, "Nothing was changed. Correct it and send it again.")
}

fn problem(failure: Failure) -> Problem {
    match failure {
        Failure::Store(error) => error.into(),
        Failure::Unknown => Problem::not_found("silence"),
        Failure::Random(error) => error.into(),
        Failure::Document | Failure::TooMany => Problem::conflict(format!("{failure}.")),
        Failure::Invalid(_) | Failure::Team(_) => invalid(format!("{failure}.")),
    }
}

fn matchers(texts: &[String]) -> Result<Vec<Matcher>, Problem> {
    let mut found = Vec::new();
    for text in texts {
        found.extend(matcher::parse(text).map_err(|error| invalid(format!("matchers: {error}.")))?);
    }
    Ok(found)
}

/// When it is to hold; `None`: no time is given.
fn when(new: &NewSilence, now: Millis) -> Result<Option<When>, Problem> {
    let wrong = |field: &str, text: &str, form: &str| invalid(format!("{field}: `{}` is no time: give {form}.", cut(text, 60)));
    if let Some(rule) = &new.rrule {
        let text = new.starts.as_deref().ok_or_else(|| invalid("starts: is missing; with `rrule` it says when the first one begins."))?;
        let starts = text.parse().map_err(|_| wrong("starts", text, "a wall-clock time such as 2026-01-05T09:00"))?;
        let seconds = new.seconds.filter(|_| new.ends.is_none()).ok_or_else(|| invalid("seconds: with `rrule`, say how long it lasts."))?;
        let time_zone = new.time_zone.clone().unwrap_or_else(|| "UTC".to_owned());
        return Ok(Some(When::Again { recurrence: Recurrence { rule: rule.clone(), starts, time_zone }, seconds }));
    }
    let at = |field: &str, text: &str| {
        let parsed = text.parse::<jiff::Timestamp>().map(|at| Millis(at.as_millisecond()));
        parsed.map_err(|_| wrong(field, text, "RFC 3339, such as 2026-03-29T09:00:00+02:00"))
    };
    let from = new.starts.as_deref().map_or(Ok(now), |text| at("starts", text))?;
    match (&new.ends, new.seconds) {
        (Some(_), Some(_)) => Err(invalid("ends: give `ends` or `seconds`, not both.")),
        (Some(ends), None) => Ok(Some(When::Once { from, until: at("ends", ends)? })),
        (None, Some(seconds)) => Ok(Some(When::Once { from, until: from.plus_seconds(seconds) })),
        (None, None) => Ok(None),
    }
}

/// Ends a silence now: what it kept quiet and still fires pages.
#[utoipa::path(delete, path = "/api/v1/silences/{id}", tag = "silences", operation_id = "end_silence",
    params(("id" = String, Path)), responses((status = 204)))]
pub async fn end(State(app): State<App>, Caller(caller): Caller, Named(id): Named<String>) -> Result<StatusCode, Problem> {
    end_as(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a silence as the caller.
pub async fn end_as(app: &App, caller: &Principal, id: &str) -> Result<Silence, Problem> {
    silencing(app).end(id, &wisher(caller)).await.map_err(problem)
}

/// What to ask of the past.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewQuestion {
    /// How many days back; default 7, at most 90.
    pub days: Option<u32>,
    /// The rest as in a silence. Without times it is asked what it would have muted at any time.
    pub matchers: Vec<String>,
    pub team: Option<String>,
    pub starts: Option<String>,
    pub ends: Option<String>,
    pub seconds: Option<u32>,
    pub rrule: Option<String>,
    pub time_zone: Option<String>,
}

/// What a silence would have muted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    pub days: u32,
    /// Reports that would have been suppressed, and the entities that they were about.
    pub reports: u64,
    pub entities: u64,
    /// Reports by service; of no service under the empty name.
    pub services: BTreeMap<String, u64>,
    /// How many incidents would not have been opened, and the newest of them.
    pub incidents: usize,
    pub newest_incidents: Vec<u64>,
    /// Messages that were sent about those incidents.
    pub pages: u64,
    pub looked_at: u64,
    /// There were more decisions than are looked at: the numbers are of the newest.
    pub cut_short: bool,
}

/// Incidents that a preview names.
const NAMED: usize = 20;

/// Says what a silence would have muted in the last days, without making it.
#[utoipa::path(post, path = "/api/v1/silences/preview", tag = "silences", operation_id = "preview_silence", request_body = PreviewQuestion,
    responses((status = 200, body = Preview)))]
pub async fn preview(
    State(app): State<App>,
    Caller(caller): Caller,
    Sent(question): Sent<PreviewQuestion>,
) -> Result<Json<Preview>, Problem> {
    Ok(Json(preview_for(&app, &caller, question).await?))
}

/// [`preview`], for API and pages.
pub async fn preview_for(app: &App, caller: &Principal, question: PreviewQuestion) -> Result<Preview, Problem> {
    let days = question.days.unwrap_or(7);
    if !(1..=DAYS_LIMIT).contains(&days) {
        return Err(invalid(format!("days: 1 to {DAYS_LIMIT}.")));
    }
    let asked = question;
    let new = NewSilence {
        matchers: asked.matchers,
        team: asked.team,
        starts: asked.starts,
        ends: asked.ends,
        seconds: asked.seconds,
        rrule: asked.rrule,
        time_zone: asked.time_zone,
        purpose: "preview".to_owned(),
    };
    let team = new.team.as_deref().map(TeamId::from);
    let matchers = matchers(&new.matchers)?;
    let times = when(&new, app.now())?.map(|when| Silence {
        id: "preview".to_owned(),
        team: team.clone(),
        matchers: matchers.clone(),
        when,
        owner: "preview".to_owned(),
        purpose: "preview".to_owned(),
        updated_at: Millis(0),
        ended_at: None,
    });
    if let Some(silence) = &times {
        silence.check().map_err(|error| invalid(format!("{error}.")))?;
    }
    let sees = if caller.sees == Teams::All { None } else { caller.sees.filter() };
    let muted = preview::ask(&app.parts.store, &Question { matchers, team, times, days }, sees, app.now()).await;
    let muted = muted.map_err(|failure| match failure {
        preview::Failure::Matchers(error) => invalid(format!("matchers: {error}.")),
        preview::Failure::Store(error) => error.into(),
    })?;
    Ok(Preview {
        days,
        reports: muted.reports,
        entities: muted.entities,
        services: muted.services,
        incidents: muted.incidents.len(),
        newest_incidents: muted.incidents.iter().take(NAMED).map(|id| id.0).collect(),
        pages: muted.pages,
        looked_at: muted.looked_at,
        cut_short: muted.cut_short,
    })
}
