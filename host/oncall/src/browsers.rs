//! Browsers that people subscribed: what their contact of the kind `web-push` rings. Each person's are kept here and nowhere else, since a
//! push service hands the address out to the browser, not to whoever writes the configuration.

use domain::contact::{Contact, WEB_PUSH};
use domain::id::UserId;
use domain::page::{Outbox, Purpose, PushReceiver};
use domain::time::Millis;
use ports::object::{self, Kind, Object};
use ports::{StoreError, Tx, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Most browsers of one person.
pub const BROWSERS_LIMIT: usize = 10;
/// What a browser's first message says.
const HELLO: &str = "Reveille rings here from now on";

/// One browser of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browser {
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    pub receiver: PushReceiver,
    pub subscribed_at: Millis,
    /// When its push service last took a message.
    pub worked_at: Option<Millis>,
    /// Why the last message failed; `None`: it did not.
    pub failing: Option<String>,
    /// Since when its push service does not know it any more: it is not tried again.
    pub gone_at: Option<Millis>,
}

impl Browser {
    /// A browser that is subscribed now.
    pub fn new(user: UserId, name: String, receiver: PushReceiver, now: Millis) -> Self {
        Self { user, name, receiver, subscribed_at: now, worked_at: None, failing: None, gone_at: None }
    }

    /// Its id among those of its person.
    pub fn short_id(&self) -> String {
        hex::encode(&Sha256::digest(&self.receiver.endpoint)[..8])
    }
}

impl Object for Browser {
    const KIND: Kind = Kind::Browser;

    fn id(&self) -> String {
        format!("{}/{}", self.user, self.short_id())
    }

    fn due_at(&self) -> Option<Millis> {
        None
    }
}

/// Whether a contact is rung by the person's browsers.
pub fn rings_browsers(contact: &Contact) -> bool {
    contact.kind == WEB_PUSH
}

/// A person's browsers, first subscribed first; those that are gone too.
pub fn of(view: &dyn View, user: &UserId) -> Result<Vec<Browser>, StoreError> {
    let mut list: Vec<Browser> = object::all::<Browser>(view)?.into_iter().filter(|browser| &browser.user == user).collect();
    list.sort_by_key(|browser| browser.subscribed_at);
    Ok(list)
}

/// Keeps a browser, in the place of what was known of its subscription; `false`: the person has [`BROWSERS_LIMIT`] that ring.
pub fn subscribe(tx: &mut dyn Tx, browser: &Browser) -> Result<bool, StoreError> {
    let others: Vec<Browser> = of(tx.as_view(), &browser.user)?.into_iter().filter(|other| other.id() != browser.id()).collect();
    if others.iter().filter(|other| other.gone_at.is_none()).count() >= BROWSERS_LIMIT {
        return Ok(false);
    }
    // What is gone and rings anew has another endpoint, but most likely the same name.
    for other in others.iter().filter(|other| other.gone_at.is_some() && other.name == browser.name) {
        object::delete::<Browser>(tx, &other.id())?;
    }
    object::put(tx, browser)?;
    Ok(true)
}

/// Queues a message that says to the person's browsers, this new one among them, that they ring.
pub fn greet(tx: &mut dyn Tx, browser: &Browser, contact: &Contact, now: Millis) -> Result<(), StoreError> {
    let key = format!("hello-{}-{}", browser.short_id(), now.0);
    let row = Outbox::to_person(tx.new_outbox_id()?, key, browser.user.clone(), contact.clone(), Purpose::Reminder(HELLO.to_owned()), now);
    tx.add_outbox(&row).map(drop)
}

/// Forgets a browser; gives what it was called, `None`: it was not known.
pub fn forget(tx: &mut dyn Tx, user: &UserId, short_id: &str) -> Result<Option<String>, StoreError> {
    let id = format!("{user}/{short_id}");
    let Some(browser) = object::find::<Browser>(tx.as_view(), &id)? else { return Ok(None) };
    object::delete::<Browser>(tx, &id)?;
    Ok(Some(browser.name))
}

/// What came of a message to one browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rang {
    Taken,
    /// For this reason.
    Failed(String),
    /// Its push service does not know it any more.
    Gone(String),
}

/// Notes what came of a message to each of these browsers. One that was taken away or subscribed anew meanwhile stays as it is.
pub fn note(tx: &mut dyn Tx, rang: &[(Browser, Rang)], now: Millis) -> Result<(), StoreError> {
    for (rung, came) in rang {
        let Some(mut browser) = object::find::<Browser>(tx.as_view(), &rung.id())?.filter(|known| known.receiver == rung.receiver) else {
            continue;
        };
        match came {
            Rang::Taken => (browser.worked_at, browser.failing) = (Some(now), None),
            Rang::Failed(why) => browser.failing = Some(why.clone()),
            Rang::Gone(why) => (browser.gone_at, browser.failing) = (Some(now), Some(why.clone())),
        }
        object::put(tx, &browser)?;
    }
    Ok(())
}
