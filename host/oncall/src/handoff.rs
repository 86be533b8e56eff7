//! Tells people when their shift begins and when it ends, once, from what was stored about whom was told last.

use crate::house::House;
use crate::reconciler::Work;
use domain::daytime::words;
use domain::escalation::Duty;
use domain::id::{RotationId, UserId};
use domain::installation::{Installation, User};
use domain::page::{Outbox, Purpose};
use domain::schedule::{Override, shifts};
use domain::time::Millis;
use ports::object::{self, Kind, Object};
use ports::{BoxFuture, StoreError, Tx, Wakes};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How far ahead the end of a shift is looked for, in milliseconds.
const AHEAD_MS: i64 = 35 * 24 * 3_600_000;

/// Who was on call in a rotation when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    rotation: RotationId,
    user: Option<UserId>,
    /// When the shift ends as far as is known.
    until: Option<Millis>,
}

impl Object for Holder {
    const KIND: Kind = Kind::Handoff;

    fn id(&self) -> String {
        self.rotation.0.clone()
    }

    fn due_at(&self) -> Option<Millis> {
        self.until
    }
}

/// The reconciler of handoff notices.
pub struct Handoffs {
    house: Arc<House>,
}

impl Handoffs {
    pub fn new(house: Arc<House>) -> Self {
        Self { house }
    }

    async fn work(&self) -> Result<Option<Millis>, StoreError> {
        let installation = Arc::clone(&self.house.parts.live.load().installation);
        let now = self.house.now();
        let of_view = Arc::clone(&installation);
        let changed = self
            .house
            .parts
            .store
            .view(move |view| {
                let overrides = view.overrides(None, now)?;
                let known = object::all::<Holder>(view)?;
                let gone = known.iter().any(|holder| !of_view.rotations.contains_key(&holder.rotation));
                Ok(gone
                    || of_view.rotations.keys().any(|id| {
                        known
                            .binary_search_by(|h| h.rotation.cmp(id))
                            .ok()
                            .is_none_or(|at| known[at] != holder(&of_view, &overrides, id, now))
                    }))
            })
            .await?;
        if changed {
            let told = self.house.parts.store.write(move |tx| tell(tx, &installation, now)).await?;
            if told > 0 {
                self.house.parts.wakes.delivery.notify_one();
            }
        }
        self.house.parts.store.view(|view| view.next_object_due(Kind::Handoff)).await
    }
}

/// Who is on call in a rotation, and until when.
fn holder(installation: &Installation, overrides: &[Override], id: &RotationId, now: Millis) -> Holder {
    let user = Duty { installation, overrides, now }.on_call(id);
    let until = installation.rotations.get(id).and_then(|rotation| {
        let coming = shifts(rotation, overrides, now, now.plus_millis(AHEAD_MS));
        let end = coming.iter().take_while(|shift| Some(&shift.user) == user.as_ref()).last().map(|shift| shift.until);
        end.or_else(|| coming.first().map(|shift| shift.from)).filter(|end| *end < now.plus_millis(AHEAD_MS) && *end > now)
    });
    Holder { rotation: id.clone(), user, until }
}

/// Notes who is on call now, and queues a message for whoever began or ended since; gives how many.
fn tell(tx: &mut dyn Tx, installation: &Installation, now: Millis) -> Result<u32, StoreError> {
    let overrides = tx.overrides(None, now)?;
    for known in object::all::<Holder>(tx.as_view())? {
        if !installation.rotations.contains_key(&known.rotation) {
            object::delete::<Holder>(tx, &known.id())?;
        }
    }
    let mut count = 0;
    for id in installation.rotations.keys() {
        let before = object::find::<Holder>(tx.as_view(), id.as_str())?;
        let after = holder(installation, &overrides, id, now);
        if before.as_ref() == Some(&after) {
            continue;
        }
        // A rotation that is new has nobody who waits for news of it.
        if let Some(before) = before.filter(|before| before.user != after.user) {
            let follower = after.user.as_ref().map_or_else(|| "nobody follows".to_owned(), |user| format!("{user} is on call now"));
            count += queue(tx, installation, before.user.as_ref(), id, now, |_| format!("Your shift for {id} is over: {follower}"))?;
            count += queue(tx, installation, after.user.as_ref(), id, now, |user| {
                let until = after.until.map(|until| format!(" until {}", words(&user.time_zone, until))).unwrap_or_default();
                format!("You are on call for {id}{until}")
            })?;
        }
        object::put(tx, &after)?;
    }
    Ok(count)
}

/// Queues a message to a person's first contact, if they want such messages.
fn queue(
    tx: &mut dyn Tx,
    installation: &Installation,
    user: Option<&UserId>,
    rotation: &RotationId,
    now: Millis,
    text: impl Fn(&User) -> String,
) -> Result<u32, StoreError> {
    let user = user.and_then(|id| installation.users.get(id)).filter(|user| user.paging.handoff_notices);
    let Some((user, method)) = user.and_then(|user| Some((user, user.contacts.first()?))) else { return Ok(0) };
    let key = crate::escalation::bounded(format!("handoff-{rotation}-{}-{}", user.id, now.0));
    let row = Outbox::to_person(tx.new_outbox_id()?, key, user.id.clone(), method.contact.clone(), Purpose::Reminder(text(user)), now);
    Ok(u32::from(tx.add_outbox(&row)?))
}

impl Work for Handoffs {
    fn name(&self) -> &'static str {
        "handoff"
    }

    fn signal<'a>(&self, wakes: &'a Wakes) -> &'a tokio::sync::Notify {
        &wakes.handoff
    }

    fn pass(self: Arc<Self>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>> {
        Box::pin(async move { self.work().await })
    }
}
