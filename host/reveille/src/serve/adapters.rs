//! Where the pages' small traits meet the rooms that do the work.

use domain::command::Command;
use domain::id::DeadLetterId;
use domain::installation::Installation;
use domain::time::Millis;
use oncall::links::{LinkError, LinkSigner};
use pipeline::{CommandError, CommandOutcome, Engine, ReplayError};
use ports::BoxFuture;
use ports::store::Credential;
use std::sync::Arc;
use web::{CommandFailure, LinkFailure, PageLink};

/// Commands go to the engine.
pub struct Commands(pub Arc<Engine>);

impl web::Commands for Commands {
    fn command(&self, command: Command) -> BoxFuture<'static, Result<web::CommandOutcome, CommandFailure>> {
        let engine = Arc::clone(&self.0);
        Box::pin(async move { engine.command(command).await.map(outcome).map_err(failure) })
    }

    fn replay(&self, letter: DeadLetterId) -> BoxFuture<'static, Result<web::CommandOutcome, CommandFailure>> {
        let engine = Arc::clone(&self.0);
        Box::pin(async move { settled(engine.replay(letter).await.map(|_| format!("Dead letter {letter} is taken in."))) })
    }

    fn discard(&self, letter: DeadLetterId) -> BoxFuture<'static, Result<web::CommandOutcome, CommandFailure>> {
        let engine = Arc::clone(&self.0);
        Box::pin(async move { settled(engine.discard(letter).await.map(|()| format!("Dead letter {letter} is put aside."))) })
    }

    fn backlog(&self) -> web::Backlog {
        let backlog = self.0.backlog();
        web::Backlog { journal_head: backlog.journal_head, cursor: backlog.cursor, queued: backlog.queued as u64 }
    }

    fn overload(&self) -> Option<String> {
        self.0.overload()
    }

    fn queues(&self) -> Vec<(&'static str, u64, u64)> {
        self.0.queues().into_iter().map(|queue| (queue.name, queue.depth, queue.limit)).collect()
    }
}

fn outcome(outcome: CommandOutcome) -> web::CommandOutcome {
    match outcome {
        CommandOutcome::Done(words) => web::CommandOutcome::Done(words),
        CommandOutcome::Refused(words) => web::CommandOutcome::Refused(words),
    }
}

fn failure(error: CommandError) -> CommandFailure {
    match error {
        CommandError::Pending(_) => CommandFailure::Slow,
        other => CommandFailure::NotStored(other.to_string()),
    }
}

fn settled(result: Result<String, ReplayError>) -> Result<web::CommandOutcome, CommandFailure> {
    match result {
        Ok(words) => Ok(web::CommandOutcome::Done(words)),
        Err(error @ (ReplayError::Journal(_) | ReplayError::Store(_))) => Err(CommandFailure::NotStored(error.to_string())),
        Err(error) => Ok(web::CommandOutcome::Refused(error.to_string())),
    }
}

/// Page links are the signer's.
pub struct PageLinks(pub Arc<LinkSigner>);

impl web::PageLinks for PageLinks {
    fn verify(&self, token: &str, now: Millis) -> Result<PageLink, LinkFailure> {
        match self.0.verify(token, now) {
            Ok(link) => Ok(PageLink { incident: link.incident, user: link.user, expires_at: link.expires_at, message: link.message }),
            Err(LinkError::Expired) => Err(LinkFailure::Expired),
            Err(_) => Err(LinkFailure::Broken),
        }
    }
}

/// What an API token allows at the machines' side: the same as at the people's.
pub fn rights(credential: &Credential, installation: &Installation) -> Option<compat::Rights> {
    let principal = web::Principal::of_token(credential, installation)?;
    Some(compat::Rights {
        name: principal.audit_name(),
        sees: principal.sees.filter(),
        changes: principal.changes.filter(),
        user: principal.user,
    })
}
