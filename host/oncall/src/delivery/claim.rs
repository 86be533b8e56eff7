//! Claims on messages. An answer that was committed before the claim stops the message; one that comes later is too late for it.

use super::LEASE_MS;
use crate::bundle::{Bundles, Way, forget_told};
use crate::house::line;
use crate::message::About;
use crate::paging::queue_again;
use crate::told;
use domain::claim::{Verdict, is_newest, verdict};
use domain::id::{IncidentId, OutboxId};
use domain::installation::Installation;
use domain::page::{Outbox, OutboxState};
use domain::time::Millis;
use domain::timeline::LineKind;
use ports::{StoreError, Tx};
use std::collections::BTreeMap;

/// Rows read at once to find what goes with a message about several incidents.
const SWEEP_LIMIT: u32 = 512;
/// Rows read at once to find claims of a former process.
const RELEASE_LIMIT: u32 = 10_000;

/// What was claimed.
#[derive(Default)]
pub struct Claimed {
    /// In state `Sending`, this try counted.
    pub rows: Vec<Outbox>,
    /// Incidents with a message that is not needed any more.
    pub cancelled: Vec<IncidentId>,
    /// By the message among `rows` that stands for several incidents.
    pub bundles: BTreeMap<OutboxId, Bundled>,
}

/// What goes out with a message.
#[derive(Default)]
pub struct Bundled {
    /// In state `Sending`: what comes of the message comes of them.
    pub followers: Vec<Outbox>,
    /// What the message is about.
    pub incidents: Vec<IncidentId>,
    /// By what number its answers name it, if one answer can answer them all.
    pub message: Option<u64>,
}

impl Bundled {
    /// What the message says.
    pub fn about(&self) -> About {
        About { incidents: self.incidents.clone(), message: self.message }
    }
}

/// Claims those of the rows that are still due and needed.
pub fn claim(tx: &mut dyn Tx, ids: &[OutboxId], installation: &Installation, now: Millis) -> Result<Claimed, StoreError> {
    let mut claims = Claims { tx, installation, now, bundles: Bundles::default(), claimed: Claimed::default() };
    for id in ids {
        claims.take(*id)?;
    }
    // Whatever else is due to the same contact goes with a message about several incidents.
    if !claims.claimed.bundles.is_empty() {
        for row in claims.tx.outbox_due(now, SWEEP_LIMIT)? {
            let same = |leader: &Outbox| leader.user == row.user && leader.contact == row.contact;
            if claims.claimed.rows.iter().any(|leader| claims.claimed.bundles.contains_key(&leader.id) && same(leader)) {
                claims.take(row.id)?;
            }
        }
        claims.keep()?;
    }
    Ok(claims.claimed)
}

struct Claims<'a> {
    tx: &'a mut dyn Tx,
    installation: &'a Installation,
    now: Millis,
    bundles: Bundles,
    claimed: Claimed,
}

