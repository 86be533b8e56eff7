//! The command line: `serve`, `init`, `store` and, with a folder, `simulate` work on this machine; everything else is a thin client of
//! the REST API.

mod action;
mod client;
mod config;
mod contact;
mod deadletter;
mod incident;
mod oncall;
pub mod output;
mod people;
mod plugin;
mod respond;
mod send;
mod silence;
mod simulate;
mod store;
mod watch;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

pub use output::{is_output_lost, print_error};

/// A self-hosted incident server: alerts in, the right person paged until somebody answers.
#[derive(Parser)]
#[command(name = "reveille", version, about = "A self-hosted incident server: alerts in, the right person paged until somebody answers")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve(crate::serve::ServeArgs),
    /// Write a first configuration into a new folder.
    Init(crate::init::InitArgs),
    /// Post an alert to an integration, as a monitoring tool would.
    Send(send::SendArgs),
    /// List incidents and answer them.
    Incident(incident::IncidentArgs),
    /// What automation wants done: list, approve, refuse.
    Action(action::ActionArgs),
    /// Who is on call.
    Oncall(oncall::OnCallArgs),
    /// How people are reached: list, test and verify contacts.
    Contact(contact::ContactArgs),
    /// What pages nobody for a time: list, add, end, preview.
    Silence(silence::SilenceArgs),
    /// Maintenance windows of the configuration: list, preview.
    Maintenance(silence::MaintenanceArgs),
    /// Look at the installed plugins.
    Plugin(plugin::PluginArgs),
    /// Plan, apply and export the configuration.
    Config(config::ConfigArgs),
    /// Say who would be paged when, by schedules and policies on a simulated clock.
    Simulate(simulate::SimulateArgs),
    /// Look at bodies that could not be taken in, and try them again.
    Deadletter(deadletter::DeadLetterArgs),
    /// Move the data to another store, back them up, restore them.
    Store(store::StoreArgs),
    /// On a second host: page who is on call when the server is gone.
    Watch(watch::WatchArgs),
    /// Make integration keys, API tokens, sign-in links.
    Access(people::AccessArgs),
}

/// How to reach the server.
#[derive(Args, Clone)]
pub struct Server {
    /// Address of the server.
    #[arg(long = "server", global = true, env = "REVEILLE_SERVER", default_value = "http://127.0.0.1:8080")]
    address: String,
    /// API token. Without it, the token that `init` wrote is read from `--token-file`.
    #[arg(long, global = true, env = "REVEILLE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// File with the API token.
    #[arg(long, global = true, env = "REVEILLE_TOKEN_FILE", default_value = "data/cli.token")]
    token_file: PathBuf,
    /// Print the API's JSON instead of words.
    #[arg(long, global = true)]
    json: bool,
}

/// Runs one command to its end.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(args) => crate::serve::run(&args),
        Command::Init(args) => crate::init::run(&args),
        Command::Send(args) => send::run(&args),
        Command::Incident(args) => incident::run(&args),
        Command::Action(args) => action::run(&args),
        Command::Oncall(args) => oncall::run(&args),
        Command::Contact(args) => contact::run(&args),
        Command::Silence(args) => silence::run(&args),
        Command::Maintenance(args) => silence::run_maintenance(&args),
        Command::Plugin(args) => plugin::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Deadletter(args) => deadletter::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Access(args) => people::run(&args),
    }
}
