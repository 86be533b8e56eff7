//! The roster that a watcher on another host keeps: who is on call in the coming weeks and how to reach them, signed by the installation.

use crate::app::App;
use crate::extract::Caller;
use crate::principal::Teams;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use domain::id::UserId;
use oncall::roster::weeks_ahead;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// How far it looks ahead, in weeks.
const WEEKS: u32 = 4;
/// The name under which the installation keeps the key that signs it.
const SECRET: &str = "roster";

/// Who has to be reached when the server is gone.
#[derive(Debug, Serialize, Deserialize)]
pub struct Roster {
    /// Milliseconds since 1970.
    pub made_at: i64,
    pub public_url: String,
    pub rotations: Vec<RosterRotation>,
    /// Contacts of everybody who stands in a rotation, and of the last resort, first choice first.
    pub people: BTreeMap<String, Vec<RosterContact>>,
    /// Who is told when nobody is on call.
    pub last_resort: Vec<String>,
}

/// A rotation's shifts.
#[derive(Debug, Serialize, Deserialize)]
pub struct RosterRotation {
    pub rotation: String,
    pub shifts: Vec<RosterShift>,
}

/// Milliseconds since 1970; `until` is the first instant after.
#[derive(Debug, Serialize, Deserialize)]
pub struct RosterShift {
    pub user: String,
    pub from: i64,
    pub until: i64,
}

/// A way to reach somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterContact {
    pub kind: String,
    pub address: String,
}

/// A roster and its signature.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SignedRoster {
    /// JSON; these bytes are signed.
    pub roster: String,
    /// Ed25519, in hex.
    pub signature: String,
    /// The installation's, in hex; it stays the same.
    pub public_key: String,
}

/// The roster of the teams that the token's scope `roster` names, signed; an administrator's token has all. It holds addresses of people, so
/// being of the team is not enough.
#[utoipa::path(get, path = "/api/v1/roster", tag = "on call", operation_id = "signed_roster",
    responses((status = 200, body = SignedRoster)))]
pub async fn show(State(app): State<App>, Caller(caller): Caller) -> Result<Json<SignedRoster>, Problem> {
    if caller.roster == Teams::none() {
        return Err(Problem::forbidden(
            "The roster holds addresses of people.",
            "Use a token with the scope `roster` or `roster/TEAM`, which an administrator makes.",
        ));
    }
    let now = app.now();
    let installation = app.parts.live.load().installation.clone();
    let overrides = app.parts.store.view(move |view| view.overrides(None, now)).await?;
    let mut rotations = weeks_ahead(&installation, &overrides, now, WEEKS);
    rotations.retain(|plan| installation.rotations.get(&plan.rotation).is_some_and(|rotation| caller.roster.holds(&rotation.team)));
    let members: BTreeSet<&UserId> =
        installation.teams.values().filter(|team| caller.roster.holds(&team.id)).flat_map(|team| &team.members).collect();
    let of_glass: Vec<&UserId> = members.iter().copied().filter(|id| installation.users.get(*id).is_some_and(|u| u.break_glass)).collect();
    let last_resort: Vec<&UserId> = if of_glass.is_empty() { members.into_iter().collect() } else { of_glass };
    let on_call = rotations.iter().flat_map(|plan| plan.shifts.iter().map(|shift| &shift.user));
    let named: BTreeSet<&UserId> = on_call.chain(last_resort.iter().copied()).collect();
    let contacts = |id: &UserId| {
        let user = installation.users.get(id)?;
        let contact =
            |c: &domain::installation::ContactMethod| RosterContact { kind: c.contact.kind.clone(), address: c.contact.address.clone() };
        Some((id.0.clone(), user.contacts.iter().map(contact).collect::<Vec<_>>()))
    };
    let roster = Roster {
        made_at: now.0,
        public_url: app.parts.public_url.clone(),
        people: named.into_iter().filter_map(contacts).collect(),
        last_resort: last_resort.into_iter().map(|id| id.0.clone()).collect(),
        rotations: rotations
            .into_iter()
            .map(|plan| RosterRotation {
                rotation: plan.rotation.0,
                shifts: plan
                    .shifts
                    .into_iter()
                    .map(|shift| RosterShift { user: shift.user.0, from: shift.from.0, until: shift.until.0 })
                    .collect(),
            })
            .collect(),
    };
    let roster = serde_json::to_string(&roster).map_err(|error| Problem::internal(format!("The roster cannot be written: {error}.")))?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&key(&app).await?)
        .map_err(|_| Problem::internal("The key that signs the roster cannot be used."))?;
    let signature = hex::encode(pair.sign(roster.as_bytes()).as_ref());
    Ok(Json(SignedRoster { roster, signature, public_key: hex::encode(pair.public_key().as_ref()) }))
}

/// The key that signs; made when it is asked for first.
async fn key(app: &App) -> Result<Vec<u8>, Problem> {
    let kept = app.parts.store.view(|view| view.host_secret(SECRET)).await?;
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let mut fresh = [0_u8; 32];
    getrandom::fill(&mut fresh)?;
    let made = move |tx: &mut dyn ports::Tx| -> Result<Vec<u8>, ports::StoreError> {
        match tx.host_secret(SECRET)? {
            Some(kept) => Ok(kept),
            None => tx.put_host_secret(SECRET, &fresh).map(|()| fresh.to_vec()),
        }
    };
    Ok(app.parts.store.write(made).await?)
}
