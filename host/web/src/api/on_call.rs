//! Who is on call, and overrides.

use crate::api::shape::{ListOf, instant};
use crate::app::{App, audit_row};
use crate::extract::{Asked, Caller, Named, Sent};
use crate::principal::{Action, Principal};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id::{OverrideId, RotationId, UserId};
use domain::schedule::{Override, Rotation, layer_holders, shifts};
use domain::time::Millis;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const WEEK_MS: i64 = 7 * 86_400_000;
/// Longest override, in milliseconds: a year.
const LONGEST_MS: i64 = 366 * 86_400_000;
/// Most overrides of a rotation that have not ended.
const OVERRIDES: usize = 500;

/// How far ahead.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OnCallQuery {
    /// So many weeks from now; 2 unless told, 26 at most.
    weeks: Option<u32>,
}

/// Somebody's turn.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shift)]
pub struct ShiftShape {
    pub from: String,
    pub until: String,
    /// Absent: nobody is on call.
    pub user: Option<String>,
    /// The override that says so.
    pub by_override: Option<u64>,
    /// The layer whose turn it is.
    pub layer: Option<String>,
}

impl ShiftShape {
    pub fn new(rotation: &Rotation, shift: &Stretch) -> Self {
        Self {
            layer: shift.layer.and_then(|place| rotation.layers.get(place)).map(|layer| layer.name.clone()),
            from: instant(shift.from),
            until: instant(shift.until),
            user: shift.user.as_ref().map(|user| user.0.clone()),
            by_override: shift.entry.map(|id| id.0),
        }
    }
}

/// A rotation with its coming shifts; the first is now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OnCall)]
pub struct RotationShape {
    pub rotation: String,
    pub team: String,
    pub time_zone: String,
    /// Who is on call now; absent: nobody.
    pub now: Option<String>,
    pub shifts: Vec<ShiftShape>,
    /// Its layers; where two are on, the later wins.
    pub layers: Vec<LayerShape>,
}

/// Some people who take turns, in certain hours or always.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Layer)]
pub struct LayerShape {
    pub name: String,
    pub time_zone: String,
    /// In the order of their turns.
    pub members: Vec<String>,
    /// Whose turn it is now; absent: the layer is off.
    pub now: Option<String>,
}

/// The layers of a rotation, and who has each at `now`.
fn layers(rotation: &Rotation, now: Millis) -> Vec<LayerShape> {
    let shape = |(layer, holder): (&domain::schedule::Layer, Option<UserId>)| LayerShape {
        name: layer.name.clone(),
        time_zone: layer.time_zone.clone(),
        members: layer.members.iter().map(|user| user.0.clone()).collect(),
        now: holder.map(|user| user.0),
    };
    rotation.layers.iter().zip(layer_holders(rotation, now)).map(shape).collect()
}

/// Shows who is on call now and in the coming weeks, for the rotations of the caller's teams.
#[utoipa::path(get, path = "/api/v1/on-call", tag = "on call", operation_id = "show_on_call", params(OnCallQuery),
    responses((status = 200, body = ListOf<RotationShape>)))]
pub async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Asked(query): Asked<OnCallQuery>,
) -> Result<Json<ListOf<RotationShape>>, Problem> {
    let weeks = i64::from(query.weeks.unwrap_or(2).clamp(1, 26));
    let now = app.now();
    let items = coming(&app, &caller, now, now.plus_millis(weeks * WEEK_MS)).await?;
    let shape = |(rotation, shifts): (Rotation, Vec<Stretch>)| RotationShape {
        now: shifts.first().and_then(|shift| shift.user.as_ref()).map(|user| user.0.clone()),
        shifts: shifts.iter().map(|shift| ShiftShape::new(&rotation, shift)).collect(),
        layers: layers(&rotation, now),
        time_zone: rotation.time_zone().to_owned(),
        rotation: rotation.id.0,
        team: rotation.team.0,
    };
    Ok(Json(ListOf::whole(items.into_iter().map(shape).collect())))
}

