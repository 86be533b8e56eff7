//! `reveille oncall`: who has to answer now, and who takes a turn for whom.

use super::Server;
use super::client::Client;
use super::incident::items;
use super::output::{say, show, table, text};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

/// What about it.
#[derive(Args)]
pub struct OnCallArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Somebody takes a rotation's place for a time.
    Override {
        rotation: String,
        user: String,
        /// First instant, as 2026-03-02T09:00:00Z.
        #[arg(long)]
        from: String,
        /// First instant after.
        #[arg(long)]
        until: String,
    },
    /// Overrides that are not over.
    Overrides,
    /// Take an override back.
    Cancel { id: u64 },
}

/// Does it and prints.
pub fn run(args: &OnCallArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        None => now(&client),
        Some(What::Override { rotation, user, from, until }) => {
            let made = client.post("overrides", &json!({ "rotation": rotation, "user": user, "from": from, "until": until }))?;
            say(format!("override {}: {user} takes {rotation} from {from} until {until}", made["id"]));
            Ok(())
        }
        Some(What::Overrides) => overrides(&client),
        Some(What::Cancel { id }) => {
            client.delete(&format!("overrides/{id}"))?;
            say(format!("override {id} is taken back"));
            Ok(())
        }
    }
}

fn now(client: &Client) -> Result<()> {
    let rotations = client.get("on-call?weeks=2")?;
    if client.json {
        show(&rotations);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&rotations)
        .iter()
        .map(|r| {
            let next = r["shifts"].as_array().and_then(|s| s.get(1));
            let next = next.map_or_else(|| "-".to_owned(), |s| format!("{} from {}", text(s, "user"), text(s, "from")));
            vec![text(r, "rotation").to_owned(), text(r, "team").to_owned(), r["now"].as_str().unwrap_or("NOBODY").to_owned(), next]
        })
        .collect();
    table(&["ROTATION", "TEAM", "NOW", "NEXT"], &rows);
    Ok(())
}

fn overrides(client: &Client) -> Result<()> {
    let list = client.get("overrides")?;
    if client.json {
        show(&list);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&list)
        .iter()
        .map(|o| {
            vec![o["id"].to_string(), text(o, "rotation").into(), text(o, "user").into(), text(o, "from").into(), text(o, "until").into()]
        })
        .collect();
    table(&["ID", "ROTATION", "USER", "FROM", "UNTIL"], &rows);
    Ok(())
}
