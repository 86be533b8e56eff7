//! What a plugin feels of a hostile one that is called without pause on the other core, and what the process holds meanwhile.

use crate::Size;
use crate::figures::Figures;
use anyhow::{Context, Result};
use reveille_hostile::{Case, House, beside, reset_peak, resident_kib, written};

/// The kinds of harm that P5 names, and a few that are worse than they look. A breaker would switch each of them off after twenty failures;
/// here it never does.
const CASES: [&str; 14] = [
    "loop/plain",
    "loop/memory_fill",
    "loop/in_realloc_from_the_first_call",
    "trap/unreachable",
    "trap/recursion",
    "trap/per_call",
    "memory/devoured",
    "memory/to_the_last_page_and_a_trap",
    "memory/to_the_last_page_per_call",
    "table/full",
    "result/of_10_mib",
    "log/without_end",
    "lookup/without_end",
    "configure/is_slow_each_time",
];
const ROUNDS: usize = 9;

/// The neighbour's p99 beside each, the worst ratio, and memory at its peak.
pub fn measure(figures: &mut Figures, size: Size) -> Result<()> {
    figures.setting(
        "hostile",
        "the bundled rules engine with one rule on one alert, as a filter",
        "warm instance",
        &format!("two threads: {} calls of the neighbour, one by one, in {ROUNDS} rounds alone and beside; medians", size.neighbour_calls),
        "the same calls alone",
    );
    let all = written();
    let mut house = House::open()?;
    let before = resident_kib();
    let (mut worst, mut worst_by, mut ratios) = (0.0, String::new(), Vec::new());
    reset_peak();
    for name in CASES {
        let case: &Case = all.iter().find(|case| case.name == name).with_context(|| format!("there is no case {name}"))?;
        let seen = beside(&mut house, case, size.neighbour_calls, ROUNDS)?.with_context(|| format!("{name} is not loaded"))?;
        let ratio = seen.beside_p99_us / seen.alone_p99_us;
        let words = format!(
            "× p99 beside it: {:.2} µs alone, {:.2} beside; medians {:.2} and {:.2}; it was called {} times",
            seen.alone_p99_us, seen.beside_p99_us, seen.alone_p50_us, seen.beside_p50_us, seen.hostile_calls
        );
        figures.add(&format!("neighbour_p99_{}", name.replace('/', "_")), ratio, &words);
        ratios.push((ratios.len() as f64, ratio));
        if ratio > worst {
            (worst, worst_by) = (ratio, name.to_owned());
        }
    }
    figures.add("neighbour_p99_worst", worst, &format!("× by {worst_by}"));
    figures.curve("neighbour_p99_ratios", ratios);
    figures.add("hostile_rss_before_mib", before as f64 / 1024.0, "MiB resident before");
    figures.add(
        "hostile_rss_peak_mib",
        reveille_hostile::peak_kib() as f64 / 1024.0,
        "MiB resident at most; one hostile instance of 16 MiB at a time",
    );
    figures.add("hostile_rss_after_mib", resident_kib() as f64 / 1024.0, "MiB resident after");
    Ok(())
}
