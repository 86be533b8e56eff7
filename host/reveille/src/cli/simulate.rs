//! `reveille simulate`: who would be paged when, told before it happens. From a folder of documents it needs no server.

use super::Server;
use super::client::Client;
use super::config::read_documents;
use super::incident::items;
use super::output::{say, show, text};
use crate::clock::SystemClock;
use anyhow::{Context, Result, bail};
use clap::Args;
use documents::Bundle;
use documents::scenario::{self, ScenarioFile};
use domain::id::OverrideId;
use domain::installation::Installation;
use domain::schedule::Override;
use domain::simulation::{Event, Foreseen, Route, Scenario, What, opening, simulate};
use domain::time::Millis;
use jiff::tz::TimeZone;
use runtime::{LateAlarm, RuntimeSettings, Sandbox};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to play, and where.
#[derive(Args)]
pub struct SimulateArgs {
    #[command(flatten)]
    server: Server,
    /// The scenario, in YAML; `reveille config schema --kind scenario` describes it.
    file: PathBuf,
    /// A folder of documents (or one file) to play it in. Without it, the server's configuration and overrides.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Ask the route plugins in this folder where incidents go. Without it, they go to their default policy, or to the one that the scenario
    /// names.
    #[arg(long)]
    plugins: Option<PathBuf>,
}

