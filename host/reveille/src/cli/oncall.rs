//! `reveille oncall`: who has to answer now, and who takes a turn for whom.

use super::Server;
use super::client::Client;
use super::incident::items;
use super::output::{on_the_wall, say, show, table, text};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What about it.
#[derive(Args)]
pub struct OnCallArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Somebody takes a rotation's place for a time.
    Override {
        rotation: String,
        /// `nobody`: somebody has yet to be found.
        user: String,
        /// When it begins: 2026-03-02T09:00 on the rotation's clock, or with an offset as 2026-03-02T09:00:00+01:00.
        #[arg(long)]
        from: String,
        /// First instant after.
        #[arg(long)]
        until: String,
    },
    /// Overrides that are not over.
    Overrides,
    /// Give an override to somebody.
    Assign { id: u64, user: String },
    /// Take an override back.
    Cancel { id: u64 },
    /// Take a rotation now, until the present shift ends.
    Take {
        rotation: String,
        /// Who; you unless told.
        #[arg(long)]
        user: Option<String>,
        /// When it ends: 2026-03-02T09:00 on the rotation's clock, or with an offset.
        #[arg(long)]
        until: Option<String>,
    },
    /// Who is on call in a rotation, shift by shift.
    Shifts {
        rotation: String,
        #[arg(long)]
        from: Option<String>,
        #[arg(long)]
        until: Option<String>,
    },
    /// Gaps, people in two places and unfair loads of the coming weeks.
    Report {
        #[arg(long, default_value_t = 8)]
        weeks: u32,
    },
    /// Shifts that somebody asks others to take.
    #[command(subcommand)]
    Swap(SwapCommand),
    /// Make a calendar feed; its address is shown once.
    Feed {
        /// `rotation/NAME`, `team/NAME` or `person/NAME`.
        of: String,
    },
}

#[derive(Subcommand)]
enum SwapCommand {
    /// All that are open, and those of the last 30 days.
    List,
    /// Ask others to take a shift.
    Ask {
        rotation: String,
        #[arg(long)]
        from: String,
        #[arg(long)]
        until: String,
        #[arg(long, default_value = "")]
        reason: String,
        /// Whose shift it is; yours unless told.
        #[arg(long)]
        user: Option<String>,
    },
    /// Take the shift.
    Accept {
        id: u64,
        #[arg(long)]
        user: Option<String>,
    },
    /// Say no.
    Decline {
        id: u64,
        #[arg(long)]
        user: Option<String>,
    },
    /// Approve what somebody accepted.
    Approve { id: u64 },
    /// Take a request back.
    Withdraw { id: u64 },
}

/// Does it and prints.
pub fn run(args: &OnCallArgs) -> Result<()> {
    let client = Client::new(&args.server)?;
    match &args.what {
        None => now(&client),
        Some(What::Override { rotation, user, from, until }) => {
            let person = (user != "nobody").then_some(user);
            let made = client.post("overrides", &json!({ "rotation": rotation, "user": person, "from": from, "until": until }))?;
            let (from, until) = zones(&client)?.times(rotation, &made);
            say(format!("override {}: {user} takes {rotation} from {from} until {until}", made["id"]));
            Ok(())
        }
        Some(What::Overrides) => overrides(&client),
        Some(What::Assign { id, user }) => {
            client.post(&format!("overrides/{id}/assign"), &json!({ "user": user }))?;
            say(format!("override {id} is {user}'s"));
            Ok(())
        }
        Some(What::Cancel { id }) => {
            client.delete(&format!("overrides/{id}"))?;
            say(format!("override {id} is taken back"));
            Ok(())
        }
        Some(What::Take { rotation, user, until }) => {
            let made = client.post(&format!("rotations/{rotation}/take"), &json!({ "user": user, "until": until }))?;
            let (_, until) = zones(&client)?.times(rotation, &made);
            say(format!("{} has {rotation} until {until} (override {})", text(&made, "user"), made["id"]));
            Ok(())
        }
        Some(What::Shifts { rotation, from, until }) => shifts(&client, rotation, from.as_deref(), until.as_deref()),
        Some(What::Report { weeks }) => report(&client, *weeks),
        Some(What::Swap(command)) => swap(&client, command),
        Some(What::Feed { of }) => {
            let (what, name) = of.split_once('/').unwrap_or(("rotation", of));
            let made = client.post("feeds", &json!({ what: name }))?;
            say(text(&made, "url"));
            Ok(())
        }
    }
}

fn now(client: &Client) -> Result<()> {
    let rotations = client.get("on-call?weeks=2")?;
    if client.json {
        show(&rotations);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&rotations)
        .iter()
        .map(|r| {
            let next = r["shifts"].as_array().and_then(|s| s.get(1));
            let next =
                next.map_or_else(|| "-".to_owned(), |s| format!("{} from {}", person(s), on_the_wall(s, "from", r["time_zone"].as_str())));
            vec![text(r, "rotation").to_owned(), text(r, "team").to_owned(), r["now"].as_str().unwrap_or("NOBODY").to_owned(), next]
        })
        .collect();
    table(&["ROTATION", "TEAM", "NOW", "NEXT"], &rows);
    Ok(())
}

/// The time zones of rotations, by name.
struct Zones(BTreeMap<String, String>);