impl Claims<'_> {
    fn take(&mut self, id: OutboxId) -> Result<(), StoreError> {
        let now = self.now;
        let Some(row) = self.tx.outbox(id)?.filter(|row| is_due(row, now)) else { return Ok(()) };
        let incident = row.incident.map(|id| self.tx.incident(id)).transpose()?.flatten();
        let run = row.run.map(|id| self.tx.run(id)).transpose()?.flatten();
        let rows = match (row.incident, row.again) {
            (Some(incident), Some(_)) => self.tx.outbox_of(incident)?,
            _ => Vec::new(),
        };
        match verdict(&row, incident.as_ref(), run.as_ref(), is_newest(&row, &rows)) {
            Verdict::Send => {}
            Verdict::Answered(status) => return self.cancel(row, &format!("the incident is {}", status.as_str())),
            Verdict::Stopped => return self.cancel(row, "its escalation was stopped"),
            Verdict::Replaced => return self.cancel(row, "another page took its place"),
        }
        match self.bundles.way(self.tx, &row, incident.as_ref(), self.installation, now)? {
            Way::Alone => {
                let row = self.send(row, &rows)?;
                self.claimed.rows.push(row);
            }
            Way::ForAll(incidents) => {
                self.say(&row, &format!("goes out as one message about {} incidents", incidents.len()))?;
                let row = self.send(row, &rows)?;
                self.claimed.bundles.insert(row.id, Bundled { incidents, ..Bundled::default() });
                self.claimed.rows.push(row);
            }
            Way::Within(leader) => {
                self.say(&row, "goes out within one message about several incidents")?;
                let row = self.send(row, &rows)?;
                if let Some(bundled) = self.claimed.bundles.get_mut(&leader) {
                    // It may be one that was not known yet when the message's own was claimed.
                    bundled.incidents.extend(row.incident.filter(|id| !bundled.incidents.contains(id)));
                    bundled.followers.push(row);
                }
            }
            Way::Later(due) => {
                let seconds = due.since(now).div_euclid(1000) + 1;
                self.say(&row, &format!("waits {seconds} s for the next message about all incidents"))?;
                self.tx.put_outbox(&Outbox { next_at: Some(due), ..row })?;
            }
        }
        Ok(())
    }

    /// Notes what each message about several incidents stands for, before it is on its way.
    fn keep(&mut self) -> Result<(), StoreError> {
        for leader in &self.claimed.rows {
            if let Some(bundled) = self.claimed.bundles.get_mut(&leader.id) {
                let rows = std::iter::once(leader).chain(&bundled.followers).map(|row| row.id).collect();
                bundled.message = told::keep(self.tx, leader, rows, &bundled.incidents, self.now)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, row: Outbox, rows: &[Outbox]) -> Result<Outbox, StoreError> {
        let next_at = Some(self.now.plus_millis(LEASE_MS));
        let row = Outbox { state: OutboxState::Sending, tries: row.tries.saturating_add(1), next_at, ..row };
        self.tx.put_outbox(&row)?;
        // Also at a later try: what was queued is there under its key.
        queue_again(self.tx, &row, rows, self.now)?;
        Ok(row)
    }

    fn cancel(&mut self, row: Outbox, why: &str) -> Result<(), StoreError> {
        let row = Outbox { state: OutboxState::Cancelled, next_at: None, ..row };
        self.tx.put_outbox(&row)?;
        self.claimed.cancelled.extend(row.incident);
        self.line(&row, LineKind::PageCancelled, &format!("left out: {why}"))
    }

    fn say(&mut self, row: &Outbox, what: &str) -> Result<(), StoreError> {
        self.line(row, LineKind::Paged, what)
    }

    fn line(&mut self, row: &Outbox, kind: LineKind, what: &str) -> Result<(), StoreError> {
        let Some(incident) = row.incident else { return Ok(()) };
        let person = row.user.as_ref().map_or(row.contact.address.as_str(), |user| user.as_str());
        let text = format!("Page to {person} by {} {what}", row.contact.kind);
        self.tx.add_line(incident, &line(self.now, kind, text, None))
    }
}

fn is_due(row: &Outbox, now: Millis) -> bool {
    matches!(row.state, OutboxState::Queued | OutboxState::Sending) && row.next_at.is_some_and(|at| at <= now)
}

/// Makes claims that lapse before `until` due at `now`, without counting their try; gives how many.
pub fn release(tx: &mut dyn Tx, now: Millis, until: Millis) -> Result<u32, StoreError> {
    let mut count = 0;
    forget_told(tx)?;
    for row in tx.outbox_due(until, RELEASE_LIMIT)? {
        if row.state == OutboxState::Sending {
            let tries = row.tries.saturating_sub(1);
            tx.put_outbox(&Outbox { state: OutboxState::Queued, next_at: Some(now), tries, ..row })?;
            count += 1;
        }
    }
    Ok(count)
}
