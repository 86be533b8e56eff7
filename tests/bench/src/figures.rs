//! The figures of one run: printed for people, written as JSON for comparison.

use crate::load::Round;
use serde_json::{Map, Value, json};

/// In the order measured.
#[derive(Default)]
pub struct Figures {
    figures: Vec<(String, f64, String)>,
    notes: Vec<(String, String)>,
}

impl Figures {
    /// Adds a figure with its unit, and prints it for people.
    #[allow(clippy::print_stdout)]
    pub fn add(&mut self, name: &str, value: f64, unit: &str) {
        println!("{name:<40} {value:>14.3}  {unit}");
        self.figures.push((name.to_owned(), value, unit.to_owned()));
    }

    /// Adds what has to be known beside the figures.
    #[allow(clippy::print_stdout)]
    pub fn note(&mut self, name: &str, text: impl Into<String>) {
        let text = text.into();
        println!("{name}: {text}");
        self.notes.push((name.to_owned(), text));
    }

    /// Posts a second, their p99, and the generator's own CPU.
    pub fn round(&mut self, name: &str, round: Round) {
        self.add(&format!("{name}_per_s"), round.per_second(), "posts/s");
        self.add(&format!("{name}_p99_ms"), round.p99_ms, "ms");
        self.add(&format!("{name}_generator_cpu_s"), round.own_cpu_seconds, &format!("s of {:.1} s", round.seconds));
    }

    /// A figure by name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|(n, ..)| n == name).map(|(_, value, _)| *value)
    }

    /// The aims, as ratios within this run.
    pub fn ratios(&mut self) {
        for (name, ours, theirs) in [
            ("ack_single_vs_alertmanager", "ack_single_per_s", "alertmanager_single_per_s"),
            ("ack_batch64_vs_alertmanager", "ack_batch64_per_s", "alertmanager_batch64_per_s"),
            ("ack_single_vs_floor", "ack_single_per_s", "floor_single_per_s"),
            ("plugin_call_vs_native", "plugin_call_us_3_fields", "plugin_call_us_native"),
        ] {
            if let (Some(ours), Some(theirs)) = (self.get(ours), self.get(theirs)) {
                self.add(name, ours / theirs, "×");
            }
        }
    }

    /// For machines.
    pub fn to_json(&self) -> String {
        let mut map: Map<String, Value> = self.figures.iter().map(|(name, value, _)| (name.clone(), json!(value))).collect();
        map.extend(self.notes.iter().map(|(name, text)| (name.clone(), json!(text))));
        format!("{:#}\n", Value::Object(map))
    }
}
