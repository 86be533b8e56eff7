//! On call: who now, the coming weeks as a grid, and a way to take it.

use crate::api::on_call::{Stretch, assign, coming, enter, known_rotation, withdraw};
use crate::api::rotations::end_of_shift;
use crate::api::shape::instant;
use crate::api::swaps::seen;
use crate::app::App;
use crate::extract::{Caller, Filled, Named};
use crate::pages::moment::{Moment, span, zone};
use crate::pages::swaps::{SwapView, swap_views};
use crate::pages::view::Lens;
use crate::pages::{Frame, Here, render};
use crate::principal::Action;
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::id::{OverrideId, RotationId, UserId};
use domain::schedule::{Override, Rotation, layer_holders};
use domain::time::Millis;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, civil};
use serde::Deserialize;

/// Weeks of the grid.
const WEEKS: i32 = 4;
/// Weeks that are looked at beyond it, for the real end of a shift that begins within it.
const BEYOND_WEEKS: i32 = 5;
const WEEK_MS: i64 = 7 * 86_400_000;

/// Who has a day, in order; more than one when it is handed over in it.
struct Cell {
    /// Such as `24`.
    day: String,
    today: bool,
    past: bool,
    parts: Vec<Part>,
}

struct Part {
    /// `None`: nobody.
    name: Option<String>,
    mine: bool,
    by_override: bool,
    /// Which hours of the day, such as `until 09:00`; empty: all of it.
    hours: String,
}

struct Week {
    /// Such as `24 Nov`.
    name: String,
    cells: Vec<Cell>,
}

struct ShiftView {
    name: Option<String>,
    mine: bool,
    from: Moment,
    until: Moment,
    /// It has begun.
    running: bool,
    /// It goes on beyond all that was looked at.
    open_end: bool,
    /// An override that may be taken back.
    by_override: Option<u64>,
}

/// A shift that the viewer may ask others to take.
struct OwnView {
    /// Beginning and end in RFC 3339, with a slash between.
    value: String,
    words: String,
}

/// Some people who take turns in certain hours.
struct LayerView {
    name: String,
    zone: String,
    members: String,
    /// Whose turn it is; `None`: the layer is off.
    now: Option<String>,
}

/// An override for which somebody has yet to be found.
struct OpenView {
    id: u64,
    from: Moment,
    until: Moment,
}

struct Member {
    id: String,
    name: String,
    me: bool,
}

struct RotationView {
    id: String,
    team: String,
    zone: String,
    now: Option<String>,
    /// For how long still.
    rest: String,
    mine: bool,
    next: Option<(Option<String>, Moment)>,
    weeks: Vec<Week>,
    shifts: Vec<ShiftView>,
    members: Vec<Member>,
    may_change: bool,
    /// The viewer may take it now.
    may_take: bool,
    gaps: usize,
    /// The grid has an entry by override, and one of the viewer's own: the legend says how they look.
    marks: (bool, bool),
    /// Empty where there is one layer only.
    layers: Vec<LayerView>,
    open: Vec<OpenView>,
    swaps: Vec<SwapView>,
    /// The viewer's own shifts.
    own: Vec<OwnView>,
    /// Suggested times of an override, as the form wants them, in the rotation's zone.
    from: String,
    until: String,
}

#[derive(Template)]
#[template(path = "on_call.html")]
struct OnCallPage {
    frame: Frame,
    rotations: Vec<RotationView>,
}

/// Who looks at a rotation, and what there is about it.
struct Look<'a> {
    lens: &'a Lens,
    me: Option<&'a UserId>,
    may_change: bool,
    /// Overrides for which somebody has yet to be found.
    open: &'a [Override],
    swaps: Vec<SwapView>,
    /// The end of the grid, and of what was looked at.
    ends: (Millis, Millis),
}

pub async fn show(State(app): State<App>, headers: HeaderMap, Caller(caller): Caller) -> Result<Response, Problem> {
    let lens = Lens::of(&app, caller.user.as_ref());
    let now = lens.now;
    let until = now.plus_millis(i64::from(WEEKS) * WEEK_MS);
    let beyond = until.plus_millis(i64::from(BEYOND_WEEKS) * WEEK_MS);
    let found = coming(&app, &caller, now, beyond).await?;
    let mut open = app.parts.store.view(move |view| view.overrides(None, now)).await?;
    open.retain(Override::is_open);
    let swaps = seen(&app, &caller).await?;
    let rotations = found.iter().map(|(rotation, shifts)| {
        let may_change = caller.may(Action::Change, &rotation.team);
        let own = swap_views(&swaps, rotation, &lens, &caller, may_change);
        let look = Look { lens: &lens, me: caller.user.as_ref(), may_change, open: &open, swaps: own, ends: (until, beyond) };
        rotation_view(rotation, shifts, look)
    });
    let rotations = rotations.collect();
    render(&OnCallPage { frame: Frame::of(&app, &headers, &caller, Here::OnCall, "On call", "/on-call"), rotations })
}

