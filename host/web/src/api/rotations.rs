//! One rotation: its shifts, its gaps, and taking it now.

use crate::api::on_call::{OverrideShape, ShiftShape, enter, instant_in, known_rotation, stretches};
use crate::api::shape::{ListOf, instant};
use crate::app::App;
use crate::extract::{Asked, Caller, Named, Sent};
use crate::principal::Action;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id::{RotationId, UserId};
use domain::schedule::{Override, Rotation, gaps, shifts};
use domain::time::Millis;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DAY_MS: i64 = 86_400_000;
/// Longest time that is shown at once, in milliseconds.
const LONGEST_MS: i64 = 400 * DAY_MS;
/// Longest time for which somebody takes over at once without saying when it ends, in milliseconds: a turn may last a year.
const TURN_MS: i64 = 366 * DAY_MS;

/// Which time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Span {
    /// RFC 3339; now unless told.
    from: Option<String>,
    /// RFC 3339; two weeks later unless told, 400 days at most.
    until: Option<String>,
}

impl Span {
    fn read(&self, rotation: &Rotation, now: Millis) -> Result<(Millis, Millis), Problem> {
        let from = self.from.as_deref().map_or(Ok(now), |text| instant_in(rotation, "from", text))?;
        let until = self.until.as_deref().map_or(Ok(from.plus_millis(14 * DAY_MS)), |text| instant_in(rotation, "until", text))?;
        if until <= from || until.since(from) > LONGEST_MS {
            return Err(Problem::invalid(
                "`until` is after `from`, 400 days at most.",
                "Check both times; a + is written %2B in an address.",
            ));
        }
        Ok((from, until))
    }
}

/// A rotation and its overrides of users who are still there.
async fn with_overrides(app: &App, rotation: &Rotation, from: Millis) -> Result<Vec<Override>, Problem> {
    let id = rotation.id.clone();
    let rows = app.parts.store.view(move |view| view.overrides(Some(&id), from)).await?;
    let installation = app.parts.live.load().installation.clone();
    Ok(rows.into_iter().filter(|row| row.is_open() || installation.users.contains_key(&row.user)).collect())
}

/// Lists who is on call, gaps included; the first and the last are cut to the time that was asked for. A time that has passed is reckoned by
/// the rotation as it is configured now, with the overrides that held then.
#[utoipa::path(get, path = "/api/v1/rotations/{id}/shifts", tag = "on call", operation_id = "list_shifts",
    params(("id" = String, Path), Span), responses((status = 200, body = ListOf<ShiftShape>)))]
pub async fn list_shifts(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(id): Named<String>,
    Asked(span): Asked<Span>,
) -> Result<Json<ListOf<ShiftShape>>, Problem> {
    let rotation = known_rotation(&app, &caller, &RotationId::from(id), Action::See)?;
    let (from, until) = span.read(&rotation, app.now())?;
    let overrides = with_overrides(&app, &rotation, from).await?;
    let list = stretches(&rotation, &overrides, from, until);
    Ok(Json(ListOf::whole(list.iter().map(|shift| ShiftShape::new(&rotation, shift)).collect())))
}

/// A time in which nobody is on call, or for which somebody has yet to be found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Gap)]
pub struct GapShape {
    pub rotation: String,
    pub from: String,
    pub until: String,
    /// The override that nobody has taken yet; absent: nobody is on call at all.
    pub unassigned: Option<u64>,
}

/// The gaps of a rotation, and its overrides that nobody has taken, by time.
pub fn gaps_of(rotation: &Rotation, overrides: &[Override], from: Millis, until: Millis) -> Vec<GapShape> {
    let mut found: Vec<(Millis, Millis, Option<u64>)> =
        gaps(rotation, overrides, from, until).into_iter().map(|gap| (gap.from, gap.until, None)).collect();
    let open = overrides.iter().filter(|o| o.is_open() && o.rotation == rotation.id && o.from < until && from < o.until);
    found.extend(open.map(|o| (o.from.max(from), o.until.min(until), Some(o.id.0))));
    found.sort_unstable();
    let shape = |(from, until, unassigned): (Millis, Millis, Option<u64>)| GapShape {
        rotation: rotation.id.0.clone(),
        from: instant(from),
        until: instant(until),
        unassigned,
    };
    found.into_iter().map(shape).collect()
}

/// Lists when nobody is on call, and overrides for which somebody has yet to be found.
#[utoipa::path(get, path = "/api/v1/rotations/{id}/gaps", tag = "on call", operation_id = "list_gaps",
    params(("id" = String, Path), Span), responses((status = 200, body = ListOf<GapShape>)))]
pub async fn list_gaps(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(id): Named<String>,
    Asked(span): Asked<Span>,
) -> Result<Json<ListOf<GapShape>>, Problem> {
    let rotation = known_rotation(&app, &caller, &RotationId::from(id), Action::See)?;
    let (from, until) = span.read(&rotation, app.now())?;
    let overrides = with_overrides(&app, &rotation, from).await?;
    Ok(Json(ListOf::whole(gaps_of(&rotation, &overrides, from, until))))
}

/// Who takes a rotation now.
#[derive(Debug, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// The caller unless told.
    user: Option<String>,
    /// RFC 3339; until the present shift ends unless told.
    until: Option<String>,
}

/// Takes a rotation at once, or makes somebody its current person: until the present shift ends, or until the time that is given.
#[utoipa::path(post, path = "/api/v1/rotations/{id}/take", tag = "on call", operation_id = "take_rotation", request_body = Take,
    params(("id" = String, Path)), responses((status = 201, body = OverrideShape)))]
pub async fn take(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(id): Named<String>,
    Sent(asked): Sent<Take>,
) -> Result<(StatusCode, Json<OverrideShape>), Problem> {
    let id = RotationId::from(id);
    let rotation = known_rotation(&app, &caller, &id, Action::Change)?;
    let user = asked.user.map(UserId::from).or_else(|| caller.user.clone()).ok_or_else(|| {
        Problem::invalid("This token is nobody's. Nothing was changed.", "Say with `user` who takes it, or use a person's token.")
    })?;
    let until = match asked.until {
        Some(text) => instant_in(&rotation, "until", &text)?,
        None => end_of_shift(&app, &rotation).await?,
    };
    let entry = enter(&app, &caller, id, Some(user), app.now(), until).await?;
    Ok((StatusCode::CREATED, Json(OverrideShape::new(&entry))))
}

/// When the present shift, or the present gap, ends.
pub async fn end_of_shift(app: &App, rotation: &Rotation) -> Result<Millis, Problem> {
    let now = app.now();
    let overrides = with_overrides(app, rotation, now).await?;
    let far = now.plus_millis(TURN_MS);
    let first = shifts(rotation, &overrides, now, far).into_iter().next();
    Ok(first.map_or(now.plus_millis(DAY_MS), |shift| if shift.from > now { shift.from } else { shift.until }))
}
