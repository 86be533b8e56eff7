//! What the command line prints: the only place of the program that writes to a terminal.
//!
//! Whoever reads may stop reading, as `head` does. Then nothing more is printed, and the command goes on to its end: it may have more to do than
//! to print, and a server serves on.

use jiff::Timestamp;
use jiff::tz::TimeZone;
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

/// One line about the output, beside it.
pub fn note(line: impl AsRef<str>) {
    // Whoever cannot read this has at least the output itself.
    let _ = writeln!(std::io::stderr().lock(), "{}", line.as_ref());
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

/// An instant in UTC with whole seconds; what is none is left as it is.
pub fn instant(value: &Value, field: &str) -> String {
    let text = text(value, field);
    let whole = text.parse::<Timestamp>().ok().and_then(|at| Timestamp::from_second(at.as_second()).ok());
    whole.map_or_else(|| text.to_owned(), |at| at.to_string())
}

/// An instant as the wall clocks of a zone show it, such as `Tue 24 Nov 2026 09:00 CET`; in UTC where nobody knows the zone.
pub fn on_the_wall(value: &Value, field: &str, zone: Option<&str>) -> String {
    let (Ok(at), Some(Ok(zone))) = (text(value, field).parse::<Timestamp>(), zone.map(TimeZone::get)) else { return instant(value, field) };
    let local = at.to_zoned_datetime(zone);
    let form = if local.second() == 0 { "%a %-d %b %Y %H:%M %Z" } else { "%a %-d %b %Y %H:%M:%S %Z" };
    local.strftime(form).to_string()
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn instants_have_whole_seconds_and_shifts_the_zone_of_their_rotation() {
        let row = json!({ "at": "2026-11-24T00:12:03.078Z", "shift": "2026-11-24T08:00:00Z", "none": null });
        assert_eq!((instant(&row, "at").as_str(), instant(&row, "none").as_str()), ("2026-11-24T00:12:03Z", "-"));
        assert_eq!(on_the_wall(&row, "shift", Some("Europe/Rome")), "Tue 24 Nov 2026 09:00 CET");
        assert_eq!(on_the_wall(&row, "at", Some("Europe/Rome")), "Tue 24 Nov 2026 01:12:03 CET");
        assert_eq!(on_the_wall(&row, "shift", Some("Mars/Olympus")), "2026-11-24T08:00:00Z");
    }
}
