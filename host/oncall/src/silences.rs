//! Silences as people make, change and end them, whichever way they come: by API, page, command line or another tool's API.

use domain::alert::Status;
use domain::id::{AuditId, TeamId};
use domain::matcher::{Matcher, Matchers, Subject};
use domain::silence::{Phase, Silence, SilenceError, When};
use domain::time::Millis;
use ports::object;
use ports::store::AuditRow;
use ports::{Clock, Live, Store, StoreError, Wakes};
use std::sync::Arc;
use thiserror::Error;

/// Most silences that are not over.
pub const SILENCES_LIMIT: usize = 5000;
/// Alerts that are looked at to say how many fire already.
const LOOKED_AT: u32 = 20_000;
const PAGE: u32 = 1000;

/// Why a silence was not made, changed or ended. Nothing happened then.
#[derive(Debug, Error)]
pub enum Failure {
    #[error("{0}")]
    Invalid(#[from] SilenceError),
    #[error("{0}")]
    Team(String),
    #[error("there is no such silence, or it is another team's")]
    Unknown,
    #[error("it stands in a configuration document: change it there and apply")]
    Document,
    #[error("there are already {SILENCES_LIMIT} silences: end some first")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// Whose wish it is.
#[derive(Debug, Clone)]
pub struct Wisher {
    /// The teams whose alerts they may silence; `None`: all.
    pub teams: Option<Vec<TeamId>>,
    /// For the audit log.
    pub name: String,
}

/// What is wished.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The silence to change; `None`: a new one.
    pub id: Option<String>,
    /// Whose alerts; `None`: of all teams that the wisher may silence.
    pub team: Option<TeamId>,
    pub matchers: Vec<Matcher>,
    pub when: When,
    pub owner: String,
    pub purpose: String,
}

/// A silence that holds, or will.
#[derive(Debug, Clone)]
pub struct Made {
    pub silence: Silence,
    /// How many alerts match that fire already: they are suppressed when they are reported next.
    pub firing: u32,
}

/// What is needed to keep silences.
#[derive(Clone)]
pub struct Silencing {
    pub store: Arc<dyn Store>,
    pub live: Arc<Live>,
    pub clock: Arc<dyn Clock>,
    pub wakes: Arc<Wakes>,
}

impl Silencing {
    /// Makes a silence, or changes one. It holds when this comes back.
    pub async fn make(&self, wish: Wish, by: &Wisher) -> Result<Made, Failure> {
        let now = self.clock.now();
        let team = self.team_of(&wish, by)?;
        let id = match &wish.id {
            Some(id) => id.clone(),
            None => fresh_id().map_err(Failure::Random)?,
        };
        let Wish { matchers, when, owner, purpose, id: named, .. } = wish;
        let silence = Silence { id, team, matchers, when: from_now(when, now), owner, purpose, updated_at: now, ended_at: None };
        silence.check()?;
        if silence.over_at().is_some_and(|over| over <= now) {
            return Err(SilenceError::Over.into());
        }
        if named.is_some() {
            self.theirs(&silence.id, by).await?;
        }
        let another = fresh_id().map_err(Failure::Random)?;
        let row = audit(now, by, if named.is_some() { "silence.change" } else { "silence.make" }, &silence);
        let stored = self.store.write(move |tx| put(tx, silence, named.is_some(), another, &row, now)).await?;
        let silence = stored.ok_or(Failure::TooMany)?;
        self.take_effect().await?;
        let firing = self.firing(&silence).await?;
        Ok(Made { silence, firing })
    }

    /// Ends a silence now. What it kept quiet and still fires pages at once.
    pub async fn end(&self, id: &str, by: &Wisher) -> Result<Silence, Failure> {
        let now = self.clock.now();
        let mut silence = self.theirs(id, by).await?;
        if silence.phase(now) != Phase::Expired {
            silence.ended_at = Some(now);
            silence.updated_at = now;
            let row = audit(now, by, "silence.end", &silence);
            let ended = silence.clone();
            self.store
                .write(move |tx| {
                    object::put(tx, &ended)?;
                    tx.add_audit(&row)
                })
                .await?;
            self.take_effect().await?;
        }
        Ok(silence)
    }

    /// Puts what is stored in force, and has let go what is not held any more.
    async fn take_effect(&self) -> Result<(), Failure> {
        ports::quiet::refresh(&self.store, &self.live, self.clock.now()).await?;
        self.wakes.quiet.ring();
        Ok(())
    }

    /// The stored silence, if the wisher may change it.
    async fn theirs(&self, id: &str, by: &Wisher) -> Result<Silence, Failure> {
        let named = id.to_owned();
        match self.store.view(move |view| object::find::<Silence>(view, &named)).await? {
            Some(silence) if silence.is_of(by.teams.as_deref()) => Ok(silence),
            Some(_) => Err(Failure::Unknown),
            None if self.live.silences().list().iter().any(|silence| silence.id == id) => Err(Failure::Document),
            None => Err(Failure::Unknown),
        }
    }

