//! Which touches of a name space are committed. Commits may be told out of order.

use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// All up to here are.
    committed: u64,
    /// Those above that are too.
    ahead: BTreeSet<u64>,
}

impl Ledger {
    pub fn commit(&mut self, order: u64) {
        if order > self.committed {
            self.ahead.insert(order);
        }
        while self.ahead.remove(&(self.committed + 1)) {
            self.committed += 1;
        }
    }

    pub fn committed(&self) -> u64 {
        self.committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_holds_the_order_back_until_it_is_filled() {
        let mut ledger = Ledger::default();
        let mut seen = Vec::new();
        for order in [2, 1, 1, 5, 4, 3, 2] {
            ledger.commit(order);
            seen.push(ledger.committed());
        }
        assert_eq!(seen, [0, 2, 2, 2, 2, 5, 5]);
        assert!(ledger.ahead.is_empty());
    }
}
