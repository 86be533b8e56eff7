//! Contacts that are known to work, and those that do not: proved by a code that their owner types in, and tried once a month.

use crate::browsers::Browser;
use crate::house::House;
use crate::reconciler::Work;
use domain::alert::Severity;
use domain::command::Notice;
use domain::contact::Contact;
use domain::daytime::monthly;
use domain::id::{Revision, TeamId, UserId};
use domain::installation::{Installation, User};
use domain::page::{Outbox, Purpose};
use domain::time::Millis;
use domain::transition::notice_key;
use ports::object::{self, Kind, Object};
use ports::{BoxFuture, StoreError, Tx, View, Wakes};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::Mutex;

/// How long a code is good, in seconds.
pub const CODE_SECONDS: u32 = 15 * 60;
/// Wrong codes after which a new one is needed.
pub const TRIES_LIMIT: u32 = 5;
/// The least time between two codes to one contact, in seconds.
pub const PAUSE_SECONDS: u32 = 60;
/// Contacts tried in one transaction.
const BATCH: u32 = 64;
/// How causes of notices about contacts begin.
const CONTACT_CAUSE: &str = "contact/";
/// What a trial says.
const TRIAL: &str = "Self-test of this contact: it works, there is nothing to do";
/// What sets the keys of these messages apart.
const TRIAL_KEY: &str = "trial-";

/// What is known of one contact of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub user: UserId,
    pub contact: Contact,
    /// Since when its owner is known to read what arrives there.
    pub verified_at: Option<Millis>,
    code: Option<Code>,
    /// When a provider last took a trial or a code.
    pub worked_at: Option<Millis>,
    /// Why the last trial failed; `None`: it did not.
    pub failing: Option<String>,
    next_test_at: Option<Millis>,
}

/// A code on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Code {
    /// Lower-case hex SHA-256: who can read the store must not be able to type it in.
    digest: String,
    sent_at: Millis,
    wrong: u32,
}

impl Object for Proof {
    const KIND: Kind = Kind::Contact;

    fn id(&self) -> String {
        id_of(&self.user, &self.contact)
    }

    fn due_at(&self) -> Option<Millis> {
        self.next_test_at
    }
}

fn hash(user: &UserId, contact: &Contact) -> [u8; 32] {
    Sha256::digest(format!("{user}\0{}\0{}", contact.kind, contact.address)).into()
}

fn id_of(user: &UserId, contact: &Contact) -> String {
    format!("{user}/{}", hex::encode(&hash(user, contact)[..8]))
}

impl Proof {
    fn none(user: &UserId, contact: &Contact) -> Self {
        Self {
            user: user.clone(),
            contact: contact.clone(),
            verified_at: None,
            code: None,
            worked_at: None,
            failing: None,
            next_test_at: None,
        }
    }
}

/// What is known of a person's contact.
pub fn proof(view: &dyn View, user: &UserId, contact: &Contact) -> Result<Proof, StoreError> {
    Ok(object::find(view, &id_of(user, contact))?.unwrap_or_else(|| Proof::none(user, contact)))
}

/// Queues a code to a contact. `Err`: so many seconds have to pass first.
pub fn send_code(tx: &mut dyn Tx, user: &UserId, contact: &Contact, code: &str, now: Millis) -> Result<Result<(), u32>, StoreError> {
    let mut proof = proof(tx.as_view(), user, contact)?;
    if let Some(earlier) = proof.code.as_ref().filter(|earlier| now < earlier.sent_at.plus_seconds(PAUSE_SECONDS)) {
        let wait_ms = earlier.sent_at.plus_seconds(PAUSE_SECONDS).since(now);
        return Ok(Err(u32::try_from(wait_ms.div_euclid(1000) + 1).unwrap_or(PAUSE_SECONDS)));
    }
    proof.code = Some(Code { digest: hex::encode(Sha256::digest(code)), sent_at: now, wrong: 0 });
    object::put(tx, &proof)?;
    queue(tx, &proof, "code-", Purpose::Test(code.to_owned()), now)?;
    Ok(Ok(()))
}

