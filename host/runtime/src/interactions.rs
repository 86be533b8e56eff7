//! What an interaction plugin read in a request: commands of people outside, and news about pages.

use crate::bindings::v1_0::exports::reveille::plugin::interact as wire;
use crate::bindings::v1_0::reveille::plugin::types;
use crate::lift::{Lift, REASON_LIMIT_BYTES, priority};
use domain::alert::{DETAILS_LIMIT_BYTES, LABEL_NAME_LIMIT_BYTES, LABEL_VALUE_LIMIT_BYTES};
use domain::care::TARGETS_LIMIT;
use domain::interaction::{About, COMMANDS_LIMIT, Interaction, Receipt, Said, Wish};
use ports::CallFailure;

/// Most pieces of news of one request.
const RECEIPTS_LIMIT: usize = 100;

type Lifted<T> = Result<T, CallFailure>;

impl Lift {
    /// What somebody outside wants done.
    pub(crate) fn interaction(&mut self, interaction: wire::Interaction) -> Lifted<Interaction> {
        Ok(Interaction {
            commands: self.list(interaction.commands, COMMANDS_LIMIT, "commands", Self::said)?,
            receipts: self.list(interaction.receipts, RECEIPTS_LIMIT, "receipts", Self::receipt)?,
        })
    }

    fn said(&mut self, command: types::Command) -> Lifted<Said> {
        let about = match command.subject {
            types::Subject::Incident(id) => About::Incident(self.text(id, LABEL_NAME_LIMIT_BYTES)?),
            types::Subject::Entity(entity) => About::Entity(self.entity(entity)?),
            types::Subject::Latest => About::Latest,
        };
        let actor = command.actor.map(|contact| self.contact(contact)).transpose()?;
        Ok(Said { about, actor, wish: self.wish(command.operation)? })
    }

    fn wish(&mut self, operation: types::Operation) -> Lifted<Wish> {
        Ok(match operation {
            types::Operation::Acknowledge => Wish::Acknowledge,
            types::Operation::Unacknowledge => Wish::Unacknowledge,
            types::Operation::Resolve => Wish::Resolve,
            types::Operation::SnoozeSeconds(seconds) => Wish::Snooze { seconds },
            types::Operation::Reroute(targets) => Wish::Reroute(self.list(targets, TARGETS_LIMIT, "targets", Self::target)?),
            types::Operation::AddResponder(target) => Wish::AddResponder(self.target(target)?),
            types::Operation::AddNote(note) => Wish::AddNote(self.text(note, DETAILS_LIMIT_BYTES)?),
            types::Operation::SetPriority(value) => Wish::SetPriority(priority(value)),
            types::Operation::Choose(token) => Wish::Choose(self.text(token, LABEL_VALUE_LIMIT_BYTES)?),
        })
    }

    fn receipt(&mut self, receipt: wire::Receipt) -> Lifted<Receipt> {
        Ok(Receipt {
            page: self.text(receipt.page, LABEL_VALUE_LIMIT_BYTES)?,
            delivered: receipt.delivered,
            reason: self.optional(receipt.reason, REASON_LIMIT_BYTES)?,
        })
    }
}
