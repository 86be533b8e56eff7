//! What people answer from outside: a pressed button, a reply, a digit. The plugin reads it, the host finds out who and what is meant,
//! journals the commands, and the plugin words the answer.
//!
//! A request that is the same to the byte is the same request: what it asked for is done once.

mod all;
mod meaning;
mod receipts;

use crate::house::House;
use crate::instances::Threads;
use all::{AllMeant, all_meant, came_of_all};
use domain::command::{Actor, Operation};
use domain::id::IncidentId;
use domain::inbound::{Inbound, Reply};
use domain::installation::Integration;
use domain::interaction::{COMMANDS_LIMIT, Came, Interaction, Said};
use domain::journal::Sender;
use domain::page::{Outbox, OutboxState, Purpose};
use domain::transition::Said as Outcome;
use meaning::{Meant, meaning};
use ports::store::AuditRow;
use ports::{CallFailure, CommandFailure, Plugin, Snapshot, StoreError, Tx};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Threads that ask plugins.
const THREADS: usize = 4;
/// Longest answer of the host itself, in bytes.
const WORDS_LIMIT_BYTES: usize = 2048;

/// A wish, understood.
enum Understood {
    One(Result<Meant, Came>),
    All(Result<AllMeant, Came>),
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// `None`: an empty 200.
    Answered(Option<Reply>),
    /// The plugin does not take it; listed as a dead letter: 400 with the reason.
    Refused(String),
    /// The plugin failed on it; listed as a dead letter, and nothing was done: 422 with the reason.
    Failed(String),
    /// Not stored: 503. Coming again does nothing twice.
    Busy(String),
}

/// Hears what comes in at integrations at which people answer.
pub struct Interactions {
    house: Arc<House>,
    plugins: Threads,
}

/// A command that was carried out.
struct Obeyed {
    incident: Option<IncidentId>,
    words: String,
}

impl Interactions {
    pub(crate) fn new(house: Arc<House>) -> Self {
        Self { house, plugins: Threads::start("interact", THREADS) }
    }

    /// Does what a request asks for, and words the answer.
    pub async fn hear(&self, integration: &Integration, inbound: Inbound) -> Heard {
        let snapshot = self.house.parts.live.load();
        let heard = match snapshot.interactors.get(&integration.id) {
            Some(plugin) => self.hear_by(&snapshot, plugin, integration, inbound).await,
            None => self.unheard(integration, inbound, "the integration has no interact plugin in force".to_owned(), Heard::Failed).await,
        };
        let word = match &heard {
            Heard::Answered(_) => "answered",
            Heard::Refused(_) => "refused",
            Heard::Failed(_) => "failed",
            Heard::Busy(_) => "busy",
        };
        metrics::counter!("reveille_oncall_interactions_total", "result" => word).increment(1);
        heard
    }

    async fn hear_by(&self, snapshot: &Arc<Snapshot>, plugin: &Arc<dyn Plugin>, integration: &Integration, inbound: Inbound) -> Heard {
        let (of_thread, request, revision) = (Arc::clone(plugin), inbound.clone(), snapshot.revision);
        let Some(read) = self.plugins.run(move |instances| instances.of(revision, &of_thread).read(&request)).await else {
            return Heard::Busy("too many people answer at the same time".to_owned());
        };
        let name = &plugin.cite().name;
        let Interaction { commands, receipts } = match read {
            Ok(interaction) if interaction.commands.len() > COMMANDS_LIMIT => {
                let why = format!("{name} read {} commands in one request and {COMMANDS_LIMIT} are the limit", interaction.commands.len());
                return self.unheard(integration, inbound, why, Heard::Failed).await;
            }
            Ok(interaction) => interaction,
            Err(CallFailure::Rejected(why)) => return self.unheard(integration, inbound, why, Heard::Refused).await,
            Err(failure) => return self.unheard(integration, inbound, format!("{name} {failure}"), Heard::Failed).await,
        };
        let digest = digest(integration, &inbound);
        let mut results = Vec::with_capacity(commands.len());
        let mut obeyed = Vec::new();
        for (place, said) in commands.iter().enumerate() {
            match self.obey(snapshot, integration, said, &format!("{digest}/{place}")).await {
                Ok((came, done)) => {
                    results.push(came);
                    obeyed.extend(done);
                }
                Err(why) => return Heard::Busy(why),
            }
        }
        if let Err(error) = self.receive(snapshot, name, receipts).await {
            return Heard::Busy(error.to_string());
        }
        self.update_messages(snapshot, name, obeyed, &digest).await;
        let (of_thread, request, told) = (Arc::clone(plugin), inbound, results.clone());
        match self.plugins.run(move |instances| instances.of(revision, &of_thread).answer(&request, &told)).await {
            Some(Ok(reply)) => Heard::Answered(reply),
            failure => {
                tracing::warn!(plugin = %name, ?failure, "an interact plugin cannot word its answer; the host does");
                metrics::counter!("reveille_oncall_interaction_plain_answers_total").increment(1);
                Heard::Answered(plain(&results))
            }
        }
    }