/// What came of a code that somebody typed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// The contact is verified from now on.
    Right,
    /// It may be tried so often still.
    Wrong(u32),
    /// None was sent, it is too old, or it was tried too often.
    Over,
}

/// Holds a code against the one that was sent.
pub fn type_code(tx: &mut dyn Tx, user: &UserId, contact: &Contact, code: &str, now: Millis) -> Result<Typed, StoreError> {
    let mut proof = proof(tx.as_view(), user, contact)?;
    let Some(sent) = proof.code.as_mut().filter(|sent| now < sent.sent_at.plus_seconds(CODE_SECONDS) && sent.wrong < TRIES_LIMIT) else {
        return Ok(Typed::Over);
    };
    let typed = if sent.digest == hex::encode(Sha256::digest(code.trim())) {
        proof.verified_at = Some(now);
        proof.code = None;
        Typed::Right
    } else {
        sent.wrong += 1;
        Typed::Wrong(TRIES_LIMIT - sent.wrong)
    };
    object::put(tx, &proof)?;
    Ok(typed)
}

/// Queues a trial of every contact of these people; gives how many.
pub fn try_all<'a>(tx: &mut dyn Tx, users: impl Iterator<Item = &'a User>, now: Millis) -> Result<u32, StoreError> {
    let mut count = 0;
    for user in users {
        for method in &user.contacts {
            let proof = proof(tx.as_view(), &user.id, &method.contact)?;
            object::put(tx, &proof)?;
            queue(tx, &proof, TRIAL_KEY, Purpose::Reminder(TRIAL.to_owned()), now)?;
            count += 1;
        }
    }
    Ok(count)
}

fn queue(tx: &mut dyn Tx, proof: &Proof, what: &str, purpose: Purpose, now: Millis) -> Result<(), StoreError> {
    let digest = hex::encode(&hash(&proof.user, &proof.contact)[..8]);
    let key = format!("{what}{digest}-{}", now.0);
    let row = Outbox::to_person(tx.new_outbox_id()?, key, proof.user.clone(), proof.contact.clone(), purpose, now);
    tx.add_outbox(&row).map(drop)
}

/// Whether a message tries a contact: what comes of it is noted here, and is no news about the channel.
pub fn is_trial(row: &Outbox) -> bool {
    row.incident.is_none() && (row.key.starts_with(TRIAL_KEY) || matches!(row.purpose, Purpose::Test(_)))
}

/// Notes what came of a trial, in the transaction that records it; `Some`: what to tell about it.
pub fn came(tx: &mut dyn Tx, row: &Outbox, failed: Option<&str>, now: Millis) -> Result<Option<Notice>, StoreError> {
    let Some(user) = row.user.as_ref().filter(|_| is_trial(row)) else { return Ok(None) };
    let mut proof = proof(tx.as_view(), user, &row.contact)?;
    let was_failing = proof.failing.is_some();
    proof.failing = failed.map(ToOwned::to_owned);
    if failed.is_none() {
        proof.worked_at = Some(now);
    }
    object::put(tx, &proof)?;
    Ok((was_failing || failed.is_some()).then(|| notice(&proof)))
}

fn notice(proof: &Proof) -> Notice {
    let Proof { user, contact, failing, .. } = proof;
    Notice {
        cause: format!("{CONTACT_CAUSE}{}", proof.id()),
        summary: format!("{user} cannot be reached by {}", contact.kind),
        details: failing.as_ref().map_or_else(
            || "A trial message was taken".to_owned(),
            |why| {
                format!(
                    "A trial message to {} failed: {why}. Put the contact right in the configuration, then: reveille contact test",
                    contact.address
                )
            },
        ),
        severity: Severity::Warning,
        integration: None,
        over: failing.is_none(),
    }
}

