//! `reveille silence` and `reveille maintenance`: what pages nobody for a time, and what that would have muted.

use super::Server;
use super::client::Client;
use super::incident::items;
use super::output::{say, show, table, text};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use documents::{Bundle, Document};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What about silences.
#[derive(Args)]
pub struct SilenceArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Silences and maintenance windows that are not over.
    List {
        /// Those of the last five days too.
        #[arg(long)]
        all: bool,
    },
    /// Make a silence.
    Add {
        /// All have to hold: service="checkout", host=~"web-.*".
        #[arg(long = "matcher", required = true)]
        matchers: Vec<String>,
        /// How long: 90s, 30m, 2h.
        #[arg(long = "for", conflicts_with = "until")]
        lasts: Option<String>,
        /// First instant, as 2026-03-02T09:00:00Z; default: now. With --rrule, a wall-clock time such as 2026-03-02T09:00.
        #[arg(long)]
        from: Option<String>,
        /// First instant after.
        #[arg(long)]
        until: Option<String>,
        /// When it comes again, such as FREQ=WEEKLY;BYDAY=SU.
        #[arg(long)]
        rrule: Option<String>,
        /// The zone of --from with --rrule; default: UTC.
        #[arg(long)]
        time_zone: Option<String>,
        /// Whose alerts; default: all that are yours.
        #[arg(long)]
        team: Option<String>,
        /// What it is for.
        #[arg(long)]
        purpose: String,
    },
    /// End a silence now: what still fires pages.
    End { id: String },
    /// What a silence would have muted.
    Preview {
        #[arg(long = "matcher", required = true)]
        matchers: Vec<String>,
        #[arg(long)]
        team: Option<String>,
        /// How many days back.
        #[arg(long, default_value_t = 7)]
        days: u32,
    },
}

/// Does it and prints.
pub fn run(args: &SilenceArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        What::List { all } => list(&client, *all, ""),
        What::Add { matchers, lasts, from, until, rrule, time_zone, team, purpose } => {
            let seconds = lasts.as_deref().map(seconds).transpose()?;
            let wish = json!({ "matchers": matchers, "seconds": seconds, "starts": from, "ends": until, "rrule": rrule,
                "time_zone": time_zone, "team": team, "purpose": purpose });
            let made = client.post("silences", &wish)?;
            if client.json {
                show(&made);
            } else {
                say(format!("silence {} until {}\n{}", text(&made, "id"), text(&made, "ends"), text(&made, "note")));
            }
            Ok(())
        }
        What::End { id } => {
            // Those of documents have a slash in their names.
            client.delete(&format!("silences/{}", id.replace('/', "%2F")))?;
            say(format!("silence {id} is over"));
            Ok(())
        }
        What::Preview { matchers, team, days } => preview(&client, "it", &json!({ "matchers": matchers, "team": team, "days": days })),
    }
}

fn seconds(text: &str) -> Result<i64> {
    let duration: jiff::SignedDuration =
        text.parse().ok().with_context(|| format!("--for: {text} is no length of time: write it as 30m or 2h"))?;
    Ok(duration.as_secs())
}

fn list(client: &Client, all: bool, prefix: &str) -> Result<()> {
    let list = client.get(&format!("silences?all={all}"))?;
    if client.json {
        show(&list);
        return Ok(());
    }
    let shown = items(&list).iter().filter(|s| text(s, "id").starts_with(prefix));
    let rows: Vec<Vec<String>> = shown
        .map(|s| {
            let matchers: Vec<&str> = s["matchers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let cells = [text(s, "id"), text(s, "state"), &matchers.join(", "), text(s, "starts"), text(s, "ends"), text(s, "owner")];
            cells.into_iter().chain([text(s, "purpose")]).map(str::to_owned).collect()
        })
        .collect();
    table(&["ID", "STATE", "MATCHERS", "FROM", "UNTIL", "OWNER", "PURPOSE"], &rows);
    Ok(())
}

fn preview(client: &Client, what: &str, question: &Value) -> Result<()> {
    let found = client.post("silences/preview", question)?;
    if client.json {
        show(&found);
        return Ok(());
    }
    say(format!(
        "In the last {} days {what} would have muted {} reports about {} entities: {} incidents would not have been opened, and {} messages \
         about them not sent.",
        found["days"], found["reports"], found["entities"], found["incidents"], found["pages"]
    ));
    let rows: Vec<Vec<String>> = found["services"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(service, count)| vec![if service.is_empty() { "(none)".to_owned() } else { service.clone() }, count.to_string()])
        .collect();
    if !rows.is_empty() {
        table(&["SERVICE", "REPORTS"], &rows);
    }
    if found["cut_short"] == true {
        say(format!("There was more than could be looked at: these are the newest {} decisions.", found["looked_at"]));
    }
    Ok(())
}

/// What about maintenance windows, which stand in documents.
#[derive(Args)]
pub struct MaintenanceArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: Window,
}

#[derive(Subcommand)]
enum Window {
    /// Maintenance windows in force.
    List,
    /// What the windows of a file would have muted, had they been in force.
    Preview {
        /// YAML with documents of kind Maintenance.
        file: PathBuf,
        /// How many days back.
        #[arg(long, default_value_t = 7)]
        days: u32,
        /// Count what matches at any time, not within the windows alone.
        #[arg(long)]
        any_time: bool,
    },
}

/// Does it and prints.
pub fn run_maintenance(args: &MaintenanceArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        Window::List => list(&client, false, "maintenance/"),
        Window::Preview { file, days, any_time } => {
            let yaml = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let bundle = Bundle::from_files(&[(file.display().to_string(), yaml)]);
            let mut asked = 0;
            for document in bundle.documents() {
                let Document::Maintenance(window) = document else { continue };
                asked += 1;
                let mut question = serde_json::to_value(window).context("cannot read the document again")?;
                question = question_of(&mut question, window.lasts.as_ref().map(|lasts| lasts.0), *days, *any_time);
                preview(&client, &format!("maintenance {}", window.id.0), &question)?;
            }
            if asked == 0 {
                bail!("{} holds no valid document of kind Maintenance; `reveille config plan` says what is wrong", file.display());
            }
            Ok(())
        }
    }
}

/// A document as the API asks it. Times that are given once are wall-clock times: here they become instants.
fn question_of(document: &mut Value, lasts_seconds: Option<u32>, days: u32, any_time: bool) -> Value {
    let zone = document["time_zone"].as_str().unwrap_or("UTC").to_owned();
    let instant = |text: &Value| {
        let civil: jiff::civil::DateTime = text.as_str()?.parse().ok()?;
        let zone = jiff::tz::TimeZone::get(&zone).ok()?;
        Some(zone.to_ambiguous_timestamp(civil).compatible().ok()?.to_string())
    };
    let mut question = json!({ "matchers": document["matchers"], "team": document["team"], "days": days });
    if any_time {
        return question;
    }
    if document["rrule"].is_string() {
        question["rrule"] = document["rrule"].take();
        question["starts"] = document["starts"].take();
        question["time_zone"] = json!(zone);
        question["seconds"] = json!(lasts_seconds);
    } else {
        question["starts"] = json!(instant(&document["starts"]));
        question["ends"] = json!(instant(&document["ends"]));
        question["seconds"] = json!(lasts_seconds);
    }
    question
}
