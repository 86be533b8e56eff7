//! A step's page as messages to people: each person's own policy says by which contacts and when, and what is sent again until somebody
//! answers.

use crate::escalation::{bounded, key};
use crate::house::line;
use domain::claim::{is_newest, repetition};
use domain::contact::Contact;
use domain::escalation::{Run, StepPage, messages};
use domain::id::UserId;
use domain::incident::Incident;
use domain::installation::Installation;
use domain::page::{Again, Outbox, OutboxState, Purpose};
use domain::paging::Ring;
use domain::time::Millis;
use domain::timeline::LineKind;
use domain::when::Weight;
use ports::{StoreError, Tx};
use sha2::{Digest, Sha256};

/// What a round of repetitions adds to a key's count of attempts, above all that fall back within a round.
const ATTEMPTS_PER_ROUND: u32 = 1000;

/// A page that is being queued.
struct Page<'a> {
    tx: &'a mut dyn Tx,
    run: &'a Run,
    step: u32,
    repeat: u32,
    now: Millis,
    count: u64,
}

/// Queues the messages of a step to its people and addresses; gives how many.
pub fn queue(
    tx: &mut dyn Tx,
    run: &Run,
    page: &StepPage,
    incident: &Incident,
    installation: &Installation,
    now: Millis,
) -> Result<u64, StoreError> {
    let weight = Weight { severity: incident.severity, priority: incident.priority };
    let mut queued = Page { tx, run, step: page.step, repeat: page.repeat, now, count: 0 };
    for message in messages(page, weight, now, installation) {
        let by = message.by.map(|name| format!(", policy {name}")).unwrap_or_default();
        queued.add(Some(message.user), message.contact, message.index, message.ring, &by)?;
    }
    for (index, contact) in page.addresses.iter().enumerate() {
        queued.add(None, contact, index as u32, Ring { contact: 0, after_seconds: 0, repeat_seconds: None }, "")?;
    }
    Ok(queued.count)
}

impl Page<'_> {
    fn add(&mut self, user: Option<&UserId>, contact: &Contact, index: u32, ring: Ring, by: &str) -> Result<(), StoreError> {
        // The digest of an address stands in the key where a person's id would: keys become names of messages.
        let digest = || hex::encode(&Sha256::digest(format!("{}/{}", contact.kind, contact.address))[..8]);
        let whom = user.cloned().unwrap_or_else(|| UserId(digest()));
        let row = Outbox {
            id: self.tx.new_outbox_id()?,
            key: key(self.run, self.step, self.repeat, &whom, 0, index),
            incident: Some(self.run.incident),
            run: Some(self.run.id),
            user: user.cloned(),
            contact: contact.clone(),
            contact_index: index,
            purpose: Purpose::Escalation(self.step),
            state: OutboxState::Queued,
            tries: 0,
            queued_at: self.now,
            next_at: Some(self.now.plus_seconds(ring.after_seconds)),
            reference: None,
            last_error: None,
            again: ring.repeat_seconds.map(|every_seconds| Again { every_seconds, round: 0, paged_at: self.now }),
        };
        if self.tx.add_outbox(&row)? {
            let (whom, kind, step) = (user.map_or(contact.address.as_str(), |user| user.as_str()), &contact.kind, self.step);
            let text = match ring.after_seconds {
                0 => format!("Paged {whom} by {kind} (step {step}{by})"),
                delay => format!("Will page {whom} by {kind} in {} (step {step}{by})", duration(delay)),
            };
            self.tx.add_line(self.run.incident, &line(self.now, LineKind::Paged, text, self.run.cause.clone()))?;
            self.count += 1;
        }
        Ok(())
    }
}

fn duration(seconds: u32) -> String {
    if seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") }
}

/// Queues what follows a message that is claimed for the first time, in the transaction of its claim.
pub fn queue_again(tx: &mut dyn Tx, row: &Outbox, rows: &[Outbox], now: Millis) -> Result<(), StoreError> {
    let (Some((again, due)), Some(incident), Some(run)) = (repetition(row, now), row.incident, row.run) else { return Ok(()) };
    let (Some(user), Purpose::Escalation(step)) = (&row.user, &row.purpose) else { return Ok(()) };
    if !is_newest(row, rows) {
        return Ok(());
    }
    let Some(run) = tx.run(run)? else { return Ok(()) };
    // The run may have gone round since the first try: the instant of the page stands in the key for the round.
    let round = again.round.saturating_mul(ATTEMPTS_PER_ROUND);
    let whole = format!("{}-{}", key(&run, *step, 0, user, round, row.contact_index), again.paged_at.0);
    let next = Outbox {
        id: tx.new_outbox_id()?,
        key: bounded(whole),
        state: OutboxState::Queued,
        tries: 0,
        queued_at: now,
        next_at: Some(due),
        reference: None,
        last_error: None,
        again: Some(again),
        ..row.clone()
    };
    if tx.add_outbox(&next)? && again.round == 1 {
        let text = format!("Will page {user} by {} again every {} until somebody answers", row.contact.kind, duration(again.every_seconds));
        tx.add_line(incident, &line(now, LineKind::Paged, text, run.cause.clone()))?;
    }
    Ok(())
}

/// The attempt of a message that takes the place of a failed one, the `nth` of its page.
pub fn attempt_after(failed: &Outbox, nth: u32) -> u32 {
    failed.again.map_or(0, |again| again.round).saturating_mul(ATTEMPTS_PER_ROUND).saturating_add(nth)
}
