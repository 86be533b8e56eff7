//! The stop watch: processor time of this thread, medians over rounds, and a table with ratios.

use crate::rule::EXPECTED;
use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};
use std::hint::black_box;

const ROUNDS: usize = 15;

/// One row.
struct Row {
    key: &'static str,
    words: &'static str,
    micros: f64,
}

/// The rows, the native one first.
pub struct Contest {
    calls: usize,
    rows: Vec<Row>,
}

impl Contest {
    /// So many calls each, in rounds.
    pub fn new(calls: usize) -> Self {
        Self { calls, rows: Vec::new() }
    }

    /// Checks what a call gives, then times it. `share` of the calls are made: slow ones need fewer.
    pub fn time<T>(
        &mut self,
        key: &'static str,
        words: &'static str,
        mut call: impl FnMut() -> Result<T>,
        labels: impl Fn(T) -> Vec<String>,
    ) -> Result<()> {
        let mut given = labels(call()?);
        given.sort();
        ensure!(given == EXPECTED, "{key} gives {given:?} and not {EXPECTED:?}");
        // As many as fit into about two seconds, at most as asked.
        let began = own_micros()?;
        for _ in 0..100 {
            black_box(call()?);
        }
        let one = ((own_micros()? - began) / 100.0).max(0.01);
        let calls = (self.calls / ROUNDS).min((2e6 / one) as usize / ROUNDS).max(20);
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..=ROUNDS {
            let began = own_micros()?;
            for _ in 0..calls {
                black_box(call()?);
            }
            rounds.push((own_micros()? - began) / calls as f64);
        }
        // The first round warms up.
        let mut rounds = rounds.split_off(1);
        rounds.sort_by(f64::total_cmp);
        self.rows.push(Row { key, words, micros: rounds[ROUNDS / 2] });
        Ok(())
    }

    fn micros(&self, key: &str) -> f64 {
        self.rows.iter().find(|row| row.key == key).map_or(f64::NAN, |row| row.micros)
    }

    /// For people.
    pub fn print(&self) {
        println!("{:<20} {:>9} {:>11} {:>11}", "", "µs of CPU", "to native", "to plugin");
        for row in &self.rows {
            let (native, plugin) = (row.micros / self.micros("native"), row.micros / self.micros("plugin_warm"));
            println!("{:<20} {:>9.3} {native:>10.2}× {plugin:>10.2}×  {}", row.key, row.micros, row.words);
        }
    }

    /// For machines.
    pub fn to_json(&self) -> String {
        let mut map: Map<String, Value> = self.rows.iter().map(|row| (format!("peers_us_{}", row.key), json!(row.micros))).collect();
        for key in ["vrl", "vrl_from_alert", "cel", "rhai"] {
            map.insert(format!("peers_{key}_vs_plugin"), json!(self.micros(key) / self.micros("plugin_warm")));
        }
        format!("{:#}\n", Value::Object(map))
    }
}

/// Processor time that the calling thread has had, in microseconds.
fn own_micros() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanos / 1e3)
}