/// The team of the person whom an incident of the host's own is about: theirs are to hear of it first.
pub fn team_of_notice<'a>(key: &str, installation: &'a Installation) -> Option<&'a TeamId> {
    let about = key.strip_prefix(&notice_key(CONTACT_CAUSE))?;
    let user = about.rsplit_once('/')?.0;
    let mut theirs = installation.teams.values().filter(|team| team.members.iter().any(|member| member.as_str() == user));
    // One that pages nobody by itself would leave it to the installation's default policy.
    theirs.find(|team| team.default_policy.is_some()).map(|team| &team.id)
}

/// The reconciler of trials.
pub struct Contacts {
    house: Arc<House>,
    /// The configuration whose contacts all have their time.
    planned: Mutex<Option<Revision>>,
}

impl Contacts {
    pub fn new(house: Arc<House>) -> Self {
        Self { house, planned: Mutex::default() }
    }

    async fn work(&self) -> Result<Option<Millis>, StoreError> {
        let snapshot = self.house.parts.live.load();
        let now = self.house.now();
        let planned = *self.planned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if planned != Some(snapshot.revision) {
            let installation = Arc::clone(&snapshot.installation);
            self.house.parts.store.write(move |tx| plan(tx, &installation, now)).await?;
            *self.planned.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(snapshot.revision);
        }
        let next = self.house.parts.store.view(|view| view.next_object_due(Kind::Contact)).await?;
        if next.is_none_or(|due| due > now) {
            return Ok(next);
        }
        let installation = Arc::clone(&snapshot.installation);
        self.house.parts.store.write(move |tx| try_due(tx, &installation, now)).await?;
        self.house.parts.wakes.delivery.notify_one();
        Ok(Some(now))
    }
}

/// Gives every contact its time, and forgets those that are not configured any more.
fn plan(tx: &mut dyn Tx, installation: &Installation, now: Millis) -> Result<(), StoreError> {
    for proof in object::all::<Proof>(tx.as_view())? {
        if !is_configured(&proof, installation) {
            object::delete::<Proof>(tx, &proof.id())?;
        } else if !installation.self_test && proof.next_test_at.is_some() {
            object::put(tx, &Proof { next_test_at: None, ..proof })?;
        }
    }
    for browser in object::all::<Browser>(tx.as_view())?.iter().filter(|browser| !installation.users.contains_key(&browser.user)) {
        object::delete::<Browser>(tx, &browser.id())?;
    }
    for user in installation.users.values().filter(|_| installation.self_test) {
        for method in &user.contacts {
            let proof = proof(tx.as_view(), &user.id, &method.contact)?;
            if proof.next_test_at.is_none() {
                object::put(tx, &Proof { next_test_at: Some(slot(user, &proof.contact, now)), ..proof })?;
            }
        }
    }
    Ok(())
}

fn is_configured(proof: &Proof, installation: &Installation) -> bool {
    installation.users.get(&proof.user).is_some_and(|user| user.contacts.iter().any(|method| method.contact == proof.contact))
}

fn slot(user: &User, contact: &Contact, now: Millis) -> Millis {
    let mut spread = [0; 8];
    spread.copy_from_slice(&hash(&user.id, contact)[8..16]);
    monthly(&user.time_zone, u64::from_be_bytes(spread), now)
}

fn try_due(tx: &mut dyn Tx, installation: &Installation, now: Millis) -> Result<(), StoreError> {
    for proof in object::due::<Proof>(tx.as_view(), now, BATCH)? {
        let user = installation.users.get(&proof.user).filter(|_| installation.self_test && is_configured(&proof, installation));
        let next_test_at = user.map(|user| slot(user, &proof.contact, now));
        if user.is_some() {
            queue(tx, &proof, TRIAL_KEY, Purpose::Reminder(TRIAL.to_owned()), now)?;
        }
        object::put(tx, &Proof { next_test_at, ..proof })?;
    }
    Ok(())
}

impl Work for Contacts {
    fn name(&self) -> &'static str {
        "contacts"
    }

    fn signal<'a>(&self, wakes: &'a Wakes) -> &'a tokio::sync::Notify {
        &wakes.contacts
    }

    fn pass(self: Arc<Self>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>> {
        Box::pin(async move { self.work().await })
    }
}