/// The rotations that the caller sees, with their shifts.
pub async fn coming(app: &App, caller: &Principal, from: Millis, until: Millis) -> Result<Vec<(Rotation, Vec<Stretch>)>, Problem> {
    let installation = app.parts.live.load().installation.clone();
    let overrides = app.parts.store.view(move |view| view.overrides(None, from)).await?;
    let known: Vec<Override> = overrides.into_iter().filter(|entry| installation.users.contains_key(&entry.user)).collect();
    Ok(installation
        .rotations
        .values()
        .filter(|rotation| caller.may(Action::See, &rotation.team))
        .map(|rotation| (rotation.clone(), stretches(rotation, &known, from, until)))
        .collect())
}

/// A stretch of time in which one person, or nobody, is on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    pub from: Millis,
    /// First instant after.
    pub until: Millis,
    /// `None`: a gap.
    pub user: Option<UserId>,
    /// The override that says so.
    pub entry: Option<OverrideId>,
    /// The place of the layer whose turn it is.
    pub layer: Option<usize>,
}

/// The shifts of a rotation with its gaps, without holes, cut to the window.
pub fn stretches(rotation: &Rotation, overrides: &[Override], from: Millis, until: Millis) -> Vec<Stretch> {
    let gap = |from: Millis, until: Millis| Stretch { from, until, user: None, entry: None, layer: None };
    let mut list = Vec::new();
    let mut at = from;
    for shift in shifts(rotation, overrides, from, until) {
        if shift.from > at {
            list.push(gap(at, shift.from));
        }
        at = shift.until;
        list.push(Stretch { from: shift.from, until: shift.until, user: Some(shift.user), entry: shift.entry, layer: shift.layer });
    }
    if at < until {
        list.push(gap(at, until));
    }
    list
}

/// An exception from a rotation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Override)]
pub struct OverrideShape {
    pub id: u64,
    pub rotation: String,
    /// Absent: nobody has taken it yet, and the one whose turn it is goes on being paged.
    pub user: Option<String>,
    pub from: String,
    pub until: String,
    pub by: String,
}

impl OverrideShape {
    pub fn new(entry: &Override) -> Self {
        Self {
            id: entry.id.0,
            rotation: entry.rotation.0.clone(),
            user: (!entry.is_open()).then(|| entry.user.0.clone()),
            from: instant(entry.from),
            until: instant(entry.until),
            by: entry.by.0.clone(),
        }
    }
}

/// Lists overrides that have not ended, of the caller's teams.
#[utoipa::path(get, path = "/api/v1/overrides", tag = "on call", operation_id = "list_overrides",
    responses((status = 200, body = ListOf<OverrideShape>)))]
pub async fn list_overrides(State(app): State<App>, Caller(caller): Caller) -> Result<Json<ListOf<OverrideShape>>, Problem> {
    let now = app.now();
    let rows = app.parts.store.view(move |view| view.overrides(None, now)).await?;
    let installation = app.parts.live.load().installation.clone();
    let seen = |row: &&Override| installation.rotations.get(&row.rotation).is_some_and(|r| caller.may(Action::See, &r.team));
    Ok(Json(ListOf::whole(rows.iter().filter(seen).map(OverrideShape::new).collect())))
}

/// Who takes a rotation's place, and when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOverride {
    rotation: String,
    /// Absent: somebody has yet to be found.
    user: Option<String>,
    /// RFC 3339, or a wall-clock time of the rotation's zone such as `2026-03-02T09:00`.
    from: String,
    /// As `from`.
    until: String,
}

/// Puts somebody on call in a rotation's place for a time.
#[utoipa::path(post, path = "/api/v1/overrides", tag = "on call", operation_id = "add_override", request_body = NewOverride,
    responses((status = 201, body = OverrideShape)))]
pub async fn add_override(
    State(app): State<App>,
    Caller(caller): Caller,
    Sent(new): Sent<NewOverride>,
) -> Result<(StatusCode, Json<OverrideShape>), Problem> {
    let id = RotationId::from(new.rotation);
    let rotation = known_rotation(&app, &caller, &id, Action::Change)?;
    let (from, until) = (instant_in(&rotation, "from", &new.from)?, instant_in(&rotation, "until", &new.until)?);
    let entry = enter(&app, &caller, id, new.user.map(UserId::from), from, until).await?;
    Ok((StatusCode::CREATED, Json(OverrideShape::new(&entry))))
}

