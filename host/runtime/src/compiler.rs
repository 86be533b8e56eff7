//! Components become native code once per digest: from the cache, or compiled on a thread with a time limit, one at a time, however many ask.

use crate::cache::NativeCache;
use crate::cell::Cell;
use crate::contract::API;
use crate::world;
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::Duration;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre};

/// A component ready to be instantiated, shared by every place and version of settings that uses it.
pub(crate) type Compiled = Arc<InstancePre<Cell>>;

/// What is compiled now, by digest; each entry is locked while it is made.
type Ready = HashMap<String, Arc<Mutex<Weak<InstancePre<Cell>>>>>;

/// Compiles, once.
pub(crate) struct Compiler {
    engine: Engine,
    cache: NativeCache,
    time_limit: Duration,
    ready: Mutex<Ready>,
    turns: Arc<Turns>,
}

/// One compilation at a time. One that passed its time limit keeps its turn until it is over, so that they cannot pile up.
#[derive(Default)]
struct Turns {
    taken: Mutex<bool>,
    free: Condvar,
}

impl Turns {
    fn take(self: &Arc<Self>, limit: Duration) -> Option<Turn> {
        let mut taken = self.taken.lock();
        if self.free.wait_while_for(&mut taken, |taken| *taken, limit).timed_out() {
            return None;
        }
        *taken = true;
        Some(Turn(Arc::clone(self)))
    }
}

struct Turn(Arc<Turns>);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.taken.lock() = false;
        self.0.free.notify_one();
    }
}

impl Compiler {
    pub(crate) fn new(engine: Engine, cache: NativeCache, compile_seconds: u64) -> Self {
        let time_limit = Duration::from_secs(compile_seconds);
        Self { engine, cache, time_limit, ready: Mutex::default(), turns: Arc::default() }
    }

    /// The component with this digest, linked to the closed world.
    ///
    /// # Errors
    /// One sentence: not valid, takes too long, or does not fit the contract.
    pub(crate) fn get(&self, digest: &str, bytes: Vec<u8>) -> Result<Compiled, String> {
        let entry = {
            let mut ready = self.ready.lock();
            ready.retain(|_, entry| Arc::strong_count(entry) > 1 || entry.lock().strong_count() > 0);
            Arc::clone(ready.entry(digest.to_owned()).or_default())
        };
        let mut slot = entry.lock();
        if let Some(compiled) = slot.upgrade() {
            return Ok(compiled);
        }
        let component = match self.cache.load(&self.engine, digest) {
            Some(component) => component,
            None => {
                let component = self.compile(bytes)?;
                self.cache.store(digest, &component);
                component
            }
        };
        let linker = world::link(&self.engine, &component).map_err(|error| format!("link plugin.wasm: {error:#}"))?;
        let fits = |error: wasmtime::Error| format!("plugin.wasm does not fit contract {API}: {error:#}");
        let compiled = Arc::new(linker.instantiate_pre(&component).map_err(fits)?);
        *slot = Arc::downgrade(&compiled);
        Ok(compiled)
    }

    fn compile(&self, bytes: Vec<u8>) -> Result<Component, String> {
        let seconds = self.time_limit.as_secs();
        let Some(turn) = self.turns.take(self.time_limit) else {
            return Err(format!("waited {seconds} s for another plugin to be compiled: try again"));
        };
        let engine = self.engine.clone();
        let (send, receive) = mpsc::sync_channel(1);
        let run = move || {
            let compiled = Component::new(&engine, &bytes).map_err(|error| format!("compile plugin.wasm: {error:#}"));
            drop(turn);
            // Nobody waits any more if it took too long.
            drop(send.send(compiled));
        };
        let started = std::thread::Builder::new().name("plugin-compiler".into()).spawn(run);
        started.map_err(|error| format!("start a thread to compile plugin.wasm: {error}"))?;
        match receive.recv_timeout(self.time_limit) {
            Ok(compiled) => compiled,
            Err(RecvTimeoutError::Timeout) => Err(format!("plugin.wasm takes more than {seconds} s to compile: make it smaller")),
            Err(RecvTimeoutError::Disconnected) => Err("the compiler broke down on plugin.wasm".into()),
        }
    }
}
