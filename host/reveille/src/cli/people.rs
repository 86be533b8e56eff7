//! `reveille access`: keys for senders, tokens for tools, sign-in links and passwords for people. Each secret is shown once.

use super::Server;
use super::client::Client;
use super::incident::items;
use super::output::{say, show, table, text};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// What to make.
#[derive(Args)]
pub struct AccessArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A new key for an integration; older ones stay valid until they are withdrawn.
    Key { integration: String },
    /// The integrations with their keys' ids.
    Keys,
    /// Withdraw a key.
    WithdrawKey { integration: String, key: String },
    /// A new API token for a user.
    Token {
        user: String,
        /// What it is for.
        #[arg(long, default_value = "command line")]
        label: String,
        /// `read`, `respond`, `roster` or `admin`, perhaps with a team, as `respond/shop`; several separated by spaces.
        #[arg(long, default_value = "respond")]
        scope: String,
    },
    /// The API tokens.
    Tokens,
    /// Withdraw an API token.
    WithdrawToken { id: String },
    /// A link that signs a user in once.
    SignIn { user: String },
    /// Set a user's password, read from standard input.
    Password { user: String },
}

/// Does it and prints.
pub fn run(args: &AccessArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        What::Key { integration } => {
            let made = client.post(&format!("integrations/{integration}/keys"), &json!({}))?;
            say(format!("key     {}", text(&made, "secret")));
            let list = client.get("integrations")?;
            let normalizer = items(&list).iter().find(|i| i["id"] == integration.as_str()).map_or("", |i| text(i, "normalizer"));
            let base = text(&made, "url").split("/in/").next().unwrap_or_default();
            for line in compat::snippets(base, normalizer, text(&made, "secret")) {
                say(line);
            }
        }
        What::Keys => keys(&client)?,
        What::WithdrawKey { integration, key } => {
            client.delete(&format!("integrations/{integration}/keys/{key}"))?;
            say(format!("{integration}: the key is withdrawn"));
        }
        What::Token { user, label, scope } => {
            let made = client.post("tokens", &json!({ "user": user, "label": label, "scope": scope }))?;
            say(text(&made, "secret"));
        }
        What::Tokens => tokens(&client)?,
        What::WithdrawToken { id } => {
            client.delete(&format!("tokens/{id}"))?;
            say("the token is withdrawn");
        }
        What::SignIn { user } => {
            let made = client.post(&format!("users/{user}/sign-in-link"), &json!({}))?;
            say(format!("{}\nvalid until {}, once", text(&made, "url"), text(&made, "expires_at")));
        }
        What::Password { user } => {
            let mut password = String::new();
            std::io::stdin().read_line(&mut password).context("cannot read the password from standard input")?;
            client.post(&format!("users/{user}/password"), &json!({ "password": password.trim_end_matches(['\r', '\n']) }))?;
            say(format!("{user}: the password is set"));
        }
    }
    Ok(())
}

fn keys(client: &Client) -> Result<()> {
    let list = client.get("integrations")?;
    if client.json {
        show(&list);
        return Ok(());
    }
    let mut rows = Vec::new();
    for integration in items(&list) {
        for key in integration["keys"].as_array().into_iter().flatten() {
            rows.push(cells(&[integration["id"].as_str(), key["id"].as_str(), key["created_at"].as_str(), key["last_used_at"].as_str()]));
        }
    }
    table(&["INTEGRATION", "KEY ID", "CREATED", "LAST USED"], &rows);
    Ok(())
}

fn tokens(client: &Client) -> Result<()> {
    let list = client.get("tokens")?;
    if client.json {
        show(&list);
        return Ok(());
    }
    let field = |t: &Value, name: &str| t[name].as_str().unwrap_or("-").to_owned();
    let rows: Vec<Vec<String>> = items(&list)
        .iter()
        .map(|t| ["id", "user", "label", "scope", "created_at", "last_used_at"].iter().map(|n| field(t, n)).collect())
        .collect();
    table(&["ID", "USER", "LABEL", "SCOPE", "CREATED", "LAST USED"], &rows);
    Ok(())
}

fn cells(values: &[Option<&str>]) -> Vec<String> {
    values.iter().map(|v| v.unwrap_or("-").to_owned()).collect()
}
