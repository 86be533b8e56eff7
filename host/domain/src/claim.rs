//! Whether a message that is due is still needed, and when it is sent again. Decided inside the transaction that claims it, so that an
//! answer that was committed before stops it, and a message and its repetition are never apart.

use crate::alert::Status;
use crate::escalation::{Run, RunState};
use crate::incident::Incident;
use crate::page::{Again, Outbox, Purpose};
use crate::paging::REPEATS_LIMIT;
use crate::time::Millis;

/// What to do with a message that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Send,
    /// The incident does not fire any more.
    Answered(Status),
    /// Its escalation looks for nobody any more: the incident was sent elsewhere, or whoever was asked has answered.
    Stopped,
    /// It repeats a page that is not the newest to this person any more, or whose escalation was stopped.
    Replaced,
}

/// Whether a message is still needed. `incident` and `run` are those that the row names, if they are there; `newest`: no later page about the
/// incident was queued for the person. What is not known counts as needed.
pub fn verdict(row: &Outbox, incident: Option<&Incident>, run: Option<&Run>, newest: bool) -> Verdict {
    if !matches!(row.purpose, Purpose::Escalation(_)) {
        return Verdict::Send;
    }
    match (incident, run) {
        (Some(incident), Some(run)) if incident.wants(run) => {}
        (Some(incident), _) if incident.status != Status::Firing => return Verdict::Answered(incident.status),
        (Some(_), Some(_)) => return Verdict::Stopped,
        _ => {}
    }
    let repeats = row.again.is_some_and(|again| again.round > 0);
    let stopped = run.is_some_and(|run| run.state == RunState::Stopped);
    if repeats && (stopped || !newest) { Verdict::Replaced } else { Verdict::Send }
}

/// Whether no later page to the same person is among the `rows` of the incident.
pub fn is_newest(row: &Outbox, rows: &[Outbox]) -> bool {
    let Some(again) = row.again else { return true };
    let pages = rows.iter().filter(|o| o.user == row.user && matches!(o.purpose, Purpose::Escalation(_)));
    let mut fresh = pages.filter(|o| o.again.is_none_or(|again| again.round == 0));
    fresh.all(|o| (o.queued_at, o.run) <= (again.paged_at, row.run))
}

/// When a message that is sent at `now` is sent again, and as which round. `None`: it is not, or often enough.
pub fn repetition(row: &Outbox, now: Millis) -> Option<(Again, Millis)> {
    let again = row.again.filter(|again| again.every_seconds > 0 && again.round < REPEATS_LIMIT)?;
    Some((Again { round: again.round + 1, ..again }, now.plus_seconds(again.every_seconds)))
}
