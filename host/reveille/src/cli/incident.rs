//! `reveille incident`: list, show, answer.

use super::Server;
use super::client::Client;
use super::output::{instant, note, say, show, table, text};
use super::respond::{Respond, respond};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Most incidents asked for at once, as the API allows.
const PAGE: usize = 500;
/// Most incidents looked at to find the worst ones.
const LOOKED_AT: usize = 20_000;

/// Which incident, and what.
#[derive(Args)]
pub struct IncidentArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Open incidents: unanswered ones first, the worst and oldest on top.
    List {
        /// Resolved ones too, and the newest on top.
        #[arg(long)]
        all: bool,
        /// Only this team's.
        #[arg(long)]
        team: Option<String>,
        /// So many at most.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// One incident with its timeline.
    Show { id: u64 },
    /// What the plugins decided about its alerts.
    Decisions { id: u64 },
    #[command(flatten)]
    Respond(Respond),
}

/// Does it and prints.
pub fn run(args: &IncidentArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        What::List { all, team, limit } => list(&client, *all, team.as_deref(), *limit as usize),
        What::Show { id } => one(&client, *id),
        What::Decisions { id } => decisions(&client, *id),
        What::Respond(what) => respond(&client, what),
    }
}

fn list(client: &Client, all: bool, team: Option<&str>, limit: usize) -> Result<()> {
    // The worst may be the oldest: to put it on top, all that are open have to be seen.
    let (mut found, more) = gather(client, all, team, if all { limit.saturating_add(1) } else { LOOKED_AT })?;
    if !all {
        found.sort_by_cached_key(standing);
    }
    let total = found.len();
    found.truncate(limit);
    if client.json {
        show(&json!({ "items": found }));
    } else if total == 0 {
        say(if all { "There are no incidents." } else { "Nothing is open." });
    } else {
        table(&["ID", "STATUS", "SEVERITY", "OPENED", "ALERTS", "TEAM", "TITLE"], &found.iter().map(row).collect::<Vec<_>>());
    }
    let shown = found.len();
    if total > shown && !all {
        let of = if more { "more than " } else { "" };
        note(format!("{shown} of {of}{total} shown: --limit N shows more"));
    } else if total > shown || more {
        note(format!("{shown} shown, and there are more: {}", if all { "--limit N shows them" } else { "--team shows one team's" }));
    }
    Ok(())
}

/// The newest incidents, page by page; `true`: there are more than `most`.
fn gather(client: &Client, all: bool, team: Option<&str>, most: usize) -> Result<(Vec<Value>, bool)> {
    let open = if all { "" } else { "open=true&" };
    let team = team.map(|t| format!("team={t}&")).unwrap_or_default();
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let size = PAGE.min(most.saturating_sub(found.len())).max(1);
        let page = client.get(&format!("incidents?{open}{team}{before}limit={size}"))?;
        found.extend(items(&page).iter().cloned());
        let Some(next) = page["next_before"].as_u64() else { return Ok((found, false)) };
        if found.len() >= most {
            return Ok((found, true));
        }
        before = format!("before={next}&");
    }
}

/// Where an open incident stands in the list, as on the page of incidents.
fn standing(incident: &Value) -> (bool, usize, Option<jiff::Timestamp>, u64) {
    let severity = ["critical", "error", "warning", "info"].iter().position(|s| *s == text(incident, "severity"));
    // One that this program does not know is not hidden.
    let severity = severity.unwrap_or(0);
    (text(incident, "status") != "firing", severity, text(incident, "opened_at").parse().ok(), incident["id"].as_u64().unwrap_or(0))
}

fn row(incident: &Value) -> Vec<String> {
    vec![
        incident["id"].to_string(),
        text(incident, "status").to_owned(),
        text(incident, "severity").to_owned(),
        instant(incident, "opened_at"),
        incident["alert_count"].to_string(),
        text(incident, "team").to_owned(),
        text(incident, "title").to_owned(),
    ]
}

fn one(client: &Client, id: u64) -> Result<()> {
    let incident = client.get(&format!("incidents/{id}"))?;
    let timeline = client.get(&format!("incidents/{id}/timeline"))?;
    if client.json {
        show(&json!({ "incident": incident, "timeline": timeline["items"] }));
        return Ok(());
    }
    say(format!("{}  {} ({}), {}", id, text(&incident, "title"), text(&incident, "severity"), text(&incident, "status")));
    say(format!("key {}, opened {}, {}", text(&incident, "key"), instant(&incident, "opened_at"), text(&incident, "url")));
    for alert in incident["alerts"].as_array().into_iter().flatten() {
        let said = alert["summary"].as_str().map(|summary| format!(": {summary}")).unwrap_or_default();
        say(format!("alert {}  {} ({}), {}{said}", alert["id"], text(alert, "entity"), text(alert, "severity"), text(alert, "status")));
    }
    for line in items(&timeline) {
        say(format!("{}  {}", instant(line, "at"), text(line, "text")));
        if let Some(cause) = line["cause"].as_object() {
            let plugin = &cause["plugin"];
            let digest: String = text(plugin, "digest").chars().take(12).collect();
            say(format!("{:22}{} {} {digest}, revision {}", "", text(plugin, "name"), text(plugin, "version"), cause["revision"]));
        }
    }
    Ok(())
}

fn decisions(client: &Client, id: u64) -> Result<()> {
    let decisions = client.get(&format!("incidents/{id}/decisions?limit=100"))?;
    if client.json {
        show(&decisions);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&decisions)
        .iter()
        .map(|d| {
            let notes: Vec<String> = d["notes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|n| format!("{} {}: {}", text(&n["plugin"], "name"), text(n, "did"), text(n, "reason")))
                .collect();
            vec![instant(d, "at"), text(d, "entity").to_owned(), text(d, "outcome").to_owned(), notes.join("; ")]
        })
        .collect();
    table(&["AT", "ENTITY", "OUTCOME", "WHY"], &rows);
    Ok(())
}

/// The rows of a list.
pub fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unanswered_the_worst_and_the_oldest_come_first() {
        let incident = |id: u64, status: &str, severity: &str, at: &str| json!({ "id": id, "status": status, "severity": severity, "opened_at": format!("2026-11-24T00:00:0{at}Z") });
        let mut all = [
            incident(1, "acknowledged", "critical", "0"),
            incident(2, "firing", "warning", "1"),
            incident(3, "firing", "critical", "2.5"),
            incident(4, "firing", "critical", "2"),
            incident(5, "firing", "error", "3"),
        ];
        all.sort_by_cached_key(standing);
        assert_eq!(all.iter().map(|i| i["id"].as_u64().unwrap()).collect::<Vec<_>>(), [4, 3, 5, 2, 1]);
    }
}