impl Zones {
    /// Beginning and end of a row as the wall clocks of the rotation show them.
    fn times(&self, rotation: &str, row: &Value) -> (String, String) {
        let zone = self.0.get(rotation).map(String::as_str);
        (on_the_wall(row, "from", zone), on_the_wall(row, "until", zone))
    }
}

fn zones(client: &Client) -> Result<Zones> {
    let rotations = client.get("on-call?weeks=1")?;
    Ok(Zones(items(&rotations).iter().map(|r| (text(r, "rotation").to_owned(), text(r, "time_zone").to_owned())).collect()))
}

fn person(row: &Value) -> &str {
    row["user"].as_str().unwrap_or("NOBODY")
}

fn overrides(client: &Client) -> Result<()> {
    let list = client.get("overrides")?;
    if client.json {
        show(&list);
        return Ok(());
    }
    let zones = zones(client)?;
    let row = |o: &Value| {
        let (from, until) = zones.times(text(o, "rotation"), o);
        vec![o["id"].to_string(), text(o, "rotation").into(), person(o).into(), from, until]
    };
    table(&["ID", "ROTATION", "USER", "FROM", "UNTIL"], &items(&list).iter().map(row).collect::<Vec<_>>());
    Ok(())
}

fn shifts(client: &Client, rotation: &str, from: Option<&str>, until: Option<&str>) -> Result<()> {
    let asked: Vec<String> = [("from", from), ("until", until)]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value?.replace('+', "%2B"))))
        .collect();
    let list = client.get(&format!("rotations/{rotation}/shifts?{}", asked.join("&")))?;
    if client.json {
        show(&list);
        return Ok(());
    }
    let zones = zones(client)?;
    let row = |s: &Value| {
        let (from, until) = zones.times(rotation, s);
        let how = s["by_override"].as_u64().map_or_else(|| s["layer"].as_str().unwrap_or("-").to_owned(), |id| format!("override {id}"));
        vec![from, until, person(s).into(), how]
    };
    table(&["FROM", "UNTIL", "USER", "BY"], &items(&list).iter().map(row).collect::<Vec<_>>());
    Ok(())
}

fn report(client: &Client, weeks: u32) -> Result<()> {
    let report = client.get(&format!("on-call/report?weeks={weeks}"))?;
    if client.json {
        show(&report);
        return Ok(());
    }
    let list = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    let mut found = 0;
    for gap in list("gaps") {
        let why = if gap["unassigned"].is_null() { "nobody is on call" } else { "an override that nobody has taken" };
        say(format!("gap: {}: {why} from {} until {}", text(&gap, "rotation"), text(&gap, "from"), text(&gap, "until")));
        found += 1;
    }
    for both in list("double_bookings") {
        let (one, other) = (&both["rotations"][0], &both["rotations"][1]);
        let rotations = format!("{} and {}", one.as_str().unwrap_or_default(), other.as_str().unwrap_or_default());
        let times = format!("from {} until {}", text(&both, "from"), text(&both, "until"));
        say(format!("twice: {} is on call in {rotations} {times}", text(&both, "user")));
        found += 1;
    }
    for load in list("unfair") {
        let what = format!("{} {}, on average {}", load["hours"], text(&load, "what"), load["average_hours"]);
        say(format!("unfair: {}: {} has {what}", text(&load, "rotation"), text(&load, "user")));
        found += 1;
    }
    if found == 0 {
        say(format!("no gap, nobody in two places and no unfair load in the next {weeks} weeks"));
    }
    Ok(())
}

fn swap(client: &Client, command: &SwapCommand) -> Result<()> {
    let done = match command {
        SwapCommand::List => return swaps(client),
        SwapCommand::Ask { rotation, from, until, reason, user } => {
            client.post("swaps", &json!({ "rotation": rotation, "from": from, "until": until, "reason": reason, "user": user }))?
        }
        SwapCommand::Accept { id, user } => client.post(&format!("swaps/{id}/accept"), &json!({ "user": user }))?,
        SwapCommand::Decline { id, user } => client.post(&format!("swaps/{id}/decline"), &json!({ "user": user }))?,
        SwapCommand::Approve { id } => client.post(&format!("swaps/{id}/approve"), &json!({}))?,
        SwapCommand::Withdraw { id } => {
            client.delete(&format!("swaps/{id}"))?;
            say(format!("swap {id} is taken back"));
            return Ok(());
        }
    };
    say(format!("swap {}: {}", done["id"], text(&done, "state")));
    Ok(())
}

fn swaps(client: &Client) -> Result<()> {
    let list = client.get("swaps")?;
    if client.json {
        show(&list);
        return Ok(());
    }
    let row = |s: &Value| {
        let taker = s["taker"].as_str().unwrap_or("-").to_owned();
        let (from, until) = (text(s, "from").to_owned(), text(s, "until").to_owned());
        vec![s["id"].to_string(), text(s, "rotation").into(), text(s, "owner").into(), from, until, taker, text(s, "state").into()]
    };
    table(&["ID", "ROTATION", "OWNER", "FROM", "UNTIL", "TAKER", "STATE"], &items(&list).iter().map(row).collect::<Vec<_>>());
    Ok(())
}
