//! The plots of `docs/performance.md`, drawn from the JSON of one or more runs: each run is a colour, called by its file's name.

use crate::svg::{Frame, Line, Scale, bars, lines};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A run's name and its figures.
type Run = (String, Value);

/// Draws what the files hold into `folder`; what none of them holds is left as it is.
pub fn draw(files: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>> {
    let runs = files.iter().map(|file| read(file)).collect::<Result<Vec<Run>>>()?;
    std::fs::create_dir_all(folder)?;
    let drawn = [
        ("latency.svg", latency(&runs)),
        (
            "latency_by_rate.svg",
            curves(
                &runs,
                &["open_p99_by_rate"],
                &Frame { title: "p99 of a post, from when it was due", x: "posts a second", y: "ms" },
                Scale::Logarithmic,
                false,
            ),
        ),
        ("throughput.svg", throughput(&runs)),
        (
            "active_memory.svg",
            curves(
                &runs,
                &["active_rss_mib_by_alerts"],
                &Frame { title: "Memory while alerts stay active", x: "active alerts", y: "MiB resident" },
                Scale::Linear,
                false,
            ),
        ),
        (
            "active_speed.svg",
            curves(
                &runs,
                &["active_per_s_by_alerts"],
                &Frame { title: "New alerts decided a second, as they grow", x: "active alerts", y: "alerts/s" },
                Scale::Linear,
                false,
            ),
        ),
        (
            "swap.svg",
            curves(
                &runs,
                &["swap_quiet", "swap_under"],
                &Frame { title: "Single posts at 1,000/s, quiet and while plugins are swapped", x: "of all posts", y: "ms" },
                Scale::Logarithmic,
                true,
            ),
        ),
        ("peers.svg", peers(&runs)),
    ];
    let mut written = Vec::new();
    for (name, svg) in drawn {
        let Some(svg) = svg else { continue };
        std::fs::write(folder.join(name), svg)?;
        written.push(folder.join(name));
    }
    Ok(written)
}

fn read(file: &Path) -> Result<Run> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let name = file.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok((name, serde_json::from_str(&text).with_context(|| format!("{} is not the JSON of a run", file.display()))?))
}

fn series(run: &Value, name: &str) -> Option<Vec<(f64, f64)>> {
    serde_json::from_value(run["series"].get(name)?.clone()).ok()
}

/// The same curves of every run that has them.
fn curves(runs: &[Run], names: &[&str], frame: &Frame<'_>, scale: Scale, percent: bool) -> Option<String> {
    let mut all: Vec<Line> = Vec::new();
    for (run, figures) in runs {
        for name in names {
            let called = if names.len() > 1 { format!("{run}: {}", name.replace('_', " ")) } else { run.clone() };
            all.extend(series(figures, name).map(|points| (called, points)));
        }
    }
    (!all.is_empty()).then(|| lines(frame, &all, scale, percent))
}

fn latency(runs: &[Run]) -> Option<String> {
    let frame = Frame {
        title: "Single posts: open loop at 10,000/s from when a post was due, its floor, and a closed loop",
        x: "of all posts",
        y: "ms",
    };
    curves(runs, &["open_10000", "floor_open_10000", "closed"], &frame, Scale::Logarithmic, true)
}

/// Groups by figure, a colour a run.
fn groups(runs: &[Run], figures: &[(&str, &str)], frame: &Frame<'_>, scale: Scale) -> Option<String> {
    let present: Vec<_> = figures.iter().filter(|(name, _)| runs.iter().any(|run| run.1[*name].is_number())).collect();
    let labels: Vec<String> = present.iter().map(|(_, label)| (*label).to_owned()).collect();
    let line = |(run, values): &Run| -> Line {
        let point = |(at, (name, _)): (usize, &&(&str, &str))| Some((at as f64, values[*name].as_f64()?));
        (run.clone(), present.iter().enumerate().filter_map(point).collect())
    };
    let all: Vec<Line> = runs.iter().map(line).filter(|line| !line.1.is_empty()).collect();
    (!all.is_empty()).then(|| bars(frame, &labels, &all, scale))
}

fn throughput(runs: &[Run]) -> Option<String> {
    let figures = [
        ("ack_single_per_s", "single posts"),
        ("ack_batch64_per_s", "taken, bodies of 64"),
        ("decided_per_s", "decided, the mix"),
        ("storm_1_decided_per_s", "decided, one entity"),
        ("storm_100_decided_per_s", "decided, 100 entities"),
        ("floor_single_per_s", "floor, single"),
        ("alertmanager_batch64_per_s", "Alertmanager, 64"),
    ];
    groups(runs, &figures, &Frame { title: "Alerts a second on two cores, generator included", x: "", y: "alerts/s" }, Scale::Linear)
}

fn peers(runs: &[Run]) -> Option<String> {
    let figures = [
        ("peers_us_native", "native"),
        ("peers_us_plugin_warm", "plugin, warm"),
        ("peers_us_plugin_per_call", "plugin, per call"),
        ("peers_us_vrl", "VRL"),
        ("peers_us_vrl_from_alert", "VRL + input"),
        ("peers_us_cel", "CEL"),
        ("peers_us_cel_from_alert", "CEL + input"),
        ("peers_us_rhai", "Rhai"),
        ("peers_us_rhai_from_alert", "Rhai + input"),
    ];
    groups(runs, &figures, &Frame { title: "One rule set of 20 rules: processor time of a call", x: "", y: "µs" }, Scale::Logarithmic)
}
