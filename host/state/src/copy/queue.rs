//! Writes that wait for Redis: first in, first out, and bounded. What does not fit is dropped; the gap in the generations tells of it.

use super::item::Item;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::Notify;

#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    /// Taken off and not yet written.
    writing: usize,
}

pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    limit_items: usize,
    limit_bytes: usize,
    /// There is something to do.
    pub woken: Notify,
}

impl Queue {
    pub fn new(limit_items: usize, limit_bytes: usize) -> Self {
        Self { waiting: Mutex::default(), limit_items, limit_bytes, woken: Notify::new() }
    }

    /// Never blocks.
    pub fn push(&self, items: impl IntoIterator<Item = Item>) {
        let mut dropped = 0;
        {
            let mut waiting = self.waiting.lock();
            for item in items {
                let bytes = item.bytes();
                if waiting.items.len() >= self.limit_items || waiting.bytes + bytes > self.limit_bytes {
                    dropped += 1;
                    continue;
                }
                waiting.bytes += bytes;
                waiting.items.push_back(item);
            }
        }
        if dropped > 0 {
            metrics::counter!("reveille_hot_writes_dropped_total").increment(dropped);
        }
        self.woken.notify_one();
    }

    /// The oldest, about as many bytes as may be written at once.
    pub fn take(&self, bytes: usize) -> Vec<Item> {
        let mut waiting = self.waiting.lock();
        let mut taken = Vec::new();
        let mut sum = 0;
        while sum < bytes
            && let Some(item) = waiting.items.pop_front()
        {
            sum += item.bytes();
            taken.push(item);
        }
        waiting.bytes -= sum;
        waiting.writing = taken.len();
        taken
    }

    /// What was taken last is written.
    pub fn written(&self) {
        self.waiting.lock().writing = 0;
    }

    pub fn clear(&self) {
        let dropped = std::mem::take(&mut *self.waiting.lock());
        metrics::counter!("reveille_hot_writes_dropped_total").increment((dropped.items.len() + dropped.writing) as u64);
    }

    pub fn len(&self) -> usize {
        let waiting = self.waiting.lock();
        waiting.items.len() + waiting.writing
    }
}
