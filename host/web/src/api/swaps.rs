//! Swap requests: asked, seen by the team, accepted or declined, approved where the rotation wants it.

use crate::api::on_call::{instant_in, known_rotation, member_of};
use crate::api::shape::{ListOf, instant};
use crate::app::{App, audit_row};
use crate::extract::{Caller, Named, Sent};
use crate::principal::{Action, Principal};
use crate::problem::Problem;
use crate::swap::{OPEN_LIMIT, REASON_LIMIT_BYTES, Refusal, State as Progress, Swap};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id::{RotationId, UserId};
use domain::schedule::Rotation;
use domain::time::Millis;
use ports::Tx;
use ports::object;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A shift that somebody asks others to take.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Swap)]
pub struct SwapShape {
    pub id: u64,
    pub rotation: String,
    /// Whose shift it is.
    pub owner: String,
    pub from: String,
    pub until: String,
    pub reason: String,
    /// `asked`, `accepted` (an administrator has to approve), `done`, `withdrawn` or `expired`.
    pub state: &'static str,
    /// Who takes it.
    pub taker: Option<String>,
    /// Who said no.
    pub declined: Vec<String>,
    /// The override that makes it so.
    pub by_override: Option<u64>,
}

impl SwapShape {
    fn new(swap: &Swap, now: Millis) -> Self {
        let (state, by_override) = match swap.state {
            Progress::Done { entry } => ("done", Some(entry)),
            Progress::Withdrawn => ("withdrawn", None),
            _ if !swap.is_open(now) => ("expired", None),
            Progress::Asked => ("asked", None),
            Progress::Accepted => ("accepted", None),
        };
        Self {
            id: swap.id,
            rotation: swap.rotation.0.clone(),
            owner: swap.owner.0.clone(),
            from: instant(swap.from),
            until: instant(swap.until),
            reason: swap.reason.clone(),
            state,
            taker: swap.taker.as_ref().map(|user| user.0.clone()),
            declined: swap.declined.iter().map(|user| user.0.clone()).collect(),
            by_override,
        }
    }
}

/// Lists swaps of the last 30 days and the time to come, of the caller's teams.
#[utoipa::path(get, path = "/api/v1/swaps", tag = "on call", operation_id = "list_swaps",
    responses((status = 200, body = ListOf<SwapShape>)))]
pub async fn list(State(app): State<App>, Caller(caller): Caller) -> Result<Json<ListOf<SwapShape>>, Problem> {
    let now = app.now();
    let swaps = seen(&app, &caller).await?;
    Ok(Json(ListOf::whole(swaps.iter().map(|swap| SwapShape::new(swap, now)).collect())))
}

/// The swaps of the rotations that the caller sees.
pub async fn seen(app: &App, caller: &Principal) -> Result<Vec<Swap>, Problem> {
    let installation = app.parts.live.load().installation.clone();
    let mut swaps: Vec<Swap> = app.parts.store.view(|view| object::all(view)).await?;
    swaps.retain(|swap| installation.rotations.get(&swap.rotation).is_some_and(|r| caller.may(Action::See, &r.team)));
    Ok(swaps)
}

/// A shift that others are asked to take.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSwap {
    rotation: String,
    /// RFC 3339.
    from: String,
    /// RFC 3339.
    until: String,
    /// Why; others read it.
    #[serde(default)]
    reason: String,
    /// Whose shift it is; the caller's unless told.
    user: Option<String>,
}

/// Asks others to take a shift.
#[utoipa::path(post, path = "/api/v1/swaps", tag = "on call", operation_id = "ask_for_swap", request_body = NewSwap,
    responses((status = 201, body = SwapShape)))]
pub async fn ask(
    State(app): State<App>,
    Caller(caller): Caller,
    Sent(new): Sent<NewSwap>,
) -> Result<(StatusCode, Json<SwapShape>), Problem> {
    let id = RotationId::from(new.rotation);
    let rotation = known_rotation(&app, &caller, &id, Action::Change)?;
    let (from, until) = (instant_in(&rotation, "from", &new.from)?, instant_in(&rotation, "until", &new.until)?);
    let swap = enter(&app, &caller, id, new.user.map(UserId::from), from, until, new.reason).await?;
    Ok((StatusCode::CREATED, Json(SwapShape::new(&swap, app.now()))))
}