    /// Lists a request that was not understood.
    async fn unheard(&self, integration: &Integration, raw: Inbound, why: String, answer: fn(String) -> Heard) -> Heard {
        match self.house.parts.commands.unheard(sender(integration), raw, why.clone()).await {
            Ok(()) => answer(why),
            Err(failure) => Heard::Busy(failure.to_string()),
        }
    }

    /// Carries out one wish; the error says that it is not stored.
    async fn obey(
        &self,
        snapshot: &Arc<Snapshot>,
        integration: &Integration,
        said: &Said,
        key: &str,
    ) -> Result<(Came, Vec<Obeyed>), String> {
        let (house, now) = (Arc::clone(&self.house), self.house.now());
        let (installation, of_job, said) = (Arc::clone(&snapshot.installation), integration.clone(), said.clone());
        let meant = self
            .house
            .parts
            .store
            .view(move |view| {
                let links = &house.parts.links;
                Ok(match all_meant(view, &installation, links, &of_job, &said, now)? {
                    Some(all) => Understood::All(all),
                    None => Understood::One(meaning(view, &installation, links, &of_job, &said, now)?),
                })
            })
            .await
            .map_err(|error| error.to_string())?;
        match meant {
            Understood::One(Ok(meant)) => {
                let (came, done) = self.obey_one(integration, meant, format!("interaction/{key}")).await?;
                Ok((came, done.into_iter().collect()))
            }
            Understood::All(Ok(all)) => self.obey_all(integration, all, key).await,
            Understood::One(Err(came)) | Understood::All(Err(came)) => Ok((came, Vec::new())),
        }
    }

    /// Acknowledges everything that a message stood for; one that is refused stops no other.
    async fn obey_all(&self, integration: &Integration, all: AllMeant, key: &str) -> Result<(Came, Vec<Obeyed>), String> {
        let (mut done, mut refused, mut obeyed) = (Vec::new(), Vec::new(), Vec::new());
        for (incident, command) in all.commands {
            let actor = command.actor.clone();
            let meant = Meant { command, within: all.within };
            match self.obey_one(integration, meant, format!("interaction/{key}/{incident}")).await? {
                (Came::Done(_), one) => {
                    done.push(incident);
                    obeyed.extend(one.map(|one| (actor, one)));
                }
                (Came::Refused(why), _) => refused.push(why),
                (Came::UnknownActor, _) => return Ok((Came::UnknownActor, Vec::new())),
            }
        }
        let came = came_of_all(&done, &refused, all.count);
        // The message itself is told of all at once, and before any other.
        obeyed.sort_by_key(|(_, one)| one.incident != Some(all.own));
        let of_own = |one: &Obeyed| one.incident == Some(all.own);
        let obeyed = obeyed.into_iter().map(|(actor, one)| match &came {
            Came::Done(words) if of_own(&one) => Obeyed { words: spoken(&actor, words.clone()), ..one },
            _ => one,
        });
        let obeyed = obeyed.collect();
        Ok((came, obeyed))
    }

    /// Carries out one command; the error says that it is not stored.
    async fn obey_one(&self, integration: &Integration, meant: Meant, key: String) -> Result<(Came, Option<Obeyed>), String> {
        let Meant { command, within } = meant;
        let (actor, operation) = (command.actor.clone(), command.operation.clone());
        let incident = match command.subject {
            domain::command::Subject::Incident(id) => Some(id),
            domain::command::Subject::Entity(_) => None,
        };
        let from = within.then(|| sender(integration));
        match self.house.parts.commands.once(from, command, key).await {
            Ok(Outcome::Done(words)) => {
                self.audit(&actor, &operation, incident, integration).await;
                Ok((Came::Done(words.clone()), Some(Obeyed { incident, words: spoken(&actor, words) })))
            }
            Ok(Outcome::Refused(words)) => Ok((Came::Refused(words), None)),
            Err(CommandFailure::Slow) => Ok((Came::Done(CommandFailure::Slow.to_string()), None)),
            Err(CommandFailure::NotStored(why)) => Err(why),
        }
    }

    async fn audit(&self, actor: &Actor, operation: &Operation, incident: Option<IncidentId>, integration: &Integration) {
        let action = format!("incident.{}", operation.as_str());
        let actor = match actor {
            Actor::User(user, way) => format!("user {user} by {way}"),
            _ => format!("integration {}", integration.id),
        };
        let subject = incident.map_or_else(|| "incident of an entity".to_owned(), |id| format!("incident {id}"));
        let details = format!("at integration {}", integration.id);
        let row = AuditRow { id: domain::id::AuditId(0), at: self.house.now(), actor, action, subject, details };
        if let Err(error) = self.house.parts.store.write(move |tx| tx.add_audit(&row)).await {
            tracing::error!(%error, "a command was done, but its audit row could not be written");
        }
    }

