//! The front doors: authenticate, bound, hand to the engine, answer in the sender's dialect.

use crate::alertmanager::{self, RightsOf};
use crate::body::{self, PACE, Packing, Unread};
use crate::depth::{DEPTH_LIMIT, is_too_deep};
use crate::dialect::{Dialect, Fault};
use crate::heartbeat;
use crate::keys::Keys;
use crate::request::{self, Addressed, Numbers};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::request::Parts;
use axum::http::{Request, Response};
use axum::routing::{any, post};
use domain::inbound::{BODY_LIMIT_BYTES, Inbound};
use domain::installation::{Door, Integration};
use oncall::silences::Silencing;
use oncall::{Heard, Interactions};
use pipeline::{Admission, Answer, Engine};
use ports::{Clock, Live, Store, Wakes};
use std::sync::Arc;

/// Largest body of an answer, in bytes.
const INTERACTION_LIMIT_BYTES: usize = 256 * 1024;
const VICTOROPS: &str = "/integrations/generic/20131114/alert/";
const PLAIN: &str = "/in/";
const ALERTMANAGER: &str = "/am/";

/// What the front doors need.
pub struct CompatParts {
    pub engine: Arc<Engine>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub live: Arc<Live>,
    /// Who hears what people answer; `None`: nobody, which they are told.
    pub interactions: Option<Arc<Interactions>>,
    pub wakes: Arc<Wakes>,
    /// What API tokens allow; `None`: nothing, so that only what an integration's key opens works.
    pub rights: Option<RightsOf>,
}

struct Doors {
    engine: Arc<Engine>,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    live: Arc<Live>,
    interactions: Option<Arc<Interactions>>,
    numbers: Numbers,
}

/// All front doors. Their paths hold keys: nothing outside may log them unmasked.
pub fn router(parts: CompatParts) -> Router {
    let CompatParts { engine, store, clock, live, interactions, wakes, rights } = parts;
    let keys = Arc::new(Keys::of(Arc::clone(&store), Arc::clone(&clock)));
    let people = alertmanager::router(Arc::new(alertmanager::Doors {
        started_at: clock.now(),
        silencing: Silencing { store, live: Arc::clone(&live), clock: Arc::clone(&clock), wakes },
        keys: Arc::clone(&keys),
        rights: rights.unwrap_or_else(alertmanager::no_rights),
    }));
    let beats =
        heartbeat::router(Arc::new(heartbeat::Doors { engine: Arc::clone(&engine), keys: Arc::clone(&keys), live: Arc::clone(&live) }));
    let doors = Arc::new(Doors { engine, keys, clock, live, interactions, numbers: Numbers::default() });
    Router::new()
        .route("/integrations/generic/20131114/alert/{key}", post(victorops))
        .route("/integrations/generic/20131114/alert/{key}/{*rest}", post(victorops))
        .route("/am/{key}/api/v2/alerts", post(alertmanager))
        .route("/am/api/v2/alerts", post(alertmanager_by_header))
        .route("/in/{key}", any(plain))
        .route("/in/{key}/{*rest}", any(plain))
        .with_state(doors)
        .merge(people)
        .merge(beats)
}

async fn victorops(State(doors): State<Arc<Doors>>, request: Request<Body>) -> Response<Body> {
    let addressed = request::key_in_path(request.uri().path(), VICTOROPS);
    doors.enter(Dialect::VictorOps, addressed, request).await
}

async fn alertmanager(State(doors): State<Arc<Doors>>, request: Request<Body>) -> Response<Body> {
    let addressed = request::key_in_path(request.uri().path(), ALERTMANAGER);
    doors.enter(Dialect::Alertmanager, addressed, request).await
}

async fn alertmanager_by_header(State(doors): State<Arc<Doors>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let addressed = request::key_in_header(&parts, ALERTMANAGER);
    doors.enter(Dialect::Alertmanager, addressed, Request::from_parts(parts, body)).await
}

async fn plain(State(doors): State<Arc<Doors>>, request: Request<Body>) -> Response<Body> {
    let addressed = request::key_in_path(request.uri().path(), PLAIN);
    doors.enter(Dialect::Plain, addressed, request).await
}

/// A request that was let in and whose body is not read yet.
struct Admitted {
    integration: Integration,
    admission: Admission,
    inbound: Inbound,
    announced: Option<u64>,
    packing: Packing,
}

