//! Swaps on the on-call page: what others ask, and the buttons that the viewer may press.

use crate::api::on_call::instant_of;
use crate::api::swaps::{Step, enter, go_on as take_step};
use crate::app::App;
use crate::extract::{Caller, Filled, Named};
use crate::pages::moment::{Moment, zone};
use crate::pages::view::Lens;
use crate::principal::Principal;
use crate::problem::Problem;
use crate::swap::{State as Progress, Swap};
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::schedule::Rotation;
use serde::Deserialize;

/// A button.
pub struct StepView {
    /// Last part of its address.
    pub word: &'static str,
    pub label: &'static str,
    /// What will happen.
    pub says: &'static str,
    pub main: bool,
}

const ACCEPT: StepView = StepView { word: "accept", label: "Take the shift", says: "You are on call in that time", main: true };
const DECLINE: StepView = StepView { word: "decline", label: "Not me", says: "It stays open for others", main: false };
const APPROVE: StepView = StepView { word: "approve", label: "Approve", says: "The shift changes hands", main: true };
const WITHDRAW: StepView = StepView { word: "withdraw", label: "Take back", says: "The shift stays whose it is", main: false };

/// A swap that is open.
pub struct SwapView {
    pub id: u64,
    pub owner: String,
    pub from: Moment,
    pub until: Moment,
    pub reason: String,
    /// Who accepted, where somebody has to approve.
    pub taker: Option<String>,
    pub steps: Vec<StepView>,
}

/// The open swaps of a rotation.
pub fn swap_views(swaps: &[Swap], rotation: &Rotation, lens: &Lens, caller: &Principal, may_change: bool) -> Vec<SwapView> {
    let zone = zone(rotation.time_zone());
    let member = caller
        .user
        .as_ref()
        .filter(|me| may_change && lens.installation.teams.get(&rotation.team).is_some_and(|team| team.members.contains(me)));
    let steps = |swap: &Swap| {
        let mut steps = Vec::new();
        let mine = member == Some(&swap.owner);
        if let Some(me) = member.filter(|_| !mine) {
            if swap.state == Progress::Asked {
                steps.push(ACCEPT);
            }
            if !swap.declined.contains(me) {
                steps.push(DECLINE);
            }
        }
        if caller.admin && swap.state == Progress::Accepted {
            steps.push(APPROVE);
        }
        if mine || caller.admin {
            steps.push(WITHDRAW);
        }
        steps
    };
    let view = |swap: &Swap| SwapView {
        id: swap.id,
        owner: lens.name(&swap.owner),
        from: Moment::new(swap.from, lens.now, &zone),
        until: Moment::new(swap.until, lens.now, &zone),
        reason: swap.reason.clone(),
        taker: swap.taker.as_ref().map(|user| lens.name(user)),
        steps: steps(swap),
    };
    swaps.iter().filter(|swap| swap.rotation == rotation.id && swap.is_open(lens.now)).map(view).collect()
}

#[derive(Debug, Deserialize)]
pub struct AskForm {
    rotation: String,
    /// Beginning and end with a slash between, as the page offers them; else the two for themselves.
    #[serde(default)]
    shift: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    reason: String,
}

/// Asks others to take one of the viewer's shifts.
pub async fn ask(State(app): State<App>, Caller(caller): Caller, Filled(form): Filled<AskForm>) -> Result<Response, Problem> {
    let (from, until) = form.shift.split_once('/').unwrap_or((&form.from, &form.until));
    let (from, until) = (instant_of("from", from)?, instant_of("until", until)?);
    enter(&app, &caller, form.rotation.into(), None, from, until, form.reason).await?;
    Ok(Redirect::to("/on-call").into_response())
}

/// One of the buttons was pressed.
pub async fn go_on(State(app): State<App>, Caller(caller): Caller, Named((id, step)): Named<(u64, String)>) -> Result<Response, Problem> {
    let step = match step.as_str() {
        "accept" => Step::Accept(None),
        "decline" => Step::Decline(None),
        "approve" => Step::Approve,
        "withdraw" => Step::Withdraw,
        _ => return Err(Problem::not_found("page")),
    };
    take_step(&app, &caller, id, step).await?;
    Ok(Redirect::to("/on-call").into_response())
}
