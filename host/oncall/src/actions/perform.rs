//! Carries one action out: a call through the egress, or a command through the journal.

use crate::house::House;
use domain::action::{ActionResult, OUTPUT_LIMIT_BYTES, Step};
use domain::automation::StoredAction;
use domain::command::{Actor, Command, Operation, Subject};
use domain::page::{HttpRequest, HttpResponse};
use domain::transition::Said;
use ports::egress::OnBehalf;
use ports::{CommandFailure, EgressError, Snapshot};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// When an exchange counts as lost although the egress has not given up, in real time.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(12);
/// The header that carries the idempotency key.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How it went.
#[derive(Debug)]
pub enum Performed {
    Done(ActionResult),
    /// Not before so many seconds, and why.
    Again(u32, String),
    Failed(ActionResult),
    /// It is done by the transaction that records it.
    Inside,
}

/// Carries it out. Bounded in time by what the egress and the committer may take.
pub async fn perform(house: &House, action: &StoredAction, snapshot: &Snapshot) -> Performed {
    match &action.step {
        Step::Call(request) => call(house, action, request.clone(), snapshot).await,
        Step::SetPriority(priority) => command(house, action, Operation::SetPriority(*priority)).await,
        Step::AddNote(text) => command(house, action, Operation::AddNote(format!("{}: {text}", action.plugin))).await,
        Step::Page(_) => Performed::Inside,
        Step::RunRunbook(_) | Step::OpenTicket(_) | Step::OpenChannel(_) => {
            Performed::Failed(result(action, false, "this version cannot do it".to_owned(), None))
        }
    }
}

/// The same for every try, and different for every other action, also of another installation.
pub fn idempotency_key(action: &StoredAction) -> String {
    let parts = format!("{}\0{}\0{}\0{}\0{}", action.incident, action.id, action.created_at.0, action.plugin, action.key);
    hex::encode(&Sha256::digest(parts)[..16])
}

async fn call(house: &House, action: &StoredAction, mut request: HttpRequest, snapshot: &Snapshot) -> Performed {
    fail::fail_point!("actions.before.send", |_| Performed::Again(0, "fail point".into()));
    let secrets = snapshot.installation.grants.get(&action.plugin).map(|grant| grant.secrets.clone()).unwrap_or_default();
    let on_behalf = OnBehalf { plugin: action.plugin.clone(), secrets };
    request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(IDEMPOTENCY_KEY));
    request.headers.push((IDEMPOTENCY_KEY.to_owned(), idempotency_key(action)));
    request.headers.sort();
    match tokio::time::timeout(EXCHANGE_LIMIT, house.parts.egress.http(request, on_behalf)).await {
        Ok(Ok(response)) => by_status(action, response),
        Ok(Err(EgressError::Refused(why))) => Performed::Failed(result(action, false, why, None)),
        Ok(Err(EgressError::Unreachable(why))) => Performed::Again(0, why),
        Err(_) => Performed::Again(0, format!("no answer within {} s", EXCHANGE_LIMIT.as_secs())),
    }
}

fn by_status(action: &StoredAction, response: HttpResponse) -> Performed {
    let HttpResponse { status, headers, body } = response;
    match status {
        200..=299 => Performed::Done(result(action, true, text(&body), Some(status))),
        408 | 425 | 429 | 500..=599 => {
            let after = headers.iter().find(|(name, _)| name == "retry-after").and_then(|(_, value)| value.parse().ok());
            Performed::Again(after.unwrap_or(0), format!("answered with status {status}"))
        }
        _ => Performed::Failed(result(action, false, text(&body), Some(status))),
    }
}

/// What came back, as text without control characters.
fn text(body: &[u8]) -> String {
    let cut = &body[..body.len().min(OUTPUT_LIMIT_BYTES)];
    String::from_utf8_lossy(cut).chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

pub fn result(action: &StoredAction, ok: bool, output: String, response: Option<u16>) -> ActionResult {
    ActionResult { key: action.key.clone(), ok, output: domain::alert::cut(&output, OUTPUT_LIMIT_BYTES), response }
}

async fn command(house: &House, action: &StoredAction, operation: Operation) -> Performed {
    let command = Command { subject: Subject::Incident(action.incident), actor: Actor::Host, operation };
    match house.parts.commands.once(None, command, format!("action/{}", idempotency_key(action))).await {
        Ok(Said::Done(words)) => Performed::Done(result(action, true, words, None)),
        Ok(Said::Refused(words)) => Performed::Failed(result(action, false, words, None)),
        // It is journaled under this action's key: asking again does not do it twice.
        Err(failure @ (CommandFailure::Slow | CommandFailure::NotStored(_))) => Performed::Again(0, failure.to_string()),
    }
}
