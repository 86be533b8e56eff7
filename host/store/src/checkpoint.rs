//! Carries the write-ahead log over into the database file, away from the hot path.
//!
//! Each time the log has grown by a stretch, a thread of its own copies what is committed (PASSIVE: stops nobody). Under constant load that
//! never reaches the log's end, so the log would only grow; over its limit the thread therefore stops the writer between two commits for the
//! few pages that are left, and the log begins anew (RESTART).

use crate::error::{EndOnPanic, OpenError, end_process, ends_process};
use crate::fault::fault;
use crate::options::Checkpoints;
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use ports::Clock;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the writer may be held up by a reader that still needs the old log.
const WAIT_FOR_READERS: Duration = Duration::from_millis(50);

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Store,
    Journal,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Journal => "journal",
        }
    }
}

/// What writer and checkpoints' thread share.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Held by the writer during a group, by the checkpoints' thread while the log begins anew.
    turn: Mutex<()>,
    /// The checkpoints' thread waits for its turn.
    wanted: AtomicBool,
    /// Pages in the log after the last commit.
    pages: AtomicU32,
    /// Pages of it that are carried over.
    carried: AtomicU32,
}

impl Gate {
    /// Does one group's work.
    pub fn pass<R>(&self, work: impl FnOnce() -> R) -> R {
        let turn = self.turn.lock();
        let result = work();
        if self.wanted.load(Ordering::Acquire) {
            // A plain unlock would let the writer take the next turn as well, and the next.
            parking_lot::MutexGuard::unlock_fair(turn);
        }
        result
    }
}

/// The thread; ends when dropped.
pub(crate) struct Checkpointer {
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Work {
    kind: Kind,
    on: Connection,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    limit_pages: u32,
    page_bytes: u32,
}

impl Checkpointer {
    /// Watches the log of `writer` and works on `on`, another connection to the same file.
    pub fn start(
        kind: Kind,
        writer: &mut Connection,
        on: Connection,
        gate: Arc<Gate>,
        clock: Arc<dyn Clock>,
        bounds: Checkpoints,
    ) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Database { doing: "watch the log of", path: on.path().unwrap_or_default().into(), source };
        let page_bytes: u32 = on.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(failed)?;
        on.busy_timeout(WAIT_FOR_READERS).map_err(failed)?;
        let pages = |bytes: u64| u32::try_from(bytes / u64::from(page_bytes)).unwrap_or(u32::MAX).max(1);
        let (wake, woken) = bounded(1);
        let (every_pages, watched, bell) = (pages(bounds.every_bytes), Arc::clone(&gate), wake.clone());
        writer
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
                let pages = pages.unsigned_abs();
                let before = watched.pages.swap(pages, Ordering::AcqRel);
                if pages < before {
                    // It began anew.
                    watched.carried.store(0, Ordering::Release);
                }
                if pages.saturating_sub(watched.carried.load(Ordering::Acquire)) >= every_pages {
                    // Full: the thread is told already.
                    let _ = bell.try_send(());
                }
                Ok(())
            }))
            .map_err(failed)?;
        let name = format!("{}-checkpoint", kind.name());
        let work = Work { kind, on, gate, clock, limit_pages: pages(bounds.limit_bytes), page_bytes };
        let thread = std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || work.run(&woken))
            .map_err(|source| OpenError::Thread { name, source })?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }
}

impl Drop for Checkpointer {
    /// Call it once the writer's connection, which holds the other end of the bell, is closed.
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fault!(store_checkpoint, "store.checkpoint");
fault!(journal_checkpoint, "journal.checkpoint");

impl Work {
    fn run(self, woken: &Receiver<()>) {
        let _guard = EndOnPanic("the checkpoints of a database failed");
        while woken.recv().is_ok() {
            let began = self.clock.elapsed();
            self.carry("PRAGMA wal_checkpoint(PASSIVE)");
            if self.gate.pages.load(Ordering::Acquire) > self.limit_pages {
                self.gate.wanted.store(true, Ordering::Release);
                let turn = self.gate.turn.lock();
                self.gate.wanted.store(false, Ordering::Release);
                self.carry("PRAGMA wal_checkpoint(RESTART)");
                drop(turn);
            }
            let took = self.clock.elapsed().saturating_sub(began);
            let log_bytes = u64::from(self.gate.pages.load(Ordering::Acquire)) * u64::from(self.page_bytes);
            metrics::histogram!("reveille_store_checkpoint_seconds", "file" => self.kind.name()).record(took);
            metrics::gauge!("reveille_store_log_bytes", "file" => self.kind.name()).set(log_bytes as f64);
        }
    }

    fn carry(&self, sql: &str) {
        let planted = match self.kind {
            Kind::Store => store_checkpoint(),
            Kind::Journal => journal_checkpoint(),
        };
        let carried = planted
            .and_then(|()| self.on.query_row(sql, (), |row| Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))));
        match carried {
            Ok((busy, in_log, carried)) => {
                self.gate.carried.store(u32::try_from(carried).unwrap_or(0), Ordering::Release);
                if busy {
                    tracing::debug!(file = self.kind.name(), in_log, carried, "a reader still needs the log; it goes on growing");
                }
            }
            // After a failed sync of the database file another checkpoint would "succeed" and throw the log away.
            Err(error) if ends_process(&error) => end_process("a checkpoint cannot be synced", &error),
            Err(error) => {
                tracing::warn!(file = self.kind.name(), %error, "the log cannot be carried over now; it goes on growing");
            }
        }
    }
}
