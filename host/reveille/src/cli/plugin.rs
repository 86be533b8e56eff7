//! `reveille plugin`: what is installed, and what each asks for.

use super::Server;
use super::client::Client;
use super::incident::items;
use super::output::{say, show, table, text};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

/// Which plugin, and what.
#[derive(Args)]
pub struct PluginArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The installed plugins.
    List,
    /// What a plugin reads, asks for and takes as settings.
    Inspect { name: String },
}

/// Does it and prints.
pub fn run(args: &PluginArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        What::List => list(&client),
        What::Inspect { name } => inspect(&client, name),
    }
}

fn list(client: &Client) -> Result<()> {
    let plugins = client.get("plugins")?;
    if client.json {
        show(&plugins);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&plugins)
        .iter()
        .map(|p| {
            let digest: String = text(p, "digest").chars().take(12).collect();
            vec![
                text(p, "name").into(),
                text(p, "version").into(),
                digest,
                words(&p["hooks"]),
                format!("{} KiB", p["size_bytes"].as_u64().unwrap_or(0) / 1024),
            ]
        })
        .collect();
    table(&["NAME", "VERSION", "SHA-256", "HOOKS", "SIZE"], &rows);
    for problem in plugins["unreadable"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        say(format!("not usable: {problem}"));
    }
    Ok(())
}

fn inspect(client: &Client, name: &str) -> Result<()> {
    let plugin = client.get(&format!("plugins/{name}"))?;
    if client.json {
        show(&plugin);
        return Ok(());
    }
    for plugin in items(&plugin) {
        tell(plugin);
    }
    Ok(())
}

fn tell(plugin: &Value) {
    say(format!("{} {}", text(plugin, "name"), text(plugin, "version")));
    say(format!("sha-256  {}", text(plugin, "digest")));
    for (label, field) in
        [("hooks", "hooks"), ("reads", "reads"), ("lookups", "lookups"), ("keys", "keys"), ("headers", "headers"), ("contacts", "contacts")]
    {
        let value = words(&plugin[field]);
        if !value.is_empty() {
            say(format!("{label:<8} {value}"));
        }
    }
    say(format!("settings\n{:#}", plugin["settings_schema"]));
}

fn words(list: &Value) -> String {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
