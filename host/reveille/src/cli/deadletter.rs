//! `reveille deadletter`: bodies that could not be taken in, and decisions that could not be committed.

use super::Server;
use super::client::Client;
use super::incident::items;
use super::output::{say, show, table, text};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

/// Which, and what.
#[derive(Args)]
pub struct DeadLetterArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Those that wait, newest first.
    List {
        /// Replayed and discarded ones too.
        #[arg(long)]
        all: bool,
    },
    /// One with its body.
    Show { id: u64 },
    /// Take it in again with the plugins that are in force now.
    Replay { id: u64 },
    /// Put it aside; its journal record stays.
    Discard { id: u64 },
}

/// Does it and prints.
pub fn run(args: &DeadLetterArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        What::List { all } => list(&client, *all),
        What::Show { id } => {
            let letter = client.get(&format!("dead-letters/{id}"))?;
            show(&letter);
            Ok(())
        }
        What::Replay { id } => act(&client, *id, "replay"),
        What::Discard { id } => act(&client, *id, "discard"),
    }
}

fn list(client: &Client, all: bool) -> Result<()> {
    let letters = client.get(if all { "dead-letters?state=all&limit=100" } else { "dead-letters?state=waiting&limit=100" })?;
    if client.json {
        show(&letters);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&letters)
        .iter()
        .map(|l| {
            vec![
                l["id"].to_string(),
                super::output::instant(l, "at"),
                text(l, "integration").into(),
                text(l, "kind").into(),
                text(l, "state").into(),
                text(l, "reason").into(),
            ]
        })
        .collect();
    if rows.is_empty() {
        say("No dead letters.");
        return Ok(());
    }
    table(&["ID", "AT", "INTEGRATION", "KIND", "STATE", "REASON"], &rows);
    Ok(())
}

fn act(client: &Client, id: u64, action: &str) -> Result<()> {
    let done = client.post(&format!("dead-letters/{id}/{action}"), &json!({}))?;
    if client.json {
        show(&done);
    } else {
        say(text(&done, "message"));
    }
    Ok(())
}