impl Doors {
    async fn enter(&self, dialect: Dialect, addressed: Option<Addressed>, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let response = match self.admit(addressed, &parts).await {
            Ok(Ok(admitted)) if matches!(admitted.integration.door, Door::Interact(_)) => match self.hear(admitted, body).await {
                Ok(heard) => dialect.heard(heard),
                Err(fault) => dialect.fault(&fault),
            },
            Ok(Ok(admitted)) => match self.take(admitted, body).await {
                Ok(answer) => dialect.answer(answer),
                Err(fault) => dialect.fault(&fault),
            },
            Ok(Err(refused)) => dialect.unread(refused),
            Err(fault) => dialect.fault(&fault),
        };
        let status = response.status().as_u16().to_string();
        metrics::counter!("reveille_compat_answers_total", "status" => status).increment(1);
        response
    }

    /// Who it is, and whether there is room for it; an answer if there is none.
    async fn admit(&self, addressed: Option<Addressed>, parts: &Parts) -> Result<Result<Admitted, Answer>, Fault> {
        let Some(addressed) = addressed else {
            self.keys.note_wrong();
            return Err(Fault::WrongKey);
        };
        let found = self.keys.integration(&addressed.key).await.map_err(|error| Fault::Unavailable(error.to_string()))?;
        let snapshot = self.live.load();
        let integration = found.and_then(|id| snapshot.installation.integrations.get(&id)).cloned().ok_or(Fault::WrongKey)?;
        let method = request::method(&parts.method).ok_or(Fault::Method)?;
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let encoding = header(CONTENT_ENCODING).unwrap_or_default();
        let packing = Packing::named(encoding).ok_or_else(|| Fault::Encoding(encoding.to_owned()))?;
        let admission = match self.engine.admit(&integration) {
            Ok(admission) => admission,
            Err(answer) => return Ok(Err(answer)),
        };
        let plugin = snapshot.normalizers.get(&integration.id).or_else(|| snapshot.interactors.get(&integration.id));
        let wanted = plugin.map_or(&[][..], |plugin| plugin.headers());
        let inbound = request::inbound(parts, &addressed, method, wanted, &self.numbers, self.clock.now());
        let announced = header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        Ok(Ok(Admitted { integration, admission, inbound, announced, packing }))
    }

    /// What somebody answers at an integration for people.
    async fn hear(&self, admitted: Admitted, body: Body) -> Result<Heard, Fault> {
        let Admitted { integration, mut admission, inbound, announced, packing } = admitted;
        let Some(interactions) = &self.interactions else { return Err(Fault::Unavailable("nobody hears answers here".to_owned())) };
        let limit = integration.body_limit_bytes.min(INTERACTION_LIMIT_BYTES);
        match body::read(body, packing, announced, limit, PACE, |bytes| admission.hold(bytes)).await {
            Ok(body) => Ok(interactions.hear(&integration, Inbound { body, ..inbound }).await),
            Err(Unread::TooLarge(_)) => Err(Fault::TooLarge(limit)),
            Err(Unread::Unpackable(reason)) => Err(Fault::Unpackable(reason)),
            Err(Unread::NoRoom) => Err(Fault::NoRoom(self.engine.no_room())),
            Err(Unread::Broken(reason)) => Err(Fault::Unread(reason)),
        }
    }

    async fn take(&self, admitted: Admitted, body: Body) -> Result<Answer, Fault> {
        let Admitted { integration, mut admission, inbound, announced, packing } = admitted;
        let limit = integration.body_limit_bytes.min(BODY_LIMIT_BYTES);
        match body::read(body, packing, announced, limit, PACE, |bytes| admission.hold(bytes)).await {
            Ok(body) if is_too_deep(&body) => {
                let reason = format!("the body is nested deeper than {DEPTH_LIMIT} levels");
                Ok(self.engine.refuse(&integration, Inbound { body, ..inbound }, reason).await)
            }
            Ok(body) => Ok(self.engine.take_admitted(admission, &integration, Inbound { body, ..inbound }).await),
            Err(Unread::TooLarge(size)) => Ok(self.engine.oversize(&integration, inbound, size).await),
            Err(Unread::Unpackable(reason)) => match self.engine.refuse(&integration, inbound, reason).await {
                Answer::Refused { reason, .. } => Err(Fault::Unpackable(reason)),
                other => Ok(other),
            },
            Err(Unread::NoRoom) => Err(Fault::NoRoom(self.engine.no_room())),
            Err(Unread::Broken(reason)) => Err(Fault::Unread(reason)),
        }
    }
}