    /// The team that the wish is for. Who may not silence all teams silences one.
    fn team_of(&self, wish: &Wish, by: &Wisher) -> Result<Option<TeamId>, Failure> {
        let installation = Arc::clone(&self.live.load().installation);
        if let Some(team) = &wish.team {
            let known = installation.teams.contains_key(team) && by.teams.as_ref().is_none_or(|teams| teams.contains(team));
            return if known {
                Ok(Some(team.clone()))
            } else {
                Err(Failure::Team(format!("team: there is no team `{team}` that is yours")))
            };
        }
        let Some(teams) = &by.teams else { return Ok(None) };
        let named = wish.matchers.iter().find(|m| m.name == "team" && m.comparison == domain::matcher::Comparison::Equal);
        match (teams.as_slice(), named) {
            (_, Some(named)) if teams.iter().any(|team| *team == TeamId::from(named.value.as_str())) => {
                Ok(Some(named.value.as_str().into()))
            }
            ([team], None) => Ok(Some(team.clone())),
            ([], _) => Err(Failure::Team("team: you may silence no team's alerts".to_owned())),
            _ => Err(Failure::Team("team: say which of your teams is meant, such as by a matcher team=\"shop\"".to_owned())),
        }
    }

    async fn firing(&self, silence: &Silence) -> Result<u32, Failure> {
        let (Ok(matchers), team) = (Matchers::compile(&silence.matchers), silence.team.clone()) else { return Ok(0) };
        if silence.phase(self.clock.now()) != Phase::Active {
            return Ok(0);
        }
        let count = move |view: &dyn ports::View| -> Result<u32, StoreError> {
            let (mut found, mut seen, mut after) = (0, 0, domain::id::AlertId(0));
            while seen < LOOKED_AT {
                let page = view.alerts_firing(after, PAGE)?;
                let Some(last) = page.last() else { break };
                (after, seen) = (last.id, seen + page.len() as u32);
                let matching = page.iter().filter(|state| {
                    let integration = state.integration.as_ref().map(domain::id::IntegrationId::as_str);
                    let subject = Subject { alert: &state.alert, team: state.team.as_str(), integration };
                    let pages = state.status == Status::Firing && state.suppressed_until.is_none();
                    pages && team.as_ref().is_none_or(|team| *team == state.team) && matchers.hold(&subject)
                });
                found += matching.count() as u32;
            }
            Ok(found)
        };
        Ok(self.store.view(count).await?)
    }
}

/// Writes it. Another wish than that of the silence it changes begins a new one, and ends the old: what was said of the past stays true.
/// `None`: there are too many.
fn put(
    tx: &mut dyn ports::Tx,
    mut silence: Silence,
    changes: bool,
    another: String,
    row: &AuditRow,
    now: Millis,
) -> Result<Option<Silence>, StoreError> {
    let before = if changes { object::find::<Silence>(tx.as_view(), &silence.id)? } else { None };
    match before {
        Some(before) if before.matchers == silence.matchers && before.team == silence.team && before.phase(now) != Phase::Expired => {
            if let (When::Once { from, .. }, When::Once { from: old, .. }) = (&mut silence.when, &before.when)
                && *old < now
            {
                *from = *old;
            }
        }
        before => {
            if let Some(mut before) = before.filter(|before| before.phase(now) != Phase::Expired) {
                before.ended_at = Some(now);
                before.updated_at = now;
                object::put(tx, &before)?;
            }
            if changes {
                silence.id = another;
            }
            let all = object::all::<Silence>(tx.as_view())?;
            if all.iter().filter(|other| other.over_at().is_none_or(|over| over > now)).count() >= SILENCES_LIMIT {
                return Ok(None);
            }
        }
    }
    object::put(tx, &silence)?;
    tx.add_audit(row)?;
    Ok(Some(silence))
}

/// What lies in the past begins now.
fn from_now(when: When, now: Millis) -> When {
    match when {
        When::Once { from, until } => When::Once { from: from.max(now), until },
        again @ When::Again { .. } => again,
    }
}

fn audit(now: Millis, by: &Wisher, action: &str, silence: &Silence) -> AuditRow {
    let team = silence.team.as_ref().map_or_else(|| "all teams".to_owned(), |team| format!("team {team}"));
    let details = format!("{} of {team}: {}", silence.words(), silence.purpose);
    AuditRow {
        id: AuditId(0),
        at: now,
        actor: by.name.clone(),
        action: action.to_owned(),
        subject: format!("silence {}", silence.id),
        details: domain::alert::cut(&details, 2048),
    }
}

/// A random UUID (version 4), which is the form that Alertmanager's clients expect.
fn fresh_id() -> Result<String, getrandom::Error> {
    let mut bits = [0_u8; 16];
    getrandom::fill(&mut bits)?;
    bits[6] = (bits[6] & 0x0f) | 0x40;
    bits[8] = (bits[8] & 0x3f) | 0x80;
    let hex = hex::encode(bits);
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}