/// Checks and stores a swap, with its audit row.
pub async fn enter(
    app: &App,
    caller: &Principal,
    rotation: RotationId,
    owner: Option<UserId>,
    from: Millis,
    until: Millis,
    reason: String,
) -> Result<Swap, Problem> {
    let known = known_rotation(app, caller, &rotation, Action::Change)?;
    let owner = person(app, caller, &known, owner)?;
    let now = app.now();
    if until <= from || until <= now || reason.len() > REASON_LIMIT_BYTES {
        return Err(Problem::invalid(
            format!(
                "A swap ends after it begins and in the future, and its reason has {REASON_LIMIT_BYTES} bytes at most. Nothing was changed."
            ),
            "Check the times and the reason.",
        ));
    }
    let actor = caller.audit_name();
    let reason = reason.trim().to_owned();
    let stored = app
        .parts
        .store
        .write(move |tx| {
            let all: Vec<Swap> = object::all(tx.as_view())?;
            for old in all.iter().filter(|swap| swap.is_old(now)) {
                object::delete::<Swap>(tx, &Swap::key(old.id))?;
            }
            if all.iter().filter(|swap| swap.rotation == rotation && swap.is_open(now)).count() >= OPEN_LIMIT {
                return Ok(Err(None));
            }
            let overrides = tx.overrides(Some(&rotation), now)?;
            let (declined, taker, state) = (Vec::new(), None, Progress::Asked);
            let id = tx.new_override_id()?.0;
            let swap = Swap { id, rotation, owner, from, until, reason, asked_at: now, state, taker, declined };
            if !swap.is_theirs(&known, &overrides, now) {
                return Ok(Err(Some(swap.owner)));
            }
            object::put(tx, &swap)?;
            let subject = format!("rotation {}", swap.rotation);
            let details = format!("{} from {} until {}", swap.owner, from.rfc3339(), until.rfc3339());
            tx.add_audit(&audit_row(now, actor, "swap.ask", subject, details))?;
            Ok(Ok(swap))
        })
        .await?;
    stored.map_err(|owner| match owner {
        Some(owner) => Problem::invalid(
            format!("{owner} is not on call in the whole of that time. Nothing was changed."),
            "Ask for a shift of theirs, or a part of one: GET /api/v1/rotations/NAME/shifts lists them.",
        ),
        None => Problem::conflict(format!("The rotation already has {OPEN_LIMIT} swaps that are open.")),
    })
}

/// Who acts: the one that is named, or the caller.
fn person(app: &App, caller: &Principal, rotation: &Rotation, named: Option<UserId>) -> Result<UserId, Problem> {
    let user = named.or_else(|| caller.user.clone()).ok_or_else(|| {
        Problem::invalid("This token is nobody's. Nothing was changed.", "Say with `user` whom it is about, or use a person's token.")
    })?;
    member_of(app, rotation, &user)?;
    Ok(user)
}

/// Who it is about, where it is not the caller.
#[derive(Debug, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Who {
    /// The caller unless told.
    user: Option<String>,
}

/// What is done about a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Accept(Option<UserId>),
    Decline(Option<UserId>),
    Approve,
    Withdraw,
}

impl Step {
    fn word(&self) -> &'static str {
        match self {
            Self::Accept(_) => "swap.accept",
            Self::Decline(_) => "swap.decline",
            Self::Approve => "swap.approve",
            Self::Withdraw => "swap.withdraw",
        }
    }
}

/// Takes the shift; where the rotation wants it, an administrator has to approve first.
#[utoipa::path(post, path = "/api/v1/swaps/{id}/accept", tag = "on call", operation_id = "accept_swap", request_body = Who,
    params(("id" = u64, Path)), responses((status = 200, body = SwapShape)))]
pub async fn accept(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(id): Named<u64>,
    Sent(who): Sent<Who>,
) -> Result<Json<SwapShape>, Problem> {
    go_on(&app, &caller, id, Step::Accept(who.user.map(UserId::from))).await.map(|swap| Json(SwapShape::new(&swap, app.now())))
}

/// Says no; it stays open for others.
#[utoipa::path(post, path = "/api/v1/swaps/{id}/decline", tag = "on call", operation_id = "decline_swap", request_body = Who,
    params(("id" = u64, Path)), responses((status = 200, body = SwapShape)))]
pub async fn decline(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(id): Named<u64>,
    Sent(who): Sent<Who>,
) -> Result<Json<SwapShape>, Problem> {
    go_on(&app, &caller, id, Step::Decline(who.user.map(UserId::from))).await.map(|swap| Json(SwapShape::new(&swap, app.now())))
}

