//! One answer to a message about several incidents: a button for all of them, or a reply that names none.

use super::meaning::speaker;
use crate::links::{LinkError, LinkSigner};
use crate::told::{self, Told};
use domain::command::{Actor, Command, Operation, Subject};
use domain::id::IncidentId;
use domain::installation::{Installation, Integration};
use domain::interaction::{About, Came, Said, Wish};
use domain::time::Millis;
use ports::{StoreError, View};

/// Incidents named in an answer; the others are counted.
const NAMED: usize = 10;

/// Acknowledgements of everything that a message stood for.
#[derive(Debug)]
pub struct AllMeant {
    pub commands: Vec<(IncidentId, Command)>,
    /// Whether they have to stay within the integration's team.
    pub within: bool,
    /// The incident whose page became the message.
    pub own: IncidentId,
    /// How many the message was about; those that are not among the commands were answered before.
    pub count: usize,
}

/// What a wish about a whole message means; `None`: it is about one incident. The inner error is the answer where nothing is done.
pub fn all_meant(
    view: &dyn View,
    installation: &Installation,
    links: &LinkSigner,
    integration: &Integration,
    said: &Said,
    now: Millis,
) -> Result<Option<Result<AllMeant, Came>>, StoreError> {
    let user = match &said.actor {
        None => None,
        Some(contact) => match speaker(installation, contact) {
            Ok(user) => Some((user, contact)),
            // Whoever does not even get as far as one incident is told so there.
            Err(_) => return Ok(None),
        },
    };
    let told = match (&said.wish, &said.about, user) {
        (Wish::Choose(token), ..) => match links.verify_choice_of_all(token, now) {
            Ok(message) => told::find(view, message)?,
            Err(LinkError::Expired) => None,
            Err(LinkError::Invalid) => return Ok(None),
        },
        (Wish::Acknowledge | Wish::Resolve | Wish::Snooze { .. }, About::Latest, Some((user, _))) => match told::latest(view, &user.id)? {
            Some(told) if said.wish == Wish::Acknowledge => Some(told),
            // Which of them is over is not known by what came last.
            Some(told) => return Ok(Some(Err(Came::Refused(say_which(&told))))),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let Some(told) = told else { return Ok(Some(Err(Came::Refused(LinkError::Expired.to_string())))) };
    let actor = match user {
        Some((user, contact)) => Actor::User(user.id.clone(), format!("{} from {}", contact.kind, told.words())),
        None => Actor::Integration(integration.id.clone()),
    };
    let command = |id| Command { subject: Subject::Incident(id), actor: actor.clone(), operation: Operation::Acknowledge };
    let commands = told.firing(view)?.into_iter().map(|id| (id, command(id))).collect();
    Ok(Some(Ok(AllMeant { commands, within: user.is_none(), own: told.own, count: told.incidents.len() })))
}

fn say_which(told: &Told) -> String {
    let example = told.incidents.first().map_or(0, |id| id.0);
    format!("your last message was about {} incidents: say which one, as #{example}", told.incidents.len())
}

/// What became of all, in one answer.
pub fn came_of_all(done: &[IncidentId], refused: &[String], count: usize) -> Came {
    if done.is_empty() && refused.is_empty() {
        return Came::Done(format!("all {count} incidents were answered already"));
    }
    let mut words = Vec::new();
    if !done.is_empty() {
        let named: Vec<String> = done.iter().take(NAMED).map(|id| format!("#{id}")).collect();
        let more = done.len() - named.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (noun, verb) = if done.len() == 1 { ("incident", "is") } else { ("incidents", "are") };
        words.push(format!("{} {noun} {verb} acknowledged: {}{rest}", done.len(), named.join(", ")));
    }
    words.extend(refused.iter().take(NAMED).cloned());
    let words = words.join("; ");
    if done.is_empty() { Came::Refused(words) } else { Came::Done(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_tells_of_all() {
        let ids = |n: u64| (1..=n).map(IncidentId).collect::<Vec<_>>();
        assert_eq!(came_of_all(&ids(3), &[], 3), Came::Done("3 incidents are acknowledged: #1, #2, #3".into()));
        let one = came_of_all(&ids(1), &["incident 2 is already resolved".into()], 3);
        assert_eq!(one, Came::Done("1 incident is acknowledged: #1; incident 2 is already resolved".into()));
        assert_eq!(came_of_all(&[], &[], 3), Came::Done("all 3 incidents were answered already".into()));
        assert!(matches!(came_of_all(&[], &["no".into()], 3), Came::Refused(_)));
    }
}
