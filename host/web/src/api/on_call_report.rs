//! What will go wrong with the schedules of the coming weeks: gaps, people in two places, and loads that are not fair.

use crate::api::rotations::{GapShape, gaps_of};
use crate::api::shape::instant;
use crate::app::App;
use crate::extract::{Asked, Caller};
use crate::principal::{Action, Principal};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use domain::id::{RotationId, UserId};
use domain::schedule::{DoubleBooking, Load, Override, Rotation, Shift, Unfair, double_bookings, loads, shifts, unfair};
use domain::time::Millis;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const WEEK_MS: i64 = 7 * 86_400_000;
const HOUR_MS: f64 = 3_600_000.0;

/// How far ahead.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// So many weeks from now; 8 unless told, 26 at most.
    weeks: Option<u32>,
}

/// One person in two rotations at one time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DoubleBooking)]
pub struct BookingShape {
    pub user: String,
    pub rotations: [String; 2],
    pub from: String,
    pub until: String,
}

impl BookingShape {
    fn new(found: DoubleBooking) -> Self {
        Self { user: found.user.0, rotations: [found.one.0, found.other.0], from: instant(found.from), until: instant(found.until) }
    }
}

/// What a rotation asks of a person, in hours.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Load)]
pub struct LoadShape {
    pub rotation: String,
    pub user: String,
    pub hours: f64,
    /// From 22:00 to 06:00 in the person's zone.
    pub night_hours: f64,
    /// On Saturdays and Sundays in the person's zone.
    pub weekend_hours: f64,
}

/// Somebody with more than their share: more than half above the average of the rotation, and 24 hours above it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnfairLoad)]
pub struct UnfairShape {
    pub rotation: String,
    pub user: String,
    /// `hours`, `hours at night` or `hours at weekends`.
    pub what: &'static str,
    pub hours: f64,
    pub average_hours: f64,
}

/// What will go wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct OnCallReport {
    pub from: String,
    pub until: String,
    pub gaps: Vec<GapShape>,
    pub double_bookings: Vec<BookingShape>,
    pub unfair: Vec<UnfairShape>,
    pub loads: Vec<LoadShape>,
}

/// Reports gaps, double bookings and unfair loads of the coming weeks, for the rotations of the caller's teams.
#[utoipa::path(get, path = "/api/v1/on-call/report", tag = "on call", operation_id = "report_on_call", params(ReportQuery),
    responses((status = 200, body = OnCallReport)))]
pub async fn report(
    State(app): State<App>,
    Caller(caller): Caller,
    Asked(query): Asked<ReportQuery>,
) -> Result<Json<OnCallReport>, Problem> {
    let from = app.now();
    let until = from.plus_millis(i64::from(query.weeks.unwrap_or(8).clamp(1, 26)) * WEEK_MS);
    made(&app, &caller, from, until).await.map(Json)
}

async fn made(app: &App, caller: &Principal, from: Millis, until: Millis) -> Result<OnCallReport, Problem> {
    let installation = app.parts.live.load().installation.clone();
    let rows = app.parts.store.view(move |view| view.overrides(None, from)).await?;
    let overrides: Vec<Override> = rows.into_iter().filter(|row| row.is_open() || installation.users.contains_key(&row.user)).collect();
    let seen: Vec<&Rotation> = installation.rotations.values().filter(|r| caller.may(Action::See, &r.team)).collect();
    let lists: Vec<(&RotationId, Vec<Shift>)> = seen.iter().map(|r| (&r.id, shifts(r, &overrides, from, until))).collect();
    let zone_of = |user: &UserId| installation.users.get(user).map_or_else(|| "UTC".to_owned(), |user| user.time_zone.clone());
    let mut report = OnCallReport {
        from: instant(from),
        until: instant(until),
        gaps: seen.iter().flat_map(|rotation| gaps_of(rotation, &overrides, from, until)).collect(),
        double_bookings: double_bookings(&lists).into_iter().map(BookingShape::new).collect(),
        unfair: Vec::new(),
        loads: Vec::new(),
    };
    for (rotation, (_, shifts)) in seen.iter().zip(&lists) {
        let found = loads(&rotation.members(), shifts, &zone_of);
        report.unfair.extend(unfair(&found).into_iter().map(|unfair| unfair_shape(rotation, unfair)));
        report.loads.extend(found.into_iter().map(|load| load_shape(rotation, load)));
    }
    Ok(report)
}

/// With one decimal.
fn hours(millis: i64) -> f64 {
    (millis as f64 / HOUR_MS * 10.0).round() / 10.0
}

fn load_shape(rotation: &Rotation, load: Load) -> LoadShape {
    LoadShape {
        rotation: rotation.id.0.clone(),
        user: load.user.0,
        hours: hours(load.total_ms),
        night_hours: hours(load.night_ms),
        weekend_hours: hours(load.weekend_ms),
    }
}

fn unfair_shape(rotation: &Rotation, unfair: Unfair) -> UnfairShape {
    UnfairShape {
        rotation: rotation.id.0.clone(),
        user: unfair.user.0,
        what: unfair.burden.words(),
        hours: hours(unfair.has_ms),
        average_hours: hours(unfair.average_ms),
    }
}
