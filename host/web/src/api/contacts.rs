//! How people are reached, and whether it is known to work: list, send a code, type it in, try all.

use crate::api::shape::{ListOf, instant};
use crate::app::{App, audit_row};
use crate::extract::{Caller, Named, Sent};
use crate::principal::Principal;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::contact::Contact;
use domain::id::UserId;
use domain::installation::User;
use oncall::contacts::{CODE_SECONDS, Proof, Typed, proof, send_code, try_all, type_code};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Digits of a code.
const CODES: u32 = 1_000_000;

/// A way to reach somebody.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Contact)]
pub struct ContactShape {
    pub user: String,
    /// Its place in the person's document, from 1.
    pub number: usize,
    pub kind: String,
    pub address: String,
    /// Since when its owner is known to read what arrives there; absent: not proved.
    pub verified_at: Option<String>,
    /// When a provider last took a trial.
    pub worked_at: Option<String>,
    /// Why the last trial failed; absent: it did not.
    pub failing: Option<String>,
}

impl ContactShape {
    fn new(number: usize, known: &Proof) -> Self {
        Self {
            user: known.user.0.clone(),
            number,
            kind: known.contact.kind.clone(),
            address: known.contact.address.clone(),
            verified_at: known.verified_at.map(instant),
            worked_at: known.worked_at.map(instant),
            failing: known.failing.clone(),
        }
    }
}

/// Lists the caller's contacts, for an administrator everybody's.
#[utoipa::path(get, path = "/api/v1/contacts", tag = "contacts", operation_id = "list_contacts",
    responses((status = 200, body = ListOf<ContactShape>)))]
pub async fn list(State(app): State<App>, Caller(caller): Caller) -> Result<Json<ListOf<ContactShape>>, Problem> {
    let installation = app.parts.live.load().installation.clone();
    let shown = move |user: &&User| caller.admin || caller.user.as_ref() == Some(&user.id);
    let list = app
        .parts
        .store
        .view(move |view| {
            let mut list = Vec::new();
            for user in installation.users.values().filter(shown) {
                for (place, method) in user.contacts.iter().enumerate() {
                    list.push(ContactShape::new(place + 1, &proof(view, &user.id, &method.contact)?));
                }
            }
            Ok(list)
        })
        .await?;
    Ok(Json(ListOf::whole(list)))
}

/// What was sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tried {
    /// How many messages are on their way.
    pub count: u32,
}

/// Sends a code to a contact of the caller.
#[utoipa::path(post, path = "/api/v1/me/contacts/{n}/test", tag = "contacts", operation_id = "test_contact",
    params(("n" = usize, Path, description = "Its place, from 1.")), responses((status = 202, body = Tried)))]
pub async fn test(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(number): Named<usize>,
) -> Result<(StatusCode, Json<Tried>), Problem> {
    let (user, contact) = own(&app, &caller, number)?;
    let mut bits = [0; 8];
    getrandom::fill(&mut bits).map_err(|_| Problem::internal("The operating system gives no random numbers."))?;
    let code = format!("{:06}", u64::from_be_bytes(bits) % u64::from(CODES));
    let now = app.now();
    let row = audit_row(now, caller.audit_name(), "contact.test", format!("user {user}"), format!("contact {number}, {}", contact.kind));
    let sent = app
        .parts
        .store
        .write(move |tx| {
            let sent = send_code(tx, &user, &contact, &code, now)?;
            if sent.is_ok() {
                tx.add_audit(&row)?;
            }
            Ok(sent)
        })
        .await?;
    sent.map_err(|wait| {
        Problem::conflict(format!("A code was sent to this contact less than a minute ago. Wait {wait} s, or type that one in."))
    })?;
    app.parts.wakes.delivery.notify_one();
    Ok((StatusCode::ACCEPTED, Json(Tried { count: 1 })))
}

/// A code that arrived.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TypedCode {
    code: String,
}

/// Holds a code against the one that was sent; the right one verifies the contact.
#[utoipa::path(post, path = "/api/v1/me/contacts/{n}/verify", tag = "contacts", operation_id = "verify_contact",
    params(("n" = usize, Path, description = "Its place, from 1.")), request_body = TypedCode, responses((status = 204)))]
pub async fn verify(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(number): Named<usize>,
    Sent(typed): Sent<TypedCode>,
) -> Result<StatusCode, Problem> {
    let (user, contact) = own(&app, &caller, number)?;
    let now = app.now();
    let row = audit_row(now, caller.audit_name(), "contact.verify", format!("user {user}"), format!("contact {number}, {}", contact.kind));
    let came = app
        .parts
        .store
        .write(move |tx| {
            let came = type_code(tx, &user, &contact, &typed.code, now)?;
            if came == Typed::Right {
                tx.add_audit(&row)?;
            }
            Ok(came)
        })
        .await?;
    match came {
        Typed::Right => Ok(StatusCode::NO_CONTENT),
        Typed::Wrong(left) => {
            Err(Problem::invalid("That is not the code that was sent.", format!("Type it again; {left} tries are left.")))
        }
        Typed::Over => Err(Problem::invalid(
            format!("There is no code to hold it against: a code is good for {} minutes and five tries.", CODE_SECONDS / 60),
            format!("Send a new one: POST /api/v1/me/contacts/{number}/test."),
        )),
    }
}

/// Tries every contact of everybody.
#[utoipa::path(post, path = "/api/v1/contacts/test", tag = "contacts", operation_id = "test_all_contacts",
    responses((status = 202, body = Tried)))]
pub async fn test_all(State(app): State<App>, Caller(caller): Caller) -> Result<(StatusCode, Json<Tried>), Problem> {
    let installation = app.parts.live.load().installation.clone();
    let now = app.now();
    let row = audit_row(now, caller.audit_name(), "contact.test-all", "installation".to_owned(), String::new());
    let count = app
        .parts
        .store
        .write(move |tx| {
            tx.add_audit(&row)?;
            try_all(tx, installation.users.values(), now)
        })
        .await?;
    app.parts.wakes.delivery.notify_one();
    Ok((StatusCode::ACCEPTED, Json(Tried { count })))
}

/// A contact of the caller by its place.
fn own(app: &App, caller: &Principal, number: usize) -> Result<(UserId, Contact), Problem> {
    let installation = app.parts.live.load().installation.clone();
    let user = caller.user.as_ref().and_then(|id| installation.users.get(id));
    let found = user.and_then(|user| Some((user.id.clone(), user.contacts.get(number.checked_sub(1)?)?.contact.clone())));
    found.ok_or_else(|| Problem::not_found("contact"))
}
