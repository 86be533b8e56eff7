//! What an automation plugin wants done: actions with their risk and their key.

use crate::bindings::v1_0::exports::reveille::plugin::automate as wire;
use crate::lift::{Lift, REASON_LIMIT_BYTES, priority};
use domain::action::{ACTION_KEY_LIMIT_BYTES, ACTIONS_LIMIT, Action, Risk, RunbookRun, Step, Thread};
use domain::alert::{DETAILS_LIMIT_BYTES, LABEL_NAME_LIMIT_BYTES, LABELS_LIMIT, SUMMARY_LIMIT_BYTES};
use ports::CallFailure;

type Lifted<T> = Result<T, CallFailure>;

impl Lift {
    /// What is to be done, in order.
    pub(crate) fn actions(&mut self, list: Vec<wire::Action>) -> Lifted<Vec<Action>> {
        self.list(list, ACTIONS_LIMIT, "actions", Self::action)
    }

    fn action(&mut self, action: wire::Action) -> Lifted<Action> {
        // A key that was cut could be that of another action, which would then never be done.
        if action.key.is_empty() || action.key.len() > ACTION_KEY_LIMIT_BYTES {
            let length = action.key.len();
            return Err(CallFailure::Internal(format!(
                "gave an action with a key of {length} bytes; it has to have 1 to {ACTION_KEY_LIMIT_BYTES}"
            )));
        }
        let risk = match action.risk {
            wire::Risk::Safe => Risk::Safe,
            wire::Risk::Reversible => Risk::Reversible,
            wire::Risk::Dangerous => Risk::Dangerous,
        };
        Ok(Action {
            key: self.text(action.key, ACTION_KEY_LIMIT_BYTES)?,
            step: self.step(action.step)?,
            risk,
            reason: self.text(action.reason, REASON_LIMIT_BYTES)?,
        })
    }

    fn step(&mut self, step: wire::Step) -> Lifted<Step> {
        Ok(match step {
            wire::Step::Call(request) => Step::Call(self.http(request)?),
            wire::Step::RunRunbook(run) => Step::RunRunbook(RunbookRun {
                runbook: self.text(run.runbook, LABEL_NAME_LIMIT_BYTES)?,
                arguments: self.list(run.arguments, LABELS_LIMIT, "arguments of a runbook", Self::label)?,
                dry_run: run.dry_run,
            }),
            wire::Step::Page(destination) => Step::Page(self.destination(destination)?),
            wire::Step::SetPriority(value) => Step::SetPriority(priority(value)),
            wire::Step::AddNote(note) => Step::AddNote(self.text(note, DETAILS_LIMIT_BYTES)?),
            wire::Step::OpenTicket(thread) => Step::OpenTicket(self.thread(thread)?),
            wire::Step::OpenChannel(thread) => Step::OpenChannel(self.thread(thread)?),
        })
    }

    fn thread(&mut self, thread: wire::Thread) -> Lifted<Thread> {
        Ok(Thread {
            connection: self.text(thread.connection, LABEL_NAME_LIMIT_BYTES)?,
            title: self.text(thread.title, SUMMARY_LIMIT_BYTES)?,
            body: self.text(thread.body, DETAILS_LIMIT_BYTES)?,
            fields: self.list(thread.fields, LABELS_LIMIT, "fields of a thread", Self::label)?,
        })
    }
}
