//! The figures of one run: printed for people, written as JSON for comparison and plots.

use crate::latency::SHARES;
use crate::load::Round;
use serde_json::{Map, Value, json};

/// In the order measured.
#[derive(Default)]
pub struct Figures {
    values: Vec<(String, f64, String)>,
    notes: Vec<(String, String)>,
    series: Vec<(String, Vec<(f64, f64)>)>,
}

impl Figures {
    /// Adds a figure with its unit, and prints it for people.
    #[allow(clippy::print_stdout)]
    pub fn add(&mut self, name: &str, value: f64, unit: &str) {
        println!("{name:<40} {value:>14.3}  {unit}");
        self.values.push((name.to_owned(), value, unit.to_owned()));
    }

    /// Adds what has to be known beside the figures.
    #[allow(clippy::print_stdout)]
    pub fn note(&mut self, name: &str, text: impl Into<String>) {
        let text = text.into();
        println!("{name}: {text}");
        self.notes.push((name.to_owned(), text));
    }

    /// Prints what the figures that follow were made with: data set and mix, cache setting, generator, floor, command.
    pub fn setting(&mut self, name: &str, data: &str, cache: &str, generator: &str, floor: &str) {
        let command = format!("cargo xtask bench --only {name}");
        self.note(
            &format!("{name}_made_with"),
            format!("data: {data} | cache: {cache} | generator: {generator} | floor: {floor} | {command}"),
        );
    }

    /// Adds a line of a plot.
    pub fn curve(&mut self, name: &str, points: Vec<(f64, f64)>) {
        self.series.push((name.to_owned(), points));
    }

    /// Posts a second, their latencies, and the generator's own CPU.
    pub fn round(&mut self, name: &str, round: &Round) {
        self.add(&format!("{name}_per_s"), round.per_second(), "posts/s");
        for (share, percent) in SHARES {
            self.add(&format!("{name}_{share}_ms"), round.latencies.ms(percent), "ms");
        }
        self.add(&format!("{name}_generator_cpu_s"), round.own_cpu_seconds, &format!("s of {:.1} s", round.seconds));
        if round.refused > 0 {
            self.add(&format!("{name}_told_503"), round.refused as f64, "times a post was told to come back, and came back");
        }
        self.curve(name, round.latencies.curve());
    }

    /// A figure by name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(n, ..)| n == name).map(|(_, value, _)| *value)
    }

    /// The aims, as ratios within this run.
    pub fn ratios(&mut self) {
        for (name, ours, theirs) in [
            ("ack_single_vs_alertmanager", "ack_single_per_s", "alertmanager_single_per_s"),
            ("ack_batch64_vs_alertmanager", "ack_batch64_per_s", "alertmanager_batch64_per_s"),
            ("ack_single_vs_floor", "ack_single_per_s", "floor_single_per_s"),
            ("open_10000_p99_vs_floor", "open_10000_p99_ms", "floor_open_10000_p99_ms"),
            ("plugin_call_vs_native", "plugin_call_us_3_fields", "plugin_call_us_native"),
            ("plugin_per_call_vs_warm", "plugin_call_us_per_call", "plugin_call_us_3_fields"),
        ] {
            if let (Some(ours), Some(theirs)) = (self.get(ours), self.get(theirs)) {
                self.add(name, ours / theirs, "×");
            }
        }
    }

    /// For machines.
    pub fn to_json(&self) -> String {
        let mut map: Map<String, Value> = self.notes.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
        map.extend(self.values.iter().map(|(name, value, _)| (name.clone(), json!(value))));
        let series: Map<String, Value> = self.series.iter().map(|(name, points)| (name.clone(), json!(points))).collect();
        map.insert("series".into(), Value::Object(series));
        format!("{:#}\n", Value::Object(map))
    }
}
