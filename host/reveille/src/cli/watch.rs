//! `reveille watch`: a watcher for a second host. It keeps a signed copy of the roster, asks the server whether it is there, and when it is
//! gone pages those who are on call by channels of its own.
//!
//! What it knows is in two files of its folder, so that a restart of the watcher forgets nothing. Whatever goes wrong here is written to
//! stderr and tried again: the one thing that a watcher must not do is end.

mod page;

use super::Server;
use super::client::Client;
use super::output::say;
use crate::serve::{clock, egress_of, read_server_file};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use domain::time::Millis;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use web::api::roster::{Roster, SignedRoster};

/// How to watch.
#[derive(Args)]
pub struct WatchArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    what: Option<What>,
    /// The watcher's own channels: `[smtp]`, `[egress]` and `[secrets]`, as in reveille.toml.
    #[arg(long, default_value = "watch.toml")]
    config: PathBuf,
    /// Where it keeps what it knows.
    #[arg(long, global = true, default_value = "watch")]
    folder: PathBuf,
    /// The installation's public key in hex; without it, the first one that is seen is kept.
    #[arg(long)]
    key: Option<String>,
    /// How often it asks, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3600))]
    every: u32,
    /// The server counts as gone when it gave no good answer for so many seconds.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    gone_after: u32,
    /// It pages again after so many seconds, until the server is back or somebody runs `reveille watch ack`.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=86_400))]
    repeat: u32,
    /// Ask once and end, for a timer of the system; what is known is kept in the folder.
    #[arg(long)]
    once: bool,
}

#[derive(Subcommand)]
enum What {
    /// Somebody is on it: page no more until the server was back.
    Ack,
}

/// What is known of the server from one look to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    gone_since: Option<Millis>,
    paged_at: Option<Millis>,
    acknowledged: bool,
}

impl State {
    fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join(STATE)).unwrap_or_default();
        // What cannot be read is as good as nothing known: then it may page once more.
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            gone_since: value["gone_since"].as_i64().map(Millis),
            paged_at: value["paged_at"].as_i64().map(Millis),
            acknowledged: value["acknowledged"] == true,
        }
    }

    fn write(&self, folder: &Path) -> Result<()> {
        let value = json!({ "gone_since": self.gone_since.map(|at| at.0), "paged_at": self.paged_at.map(|at| at.0),
            "acknowledged": self.acknowledged });
        replace(&folder.join(STATE), &value.to_string())
    }

    /// What a look found, and whether somebody has to be told now.
    fn follow(&mut self, there: bool, now: Millis, gone_after_seconds: u32, repeat_seconds: u32) -> Option<Word> {
        if there {
            let paged = self.paged_at.is_some();
            let since = self.gone_since;
            *self = Self::default();
            return paged.then_some(Word::Back(since.unwrap_or(now)));
        }
        let since = *self.gone_since.get_or_insert(now);
        let gone = now >= since.plus_seconds(gone_after_seconds);
        let again = self.paged_at.is_none_or(|at| now >= at.plus_seconds(repeat_seconds));
        if !gone || !again || self.acknowledged {
            return None;
        }
        self.paged_at = Some(now);
        Some(Word::Gone(since))
    }
}

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Gone(Millis),
    Back(Millis),
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
const STATE: &str = "state.json";
const ROSTER: &str = "roster.json";