fn rotation_view(rotation: &Rotation, shifts: &[Stretch], look: Look<'_>) -> RotationView {
    let Look { lens, me, may_change, ends: (end, beyond), .. } = look;
    let zone = zone(rotation.time_zone());
    let at = |at: Millis| Moment::new(at, lens.now, &zone);
    let name = |user: &Option<UserId>| user.as_ref().map(|user| lens.name(user));
    let is_me = |user: &Option<UserId>| user.is_some() && user.as_ref() == me;
    let first = shifts.first();
    let within = || shifts.iter().filter(move |shift: &&Stretch| shift.from < end);
    let next = shifts.iter().find(|shift| Some(&shift.user) != first.map(|first| &first.user));
    let team = lens.installation.teams.get(&rotation.team);
    let member = |id: &UserId| Member { id: id.0.clone(), name: lens.name(id), me: Some(id) == me };
    let members: Vec<Member> = team.map(|team| team.members.iter().map(member).collect()).unwrap_or_default();
    let mine = first.is_some_and(|shift| is_me(&shift.user));
    let shift_view = |shift: &Stretch| ShiftView {
        name: name(&shift.user),
        mine: is_me(&shift.user),
        from: at(shift.from),
        until: at(shift.until),
        running: shift.from <= lens.now,
        open_end: shift.until >= beyond,
        by_override: shift.entry.map(|id| id.0),
    };
    let own_view = |shift: &Stretch| {
        let (from, until) = (at(shift.from), at(shift.until));
        let begin = if shift.from <= lens.now { "now".to_owned() } else { format!("{} {}", from.day, from.minute) };
        OwnView {
            value: format!("{}/{}", instant(shift.from), instant(shift.until)),
            words: format!("{begin} – {} {}", until.day, until.minute),
        }
    };
    let own = within().filter(|shift| may_change && is_me(&shift.user) && shift.until < beyond).map(own_view).collect();
    let open = look.open.iter().filter(|entry| entry.rotation == rotation.id);
    let weeks = weeks(shifts, lens, me, &zone);
    let parts = || weeks.iter().flat_map(|week| &week.cells).flat_map(|cell| &cell.parts);
    RotationView {
        marks: (parts().any(|part| part.by_override), parts().any(|part| part.mine)),
        id: rotation.id.0.clone(),
        team: team.map_or_else(|| rotation.team.0.clone(), |team| team.name.clone()),
        zone: rotation.time_zone().to_owned(),
        now: first.and_then(|shift| name(&shift.user)),
        rest: next.map(|shift| span(shift.from.since(lens.now))).unwrap_or_default(),
        mine,
        next: next.map(|shift| (name(&shift.user), at(shift.from))),
        weeks,
        shifts: within().take(40).map(shift_view).collect(),
        may_take: may_change && !mine && members.iter().any(|member| member.me),
        members,
        may_change,
        gaps: within().filter(|shift| shift.user.is_none()).count(),
        layers: layer_views(rotation, lens),
        open: open.map(|entry| OpenView { id: entry.id.0, from: at(entry.from), until: at(entry.until) }).collect(),
        swaps: look.swaps,
        own,
        from: wall(lens.now, &zone),
        until: wall(lens.now.plus_seconds(12 * 3600), &zone),
    }
}

fn layer_views(rotation: &Rotation, lens: &Lens) -> Vec<LayerView> {
    let view = |(layer, holder): (&domain::schedule::Layer, Option<UserId>)| LayerView {
        name: layer.name.clone(),
        zone: layer.time_zone.clone(),
        members: layer.members.iter().map(|user| lens.name(user)).collect::<Vec<_>>().join(", "),
        now: holder.map(|user| lens.name(&user)),
    };
    if rotation.layers.len() < 2 {
        return Vec::new();
    }
    rotation.layers.iter().zip(layer_holders(rotation, lens.now)).map(view).collect()
}

/// A wall-clock time as a form's `datetime-local` wants it.
fn wall(at: Millis, zone: &TimeZone) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map(|at| at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string())
        .unwrap_or_default()
}

