//! What a batch does about quiet: signs of life that alerts are, and who fires as a source of inhibition.

use super::Batch;
use crate::heartbeats;
use crate::quiet;
use domain::alert::Status;
use domain::decision::{NoteKind, Verdict};
use domain::id::TeamId;
use domain::matcher::Subject;
use domain::time::Millis;
use ports::StoreError;
use ports::store::DecisionRow;
use std::sync::Arc;

impl Batch<'_> {
    /// An alert that is a heartbeat's sign of life opens nothing.
    pub(super) fn feed(&mut self, row: &mut DecisionRow, at: Millis) -> Result<(), StoreError> {
        if self.quiet.standing.watchdogs.is_empty() {
            return Ok(());
        }
        let decision = &mut row.decision;
        let standing = Arc::clone(&self.quiet.standing);
        let integration = decision.integration.as_ref().map(|id| id.as_str().to_owned());
        let subject = Subject { alert: &decision.alert, team: decision.team.as_str(), integration: integration.as_deref() };
        let Some(heartbeat) = standing.watchdogs.fed_by(&subject) else { return Ok(()) };
        if decision.alert.status == Status::Firing {
            self.committed.heartbeats |= heartbeats::came(self.rows.tx, heartbeat, at)?;
        }
        let reason = format!("a sign of life of heartbeat {}", heartbeat.id);
        // Applied before and rolled back: it says so already.
        if decision.verdict == (Verdict::Drop { reason: reason.clone() }) {
            return Ok(());
        }
        decision.notes.push(quiet::note(NoteKind::Dropped, reason.clone()));
        decision.verdict = Verdict::Drop { reason };
        Ok(())
    }

    /// A sender's sign of life by name; one that is not its team's, or not configured, is nobody's.
    pub(super) fn beat(&mut self, team: &TeamId, name: &str, at: Millis) -> Result<(), StoreError> {
        let installation = Arc::clone(&self.rows.snapshot().installation);
        let Some(heartbeat) = installation.heartbeats.get(name).filter(|heartbeat| heartbeat.team == *team) else { return Ok(()) };
        self.committed.heartbeats |= heartbeats::came(self.rows.tx, heartbeat, at)?;
        Ok(())
    }

    /// Notes whether an alert is a source of inhibition now.
    pub(super) fn follow(&mut self, team: &TeamId, entity: &str) -> Result<(), StoreError> {
        if !self.quiet.standing.inhibitions.is_empty() {
            let state = self.rows.alert(team, entity)?;
            self.quiet.follow(team, entity, state);
        }
        Ok(())
    }
}
