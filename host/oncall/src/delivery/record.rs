//! What came of a message, made true: its row, its lines, and who is tried next when it failed.

use super::send::{Came, Sent};
use super::silent;
use crate::channels::DELIVERY_CAUSE;
use crate::contacts;
use crate::escalation::key;
use crate::house::line;
use crate::message::recipient;
use crate::paging::attempt_after;
use crate::wanted::is_wanted;
use domain::command::Notice;
use domain::escalation::{Duty, hurried};
use domain::id::RunId;
use domain::incident::Incident;
use domain::installation::Installation;
use domain::page::{Again, Outbox, OutboxState, Purpose};
use domain::time::Millis;
use domain::timeline::{Cause, LineKind};
use ports::{StoreError, Tx};

/// How often a message is tried.
pub const TRIES_LIMIT: u32 = 5;
/// The pause after the first try, in seconds; three times as long after each further one.
const PAUSE_SECONDS: u32 = 5;
/// Longest pause that a provider can ask for, in seconds.
const PAUSE_SECONDS_MAX: u32 = 600;

/// What followed from a result.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The provider took it, or reports that it arrived where the channel insists on that.
    pub arrived: bool,
    /// It failed for good, for this reason.
    pub failed: Option<String>,
    /// Its incident is about delivery: reporting its failure would go round in circles.
    pub about_delivery: bool,
    /// Another message became due.
    pub queued: bool,
    /// A run's next step was brought forward.
    pub hurried: bool,
    /// What to tell about the contact that was tried.
    pub notice: Option<Notice>,
}

/// Records a result. `None`: the row is not being sent any more, or by somebody else, and nothing is written.
pub fn record(
    tx: &mut dyn Tx,
    claimed: &Outbox,
    sent: &Sent,
    installation: &Installation,
    now: Millis,
) -> Result<Option<Recorded>, StoreError> {
    let Some(mut row) = tx.outbox(claimed.id)?.filter(|row| row.state == OutboxState::Sending) else { return Ok(None) };
    let incident = row.incident.map(|id| tx.incident(id)).transpose()?.flatten();
    for (text, cause) in &sent.failed {
        say(tx, &row, LineKind::StageFailed, text, cause.clone(), now)?;
    }
    let person = recipient(&row, installation);
    let kind = row.contact.kind.clone();
    let mut recorded = Recorded { about_delivery: is_about_delivery(incident.as_ref()), ..Recorded::default() };
    let why = match &sent.came {
        Came::Accepted(reference) | Came::Delivered(reference) => {
            let verb = if matches!(sent.came, Came::Accepted(_)) { "took the page for" } else { "delivered the page to" };
            row.state = OutboxState::Accepted;
            row.next_at = None;
            row.reference.clone_from(reference);
            tx.put_outbox(&row)?;
            say(tx, &row, LineKind::Delivered, &format!("{kind} {verb} {person}"), sent.cause.clone(), now)?;
            let within = sent.cause.as_ref().and_then(|cause| installation.receipts.get(&cause.plugin.name)).copied();
            let within = within.filter(|_| matches!(sent.came, Came::Accepted(_)));
            silent::expect(tx, &row, within, now)?;
            recorded.notice = contacts::came(tx, &row, None, now)?;
            recorded.arrived = within.is_none();
            return Ok(Some(recorded));
        }
        // A claim that lapsed was taken by another, whose result counts.
        _ if row.tries != claimed.tries => return Ok(None),
        Came::Retry(seconds, why) if row.tries < TRIES_LIMIT => {
            row.state = OutboxState::Queued;
            row.next_at = Some(now.plus_seconds(pause(row.tries).max(*seconds).min(PAUSE_SECONDS_MAX)));
            row.last_error = Some(why.clone());
            tx.put_outbox(&row)?;
            if row.tries == 1 {
                let text = format!("{kind} could not reach {person} yet and tries again: {why}");
                say(tx, &row, LineKind::DeliveryFailed, &text, sent.cause.clone(), now)?;
            }
            // A second failure is no hiccup: somebody else has to hear of it while this contact is tried on.
            if row.tries == 2 {
                recorded.failed = Some(why.clone());
                if let Some(incident) = wanted(tx, incident, &row)? {
                    fall_back(tx, &row, &incident, installation, now, &mut recorded)?;
                }
            }
            return Ok(Some(recorded));
        }
        Came::Retry(_, why) => format!("given up after {} tries: {why}", row.tries),
        Came::Failed(why) => why.clone(),
    };
    row.state = OutboxState::Failed;
    row.next_at = None;
    row.last_error = Some(why.clone());
    tx.put_outbox(&row)?;
    say(tx, &row, LineKind::DeliveryFailed, &format!("{kind} could not reach {person}: {why}"), sent.cause.clone(), now)?;
    recorded.notice = contacts::came(tx, &row, Some(&why), now)?;
    recorded.failed = Some(why);
    if let Some(incident) = wanted(tx, incident, &row)? {
        fall_back(tx, &row, &incident, installation, now, &mut recorded)?;
    }
    Ok(Some(recorded))
}

