//! The program: parses, builds, runs.

mod cli;
mod clock;
mod init;
mod serve;
#[cfg(feature = "sim")]
mod sim;
mod welcome;

use clap::Parser;
use std::process::ExitCode;

/// Alerts are many small strings made on one thread and freed on another; docs/performance.md says what this saves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = cli::Cli::parse();
    match cli::run(command) {
        Ok(()) if cli::is_output_lost() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::print_error(&error);
            ExitCode::FAILURE
        }
    }
}