/// The grid: whole weeks from this Monday, in the rotation's zone.
fn weeks(shifts: &[Stretch], lens: &Lens, me: Option<&UserId>, zone: &TimeZone) -> Vec<Week> {
    let Ok(now) = jiff::Timestamp::from_millisecond(lens.now.0) else { return Vec::new() };
    let today = now.to_zoned_datetime(zone.clone()).date();
    let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).unwrap_or(today);
    (0..WEEKS)
        .map(|week| {
            let first = monday.checked_add(i64::from(week * 7).days()).unwrap_or(monday);
            let cells = (0..7)
                .map(|day| {
                    let date = first.checked_add(i64::from(day).days()).unwrap_or(first);
                    cell(date, today, shifts, lens, me, zone)
                })
                .collect();
            Week { name: first.strftime("%-d %b").to_string(), cells }
        })
        .collect()
}

fn cell(date: civil::Date, today: civil::Date, shifts: &[Stretch], lens: &Lens, me: Option<&UserId>, zone: &TimeZone) -> Cell {
    let begin = |date: civil::Date| date.to_zoned_datetime(zone.clone()).map_or(Millis(0), |at| Millis(at.timestamp().as_millisecond()));
    let (from, until) = (begin(date), begin(date.tomorrow().unwrap_or(date)));
    let mut parts = Vec::new();
    for shift in shifts.iter().filter(|shift| shift.from < until && shift.until > from) {
        let minute = |at: Millis| Moment::new(at, lens.now, zone).minute;
        // What has begun is told from the present on: when it did is of no use to anybody.
        let begins = shift.from > from && shift.from > lens.now;
        let hours = match (begins, shift.until < until) {
            (false, false) => String::new(),
            (true, false) => format!("from {}", minute(shift.from)),
            (false, true) => format!("until {}", minute(shift.until)),
            (true, true) => format!("{} – {}", minute(shift.from), minute(shift.until)),
        };
        parts.push(Part {
            name: shift.user.as_ref().map(|user| lens.name(user)),
            mine: shift.user.is_some() && shift.user.as_ref() == me,
            by_override: shift.entry.is_some(),
            hours,
        });
    }
    Cell { day: date.strftime("%-d").to_string(), today: date == today, past: date < today, parts }
}

#[derive(Debug, Deserialize)]
pub struct OverrideForm {
    rotation: String,
    user: String,
    from: String,
    until: String,
}

/// Takes a rotation's place; the form's times are wall-clock times in the rotation's zone.
pub async fn add(State(app): State<App>, Caller(caller): Caller, Filled(form): Filled<OverrideForm>) -> Result<Response, Problem> {
    let rotation = RotationId::from(form.rotation);
    let zone = app.parts.live.load().installation.rotations.get(&rotation).map_or(TimeZone::UTC, |rotation| zone(rotation.time_zone()));
    let at = |text: &str| {
        text.parse::<civil::DateTime>()
            .and_then(|wall| wall.to_zoned_datetime(zone.clone()))
            .map(|at| Millis(at.timestamp().as_millisecond()))
            .map_err(|error| {
                Problem::invalid(format!("{text:?} is no date and time: {error}. Nothing was changed."), "Go back and correct it.")
            })
    };
    // The empty choice is "nobody yet".
    let user = Some(UserId::from(form.user)).filter(|user| !user.0.is_empty());
    enter(&app, &caller, rotation, user, at(&form.from)?, at(&form.until)?).await?;
    Ok(Redirect::to("/on-call").into_response())
}

#[derive(Debug, Deserialize)]
pub struct TakeForm {
    rotation: String,
}

/// Takes a rotation at once, until the present shift ends.
pub async fn take(State(app): State<App>, Caller(caller): Caller, Filled(form): Filled<TakeForm>) -> Result<Response, Problem> {
    let id = RotationId::from(form.rotation);
    let rotation = known_rotation(&app, &caller, &id, Action::Change)?;
    let until = end_of_shift(&app, &rotation).await?;
    enter(&app, &caller, id, caller.user.clone(), app.now(), until).await?;
    Ok(Redirect::to("/on-call").into_response())
}

#[derive(Debug, Deserialize)]
pub struct AssignForm {
    user: String,
}

/// Gives an override that nobody has taken yet to somebody.
pub async fn give(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(id): Named<u64>,
    Filled(form): Filled<AssignForm>,
) -> Result<Response, Problem> {
    assign(&app, &caller, OverrideId(id), Some(UserId::from(form.user))).await?;
    Ok(Redirect::to("/on-call").into_response())
}

pub async fn delete(State(app): State<App>, Caller(caller): Caller, Named(id): Named<u64>) -> Result<Response, Problem> {
    withdraw(&app, &caller, OverrideId(id)).await?;
    Ok(Redirect::to("/on-call").into_response())
}
