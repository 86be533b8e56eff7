//! `reveille contact`: how people are reached, and whether it is known to work.

use super::Server;
use super::client::Client;
use super::incident::items;
use super::output::{say, show, table, text};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

/// What about them.
#[derive(Args)]
pub struct ContactArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Your contacts; for an administrator, everybody's.
    List,
    /// Send a code to one of your contacts, or a trial to all of everybody.
    Test {
        /// Its number, as `reveille contact list` shows it.
        number: Option<usize>,
        /// Try every contact of everybody; what fails opens an incident.
        #[arg(long, conflicts_with = "number")]
        all: bool,
    },
    /// Type in the code that arrived at one of your contacts.
    Verify { number: usize, code: String },
}

/// Does it and prints.
pub fn run(args: &ContactArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        None | Some(What::List) => list(&client),
        Some(What::Test { number: Some(number), .. }) => {
            client.post(&format!("me/contacts/{number}/test"), &json!({}))?;
            say(format!("a code is on its way; then: reveille contact verify {number} CODE"));
            Ok(())
        }
        Some(What::Test { all: true, .. }) => {
            let tried = client.post("contacts/test", &json!({}))?;
            say(format!("{} contacts are being tried; those that fail open an incident each", tried["count"]));
            Ok(())
        }
        Some(What::Test { .. }) => bail!("say which contact by its number (see `reveille contact list`), or --all"),
        Some(What::Verify { number, code }) => {
            client.post(&format!("me/contacts/{number}/verify"), &json!({ "code": code }))?;
            say(format!("contact {number} is verified"));
            Ok(())
        }
    }
}

fn list(client: &Client) -> Result<()> {
    let list = client.get("contacts")?;
    if client.json {
        show(&list);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&list)
        .iter()
        .map(|c| {
            let state = match (c["failing"].as_str(), c["verified_at"].as_str()) {
                (Some(why), _) => format!("FAILING: {why}"),
                (None, Some(at)) => format!("verified {at}"),
                (None, None) => "unverified".to_owned(),
            };
            vec![text(c, "user").into(), c["number"].to_string(), text(c, "kind").into(), text(c, "address").into(), state]
        })
        .collect();
    table(&["USER", "NUMBER", "KIND", "ADDRESS", "STATE"], &rows);
    Ok(())
}