/// Approves a swap that somebody accepted.
#[utoipa::path(post, path = "/api/v1/swaps/{id}/approve", tag = "on call", operation_id = "approve_swap",
    params(("id" = u64, Path)), responses((status = 200, body = SwapShape)))]
pub async fn approve(State(app): State<App>, Caller(caller): Caller, Named(id): Named<u64>) -> Result<Json<SwapShape>, Problem> {
    go_on(&app, &caller, id, Step::Approve).await.map(|swap| Json(SwapShape::new(&swap, app.now())))
}

/// Takes a request back; an administrator refuses it so.
#[utoipa::path(delete, path = "/api/v1/swaps/{id}", tag = "on call", operation_id = "withdraw_swap",
    params(("id" = u64, Path)), responses((status = 204)))]
pub async fn withdraw(State(app): State<App>, Caller(caller): Caller, Named(id): Named<u64>) -> Result<StatusCode, Problem> {
    go_on(&app, &caller, id, Step::Withdraw).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Does one thing about a swap, with its override where it is the last, and its audit row.
pub async fn go_on(app: &App, caller: &Principal, id: u64, step: Step) -> Result<Swap, Problem> {
    let missing = || Problem::not_found("swap");
    let found: Option<Swap> = app.parts.store.view(move |view| object::find(view, &Swap::key(id))).await?;
    let found = found.ok_or_else(missing)?;
    let rotation = known_rotation(app, caller, &found.rotation, Action::Change).map_err(|problem| match problem.status {
        404 => missing(),
        _ => problem,
    })?;
    let user = match &step {
        Step::Accept(user) | Step::Decline(user) => person(app, caller, &rotation, user.clone())?,
        Step::Approve if !caller.admin => {
            return Err(Problem::forbidden("An administrator has to approve this swap.", "Ask an administrator of this installation."));
        }
        Step::Withdraw if !caller.admin && caller.user.as_ref() != Some(&found.owner) => {
            return Err(Problem::forbidden("Only who asked, and administrators, may take a swap back.", "Decline it instead."));
        }
        Step::Approve | Step::Withdraw => caller.user.clone().unwrap_or_else(|| UserId::from("installation")),
    };
    let (now, actor) = (app.now(), caller.audit_name());
    let done = app
        .parts
        .store
        .write(move |tx| {
            let Some(mut swap) = object::find::<Swap>(tx.as_view(), &Swap::key(id))? else { return Ok(Err(Refusal::Over)) };
            if let Err(refusal) = take_step(tx, &mut swap, &step, user, &rotation, now)? {
                return Ok(Err(refusal));
            }
            object::put(tx, &swap)?;
            let subject = format!("rotation {}", swap.rotation);
            let taker = swap.taker.as_ref().map_or("nobody", |taker| taker.as_str());
            let details = format!("swap {id}: {} for {} from {} until {}", taker, swap.owner, swap.from.rfc3339(), swap.until.rfc3339());
            tx.add_audit(&audit_row(now, actor, step.word(), subject, details))?;
            Ok(Ok(swap))
        })
        .await?;
    let swap = done.map_err(|refusal| Problem::conflict(format!("This swap cannot go on: {refusal}. Nothing was changed.")))?;
    // A step that found nobody may find somebody now.
    app.parts.wakes.escalation.notify_one();
    Ok(swap)
}

fn take_step(
    tx: &mut dyn Tx,
    swap: &mut Swap,
    step: &Step,
    user: UserId,
    rotation: &Rotation,
    now: Millis,
) -> Result<Result<(), Refusal>, ports::StoreError> {
    let overrides = tx.overrides(Some(&swap.rotation), now)?;
    let at_once = match step {
        Step::Accept(_) => match swap.accept(user.clone(), rotation, &overrides, now) {
            Ok(at_once) => at_once,
            Err(refusal) => return Ok(Err(refusal)),
        },
        Step::Decline(_) => return Ok(swap.decline(user, now)),
        Step::Withdraw => return Ok(swap.withdraw(now)),
        Step::Approve => true,
    };
    if at_once {
        let id = tx.new_override_id()?;
        match swap.carry_out(id, user, rotation, &overrides, now) {
            Ok(entry) => tx.put_override(&entry)?,
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    Ok(Ok(()))
}