/// Plays it and prints.
pub fn run(args: &SimulateArgs) -> Result<()> {
    let (installation, standing) = match &args.config {
        Some(path) => (checked(&Bundle::from_files(&read_documents(path)?))?, Vec::new()),
        None => from_server(&Client::new(&args.server)?)?,
    };
    let name = args.file.file_name().unwrap_or(args.file.as_os_str()).to_string_lossy().into_owned();
    let written = std::fs::read_to_string(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let ScenarioFile { mut scenario, zone } =
        scenario::read(&name, &written, &installation).map_err(|problems| in_words("the scenario cannot be played", &problems))?;
    scenario.overrides.extend(standing);
    let mut notes = Vec::new();
    match &args.plugins {
        Some(dir) => ask_plugins(&installation, &mut scenario, dir)?,
        None => notes.extend(unasked(&installation, &scenario)),
    }
    let foreseen = simulate(&installation, &scenario);
    if let Some(at) = foreseen.cut_at {
        notes.push(format!("cut off at {}: more than {} things happen", at.rfc3339(), domain::simulation::EVENTS_LIMIT));
    }
    if args.server.json {
        show(&as_json(&scenario, &zone, &foreseen, &notes));
    } else {
        print(&scenario, &zone, &foreseen, &notes);
    }
    Ok(())
}

fn checked(bundle: &Bundle) -> Result<Installation> {
    bundle.check().map_err(|problems| in_words("the configuration cannot be used", &problems))
}

fn in_words(what: &str, problems: &[documents::Problem]) -> anyhow::Error {
    let list: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
    anyhow::anyhow!("{what}:\n{}", list.join("\n"))
}

/// The configuration in force, and the overrides that are not over.
fn from_server(client: &Client) -> Result<(Installation, Vec<Override>)> {
    let exported = client.get("config")?;
    let files = exported["files"].as_array().into_iter().flatten();
    let files: Vec<(String, String)> = files.map(|f| (text(f, "path").to_owned(), text(f, "text").to_owned())).collect();
    let installation = checked(&Bundle::from_files(&files))?;
    let listed = client.get("overrides")?;
    let at = |row: &Value, field: &str| -> Result<Millis> {
        let instant: jiff::Timestamp = text(row, field).parse().with_context(|| format!("the server's override has no `{field}`"))?;
        Ok(Millis(instant.as_millisecond()))
    };
    let mut overrides = Vec::new();
    for row in items(&listed) {
        overrides.push(Override {
            id: OverrideId(row["id"].as_u64().unwrap_or_default()),
            rotation: text(row, "rotation").into(),
            user: text(row, "user").into(),
            from: at(row, "from")?,
            until: at(row, "until")?,
            by: text(row, "by").into(),
        });
    }
    Ok((installation, overrides))
}

/// What is supposed because no plugin is asked.
fn unasked(installation: &Installation, scenario: &Scenario) -> Option<String> {
    let plugins = installation.pipelines.values().any(|pipeline| !pipeline.route.is_empty());
    let open = scenario.incidents.iter().any(|incident| incident.routes.is_empty());
    (plugins && open).then(|| {
        "route plugins were not asked, so incidents went to their default policy: name a `policy` in the scenario, or give --plugins"
            .to_owned()
    })
}

/// Fills in where incidents go that the scenario does not send anywhere, as the server would: by the route plugins.
fn ask_plugins(installation: &Installation, scenario: &mut Scenario, dir: &Path) -> Result<()> {
    if !dir.is_dir() {
        bail!("{} is no folder of plugins", dir.display());
    }
    // Of this process alone, and gone with it: what is in force elsewhere is not touched.
    let scratch = std::env::temp_dir().join(format!("reveille-simulate-{}", std::process::id()));
    let answer = ask_in(installation, scenario, dir, &scratch);
    // What cannot be removed now is the system's to remove.
    let _ = std::fs::remove_dir_all(&scratch);
    answer
}

fn ask_in(installation: &Installation, scenario: &mut Scenario, dir: &Path, scratch: &Path) -> Result<()> {
    std::fs::create_dir_all(scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    let settings = RuntimeSettings::new(dir, scratch.join("native-cache"));
    let sandbox = Sandbox::new(settings, Arc::new(SystemClock::new()), LateAlarm::default()).context("cannot start the sandbox")?;
    let snapshot = pipeline::snapshot::build_routes(installation.clone(), &sandbox).map_err(|errors| {
        let list: Vec<String> = errors.iter().map(|error| format!("  {error}")).collect();
        anyhow::anyhow!("the route plugins cannot be asked:\n{}", list.join("\n"))
    })?;
    for (place, arrival) in scenario.incidents.iter_mut().enumerate().filter(|(_, arrival)| arrival.routes.is_empty()) {
        let (incident, alert) = opening(place, arrival, installation.revision);
        let Some(incident) = incident else { continue };
        let chosen = oncall::routes_of(&snapshot, incident, vec![Arc::unwrap_or_clone(alert)]);
        arrival.routes = chosen.into_iter().map(|c| Route { target: c.target, urgency: c.urgency, why: c.why }).collect();
    }
    Ok(())
}

/// One event in words: who, by what, and what.
fn columns(event: &Event) -> [String; 3] {
    let dash = || "-".to_owned();
    match &event.what {
        What::Paged { user, contact, why, .. } | What::Cancelled { user, contact, why } => {
            [user.to_string(), contact.kind.clone(), why.clone()]
        }
        What::Skipped(text) | What::Told(text) | What::Answered(text) | What::Refused(text) => [dash(), dash(), text.clone()],
    }
}

fn print(scenario: &Scenario, zone: &str, foreseen: &Foreseen, notes: &[String]) {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let local = |at: Millis| jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned_datetime(zone.clone());
    let several = scenario.incidents.len() > 1;
    let rows: Vec<(String, Vec<String>)> = foreseen
        .events
        .iter()
        .map(|event| {
            let time = local(event.at);
            let mut cells = vec![time.strftime("%H:%M:%S %Z").to_string(), after(event.after_ms)];
            if several {
                cells.push(format!("#{}", event.incident + 1));
            }
            cells.extend(columns(event));
            (time.strftime("%A, %-d %B %Y").to_string(), cells)
        })
        .collect();
    let width = |column: usize| rows.iter().map(|(_, cells)| cells[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..if several { 6 } else { 5 }).map(width).collect();
    let mut day = "";
    for (date, cells) in &rows {
        if date != day {
            say(date);
            day = date;
        }
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say(format!("  {}", padded.join("  ").trim_end()));
    }
    let paged: Vec<&str> =
        foreseen.events.iter().filter_map(|e| if let What::Paged { user, .. } = &e.what { Some(user.as_str()) } else { None }).collect();
    let people: std::collections::BTreeSet<&str> = paged.iter().copied().collect();
    let until = local(scenario.until).strftime("%A, %-d %B %Y, %H:%M:%S %Z");
    say(format!("{} to {} until {until}", count(paged.len(), "message", "messages"), count(people.len(), "person", "people")));
    for note in notes {
        say(format!("note: {note}"));
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// `+0 s`, `+5 min`, `+1 h 5 min`.
fn after(ms: i64) -> String {
    let seconds = ms / 1000;
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let told: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if told.is_empty() { "+0 s".to_owned() } else { format!("+{}", told.join(" ")) }
}

fn as_json(scenario: &Scenario, zone: &str, foreseen: &Foreseen, notes: &[String]) -> Value {
    let event = |event: &Event| {
        let mut shown = json!({
            "at": event.at.rfc3339(), "incident": event.incident + 1, "after_seconds": event.after_ms / 1000, "what": kind(&event.what),
        });
        match &event.what {
            What::Paged { user, contact, step, why } => {
                shown["user"] = json!(user.as_str());
                shown["contact"] = json!({ "kind": contact.kind, "address": contact.address });
                shown["step"] = json!(step);
                shown["text"] = json!(why);
            }
            What::Cancelled { user, contact, why } => {
                shown["user"] = json!(user.as_str());
                shown["contact"] = json!({ "kind": contact.kind, "address": contact.address });
                shown["text"] = json!(why);
            }
            What::Skipped(text) | What::Told(text) | What::Answered(text) | What::Refused(text) => shown["text"] = json!(text),
        }
        shown
    };
    json!({
        "starts": scenario.starts.rfc3339(),
        "until": scenario.until.rfc3339(),
        "time_zone": zone,
        "events": foreseen.events.iter().map(event).collect::<Vec<_>>(),
        "cut_at": foreseen.cut_at.map(Millis::rfc3339),
        "notes": notes,
    })
}

fn kind(what: &What) -> &'static str {
    match what {
        What::Paged { .. } => "paged",
        What::Cancelled { .. } => "cancelled",
        What::Skipped(_) => "skipped",
        What::Told(_) => "told",
        What::Answered(_) => "answered",
        What::Refused(_) => "refused",
    }
}
