//! One name space: what it holds, who uses it, which of its touches are committed. The cell stays when what it holds is dropped, because the
//! order of touches goes on.

use crate::ledger::Ledger;
use crate::resident::Resident;
use crate::version::Versions;
use domain::state::StateSpace;
use parking_lot::{ArcMutexGuard, Mutex, RawMutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// What a call has to itself from its first operation to its end.
#[derive(Debug)]
pub(crate) struct Body {
    /// `None`: dropped, or never loaded.
    pub resident: Option<Resident>,
    /// Of the last kept call.
    pub order: u64,
    pub versions: Versions,
}

pub(crate) type Held = ArcMutexGuard<RawMutex, Body>;

#[derive(Debug)]
pub(crate) struct Cell {
    pub space: Arc<StateSpace>,
    body: Arc<Mutex<Body>>,
    /// Apart from the body, so that whoever commits never waits for a call.
    ledger: Mutex<Ledger>,
    /// Whether the body is loaded, as far as one can tell without its lock.
    loaded: AtomicBool,
    /// Open calls: they keep it in memory.
    pins: AtomicUsize,
    /// A tick of the last use.
    used: AtomicU64,
}

impl Cell {
    pub fn new(space: Arc<StateSpace>, epoch: u64) -> Self {
        let body = Body { resident: None, order: 0, versions: Versions::new(epoch) };
        Self {
            space,
            body: Arc::new(Mutex::new(body)),
            ledger: Mutex::default(),
            loaded: AtomicBool::new(false),
            pins: AtomicUsize::new(0),
            used: AtomicU64::new(0),
        }
    }

    pub fn pin(&self, tick: u64) {
        self.pins.fetch_add(1, Ordering::AcqRel);
        self.used.store(tick, Ordering::Relaxed);
    }

    pub fn unpin(&self) {
        self.pins.fetch_sub(1, Ordering::AcqRel);
    }

    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// A hint: a pinned cell that says so may have been dropped just before it was pinned.
    pub fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    pub fn hold(&self) -> Held {
        self.body.lock_arc()
    }

    pub fn try_hold(&self) -> Option<Held> {
        self.body.try_lock_arc()
    }

    pub fn put(&self, body: &mut Body, resident: Resident) {
        body.resident = Some(resident);
        self.loaded.store(true, Ordering::Release);
    }

    /// Drops what it holds if nobody misses it: no open call, no touch that waits for its commit.
    pub fn drop_idle(&self) -> Option<Resident> {
        let mut body = self.body.try_lock()?;
        if self.pins.load(Ordering::Acquire) > 0 || body.order != self.committed() {
            return None;
        }
        let resident = body.resident.take()?;
        self.loaded.store(false, Ordering::Release);
        Some(resident)
    }

    pub fn commit(&self, order: u64) {
        self.ledger.lock().commit(order);
    }

    pub fn committed(&self) -> u64 {
        self.ledger.lock().committed()
    }
}
