//! How long posts took, all of them kept: percentiles are exact.

use std::time::Duration;

/// Shares that are told, in percent.
pub const SHARES: [(&str, f64); 5] = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p999", 99.9), ("max", 100.0)];
/// Shares that are drawn.
const DRAWN: [f64; 14] = [50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9, 99.95, 99.99, 100.0];

/// Sorted.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Of a round.
    pub fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// What so many percent stayed within, in milliseconds.
    pub fn ms(&self, percent: f64) -> f64 {
        let at = (self.0.len() as f64 * percent / 100.0).ceil() as usize;
        self.0.get(at.saturating_sub(1).min(self.0.len().saturating_sub(1))).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    /// Percent and milliseconds, for a plot.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        DRAWN.iter().map(|percent| (*percent, self.ms(*percent))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_definition() {
        let all = Latencies::new((1..=1000).rev().map(Duration::from_millis).collect());
        let told = [50.0, 99.0, 99.9, 100.0].map(|percent| all.ms(percent).round() as u32);
        assert_eq!(told, [500, 990, 999, 1000]);
        assert!(Latencies::default().ms(99.0).abs() < f64::EPSILON);
    }
}
