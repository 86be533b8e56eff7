//! Silences and maintenance windows: what keeps quiet now or soon, whose wish that is, until when, and what it holds back.

use crate::api::silences::{end_as, sees};
use crate::app::App;
use crate::extract::{Asked, Caller, Named};
use crate::pages::excerpt::Excerpt;
use crate::pages::moment::{Moment, span};
use crate::pages::view::Lens;
use crate::pages::{Frame, Here, render};
use crate::principal::{Principal, Teams};
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::silence::{Phase, Silence, When};
use oncall::held::{Held, held};
use serde::Deserialize;

/// Silences on the page; the others are counted.
const SHOWN: usize = 200;
/// How the ids of those begin that stand in a document.
const DOCUMENT: &str = "maintenance/";

struct SilenceView {
    id: String,
    /// It stands in a document, and is changed there.
    document: bool,
    matchers: Vec<Excerpt>,
    /// `None`: of all teams.
    team: Option<String>,
    owner: String,
    purpose: Excerpt,
    from: Moment,
    until: Moment,
    /// Until it begins, or ends.
    rest: String,
    /// It comes again.
    again: bool,
    active: bool,
    /// Alerts that it holds back now.
    held: u32,
    may_end: bool,
    /// It was made just now.
    new: bool,
}

#[derive(Template)]
#[template(path = "silences.html")]
struct ListPage {
    frame: Frame,
    active: Vec<SilenceView>,
    coming: Vec<SilenceView>,
    more: usize,
    may_make: bool,
    cut_short: bool,
    /// Such as `made`.
    said: &'static str,
}

#[derive(Debug, Default, Deserialize)]
pub struct ListQuery {
    /// The one that was just made.
    #[serde(default)]
    made: String,
    #[serde(default)]
    ended: String,
}

pub async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Caller(caller): Caller,
    Asked(query): Asked<ListQuery>,
) -> Result<Response, Problem> {
    let lens = Lens::of(&app, caller.user.as_ref());
    let now = lens.now;
    let mut shown: Vec<Silence> = app.parts.live.silences().list().iter().filter(|silence| sees(&caller, silence)).cloned().collect();
    shown.retain(|silence| silence.phase(now) != Phase::Expired);
    // What ends first stands first.
    shown.sort_by_key(|silence| silence.present(now).map(|stretch| if stretch.from > now { stretch.from } else { stretch.until }));
    let (asked, teams) = (shown.clone(), caller.sees.filter());
    let held = app.parts.store.view(move |view| held(view, &asked, teams.as_deref(), now)).await?;
    let more = shown.len().saturating_sub(SHOWN);
    shown.truncate(SHOWN);
    let views = |phase: Phase| -> Vec<SilenceView> {
        let those = shown.iter().filter(|silence| silence.phase(now) == phase);
        those.filter_map(|silence| view(silence, &held, &lens, &caller, &query.made)).collect()
    };
    let (active, coming) = (views(Phase::Active), views(Phase::Pending));
    let made = active.iter().chain(&coming).any(|silence| silence.new);
    render(&ListPage {
        frame: Frame::of(&app, &headers, &caller, Here::Silences, "Silences", "/silences"),
        active,
        coming,
        more,
        may_make: caller.changes != Teams::none(),
        cut_short: held.cut_short,
        said: if made {
            "made"
        } else if query.ended.is_empty() {
            ""
        } else {
            "ended"
        },
    })
}

fn view(silence: &Silence, held: &Held, lens: &Lens, caller: &Principal, made: &str) -> Option<SilenceView> {
    let stretch = silence.present(lens.now)?;
    let document = silence.id.starts_with(DOCUMENT);
    let next = if stretch.from > lens.now { stretch.from } else { stretch.until };
    Some(SilenceView {
        id: silence.id.clone(),
        document,
        matchers: silence.matchers.iter().map(|matcher| Excerpt::new(&matcher.to_string(), 120)).collect(),
        team: silence.team.as_ref().map(|id| lens.installation.teams.get(id).map_or_else(|| id.0.clone(), |team| team.name.clone())),
        owner: lens.name(&silence.owner.as_str().into()),
        purpose: Excerpt::new(&silence.purpose, 240),
        from: lens.moment(stretch.from),
        until: lens.moment(stretch.until),
        rest: span(next.since(lens.now)),
        again: matches!(silence.when, When::Again { .. }),
        active: stretch.from <= lens.now,
        held: held.counts.get(&silence.id).copied().unwrap_or(0),
        may_end: !document && caller.changes != Teams::none() && silence.is_of(caller.changes.filter().as_deref()),
        new: silence.id == made,
    })
}

/// Ends one now: what it held back and still fires pages.
pub async fn end(State(app): State<App>, Caller(caller): Caller, Named(id): Named<String>) -> Result<Response, Problem> {
    end_as(&app, &caller, &id).await?;
    Ok(Redirect::to("/silences?ended=1").into_response())
}
