//! What a call costs. Not a test of the machine: run it by hand with `cargo test --release -p runtime --test cost -- --ignored --nocapture`.

mod house;

use domain::decision::Stage;
use house::{House, full_alert};
use std::hint::black_box;

const READS: &str = "reads = [\"summary\", \"service\", \"labels.team\"]\n";
const HOOKS: &str = r#""filter", "enrich""#;

/// Processor time of this thread, in nanoseconds: other work on the machine does not count.
fn spent_ns() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("read the thread's processor time (Linux only)");
    text.split(' ').next().and_then(|field| field.parse().ok()).expect("the first field is a number")
}

/// The median of five runs.
fn micros_per_call(calls: u32, mut call: impl FnMut()) -> f64 {
    for _ in 0..calls / 10 {
        call();
    }
    let mut runs: Vec<f64> = (0..5)
        .map(|_| {
            let began = spent_ns();
            for _ in 0..calls {
                call();
            }
            (spent_ns() - began) / 1e3 / f64::from(calls)
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[2]
}

/// The bundled plugin `rules` with two rules, warm and with a fresh instance per call: what isolation costs a guest of the SDK, settings
/// and all. Needs `REVEILLE_PLUGINS`, the folder that `cargo xtask plugins` fills.
#[test]
#[ignore = "prints what calls cost"]
fn a_bundled_plugin_costs() {
    let plugins = std::path::PathBuf::from(std::env::var_os("REVEILLE_PLUGINS").expect("REVEILLE_PLUGINS names the bundled plugins"));
    let settings = r#"{"rules":[{"when":{"field":"summary","wildcard":"noise*"},"drop":{"reason":"noise"}},
        {"when":{"all":[{"field":"service","is":"lab"},{"field":"labels.team","is":"lab"}]},"suppress":{"reason":"the lab's"}}]}"#;
    let alert = full_alert();
    for (isolation, calls) in [("warm", 200_000), ("per-call", 5_000)] {
        let house = House::new();
        house.install_folder("rules", &plugins.join("rules"));
        let path = house.plugin("rules").join("plugin.toml");
        let manifest = std::fs::read_to_string(&path).expect("read the manifest");
        let manifest = manifest.replace("isolation = \"warm\"", &format!("isolation = \"{isolation}\""));
        std::fs::write(&path, manifest).expect("write the manifest");
        let mut instance = house.prepare("rules", Stage::Filter, settings).expect("prepare rules").instance();
        assert_eq!(instance.filter(&alert), Ok(domain::decision::Verdict::Keep));
        let micros = micros_per_call(calls, || drop(black_box(instance.filter(black_box(&alert)))));
        println!("rules with two rules, {isolation}: {micros:.2} µs");
    }
}

#[test]
#[ignore = "prints what calls cost"]
fn a_call_with_three_fields_costs() {
    let house = House::new();
    house.install("quick", "quick", HOOKS, READS);
    house.install("whole", "quick", HOOKS, "reads = [\"*\"]\n");
    house.install("fresh", "quick", HOOKS, &format!("{READS}isolation = \"per-call\"\n"));
    let alert = full_alert();
    for (what, plugin, calls) in
        [("3 fields", "quick", 500_000), ("all 16 fields", "whole", 200_000), ("3 fields, fresh instance", "fresh", 5_000)]
    {
        let mut instance = house.prepare(plugin, Stage::Filter, "{}").unwrap().instance();
        let micros = micros_per_call(calls, || drop(black_box(instance.filter(black_box(&alert)))));
        println!("filter, {what}: {micros:.2} µs");
        let mut instance = house.prepare(plugin, Stage::Enrich, "{}").unwrap().instance();
        let micros = micros_per_call(calls, || drop(black_box(instance.enrich(black_box(&alert)))));
        println!("enrich with one edit, {what}: {micros:.2} µs");
    }
}