/// Does it.
pub fn run(args: &WatchArgs) -> Result<()> {
    std::fs::create_dir_all(&args.folder).with_context(|| format!("cannot make the folder {}", args.folder.display()))?;
    if let Some(What::Ack) = &args.what {
        let mut state = State::read(&args.folder);
        if state.gone_since.is_none() {
            bail!("nothing to acknowledge: the server is there as far as this watcher knows");
        }
        state.acknowledged = true;
        state.write(&args.folder)?;
        say("acknowledged: this watcher pages no more until the server was back");
        return Ok(());
    }
    let file = read_server_file(&args.config)?;
    let clock = clock()?;
    let client = Client::new(&args.server)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")?;
    let channels = {
        let _within = runtime.enter();
        egress_of(&file, Arc::clone(&clock))?
    };
    loop {
        let looked = look(args, &client, clock.now());
        let told = match looked {
            Ok(Some(word)) => runtime.block_on(tell(args, word, &*channels, clock.now())),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        match told {
            Err(error) if args.once => return Err(error),
            Err(error) => super::print_error(&error),
            Ok(()) if args.once => return Ok(()),
            Ok(()) => {}
        }
        std::thread::sleep(Duration::from_secs(u64::from(args.every)));
    }
}

/// Asks the server, keeps its roster, and says whether somebody has to be told.
fn look(args: &WatchArgs, client: &Client, now: Millis) -> Result<Option<Word>> {
    let there = client.is_ready(PATIENCE);
    let mut state = State::read(&args.folder);
    let word = state.follow(there, now, args.gone_after, args.repeat);
    state.write(&args.folder)?;
    if there && let Err(error) = keep_roster(args, client) {
        // The server is there: an old copy is worth more than none, and the operator reads it here.
        super::print_error(&error.context("the roster is not renewed; the last good copy is kept"));
    }
    Ok(word)
}

fn keep_roster(args: &WatchArgs, client: &Client) -> Result<()> {
    let fetched = client.get("roster")?;
    let signed: SignedRoster = serde_json::from_value(fetched).context("the answer is no roster")?;
    let known = args.key.clone().or_else(|| read_roster(args).ok().map(|(signed, _)| signed.public_key));
    if known.is_some_and(|known| !known.trim().eq_ignore_ascii_case(&signed.public_key)) {
        bail!("the roster is signed with another key ({}) than the one that is known: is this the same installation?", signed.public_key);
    }
    verify(&signed)?;
    replace(&args.folder.join(ROSTER), &serde_json::to_string(&signed).context("cannot write the roster")?)
}

fn verify(signed: &SignedRoster) -> Result<Roster> {
    let bytes = |text: &str| hex::decode(text.trim()).context("the roster's signature or key is no hex");
    let (key, signature) = (bytes(&signed.public_key)?, bytes(&signed.signature)?);
    let valid = UnparsedPublicKey::new(&ED25519, key).verify(signed.roster.as_bytes(), &signature);
    valid.map_err(|_| anyhow::anyhow!("the roster's signature does not fit: somebody changed it"))?;
    serde_json::from_str(&signed.roster).context("the signed roster cannot be read")
}

/// The last good copy, checked again.
fn read_roster(args: &WatchArgs) -> Result<(SignedRoster, Roster)> {
    let path = args.folder.join(ROSTER);
    let text = std::fs::read_to_string(&path).with_context(|| format!("there is no copy of the roster in {}", path.display()))?;
    let signed: SignedRoster = serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
    if args.key.as_ref().is_some_and(|key| !key.trim().eq_ignore_ascii_case(&signed.public_key)) {
        bail!("{} is signed with another key than --key", path.display());
    }
    let roster = verify(&signed)?;
    Ok((signed, roster))
}

async fn tell(args: &WatchArgs, word: Word, channels: &dyn ports::Egress, now: Millis) -> Result<()> {
    let (_, roster) = read_roster(args)?;
    let (subject, text) = match word {
        Word::Gone(since) => (
            "Reveille does not answer".to_owned(),
            format!("{} gives no good answer since {}. Nobody is paged by it now.", roster.public_url, since.rfc3339()),
        ),
        Word::Back(since) => {
            ("Reveille is back".to_owned(), format!("{} answers again. It was gone since {}.", roster.public_url, since.rfc3339()))
        }
    };
    let people = page::on_call(&roster, now);
    let words = page::Words { at: now, subject, text };
    let failed = page::send(&roster, &people, &words, channels).await;
    say(format!("{}: told {}", words.subject, people.join(", ")));
    if failed.is_empty() { Ok(()) } else { bail!("not everybody could be reached: {}", failed.join("; ")) }
}

/// Writes a file whole or not at all.
fn replace(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, text).with_context(|| format!("cannot write {}", new.display()))?;
    std::fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Millis {
        Millis(seconds * 1000)
    }

    #[test]
    fn it_pages_when_the_server_is_gone_for_long_enough_repeats_and_says_when_it_is_back() {
        let mut state = State::default();
        let looks = [(true, 0), (false, 30), (false, 120), (false, 150), (false, 180), (false, 450), (true, 480), (true, 510)];
        let said: Vec<Option<Word>> = looks.into_iter().map(|(there, now)| state.follow(there, at(now), 120, 300)).collect();
        let gone = Some(Word::Gone(at(30)));
        assert_eq!(said, [None, None, None, gone, None, gone, Some(Word::Back(at(30))), None]);
    }

    #[test]
    fn a_short_absence_is_nobodys_business_and_an_acknowledged_one_pages_no_more() {
        let mut state = State::default();
        assert_eq!([(false, 0), (true, 60)].map(|(there, now)| state.follow(there, at(now), 120, 300)), [None, None]);
        state.follow(false, at(100), 0, 300);
        state.acknowledged = true;
        assert_eq!(state.follow(false, at(1000), 0, 300), None);
    }
}
