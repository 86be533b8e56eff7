//! `reveille store`: the data of an installation on the move. Works on the store itself, not through the server.

use super::output::{say, table};
use crate::serve::storage::place;
use crate::serve::{clock, read_server_file};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;
use store::copy::{self, Step, TableCopied};

/// What to do with the data.
#[derive(Args)]
pub struct StoreArgs {
    /// The server's own file: says where the data are.
    #[arg(long, global = true, default_value = "data/reveille.toml")]
    config: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Move everything to the store that another server file names, which must be empty. The server may run at first; the command says when
    /// to stop it, and finishes once it has stopped. Then start it with the other file.
    Migrate {
        /// The server file of the new store.
        #[arg(long)]
        to: PathBuf,
        /// How long to wait for the server to stop.
        #[arg(long, default_value_t = 600)]
        wait_seconds: u64,
    },
    /// Write everything into one file; the server may run. The file holds every secret and password hash: keep it safe.
    Backup { file: PathBuf },
    /// Fill the store, which must be empty, from a backup of either kind of store; the server must not run.
    Restore { file: PathBuf },
}

/// Does it and prints what was copied.
pub fn run(args: &StoreArgs) -> Result<()> {
    let config = super::client::here_or_in_data(&args.config);
    let here = read_server_file(&config).with_context(|| format!("no server file at {}: --config names it", config.display()))?;
    let here = place(&here)?;
    match &args.what {
        What::Migrate { to, wait_seconds } => {
            let there = place(&read_server_file(to)?)?;
            let mut tell = |step: Step| match step {
                Step::History => say(format!("copying the history of the {} into the {}", here.words(), there.words())),
                Step::Copied { table, rows } => say(format!("copied {rows} rows of {table}")),
                Step::StopTheServer => say("the history is there: stop the server now, and the rest follows"),
                Step::Rest => say("no server has the data: copying the rest"),
                Step::Verify => say("comparing both sides"),
            };
            let clock = clock()?;
            let copied = copy::migrate(&here, &there, &*clock, Duration::from_secs(*wait_seconds), &mut tell)?;
            list(&copied);
            say(format!("moved: start the server with --config {}", to.display()));
        }
        What::Backup { file } => {
            let copied = copy::backup(&here, file)?;
            list(&copied);
            say(format!("backed up into {}", file.display()));
        }
        What::Restore { file } => {
            let copied =
                copy::restore(file, &here).with_context(|| format!("nothing that can be served was made from {}", file.display()))?;
            list(&copied);
            say(format!("restored into the {}", here.words()));
        }
    }
    Ok(())
}

fn list(copied: &[TableCopied]) {
    let row = |one: &TableCopied| vec![one.table.to_owned(), one.rows.to_string(), one.digest.clone()];
    table(&["table", "rows", "sha-256"], &copied.iter().map(row).collect::<Vec<_>>());
}
