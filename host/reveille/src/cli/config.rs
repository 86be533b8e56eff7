//! `reveille config`: the configuration as documents.

use super::Server;
use super::client::Client;
use super::output::{say, show, text};
use crate::init::documents_in;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What to do with it.
#[derive(Args)]
pub struct ConfigArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Check documents and say what applying them would change. Nothing changes.
    Plan {
        /// A folder of YAML documents, or one file.
        path: PathBuf,
    },
    /// Put documents in force as a whole: what they do not name is gone.
    Apply {
        /// A folder of YAML documents, or one file.
        path: PathBuf,
    },
    /// Write the documents in force into a folder.
    Export { dir: PathBuf },
    /// Write the JSON Schemas of the documents into a folder, for editors. Needs no server.
    Schemas { dir: PathBuf },
    /// Print one JSON Schema: of a file of any documents, or of one kind. Needs no server.
    Schema {
        /// Such as `policy`; also `scenario` (for `simulate`) and `reveille` (for reveille.toml).
        #[arg(long)]
        kind: Option<String>,
    },
}

/// Does it and prints.
pub fn run(args: &ConfigArgs) -> Result<()> {
    match &args.what {
        What::Schemas { dir } => schemas(dir),
        What::Schema { kind } => schema(kind.as_deref()),
        What::Plan { path } => plan(&Client::new(&args.server)?, path),
        What::Apply { path } => apply(&Client::new(&args.server)?, path),
        What::Export { dir } => export(&Client::new(&args.server)?, dir),
    }
}

fn plan(client: &Client, path: &Path) -> Result<()> {
    let plan = client.post("config/plan", &bundle(path)?)?;
    if client.json {
        show(&plan);
        return Ok(());
    }
    tell(&plan);
    Ok(())
}

fn apply(client: &Client, path: &Path) -> Result<()> {
    let applied = client.post("config/apply", &bundle(path)?)?;
    if client.json {
        show(&applied);
        return Ok(());
    }
    tell(&applied);
    say(format!("revision {} is in force", applied["revision"]));
    Ok(())
}

fn tell(plan: &Value) {
    let changes: Vec<&Value> = plan["changes"].as_array().into_iter().flatten().collect();
    if changes.is_empty() {
        say("no changes");
    }
    for change in changes {
        let details = change["details"]
            .as_str()
            .filter(|d| !d.is_empty() && *d != text(change, "change"))
            .map(|d| format!(": {d}"))
            .unwrap_or_default();
        say(format!("{} {} {}{details}", text(change, "change"), text(change, "kind"), text(change, "name")));
    }
    let pages: Vec<&str> = plan["pages"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !pages.is_empty() {
        say(format!("in the next 7 days (times in {}):", text(plan, "time_zone")));
    }
    for line in pages {
        say(format!("  {line}"));
    }
    for warning in plan["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        say(format!("warning: {warning}"));
    }
}

fn export(client: &Client, dir: &Path) -> Result<()> {
    let exported = client.get("config")?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for file in exported["files"].as_array().into_iter().flatten() {
        let name = text(file, "path");
        if name.contains(['/', '\\']) || name.starts_with('.') {
            bail!("the server names a file {name:?} that would lie outside {}", dir.display());
        }
        let path = dir.join(name);
        std::fs::write(&path, text(file, "text")).with_context(|| format!("cannot write {}", path.display()))?;
        say(path.display().to_string());
    }
    for plugin in exported["plugins"].as_array().into_iter().flatten().filter(|plugin| plugin["pinned"] == true) {
        let digest: String = text(plugin, "digest").chars().take(12).collect();
        say(format!("plugin {} is pinned to version {} ({digest}), which is no document", text(plugin, "name"), text(plugin, "version")));
    }
    Ok(())
}

fn schemas(dir: &Path) -> Result<()> {
    for path in documents::schema::write(dir).with_context(|| format!("cannot write schemas into {}", dir.display()))? {
        say(path.display().to_string());
    }
    Ok(())
}

fn schema(kind: Option<&str>) -> Result<()> {
    let schema = documents::schema::named(kind).map_err(anyhow::Error::msg)?;
    show(&schema);
    Ok(())
}

/// The documents of a folder, or one file, by name.
pub fn read_documents(path: &Path) -> Result<Vec<(String, String)>> {
    let files = if path.is_dir() {
        documents_in(path)?
    } else {
        vec![(path.display().to_string(), std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?)]
    };
    if files.is_empty() {
        bail!("{} holds no .yaml, .yml or .json file", path.display());
    }
    Ok(files)
}

fn bundle(path: &Path) -> Result<Value> {
    let files: Vec<Value> = read_documents(path)?.into_iter().map(|(path, text)| json!({ "path": path, "text": text })).collect();
    Ok(json!({ "files": files }))
}
