//! The last events of one key, as they are remembered: 16 bytes each, oldest first.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Bytes of one event: its time and its mark.
const EVENT_BYTES: usize = 16;

/// When events came and what told them apart.
#[derive(Debug, Default, PartialEq)]
pub struct Recent {
    /// Milliseconds since 1970, and the mark.
    events: Vec<(i64, u64)>,
}

impl Recent {
    /// Reads what was remembered. Bytes that are no events are left out.
    pub fn read(bytes: &[u8]) -> Self {
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).unwrap_or_default();
        let event = |bytes: &[u8]| (number(&bytes[..8]) as i64, number(&bytes[8..]));
        Self { events: bytes.chunks_exact(EVENT_BYTES).map(event).collect() }
    }

    /// What to remember.
    pub fn write(&self) -> Vec<u8> {
        self.events.iter().flat_map(|(at, mark)| at.to_le_bytes().into_iter().chain(mark.to_le_bytes())).collect()
    }

    /// Forgets what came before the window, and adds an event. A value that came already counts once, at its last time. At most
    /// `count` events are kept: more could not change the answer.
    pub fn add(&mut self, at: i64, value: Option<&str>, count: usize, within_seconds: u32) {
        let begins = at.saturating_sub(i64::from(within_seconds) * 1000);
        let mark = value.map_or(0, mark);
        self.events.retain(|(time, known)| *time > begins && (value.is_none() || *known != mark));
        self.events.push((at, mark));
        // Alerts can arrive a little out of order: the oldest goes first.
        self.events.sort_by_key(|(time, _)| *time);
        let surplus = self.events.len().saturating_sub(count);
        self.events.drain(..surplus);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }
}

/// A short form of a value. Two values with one mark would count as one, which takes chance some billions of values.
fn mark(value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut recent = Recent::default();
        recent.add(1_000, Some("a"), 5, 60);
        recent.add(2_000, Some("b"), 5, 60);
        assert_eq!(Recent::read(&recent.write()), recent);
        assert_eq!(Recent::read(&recent.write()[..20]).len(), 1);
    }

    #[test]
    fn the_window_slides_and_its_end_is_out() {
        let mut recent = Recent::default();
        for (at, len) in [(0, 1), (30_000, 2), (59_999, 3), (60_000, 3), (120_000, 1)] {
            recent.add(at, None, 10, 60);
            assert_eq!(recent.len(), len, "{at}");
        }
    }

    #[test]
    fn a_value_counts_once_at_its_last_time() {
        let mut recent = Recent::default();
        recent.add(0, Some("web1"), 10, 60);
        recent.add(50_000, Some("web1"), 10, 60);
        assert_eq!(recent.len(), 1);
        recent.add(100_000, Some("web2"), 10, 60);
        assert_eq!(recent.len(), 2);
    }

    #[test]
    fn a_late_alert_takes_nobodys_place() {
        let mut recent = Recent::default();
        recent.add(10_000, Some("a"), 2, 60);
        recent.add(5_000, Some("b"), 2, 60);
        recent.add(20_000, Some("c"), 2, 60);
        let mut expected = Recent::default();
        expected.add(10_000, Some("a"), 2, 60);
        expected.add(20_000, Some("c"), 2, 60);
        assert_eq!(recent, expected);
    }
}
