//! What the command line prints: the only place of the program that writes to a terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use serde_json::Value;

/// One line for the operator.
pub fn say(line: impl AsRef<str>) {
    println!("{}", line.as_ref());
}

/// JSON, indented.
pub fn show(value: &Value) {
    println!("{value:#}");
}

/// An error and what it came from.
pub fn print_error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
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
        println!("{}", padded.join("  ").trim_end());
    };
    line(header.to_vec());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}
