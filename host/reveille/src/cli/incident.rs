//! `reveille incident`: list, show, answer.

use super::Server;
use super::client::Client;
use super::output::{say, show, table, text};
use super::respond::{Respond, respond};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Which incident, and what.
#[derive(Args)]
pub struct IncidentArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Open incidents, newest first.
    List {
        /// Resolved ones too.
        #[arg(long)]
        all: bool,
        /// Only this team's.
        #[arg(long)]
        team: Option<String>,
    },
    /// One incident with its timeline.
    Show { id: u64 },
    /// What the plugins decided about its alerts.
    Decisions { id: u64 },
    #[command(flatten)]
    Respond(Respond),
}

/// Does it and prints.
pub fn run(args: &IncidentArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        What::List { all, team } => list(&client, *all, team.as_deref()),
        What::Show { id } => one(&client, *id),
        What::Decisions { id } => decisions(&client, *id),
        What::Respond(what) => respond(&client, what),
    }
}

fn list(client: &Client, all: bool, team: Option<&str>) -> Result<()> {
    let open = if all { "" } else { "open=true&" };
    let team = team.map(|t| format!("team={t}&")).unwrap_or_default();
    let incidents = client.get(&format!("incidents?{open}{team}limit=100"))?;
    if client.json {
        show(&incidents);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&incidents).iter().map(row).collect();
    if rows.is_empty() {
        say(if all { "There are no incidents." } else { "Nothing is open." });
        return Ok(());
    }
    table(&["ID", "STATUS", "SEVERITY", "OPENED", "ALERTS", "TEAM", "TITLE"], &rows);
    Ok(())
}

fn row(incident: &Value) -> Vec<String> {
    vec![
        incident["id"].to_string(),
        text(incident, "status").to_owned(),
        text(incident, "severity").to_owned(),
        text(incident, "opened_at").to_owned(),
        incident["alert_count"].to_string(),
        text(incident, "team").to_owned(),
        text(incident, "title").to_owned(),
    ]
}

fn one(client: &Client, id: u64) -> Result<()> {
    let incident = client.get(&format!("incidents/{id}"))?;
    let timeline = client.get(&format!("incidents/{id}/timeline"))?;
    if client.json {
        show(&json!({ "incident": incident, "timeline": timeline["items"] }));
        return Ok(());
    }
    say(format!("{}  {} ({}), {}", id, text(&incident, "title"), text(&incident, "severity"), text(&incident, "status")));
    say(format!("key {}, opened {}, {}", text(&incident, "key"), text(&incident, "opened_at"), text(&incident, "url")));
    for line in items(&timeline) {
        say(format!("{}  {}", text(line, "at"), text(line, "text")));
        if let Some(cause) = line["cause"].as_object() {
            let plugin = &cause["plugin"];
            let digest: String = text(plugin, "digest").chars().take(12).collect();
            say(format!("{:22}{} {} {digest}, revision {}", "", text(plugin, "name"), text(plugin, "version"), cause["revision"]));
        }
    }
    Ok(())
}

fn decisions(client: &Client, id: u64) -> Result<()> {
    let decisions = client.get(&format!("incidents/{id}/decisions?limit=100"))?;
    if client.json {
        show(&decisions);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&decisions)
        .iter()
        .map(|d| {
            let notes: Vec<String> = d["notes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|n| format!("{} {}: {}", text(&n["plugin"], "name"), text(n, "did"), text(n, "reason")))
                .collect();
            vec![text(d, "at").to_owned(), text(d, "entity").to_owned(), text(d, "outcome").to_owned(), notes.join("; ")]
        })
        .collect();
    table(&["AT", "ENTITY", "OUTCOME", "WHY"], &rows);
    Ok(())
}

/// The rows of a list.
pub fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}
