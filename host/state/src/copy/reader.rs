//! Redis as memory asks it: from threads that may wait for one time-out, and with nothing to wait for while it is left alone.

use super::chain::{Chains, Lineage};
use super::connect::Line;
use super::flusher::{Flusher, Shared};
use super::item::{At, Change, Item};
use super::link::Link;
use super::queue::Queue;
use super::script::{Scripts, number};
use super::{codec, names};
use crate::redis_settings::RedisSettings;
use domain::incident::Window;
use domain::state::{Generations, STATE_PARTITIONS, StateEntry, StateSpace, Touch};
use futures_util::future::try_join_all;
use ports::hot::{WindowKey, partition_of_space, partition_of_window};
use redis::{RedisResult, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Most windows that one script reads.
const READ_LIMIT: usize = 1000;
/// Most bytes of a name space that is copied as a whole.
const WHOLE_LIMIT_BYTES: usize = 4 << 20;

/// The copy behind the memory.
pub(crate) struct Behind {
    shared: Arc<Shared>,
    handle: Handle,
}

impl Behind {
    /// Starts the thread that connects and writes. `seed` is random.
    pub fn start(settings: RedisSettings, lineage: Lineage, committed: &Generations, seed: u64) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared {
            queue: Queue::new(settings.queue_items, settings.queue_bytes),
            settings,
            lineage,
            chains: Chains::new(committed, seed),
            link: Link::new(),
            scripts: Scripts::new(),
            stopping: std::sync::atomic::AtomicBool::new(false),
        });
        metrics::gauge!("reveille_hot_degraded").set(1.0);
        let handle = runtime.handle().clone();
        let flusher = Flusher { shared: Arc::clone(&shared), written: [None; STATE_PARTITIONS as usize], failures: 0 };
        std::thread::Builder::new().name("hot-state".into()).spawn(move || runtime.block_on(flusher.run()))?;
        Ok(Self { shared, handle })
    }

    /// The windows of these keys, as committed; `None`: not known here. One round trip.
    pub fn windows(&self, keys: &[&WindowKey]) -> Vec<Option<Window>> {
        let mut windows = vec![None; keys.len()];
        let Some(line) = self.shared.link.line() else { return windows };
        let mut partitions: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
        for (index, key) in keys.iter().enumerate() {
            partitions.entry(partition_of_window(key)).or_default().push(index);
        }
        let mut asked = Vec::new();
        for (partition, indexes) in partitions {
            let Some(base) = self.shared.chains.base(partition) else { continue };
            let generation = self.shared.chains.generation(partition);
            for part in indexes.chunks(READ_LIMIT) {
                let name = |index: &usize| names::data(&self.shared.settings.prefix, partition, base, &names::window(keys[*index]));
                let mut wanted = vec![names::header(&self.shared.settings.prefix, partition)];
                wanted.extend(part.iter().map(name));
                asked.push((part.to_vec(), wanted, self.asking(base, generation)));
            }
        }
        if asked.is_empty() {
            return windows;
        }
        let shared = Arc::clone(&self.shared);
        let answers = self.ask(&line, move |line| async move {
            let run = asked.into_iter().map(|(indexes, keys, arguments)| {
                let (line, scripts) = (Arc::clone(&line), &shared.scripts);
                async move { RedisResult::Ok((indexes, scripts.read_windows.run(&line, &keys, &arguments).await?)) }
            });
            try_join_all(run).await
        });
        for (indexes, answer) in answers.unwrap_or_default() {
            let [Value::Int(1), Value::Array(values)] = &answer[..] else { continue };
            for (index, value) in indexes.into_iter().zip(values) {
                if let Value::BulkString(bytes) = value {
                    windows[index] = codec::read_window(bytes);
                }
            }
        }
        windows
    }

    /// The whole of a name space, as committed; `None`: not known here. The caller holds its lock, so nothing of it is being changed.
    pub fn space(&self, space: &StateSpace) -> Option<Vec<(String, StateEntry)>> {
        let line = self.shared.link.line()?;
        let partition = partition_of_space(space);
        let base = self.shared.chains.base(partition)?;
        let prefix = &self.shared.settings.prefix;
        let keys = [names::header(prefix, partition), names::data(prefix, partition, base, &names::space(space))];
        let arguments = self.asking(base, self.shared.chains.generation(partition));
        let shared = Arc::clone(&self.shared);
        let answer =
            self.ask(&line, move |line| async move { shared.scripts.read_space.run(&line, &keys, &arguments).await }).unwrap_or_default();
        let [Value::Int(1), Value::Array(fields)] = &answer[..] else { return None };
        let (mut whole, mut entries) = (false, Vec::new());
        for pair in fields.as_chunks::<2>().0 {
            let [Value::BulkString(field), Value::BulkString(value)] = pair else { return None };
            match field.split_first() {
                Some((b'k', key)) => entries.push((String::from_utf8(key.to_vec()).ok()?, codec::read_entry(value)?)),
                _ => whole = field == b"whole",
            }
        }
        whole.then_some(entries)
    }

    /// What a script compares the header with.
    fn asking(&self, base: u64, generation: u64) -> [Vec<u8>; 3] {
        [number(self.shared.lineage.epoch), format!("{base:016x}").into_bytes(), number(generation)]
    }

    /// Waits for one time-out at most.
    fn ask<R, F>(&self, line: &Arc<Line>, question: impl FnOnce(Arc<Line>) -> F) -> Option<R>
    where
        R: Send + 'static,
        F: Future<Output = RedisResult<R>> + Send + 'static,
    {
        let limit = self.shared.settings.read_limit;
        let (told, wait) = mpsc::sync_channel(1);
        let question = question(Arc::clone(line));
        self.handle.spawn(async move {
            let answer = tokio::time::timeout(limit, question).await;
            let _ = told.try_send(answer); // Whoever asked may have given up.
        });
        let why = match wait.recv_timeout(limit) {
            Ok(Ok(Ok(answer))) => return Some(answer),
            Ok(Ok(Err(error))) => format!("redis: {error}"),
            Ok(Err(_)) | Err(_) => format!("redis did not answer within {limit:?}"),
        };
        self.shared.link.fail(&why);
        None
    }

    /// After a commit. Never blocks.
    pub fn committed(&self, touches: &[Touch], windows: &[(WindowKey, Window)], generations: &Generations) {
        let mut changes: BTreeMap<u8, Vec<Change>> = BTreeMap::new();
        if self.shared.link.is_up() {
            for touch in touches.iter().filter(|touch| !touch.writes.is_empty()) {
                let change = Change::part(names::space(&touch.space), &touch.writes);
                changes.entry(partition_of_space(&touch.space)).or_default().push(change);
            }
            for (key, window) in windows {
                changes.entry(partition_of_window(key)).or_default().push(Self::window(key, window));
            }
        }
        let mut items = Vec::with_capacity(changes.len());
        for (partition, generation) in (0..STATE_PARTITIONS).zip(generations.0) {
            let before = self.shared.chains.commit(partition, generation);
            if let Some(changes) = changes.remove(&partition) {
                items.push(Item { partition, at: At::Commit { before, generation }, changes });
            }
        }
        if !items.is_empty() {
            self.shared.queue.push(items);
        }
    }

    /// What the store has at the generations that were told last.
    pub fn learned(&self, windows: &[(WindowKey, Window)]) {
        if !self.shared.link.is_up() {
            return;
        }
        let mut changes: BTreeMap<u8, Vec<Change>> = BTreeMap::new();
        for (key, window) in windows {
            changes.entry(partition_of_window(key)).or_default().push(Self::window(key, window));
        }
        self.shared.queue.push(changes.into_iter().map(|(partition, changes)| {
            let generation = self.shared.chains.generation(partition);
            Item { partition, at: At::Known { generation }, changes }
        }));
    }

    /// What the store has of a name space. The caller holds its lock, so nothing of it is being changed.
    pub fn loaded(&self, space: &StateSpace, entries: &[(String, StateEntry)]) {
        let bytes: usize = entries.iter().map(|(key, entry)| key.len() + entry.value.size() + 33).sum();
        if self.shared.link.is_up() && bytes <= WHOLE_LIMIT_BYTES {
            self.change(space, Change::whole(names::space(space), entries));
        }
    }

    /// What has expired of a name space. The caller holds its lock.
    pub fn expired(&self, space: &StateSpace, keys: Vec<String>) {
        if self.shared.link.is_up() && !keys.is_empty() {
            let fields = keys.into_iter().map(|key| (key, Vec::new())).collect();
            self.change(space, Change::Part { name: names::space(space), fields });
        }
    }

    fn change(&self, space: &StateSpace, change: Change) {
        self.shared.queue.push([Item { partition: partition_of_space(space), at: At::Anytime, changes: vec![change] }]);
    }

    fn window(key: &WindowKey, window: &Window) -> Change {
        Change::Window { name: names::window(key), value: codec::window(window) }
    }

    pub fn why_degraded(&self) -> Option<String> {
        self.shared.link.why_down()
    }

    pub fn waiting(&self) -> usize {
        self.shared.queue.len()
    }

    /// Waits until everything is written, or nothing can be; `false`: it took longer.
    pub async fn flush(&self, limit: Duration) -> bool {
        const LOOK: Duration = Duration::from_millis(2);
        let empty = async {
            while self.shared.link.is_up() && self.waiting() > 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(limit, empty).await.is_ok()
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.queue.woken.notify_one();
    }
}
