//! `reveille action`: what automation plugins want done; approve and refuse.

use super::Server;
use super::client::Client;
use super::incident::items;
use super::output::{say, show, table, text};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

/// Which, and what.
#[derive(Args)]
pub struct ActionArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Those that wait for approval, newest first.
    List {
        /// All of them, whatever became of them.
        #[arg(long)]
        all: bool,
        /// Only of this incident, all of them.
        #[arg(long)]
        incident: Option<u64>,
    },
    /// Let it be done.
    Approve { incident: u64, action: u64 },
    /// Do not let it be done.
    Refuse { incident: u64, action: u64 },
}

/// Does it and prints.
pub fn run(args: &ActionArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        What::List { all, incident } => list(&client, *all, *incident),
        What::Approve { incident, action } => decide(&client, *incident, *action, "approve"),
        What::Refuse { incident, action } => decide(&client, *incident, *action, "refuse"),
    }
}

fn list(client: &Client, all: bool, incident: Option<u64>) -> Result<()> {
    let path = match incident {
        Some(incident) => format!("incidents/{incident}/actions"),
        None if all => "actions?limit=100".to_owned(),
        None => "actions?state=waiting&limit=100".to_owned(),
    };
    let actions = client.get(&path)?;
    if client.json {
        show(&actions);
        return Ok(());
    }
    let row = |action: &serde_json::Value| {
        vec![
            action["incident"].to_string(),
            action["id"].to_string(),
            text(action, "state").to_owned(),
            text(action, "risk").to_owned(),
            text(action, "plugin").to_owned(),
            text(action, "does").to_owned(),
            text(action, "reason").to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = items(&actions).iter().map(row).collect();
    if rows.is_empty() {
        say(if all || incident.is_some() { "There are no actions." } else { "Nothing waits for approval." });
        return Ok(());
    }
    table(&["INCIDENT", "ACTION", "STATE", "RISK", "PLUGIN", "WANTS TO", "BECAUSE"], &rows);
    Ok(())
}

fn decide(client: &Client, incident: u64, action: u64, what: &str) -> Result<()> {
    let done = client.post(&format!("incidents/{incident}/actions/{action}/{what}"), &json!({}))?;
    if client.json {
        show(&done);
    } else {
        say(text(&done, "message"));
    }
    Ok(())
}
