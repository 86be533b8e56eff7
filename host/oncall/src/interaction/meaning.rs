//! Who is speaking, which incident is meant, and may they?

use crate::links::{Answer, Chosen, LinkSigner, SNOOZE_MINUTES};
use crate::router::exists;
use domain::command::{Actor, Command, Operation, Subject};
use domain::contact::Contact;
use domain::escalation::Target;
use domain::id::{IncidentId, UserId};
use domain::installation::{Installation, Integration, User};
use domain::interaction::{About, Came, Said, Wish};
use domain::time::Millis;
use ports::{StoreError, View};

/// Longest note, in bytes.
const NOTE_LIMIT_BYTES: usize = 4096;

/// A command, and whether it has to stay within the integration's team.
#[derive(Debug)]
pub struct Meant {
    pub command: Command,
    pub within: bool,
}

/// What a wish means; the inner error is the answer where nothing is done.
pub fn meaning(
    view: &dyn View,
    installation: &Installation,
    links: &LinkSigner,
    integration: &Integration,
    said: &Said,
    now: Millis,
) -> Result<Result<Meant, Came>, StoreError> {
    let user = match &said.actor {
        None => None,
        Some(contact) => match speaker(installation, contact) {
            Ok(user) => Some((user, contact)),
            Err(came) => return Ok(Err(came)),
        },
    };
    let actor = match user {
        Some((user, contact)) => Actor::User(user.id.clone(), contact.kind.clone()),
        None => Actor::Integration(integration.id.clone()),
    };
    let (chosen, operation) = match wish(&said.wish, installation, links, now) {
        Ok(understood) => understood,
        Err(why) => return Ok(Err(Came::Refused(why))),
    };
    // Whoever has a choice's token was shown the page: it opens its incident and no other.
    if let Some(Chosen { incident, .. }) = chosen {
        let command = Command { subject: Subject::Incident(incident), actor, operation };
        return Ok(Ok(Meant { command, within: user.is_none() }));
    }
    let subject = match subject(view, &said.about, user.map(|(user, _)| &user.id))? {
        Ok(subject) => subject,
        Err(why) => return Ok(Err(Came::Refused(why))),
    };
    if let Some((user, _)) = user
        && !may(view, installation, integration, user, &subject)?
    {
        return Ok(Err(Came::Refused("this incident is not yours to answer".to_owned())));
    }
    let within = user.is_none() || matches!(subject, Subject::Entity(_));
    Ok(Ok(Meant { command: Command { subject, actor, operation }, within }))
}

/// The one user with this contact.
pub fn speaker<'a>(installation: &'a Installation, contact: &Contact) -> Result<&'a User, Came> {
    let mut found = installation.users.values().filter(|user| user.contacts.iter().any(|method| method.contact == *contact));
    match (found.next(), found.next()) {
        (Some(user), None) => Ok(user),
        (Some(_), Some(_)) => Err(Came::Refused("several people have this contact, so nobody can say who you are".to_owned())),
        (None, _) => Err(Came::UnknownActor),
    }
}

fn wish(wish: &Wish, installation: &Installation, links: &LinkSigner, now: Millis) -> Result<(Option<Chosen>, Operation), String> {
    let operation = match wish {
        Wish::Acknowledge => Operation::Acknowledge,
        Wish::Unacknowledge => Operation::Unacknowledge,
        Wish::Resolve => Operation::Resolve,
        Wish::AddNote(text) if text.len() > NOTE_LIMIT_BYTES => return Err(format!("a note has at most {NOTE_LIMIT_BYTES} bytes")),
        Wish::AddNote(text) => Operation::AddNote(text.clone()),
        Wish::SetPriority(priority) => Operation::SetPriority(*priority),
        Wish::Choose(token) => {
            let chosen = links.verify_choice(token, now).map_err(|error| error.to_string())?;
            let operation = match chosen.answer {
                Answer::Acknowledge => Operation::Acknowledge,
                Answer::Resolve => Operation::Resolve,
                Answer::Snooze => Operation::Snooze(now.plus_seconds(SNOOZE_MINUTES * 60)),
            };
            return Ok((Some(chosen), operation));
        }
        Wish::Snooze { seconds } => Operation::Snooze(now.plus_seconds(*seconds)),
        Wish::Reroute(targets) => Operation::Reroute(known(targets.clone(), installation)?),
        Wish::AddResponder(target) => Operation::AddResponders(known(vec![target.clone()], installation)?),
    };
    Ok((None, operation))
}

/// The targets, if configuration has all of them.
fn known(targets: Vec<Target>, installation: &Installation) -> Result<Vec<Target>, String> {
    match targets.iter().find(|target| !exists(installation, target)) {
        Some(Target::User(user)) => Err(format!("there is no user {user}")),
        Some(missing) => Err(format!("there is no {missing}")),
        None => Ok(targets),
    }
}

fn subject(view: &dyn View, about: &About, user: Option<&UserId>) -> Result<Result<Subject, String>, StoreError> {
    Ok(match (about, user) {
        (About::Incident(id), _) => match id.parse() {
            Ok(id) => Ok(Subject::Incident(IncidentId(id))),
            Err(_) => Err("there is no such incident".to_owned()),
        },
        (About::Entity(entity), _) => Ok(Subject::Entity(entity.clone())),
        (About::Latest, Some(user)) => match view.last_told(user)? {
            Some(incident) => Ok(Subject::Incident(incident)),
            None => Err("you were not told of any incident yet".to_owned()),
        },
        (About::Latest, None) => Err("nobody knows who you are, so nobody knows what you were told last".to_owned()),
    })
}

/// Members of the incident's team, whoever was paged about it, whoever is on it, and administrators; of an entity: members of the
/// integration's team.
fn may(
    view: &dyn View,
    installation: &Installation,
    integration: &Integration,
    user: &User,
    subject: &Subject,
) -> Result<bool, StoreError> {
    let member = |team| installation.teams.get(team).is_some_and(|team| team.members.contains(&user.id));
    if user.admin {
        return Ok(true);
    }
    let Subject::Incident(id) = subject else { return Ok(member(&integration.team)) };
    let Some(incident) = view.incident(*id)? else { return Ok(false) };
    if member(&incident.team) || incident.responders.contains(&user.id) {
        return Ok(true);
    }
    Ok(view.outbox_of(*id)?.iter().any(|row| row.user.as_ref() == Some(&user.id)))
}
