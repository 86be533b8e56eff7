//! Dead letters: what was parked or rejected, so that nothing ends unseen.

use crate::api::incidents::Done;
use crate::api::shape::{LetterShape, ListOf};
use crate::app::App;
use crate::extract::{Asked, Caller, TheLetter, team_of};
use crate::parts::CommandOutcome;
use crate::principal::{Action, Principal};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use domain::id::{DeadLetterId, JournalId};
use domain::journal::Entry;
use ports::store::{DeadLetter, DeadLetterState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// So much of a body is shown, in bytes.
const BODY_SHOWN_BYTES: usize = 64 * 1024;
/// Rows looked at to fill one page of a team's own.
const LOOKED_AT: u32 = 500;

/// Which dead letters.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LetterQuery {
    /// `waiting` (unless told), `replayed`, `discarded` or `all`.
    state: Option<String>,
    /// Only with ids below this one.
    before: Option<u64>,
    /// At most so many; 50 unless told, 500 at most.
    limit: Option<u32>,
}

/// Lists dead letters of the caller's teams, newest first. A page may be shorter than asked while there are more: follow `next_before`.
#[utoipa::path(get, path = "/api/v1/dead-letters", tag = "dead letters", operation_id = "list_dead_letters", params(LetterQuery),
    responses((status = 200, body = ListOf<LetterShape>)))]
pub async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Asked(query): Asked<LetterQuery>,
) -> Result<Json<ListOf<LetterShape>>, Problem> {
    let state = match query.state.as_deref() {
        None | Some("waiting") => Some(DeadLetterState::Waiting),
        Some("replayed") => Some(DeadLetterState::Replayed),
        Some("discarded") => Some(DeadLetterState::Discarded),
        Some("all") => None,
        Some(other) => {
            return Err(Problem::bad_request(format!("There is no state {other:?}."), "Give waiting, replayed, discarded or all."));
        }
    };
    let limit = query.limit.unwrap_or(50).clamp(1, 500);
    let (letters, next_before) = letters(&app, &caller, state, query.before.map(DeadLetterId), limit).await?;
    Ok(Json(ListOf { items: letters.iter().map(LetterShape::new).collect(), next_before }))
}

/// Those that the caller may see, and where the next page begins.
pub async fn letters(
    app: &App,
    caller: &Principal,
    state: Option<DeadLetterState>,
    before: Option<DeadLetterId>,
    limit: u32,
) -> Result<(Vec<DeadLetter>, Option<u64>), Problem> {
    let rows = app.parts.store.view(move |view| view.dead_letters(state, before, LOOKED_AT)).await?;
    let installation = app.parts.live.load().installation.clone();
    let more = rows.len() >= LOOKED_AT as usize;
    let end = rows.last().map(|letter| letter.id.0);
    let mut mine: Vec<DeadLetter> = rows.into_iter().filter(|row| caller.may(Action::See, &team_of(row, &installation))).collect();
    let cut = mine.len() > limit as usize;
    mine.truncate(limit as usize);
    let next = if cut { mine.last().map(|letter| letter.id.0) } else { end.filter(|_| more) };
    Ok((mine, next))
}

/// A dead letter with what was sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct LetterDetails {
    #[serde(flatten)]
    pub letter: LetterShape,
    /// The address that was used, without its key.
    pub url: Option<String>,
    /// The body, as far as it is text; at most 64 KiB of it.
    pub body: Option<String>,
    pub body_bytes: usize,
}

/// Shows a dead letter with the body that was sent.
#[utoipa::path(get, path = "/api/v1/dead-letters/{id}", tag = "dead letters", operation_id = "show_dead_letter",
    params(("id" = u64, Path)), responses((status = 200, body = LetterDetails)))]
pub async fn show(State(app): State<App>, TheLetter(letter): TheLetter) -> Result<Json<LetterDetails>, Problem> {
    let raw = raw(&app, letter.record).await?;
    let (url, body, body_bytes) = raw.map_or((None, None, 0), |(url, body, bytes)| (Some(url), Some(body), bytes));
    Ok(Json(LetterDetails { letter: LetterShape::new(&letter), url, body, body_bytes }))
}

/// Address, body as text and its whole size, of a journal record that holds one.
pub async fn raw(app: &App, record: JournalId) -> Result<Option<(String, String, usize)>, Problem> {
    let journal = app.parts.journal.clone();
    let read = tokio::task::spawn_blocking(move || journal.read(record, 1));
    let records = read.await.map_err(|_| Problem::internal("Reading the journal was given up."))??;
    let Some((_, found)) = records.into_iter().find(|(id, _)| *id == record) else { return Ok(None) };
    let (Entry::Taken { raw, .. } | Entry::Parked { raw, .. } | Entry::Rejected { raw, .. }) = &found.entry else { return Ok(None) };
    let shown = &raw.body[..raw.body.len().min(BODY_SHOWN_BYTES)];
    Ok(Some((raw.url.clone(), String::from_utf8_lossy(shown).into_owned(), raw.body.len())))
}

/// Takes a dead letter in again, with the plugins in force now.
#[utoipa::path(post, path = "/api/v1/dead-letters/{id}/replay", tag = "dead letters", operation_id = "replay_dead_letter",
    params(("id" = u64, Path)), responses((status = 200, body = Done)))]
pub async fn replay(State(app): State<App>, Caller(caller): Caller, TheLetter(letter): TheLetter) -> Result<Json<Done>, Problem> {
    Ok(Json(Done { message: act(&app, &caller, letter.id, true).await? }))
}

/// Puts a dead letter aside; its record stays in the journal.
#[utoipa::path(post, path = "/api/v1/dead-letters/{id}/discard", tag = "dead letters", operation_id = "discard_dead_letter",
    params(("id" = u64, Path)), responses((status = 200, body = Done)))]
pub async fn discard(State(app): State<App>, Caller(caller): Caller, TheLetter(letter): TheLetter) -> Result<Json<Done>, Problem> {
    Ok(Json(Done { message: act(&app, &caller, letter.id, false).await? }))
}

/// Replays or discards, and notes it in the audit log.
pub async fn act(app: &App, caller: &Principal, id: DeadLetterId, replay: bool) -> Result<String, Problem> {
    let (action, outcome) = if replay {
        ("dead-letter.replay", app.parts.commands.replay(id).await?)
    } else {
        ("dead-letter.discard", app.parts.commands.discard(id).await?)
    };
    match outcome {
        CommandOutcome::Done(message) => {
            app.audit(caller.audit_name(), action, format!("dead letter {id}"), String::new()).await;
            Ok(message)
        }
        CommandOutcome::Refused(why) => Err(Problem::conflict(why)),
    }
}
