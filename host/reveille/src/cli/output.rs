//! What the command line prints: the only place of the program that writes to a terminal.
//!
//! Whoever reads may stop reading, as `head` does. Then nothing more is printed, and the command goes on to its end: it may have more to do than
//! to print, and a server serves on.

use serde_json::Value;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Something could not be printed, and not because nobody reads it.
static LOST: AtomicBool = AtomicBool::new(false);

/// One line for the operator.
pub fn say(line: impl AsRef<str>) {
    if let Err(error) = put(&mut std::io::stdout().lock(), line.as_ref())
        && !LOST.swap(true, Ordering::Relaxed)
    {
        print_error(&anyhow::Error::new(error).context("cannot write the output"));
    }
}

/// Whether output was lost that somebody waits for: half a file must not look like the whole.
pub fn is_output_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Writes a line; that nobody reads any more is no error.
fn put(out: &mut dyn Write, line: &str) -> std::io::Result<()> {
    match out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// JSON, indented.
pub fn show(value: &Value) {
    say(format!("{value:#}"));
}

/// An error and what it came from.
pub fn print_error(error: &anyhow::Error) {
    // Where not even this can be written, the exit status has to say it.
    let _ = writeln!(std::io::stderr().lock(), "error: {error:#}");
}

/// The text of a field, or a dash.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or("-")
}

/// Columns as wide as their widest cell.
pub fn table(header: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            widths[at] = widths[at].max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say(padded.join("  ").trim_end());
    };
    line(header.to_vec());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}