/// An instant that somebody sent.
pub fn instant_of(name: &str, text: &str) -> Result<Millis, Problem> {
    text.parse::<jiff::Timestamp>()
        .map(|at| Millis(at.as_millisecond()))
        .map_err(|_| Problem::invalid(format!("`{name}` is no instant."), "Give RFC 3339, such as 2026-03-29T09:00:00+02:00."))
}

/// [`instant_of`], where a time without an offset is one of the rotation's clock.
pub fn instant_in(rotation: &Rotation, name: &str, text: &str) -> Result<Millis, Problem> {
    let zone = rotation.time_zone();
    wall_time(text, zone).or_else(|| Millis::of_rfc3339(text)).ok_or_else(|| {
        let detail = format!("`{name}` is {:?}, which is no time. Nothing was changed.", domain::alert::cut(text, 60));
        Problem::invalid(detail, format!("Give a time on the rotation's clock ({zone}) such as 2026-03-29T09:00, or one with an offset."))
    })
}

/// A wall-clock time of a zone; one that names a zone or an offset itself is none.
fn wall_time(text: &str, zone: &str) -> Option<Millis> {
    if text.contains('[') {
        return None;
    }
    let civil: jiff::civil::DateTime = text.trim().parse().ok()?;
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    if Millis::of_rfc3339(text).is_some() {
        return None;
    }
    Some(Millis(zone.to_ambiguous_timestamp(civil).compatible().ok()?.as_millisecond()))
}

/// A rotation of a team to which the caller may do that.
pub fn known_rotation(app: &App, caller: &Principal, id: &RotationId, action: Action) -> Result<Rotation, Problem> {
    let installation = app.parts.live.load().installation.clone();
    let known = installation.rotations.get(id).ok_or_else(|| Problem::not_found("rotation"))?;
    caller.require(action, &known.team, "rotation")?;
    Ok(known.clone())
}

/// Whether somebody may be on call in a rotation: a member of its team.
pub fn member_of(app: &App, rotation: &Rotation, user: &UserId) -> Result<(), Problem> {
    let installation = app.parts.live.load().installation.clone();
    let member = installation.teams.get(&rotation.team).is_some_and(|team| team.members.contains(user));
    if member && installation.users.contains_key(user) {
        return Ok(());
    }
    Err(Problem::invalid(
        format!("{user} is no member of the team {}. Nothing was changed.", rotation.team),
        "Choose a member of the team, or add them to it in the configuration.",
    ))
}

/// Checks and stores an override, with its audit row. Without a person somebody has yet to be found for it.
pub async fn enter(
    app: &App,
    caller: &Principal,
    rotation: RotationId,
    user: Option<UserId>,
    from: Millis,
    until: Millis,
) -> Result<Override, Problem> {
    let known = known_rotation(app, caller, &rotation, Action::Change)?;
    if let Some(user) = &user {
        member_of(app, &known, user)?;
    }
    let now = app.now();
    if until <= from || until <= now || until.since(from) > LONGEST_MS {
        return Err(Problem::invalid(
            "An override ends after it begins, ends in the future and lasts a year at most. Nothing was changed.",
            "Check both times.",
        ));
    }
    let by = caller.user.clone().unwrap_or_else(|| UserId::from("installation"));
    let actor = caller.audit_name();
    let stored = app
        .parts
        .store
        .write(move |tx| {
            if tx.overrides(Some(&rotation), now)?.len() >= OVERRIDES {
                return Ok(None);
            }
            let entry = Override { id: tx.new_override_id()?, rotation, user: user.unwrap_or_default(), from, until, by };
            tx.put_override(&entry)?;
            let subject = format!("rotation {}", entry.rotation);
            let who = if entry.is_open() { "nobody yet" } else { entry.user.as_str() };
            let details = format!("{who} from {} until {}", from.rfc3339(), until.rfc3339());
            tx.add_audit(&audit_row(now, actor, "override.add", subject, details))?;
            Ok(Some(entry))
        })
        .await?;
    let entry = stored.ok_or_else(|| Problem::conflict(format!("The rotation already has {OVERRIDES} overrides that have not ended.")))?;
    // A step that found nobody may find somebody now.
    app.parts.wakes.escalation.notify_one();
    app.parts.wakes.handoff.notify_one();
    Ok(entry)
}