/// The provider says that a message arrived.
pub fn arrived_after_all(tx: &mut dyn Tx, row: &Outbox, installation: &Installation, now: Millis) -> Result<Recorded, StoreError> {
    let text = format!("{} says that the page reached {}", row.contact.kind, recipient(row, installation));
    say(tx, row, LineKind::Delivered, &text, None, now)?;
    Ok(Recorded { arrived: true, ..Recorded::default() })
}

/// The provider says that a message that it had taken did not arrive: the next contact is tried.
pub fn failed_after_all(tx: &mut dyn Tx, row: Outbox, why: &str, installation: &Installation, now: Millis) -> Result<Recorded, StoreError> {
    let why = domain::alert::cut(why, 500);
    let row = Outbox { state: OutboxState::Failed, next_at: None, last_error: Some(why.clone()), ..row };
    tx.put_outbox(&row)?;
    let text = format!("{} could not reach {} after all: {why}", row.contact.kind, recipient(&row, installation));
    say(tx, &row, LineKind::DeliveryFailed, &text, None, now)?;
    let incident = row.incident.map(|id| tx.incident(id)).transpose()?.flatten();
    let mut recorded = Recorded { failed: Some(why), about_delivery: is_about_delivery(incident.as_ref()), ..Recorded::default() };
    if let Some(incident) = wanted(tx, incident, &row)? {
        fall_back(tx, &row, &incident, installation, now, &mut recorded)?;
    }
    Ok(recorded)
}

/// The incident of a message whose escalation still looks for somebody.
fn wanted(tx: &dyn Tx, incident: Option<Incident>, row: &Outbox) -> Result<Option<Incident>, StoreError> {
    match incident {
        Some(incident) if is_wanted(tx.as_view(), &incident, row)? => Ok(Some(incident)),
        _ => Ok(None),
    }
}

fn is_about_delivery(incident: Option<&Incident>) -> bool {
    incident.is_some_and(|i| i.own && i.key.contains(DELIVERY_CAUSE))
}

/// The pause after so many tries, in seconds: 5, 15, 45, 135.
fn pause(tries: u32) -> u32 {
    PAUSE_SECONDS.saturating_mul(3u32.saturating_pow(tries.saturating_sub(1)))
}

fn say(tx: &mut dyn Tx, row: &Outbox, kind: LineKind, text: &str, cause: Option<Cause>, now: Millis) -> Result<(), StoreError> {
    row.incident.map_or(Ok(()), |incident| tx.add_line(incident, &line(now, kind, text, cause)))
}

