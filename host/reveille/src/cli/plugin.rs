//! `reveille plugin`: what is installed and in force, and another version put in its place.

use super::Server;
use super::client::Client;
use super::incident::items;
use super::output::{instant, say, show, table, text};
use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Most bytes of a plugin's folder that are sent.
const FOLDER_LIMIT_BYTES: u64 = 64 << 20;
/// How deep folders may lie in one another.
const DEPTH_LIMIT: usize = 16;

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
    /// The versions of a plugin that are kept, and which one is in force where, since when and by whom.
    Versions { name: String },
    /// Put another version in force: it is verified, compiled, configured, tried on past alerts, and refused with the reason otherwise.
    Push {
        #[command(flatten)]
        folder: Folder,
        /// Put it in force even if it fails on past alerts that the version in force handles.
        #[arg(long)]
        force: bool,
    },
    /// Verify a version and say what it would do otherwise on past alerts. Nothing changes.
    Try {
        #[command(flatten)]
        folder: Folder,
    },
    /// Go back to the version that was in force before.
    Rollback {
        name: String,
        /// To the version with this digest; 8 digits are enough.
        #[arg(long)]
        to: Option<String>,
    },
    /// Put what lies in the server's folder of plugins in force, now and at each `config apply` to come.
    Unpin { name: String },
}

/// A plugin on this machine.
#[derive(Args)]
struct Folder {
    /// Holds plugin.toml, plugin.wasm and the assets.
    dir: PathBuf,
    /// The plugin's name; the folder's name if it is not given.
    #[arg(long)]
    name: Option<String>,
}

/// Does it and prints.
pub fn run(args: &PluginArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        What::List => list(&client),
        What::Inspect { name } => inspect(&client, name),
        What::Versions { name } => versions(&client, name),
        What::Push { folder, force } => send(&client, folder, "versions", json!({ "force": force })),
        What::Try { folder } => send(&client, folder, "try", json!({})),
        What::Rollback { name, to } => change(&client, &format!("plugins/{name}/rollback"), &json!({ "to": to })),
        What::Unpin { name } => change(&client, &format!("plugins/{name}/unpin"), &json!({})),
    }
}

fn send(client: &Client, folder: &Folder, path: &str, mut body: Value) -> Result<()> {
    let dir = folder.dir.canonicalize().with_context(|| format!("cannot find {}", folder.dir.display()))?;
    let name = match (&folder.name, dir.file_name().and_then(|name| name.to_str())) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => bail!("{} has no name of a plugin: give --name", dir.display()),
    };
    let mut files = Vec::new();
    let mut left = FOLDER_LIMIT_BYTES;
    collect(&dir, "", 0, &mut left, &mut files)?;
    body["files"] = Value::Array(files);
    change(client, &format!("plugins/{name}/{path}"), &body)
}

/// The files of a folder and of the folders in it; hidden ones and links are left out.
fn collect(folder: &Path, prefix: &str, depth: usize, left: &mut u64, files: &mut Vec<Value>) -> Result<()> {
    if depth > DEPTH_LIMIT {
        bail!("folders lie more than {DEPTH_LIMIT} deep in {}", folder.display());
    }
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, entry.path());
        let Some(name) = entry.file_name().to_str().filter(|name| !name.starts_with('.')).map(|name| format!("{prefix}{name}")) else {
            continue;
        };
        if kind.is_dir() {
            collect(&path, &format!("{name}/"), depth + 1, left, files)?;
        } else if kind.is_file() {
            let size = entry.metadata()?.len();
            let Some(rest) = left.checked_sub(size) else {
                bail!("the files in the folder are more than {} MiB: is it the plugin's own?", FOLDER_LIMIT_BYTES >> 20);
            };
            *left = rest;
            let content = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push(json!({ "path": name, "content": BASE64.encode(content) }));
        }
    }
    Ok(())
}

fn change(client: &Client, path: &str, body: &Value) -> Result<()> {
    let change = client.post_patiently(path, body)?;
    if client.json {
        show(&change);
        return Ok(());
    }
    tell_trial(&change["trial"]);
    for warning in change["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        say(format!("warning: {warning}"));
    }
    let (name, version, digest) = (text(&change, "name"), text(&change, "version"), short(&change));
    if change["in_force"] == true {
        let places = words(&change["places"]);
        let revision = &change["revision"];
        say(match places.as_str() {
            "" => format!(
                "{name} {version} ({digest}) is kept with revision {revision}: nothing uses {name} yet, and what will takes this version"
            ),
            places => format!("{name} {version} ({digest}) is in force with revision {revision}: {places}"),
        });
    } else {
        say(format!("{name} {version} ({digest}) would be taken; nothing was changed"));
    }
    Ok(())
}

fn tell_trial(trial: &Value) {
    if trial.is_null() {
        return;
    }
    let number = |field: &str| trial[field].as_u64().unwrap_or(0);
    let cut_short = if trial["cut_short"] == true { " (there was no time for more)" } else { "" };
    say(format!("tried on {} bodies, {} alerts, {} incidents{cut_short}", number("bodies"), number("alerts"), number("incidents")));
    let counts = [
        ("fails", "fails where the version in force answers"),
        ("mends", "answers where the version in force fails"),
        ("other_events", "bodies: other events"),
        ("other_entities", "bodies: other entities"),
        ("other_verdicts", "alerts: another verdict"),
        ("other_incidents", "alerts: another incident"),
        ("other_edits", "alerts: other edits"),
        ("other_routes", "incidents: another route"),
    ];
    let different: Vec<_> = counts.iter().filter(|(field, _)| number(field) > 0).collect();
    if different.is_empty() {
        say("no difference");
    }
    for (field, words) in different {
        say(format!("{:>6} {words}", number(field)));
    }
    for example in trial["examples"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        say(format!("       {example}"));
    }
}

fn versions(client: &Client, name: &str) -> Result<()> {
    let versions = client.get(&format!("plugins/{name}/versions"))?;
    if client.json {
        show(&versions);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&versions)
        .iter()
        .map(|version| {
            let state = match (version["in_force"] == true, version["pinned"] == true) {
                (true, true) => "in force, pinned",
                (true, false) => "in force",
                _ => "kept",
            };
            let (at, by) = if version["in_force"] == true { ("since", "by") } else { ("kept_at", "kept_by") };
            vec![
                text(version, "version").into(),
                short(version),
                state.into(),
                instant(version, at),
                text(version, by).into(),
                words(&version["places"]),
            ]
        })
        .collect();
    table(&["VERSION", "DIGEST", "STATE", "SINCE", "BY", "WHERE"], &rows);
    Ok(())
}

fn short(value: &Value) -> String {
    text(value, "digest").chars().take(12).collect()
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
    table(&["NAME", "VERSION", "DIGEST", "HOOKS", "SIZE"], &rows);
    let in_force: Vec<Vec<String>> = plugins["in_force"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|p| {
            let pinned = if p["pinned"] == true { "pinned" } else { "" };
            let version = text(p, "version").to_owned();
            vec![text(p, "name").into(), version, short(p), pinned.into(), instant(p, "since"), text(p, "by").into(), words(&p["places"])]
        })
        .collect();
    if !in_force.is_empty() {
        say("");
        table(&["IN FORCE", "VERSION", "DIGEST", "", "SINCE", "BY", "WHERE"], &in_force);
    }
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
    say(format!("digest   {}", text(plugin, "digest")));
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
