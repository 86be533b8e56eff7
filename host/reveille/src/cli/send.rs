//! `reveille send`: posts a body to an integration, as a monitoring tool would, so that a route can be tried from a terminal.

use super::{client, output};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Map, Value};
use std::io::Read;

/// What to post, and where.
#[derive(Args)]
pub struct SendArgs {
    /// The integration's address, as `reveille access key` or the welcome lines print it.
    #[arg(long, env = "REVEILLE_SEND_TO")]
    to: String,
    /// Post this file's content; `-` for standard input.
    #[arg(long, conflicts_with = "fields")]
    file: Option<String>,
    /// Fields of a JSON body, as name=value.
    #[arg(value_name = "NAME=VALUE")]
    fields: Vec<String>,
}

/// Posts, and shows the answer.
pub fn run(args: &SendArgs) -> Result<()> {
    let body = match &args.file {
        Some(path) if path == "-" => {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text).context("cannot read standard input")?;
            text
        }
        Some(path) => std::fs::read(path).with_context(|| format!("cannot read {path}"))?,
        None => from_fields(&args.fields)?,
    };
    let response = client::http()?
        .post(&args.to)
        .header("content-type", "application/json")
        .body(body)
        .send()
        .map_err(reqwest::Error::without_url)
        .context("the server cannot be reached")?;
    let status = response.status();
    let text = response.text().unwrap_or_default();
    if !status.is_success() {
        bail!("not taken ({status}): {text}");
    }
    output::say(format!("taken ({status}) {text}").trim_end());
    Ok(())
}

fn from_fields(fields: &[String]) -> Result<Vec<u8>> {
    if fields.is_empty() {
        bail!("nothing to send: give fields as name=value, or --file");
    }
    let mut body = Map::new();
    for field in fields {
        let (name, value) = field.split_once('=').with_context(|| format!("{field:?} is not name=value"))?;
        body.insert(name.to_owned(), Value::String(value.to_owned()));
    }
    Ok(serde_json::to_vec(&body)?)
}