    async fn receive(&self, snapshot: &Arc<Snapshot>, plugin: &str, receipts: Vec<domain::interaction::Receipt>) -> Result<(), StoreError> {
        if receipts.is_empty() {
            return Ok(());
        }
        let (of_job, plugin, now) = (Arc::clone(snapshot), plugin.to_owned(), self.house.now());
        let taken = self.house.parts.store.write(move |tx| receipts::receive(tx, &receipts, &plugin, &of_job, now)).await?;
        self.house.parts.wakes.delivery.notify_one();
        self.house.parts.wakes.escalation.notify_one();
        self.house.changed(taken.iter().filter_map(|(row, _)| row.incident).collect());
        for (row, recorded) in &taken {
            self.house.note_of_channel(row, recorded, &snapshot.installation).await;
        }
        Ok(())
    }

    /// Messages by the same plugin about an incident that was answered are told so, where the plugin can update what it sent. Those that
    /// follow their incident are told by the news.
    async fn update_messages(&self, snapshot: &Arc<Snapshot>, plugin: &str, obeyed: Vec<Obeyed>, digest: &str) {
        if snapshot.installation.followers.contains(plugin) {
            return;
        }
        let kinds: BTreeSet<String> = snapshot
            .notify
            .iter()
            .filter(|(kind, notifier)| {
                let serves = notifier.info().contacts.iter().any(|c| c.kind == **kind && c.purposes.iter().any(|p| p == "update"));
                notifier.cite().name == plugin && serves
            })
            .map(|(kind, _)| kind.clone())
            .collect();
        let told: Vec<(IncidentId, String)> = obeyed.into_iter().filter_map(|done| Some((done.incident?, done.words))).collect();
        if kinds.is_empty() || told.is_empty() {
            return;
        }
        let (now, digest) = (self.house.now(), digest.to_owned());
        let job = move |tx: &mut dyn Tx| {
            let mut edited = BTreeSet::new();
            told.iter().try_for_each(|(incident, words)| update(tx, *incident, words, &kinds, &digest, &mut edited, now))
        };
        match self.house.parts.store.write(job).await {
            Ok(()) => self.house.parts.wakes.delivery.notify_one(),
            Err(error) => tracing::warn!(%error, "messages about an answered incident cannot be updated"),
        }
    }
}

/// Queues an update for every contact of these kinds that was told of the incident. A message that stands for several is edited once.
fn update(
    tx: &mut dyn Tx,
    incident: IncidentId,
    words: &str,
    kinds: &BTreeSet<String>,
    digest: &str,
    edited: &mut BTreeSet<(String, Option<String>)>,
    now: domain::time::Millis,
) -> Result<(), StoreError> {
    let mut told = BTreeSet::new();
    for sent in tx.outbox_of(incident)? {
        let known = sent.state == OutboxState::Accepted && sent.reference.is_some() && kinds.contains(&sent.contact.kind);
        if !known || !told.insert(sent.contact.address.clone()) || !edited.insert((sent.contact.address.clone(), sent.reference.clone())) {
            continue;
        }
        let row = Outbox {
            id: tx.new_outbox_id()?,
            key: format!("{incident}-u-{}-{}", &digest[..16.min(digest.len())], told.len()),
            run: None,
            purpose: Purpose::Update(words.to_owned()),
            state: OutboxState::Queued,
            tries: 0,
            queued_at: now,
            next_at: Some(now),
            reference: None,
            last_error: None,
            again: None,
            ..sent
        };
        tx.add_outbox(&row)?;
    }
    Ok(())
}

/// What was done, for those who did not do it.
fn spoken(actor: &Actor, words: String) -> String {
    match actor {
        Actor::User(user, _) => format!("{user}: {words}"),
        _ => words,
    }
}

fn sender(integration: &Integration) -> Sender {
    Sender { integration: integration.id.clone(), team: integration.team.clone() }
}

/// What makes a request the same: where it came to, and everything in it that the plugin sees but the host's own number and time.
fn digest(integration: &Integration, inbound: &Inbound) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(integration.id.as_str().as_bytes());
    part(inbound.method.as_str().as_bytes());
    part(inbound.url.as_bytes());
    for (name, value) in &inbound.headers {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    part(&inbound.body);
    hex::encode(hash.finalize())
}

/// The results in the host's own words.
fn plain(results: &[Came]) -> Option<Reply> {
    let lines: Vec<&str> = results
        .iter()
        .map(|came| match came {
            Came::Done(words) | Came::Refused(words) => words.as_str(),
            Came::UnknownActor => "nobody here is known by this contact",
        })
        .collect();
    let body = domain::alert::cut(&lines.join("\n"), WORDS_LIMIT_BYTES).into_bytes();
    (!lines.is_empty()).then(|| Reply { status: 200, content_type: "text/plain; charset=utf-8".to_owned(), body })
}
