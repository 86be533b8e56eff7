//! What `reveille incident` does to incidents: to one by its own address, to several by one request that says of each what became of it.

use super::client::Client;
use super::incident::items;
use super::output::{say, show, text};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use documents::text::{Delay, Text as _};
use serde_json::{Value, json};

/// Which incidents.
#[derive(Args)]
pub struct Which {
    /// Numbers of incidents; what is done is done to each.
    #[arg(required = true)]
    ids: Vec<u64>,
}

/// What to do.
#[derive(Subcommand)]
pub enum Respond {
    /// Say that you are on it; the paging stops.
    Ack(Which),
    /// Take the acknowledgement back; the paging begins again.
    Unack(Which),
    /// Say that it is over, and what it was.
    Resolve {
        #[command(flatten)]
        which: Which,
        /// `false-alarm` or `not-actionable`.
        #[arg(long = "as", value_name = "MARK")]
        mark: Option<String>,
        /// Why it ended.
        #[arg(long)]
        reason: Option<String>,
    },
    /// It was not over: it fires and pages again.
    Reopen(Which),
    /// Let it rest; then it fires again.
    Snooze {
        #[command(flatten)]
        which: Which,
        /// So long, such as `2h` or `1h 30m`.
        #[arg(long = "for", value_name = "DELAY", conflicts_with = "until", required_unless_present = "until")]
        during: Option<String>,
        /// Until then, such as `2026-03-02T09:00` in your zone.
        #[arg(long)]
        until: Option<String>,
    },
    /// Take it over: you are on it, and nobody else.
    Take(Which),
    /// Stop who is paged, and begin elsewhere.
    Reroute {
        #[command(flatten)]
        which: Which,
        /// `user/NAME`, `rotation/NAME`, `team/NAME` or `policy/NAME`; may come several times.
        #[arg(long, required = true)]
        to: Vec<String>,
    },
    /// Ask others to help: they are paged until they answer, whoever else is on it.
    Ask {
        #[command(flatten)]
        which: Which,
        /// `user/NAME`, `rotation/NAME`, `team/NAME` or `policy/NAME`; may come several times.
        #[arg(long, required = true)]
        to: Vec<String>,
    },
    /// You were asked to help and cannot.
    Decline(Which),
    /// Write something on its timeline.
    Note { id: u64, text: String },
    /// Set its priority: p1 to p5.
    Priority { id: u64, priority: String },
    /// Give a role, such as commander, scribe or liaison; without a user nobody has it.
    Role { id: u64, role: String, user: Option<String> },
    /// Tell those who do not work on it how it stands.
    Update {
        id: u64,
        text: String,
        /// A user who gets it as a message; may come several times.
        #[arg(long)]
        to: Vec<String>,
        /// A mail address that gets it; may come several times.
        #[arg(long)]
        mail: Vec<String>,
    },
    /// Link it to another incident (by number) or to an address.
    Link {
        id: u64,
        to: String,
        /// What to call the address.
        #[arg(long, default_value = "")]
        text: String,
    },
    /// Take such a link away.
    Unlink { id: u64, to: String },
    /// Move all of its alerts to another incident, and resolve it.
    Merge {
        #[command(flatten)]
        which: Which,
        #[arg(long)]
        into: u64,
    },
    /// Move some of its alerts to an incident of their own.
    Split {
        id: u64,
        /// The id of an alert, as the API shows it; may come several times.
        #[arg(long = "alert", required = true)]
        alerts: Vec<u64>,
        /// Of the new incident.
        #[arg(long)]
        title: Option<String>,
    },
}

/// Does it and prints.
pub fn respond(client: &Client, what: &Respond) -> Result<()> {
    match what {
        Respond::Ack(which) => act(client, which, "acknowledge", "acknowledge", json!({})),
        Respond::Unack(which) => act(client, which, "unacknowledge", "unacknowledge", json!({})),
        Respond::Resolve { which, mark, reason } => act(client, which, "resolve", "resolve", json!({ "mark": mark, "reason": reason })),
        Respond::Reopen(which) => act(client, which, "reopen", "reopen", json!({})),
        Respond::Snooze { which, during, until } => {
            let seconds =
                during.as_deref().map(Delay::parse).transpose().map_err(anyhow::Error::msg).context("--for")?.map(|delay| delay.0);
            act(client, which, "snooze", "snooze", json!({ "seconds": seconds, "until": until }))
        }
        Respond::Take(which) => act(client, which, "take", "take", json!({})),
        Respond::Reroute { which, to } => act(client, which, "reroute", "reroute", json!({ "targets": to })),
        Respond::Ask { which, to } => act(client, which, "responders", "add-responders", json!({ "targets": to })),
        Respond::Decline(which) => act(client, which, "decline", "decline", json!({})),
        Respond::Merge { which, into } => act(client, which, "merge", "merge", json!({ "into": into })),
        Respond::Note { id, text } => one(client, *id, "notes", &json!({ "text": text })),
        Respond::Priority { id, priority } => one(client, *id, "priority", &json!({ "priority": priority })),
        Respond::Role { id, role, user } => one(client, *id, "roles", &json!({ "role": role, "user": user })),
        Respond::Update { id, text, to, mail } => {
            let contacts: Vec<Value> = mail.iter().map(|address| json!({ "kind": "mail", "address": address })).collect();
            one(client, *id, "updates", &json!({ "text": text, "users": to, "contacts": contacts }))
        }
        Respond::Link { id, to, text } => one(client, *id, "links", &linked(to, text)),
        Respond::Unlink { id, to } => one(client, *id, "unlink", &linked(to, "")),
        Respond::Split { id, alerts, title } => one(client, *id, "split", &json!({ "alerts": alerts, "title": title })),
    }
}

/// A number means an incident, anything else an address.
fn linked(to: &str, text: &str) -> Value {
    match to.trim_start_matches('#').parse::<u64>() {
        Ok(incident) => json!({ "incident": incident }),
        Err(_) => json!({ "url": to, "text": text }),
    }
}

fn act(client: &Client, which: &Which, path: &str, operation: &str, body: Value) -> Result<()> {
    if let [id] = which.ids[..] {
        return one(client, id, path, &body);
    }
    let mut body = body;
    body["ids"] = json!(which.ids);
    body["operation"] = json!(operation);
    let results = client.post("incidents/actions", &body)?;
    if client.json {
        show(&results);
    } else {
        for result in items(&results) {
            let not = if result["done"] == true { "" } else { "not done: " };
            say(format!("{}  {not}{}", result["id"], text(result, "message")));
        }
    }
    let failed = items(&results).iter().filter(|result| result["done"] != true).count();
    if failed > 0 {
        bail!("{failed} of {} not done", which.ids.len());
    }
    Ok(())
}

fn one(client: &Client, id: u64, path: &str, body: &Value) -> Result<()> {
    let done = client.post(&format!("incidents/{id}/{path}"), body)?;
    if client.json {
        show(&done);
    } else {
        say(text(&done, "message"));
    }
    Ok(())
}
