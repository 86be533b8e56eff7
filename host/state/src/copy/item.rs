//! What waits to be written to Redis.

use domain::state::{StateEntry, StateWrite};

/// One value that changes in the copy.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Window {
        name: String,
        value: Vec<u8>,
    },
    /// Everything that a name space holds; an older copy is replaced.
    Whole {
        name: String,
        fields: Vec<(String, Vec<u8>)>,
    },
    /// Some of what a name space holds; an empty entry is a deletion. Nothing, if the copy does not hold the whole.
    Part {
        name: String,
        fields: Vec<(String, Vec<u8>)>,
    },
}

impl Change {
    pub fn part(name: String, writes: &[StateWrite]) -> Self {
        let field = |write: &StateWrite| (write.key.clone(), write.entry.as_ref().map(super::codec::entry).unwrap_or_default());
        Self::Part { name, fields: writes.iter().map(field).collect() }
    }

    pub fn whole(name: String, entries: &[(String, StateEntry)]) -> Self {
        Self::Whole { name, fields: entries.iter().map(|(key, entry)| (key.clone(), super::codec::entry(entry))).collect() }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Window { name, .. } | Self::Whole { name, .. } | Self::Part { name, .. } => name,
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Window { name, value } => name.len() + value.len(),
            Self::Whole { name, fields } | Self::Part { name, fields } => {
                name.len() + fields.iter().map(|(key, value)| key.len() + value.len() + 16).sum::<usize>()
            }
        }
    }
}

/// When the changes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// A commit took the partition from one generation to another.
    Commit { before: u64, generation: u64 },
    /// It was so at this generation.
    Known { generation: u64 },
    /// It is so whatever the generation, as nothing of it is being changed meanwhile.
    Anytime,
}

/// Changes of one partition.
#[derive(Debug)]
pub(super) struct Item {
    pub partition: u8,
    pub at: At,
    pub changes: Vec<Change>,
}

impl Item {
    pub fn bytes(&self) -> usize {
        64 + self.changes.iter().map(|change| change.bytes() + 64).sum::<usize>()
    }
}

/// What one script writes: items of one partition that follow each other.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The copy that was there before does not count: a new one begins.
    pub begin: bool,
    pub before: u64,
    pub generation: u64,
    pub changes: Vec<Change>,
}

impl Run {
    /// Follows what the copy has; `None`: there is none.
    pub fn after(generation: Option<u64>) -> Self {
        let at = generation.unwrap_or(0);
        Self { begin: generation.is_none(), before: at, generation: at, changes: Vec::new() }
    }

    pub fn add(&mut self, item: Item) {
        match item.at {
            At::Commit { before, generation } => {
                if self.begin && self.changes.is_empty() || before != self.generation {
                    // Something in between was never written here: what the copy has may be behind.
                    *self = Self { begin: true, before, generation, changes: Vec::new() };
                }
                self.generation = generation;
            }
            At::Known { generation } if generation != self.generation => return,
            At::Known { .. } | At::Anytime if self.begin && self.changes.is_empty() => return,
            At::Known { .. } | At::Anytime => {}
        }
        self.changes.extend(item.changes);
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(at: At, value: u8) -> Item {
        Item { partition: 0, at, changes: vec![Change::Window { name: "w".into(), value: vec![value] }] }
    }

    fn commit(generation: u64) -> Item {
        item(At::Commit { before: generation - 1, generation }, generation as u8)
    }

    /// Fails if a lost commit is not noticed: what came before the gap would count as the present.
    #[test]
    fn a_gap_begins_a_new_copy_with_what_came_after_it() {
        let mut run = Run::after(Some(4));
        run.add(commit(5));
        run.add(item(At::Known { generation: 5 }, 50));
        run.add(item(At::Known { generation: 4 }, 40));
        assert_eq!((run.begin, run.before, run.generation, run.changes.len()), (false, 4, 5, 2));
        run.add(commit(7));
        assert_eq!((run.begin, run.generation, run.changes.len()), (true, 7, 1));
        run.add(item(At::Anytime, 70));
        run.add(commit(8));
        assert_eq!((run.begin, run.generation, run.changes.len()), (true, 8, 3));
    }

    #[test]
    fn where_there_is_no_copy_only_a_commit_begins_one() {
        let mut run = Run::after(None);
        run.add(item(At::Anytime, 1));
        run.add(item(At::Known { generation: 0 }, 1));
        assert!(run.is_empty());
        run.add(commit(9));
        assert_eq!((run.begin, run.generation, run.changes.len()), (true, 9, 1));
    }
}