/// After a failure: the person's next contact at once, then one that is new since the page, and when there is none left the run's next
/// step at once.
fn fall_back(
    tx: &mut dyn Tx,
    failed: &Outbox,
    incident: &Incident,
    installation: &Installation,
    now: Millis,
    recorded: &mut Recorded,
) -> Result<(), StoreError> {
    let (Some(run_id), Purpose::Escalation(step)) = (failed.run, &failed.purpose) else { return Ok(()) };
    let Some(user) = &failed.user else { return address_failed(tx, failed, (run_id, *step), installation, now, recorded) };
    let same_page =
        |o: &Outbox| o.run == failed.run && o.user == failed.user && o.purpose == failed.purpose && o.queued_at == failed.queued_at;
    let siblings: Vec<Outbox> = tx.outbox_of(incident.id)?.into_iter().filter(same_page).collect();
    let later = siblings.iter().filter(|o| o.state == OutboxState::Queued && o.contact_index > failed.contact_index);
    if let Some(next) = later.min_by_key(|o| o.contact_index) {
        if next.tries == 0 && next.next_at.is_some_and(|at| at > now) {
            tx.put_outbox(&Outbox { next_at: Some(now), ..next.clone() })?;
            let text = format!("Paging {user} by {} at once instead", next.contact.kind);
            say(tx, failed, LineKind::Paged, &text, None, now)?;
            recorded.queued = true;
        }
        return Ok(());
    }
    if siblings.iter().any(|o| o.id != failed.id && matches!(o.state, OutboxState::Queued | OutboxState::Sending | OutboxState::Accepted)) {
        return Ok(());
    }
    let Some(run) = tx.run(run_id)? else { return Ok(()) };
    let contacts = installation.users.get(user).map_or(&[][..], |u| &u.contacts);
    let untried = contacts.iter().enumerate().find(|(_, method)| siblings.iter().all(|o| o.contact != method.contact));
    if let Some((index, method)) = untried {
        let (index, attempt) = (index as u32, attempt_after(failed, siblings.len() as u32));
        let again = Outbox {
            id: tx.new_outbox_id()?,
            key: key(&run, *step, run.repeat, user, attempt, index),
            contact: method.contact.clone(),
            contact_index: index,
            state: OutboxState::Queued,
            tries: 0,
            next_at: Some(now),
            reference: None,
            last_error: None,
            // The failed one goes on being sent again by itself.
            again: failed.again.map(|again| Again { every_seconds: 0, ..again }),
            ..failed.clone()
        };
        if tx.add_outbox(&again)? {
            say(tx, failed, LineKind::Paged, &format!("Paged {user} by {} instead", method.contact.kind), None, now)?;
            recorded.queued = true;
            return Ok(());
        }
    }
    if let Some(run) = hurried(&run, *step, &Duty { installation, overrides: &[], now }) {
        tx.put_run(&run)?;
        say(tx, failed, LineKind::DeliveryFailed, &format!("No contact of {user} works: the next step comes early"), None, now)?;
        recorded.hurried = true;
    }
    Ok(())
}

/// After the failure of a message to nobody in particular: the run's next step at once, if nobody else hears of this one.
fn address_failed(
    tx: &mut dyn Tx,
    failed: &Outbox,
    (run, step): (RunId, u32),
    installation: &Installation,
    now: Millis,
    recorded: &mut Recorded,
) -> Result<(), StoreError> {
    let Some(incident) = failed.incident else { return Ok(()) };
    let of_step = |o: &Outbox| o.run == failed.run && o.purpose == failed.purpose && o.queued_at == failed.queued_at;
    let dead = |o: &Outbox| matches!(o.state, OutboxState::Failed | OutboxState::Cancelled);
    if tx.outbox_of(incident)?.iter().any(|o| o.id != failed.id && of_step(o) && !dead(o)) {
        return Ok(());
    }
    let Some(run) = tx.run(run)? else { return Ok(()) };
    if let Some(run) = hurried(&run, step, &Duty { installation, overrides: &[], now }) {
        tx.put_run(&run)?;
        let text = format!("Nobody else hears of this step than {}: the next comes early", failed.contact.address);
        say(tx, failed, LineKind::DeliveryFailed, &text, None, now)?;
        recorded.hurried = true;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_threefold() {
        assert_eq!((1..TRIES_LIMIT).map(pause).collect::<Vec<_>>(), [5, 15, 45, 135]);
        assert_eq!(pause(u32::MAX), u32::MAX);
    }
}
