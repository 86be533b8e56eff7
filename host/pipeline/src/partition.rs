//! Which partition an alert belongs to: a function of what never changes about it, so that its order holds.

use domain::id::TeamId;

/// How many partitions there are, on one machine as on many.
pub const PARTITIONS: u8 = 64;

/// The partition of a team's entity as the normalizer gave it, 0 to 63.
pub fn partition_of(team: &TeamId, entity: &str) -> u8 {
    ports::hot::partition_of(&[team.as_str(), entity])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_pinned() {
        // From an independent FNV-1a (Python); a change here would reorder what is in flight over an upgrade.
        assert_eq!(partition_of(&"shop".into(), "db"), 47);
        assert_eq!(partition_of(&"a".into(), "bc"), 23);
        assert_eq!(partition_of(&"ab".into(), "c"), 39);
    }

    #[test]
    fn entities_spread_over_all_partitions() {
        let mut seen = [0_u32; PARTITIONS as usize];
        for n in 0..6400 {
            seen[usize::from(partition_of(&"shop".into(), &format!("host-{n}")))] += 1;
        }
        assert!(seen.iter().all(|count| (50..200).contains(count)), "{seen:?}");
    }
}