/// Takes an override back.
#[utoipa::path(delete, path = "/api/v1/overrides/{id}", tag = "on call", operation_id = "delete_override",
    params(("id" = u64, Path)), responses((status = 204)))]
pub async fn delete_override(State(app): State<App>, Caller(caller): Caller, Named(id): Named<u64>) -> Result<StatusCode, Problem> {
    withdraw(&app, &caller, OverrideId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes an override, with its audit row.
pub async fn withdraw(app: &App, caller: &Principal, id: OverrideId) -> Result<(), Problem> {
    let now = app.now();
    let rows = app.parts.store.view(move |view| view.overrides(None, now)).await?;
    let entry = rows.into_iter().find(|row| row.id == id).ok_or_else(|| Problem::not_found("override"))?;
    let installation = app.parts.live.load().installation.clone();
    let team = installation.rotations.get(&entry.rotation).map(|rotation| rotation.team.clone()).unwrap_or_default();
    caller.require(Action::Change, &team, "override")?;
    let row = audit_row(
        now,
        caller.audit_name(),
        "override.delete",
        format!("rotation {}", entry.rotation),
        format!("override {id} of {}", entry.user),
    );
    app.parts
        .store
        .write(move |tx| {
            tx.delete_override(id)?;
            tx.add_audit(&row)
        })
        .await?;
    app.parts.wakes.handoff.notify_one();
    Ok(())
}

/// Who takes it.
#[derive(Debug, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignee {
    /// The caller unless told.
    user: Option<String>,
}

/// Gives an override to somebody: one that nobody has taken yet, or another's.
#[utoipa::path(post, path = "/api/v1/overrides/{id}/assign", tag = "on call", operation_id = "assign_override", request_body = Assignee,
    params(("id" = u64, Path)), responses((status = 200, body = OverrideShape)))]
pub async fn assign_override(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(id): Named<u64>,
    Sent(assignee): Sent<Assignee>,
) -> Result<Json<OverrideShape>, Problem> {
    let entry = assign(&app, &caller, OverrideId(id), assignee.user.map(UserId::from)).await?;
    Ok(Json(OverrideShape::new(&entry)))
}

/// Writes who takes an override, with its audit row.
pub async fn assign(app: &App, caller: &Principal, id: OverrideId, user: Option<UserId>) -> Result<Override, Problem> {
    let missing = || Problem::not_found("override");
    let now = app.now();
    let rows = app.parts.store.view(move |view| view.overrides(None, now)).await?;
    let found = rows.into_iter().find(|row| row.id == id).ok_or_else(missing)?;
    let rotation = known_rotation(app, caller, &found.rotation, Action::Change).map_err(|problem| match problem.status {
        404 => missing(),
        _ => problem,
    })?;
    let user = user.or_else(|| caller.user.clone()).ok_or_else(|| {
        Problem::invalid("This token is nobody's. Nothing was changed.", "Say with `user` who takes it, or use a person's token.")
    })?;
    member_of(app, &rotation, &user)?;
    let actor = caller.audit_name();
    let stored = app
        .parts
        .store
        .write(move |tx| {
            let Some(mut entry) = tx.overrides(None, now)?.into_iter().find(|row| row.id == id) else { return Ok(None) };
            entry.user = user;
            tx.put_override(&entry)?;
            let details = format!("override {id} is {}'s", entry.user);
            tx.add_audit(&audit_row(now, actor, "override.assign", format!("rotation {}", entry.rotation), details))?;
            Ok(Some(entry))
        })
        .await?;
    let entry = stored.ok_or_else(missing)?;
    app.parts.wakes.escalation.notify_one();
    Ok(entry)
}
