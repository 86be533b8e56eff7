//! The rest of Alertmanager's API v2, so that `amtool` and dashboards that speak it work: alerts, groups, silences, status, receivers.
//!
//! An integration's key stays what it is, a key for bringing alerts in. Whoever reads alerts or makes silences is somebody, and needs an API
//! token: as `Authorization: Bearer`, or in the place of the key in the address (`/am/TOKEN/api/v2/…`), for clients that cannot send a header.
//! What the token's scope does not allow is refused, and teams that it does not see are not shown.

use crate::keys::Keys;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::get;
use domain::alert::Status;
use domain::id::{AlertId, TeamId, UserId};
use domain::incident::AlertState;
use domain::installation::Installation;
use domain::matcher::{self, Comparison, Matcher, Matchers, Subject};
use domain::silence::{Silence, When};
use domain::time::Millis;
use oncall::silences::{Failure, Silencing, Wish, Wisher};
use pipeline::quiet::subject_of;
use ports::StoreError;
use ports::store::{Credential, CredentialKind};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest silence as it is sent, in bytes.
const BODY_LIMIT_BYTES: usize = 256 * 1024;
/// Most alerts of one answer.
const ALERTS_LIMIT: usize = 10_000;
const PAGE: u32 = 1000;
/// The one receiver: whom Reveille pages is decided by its policies.
const RECEIVER: &str = "reveille";

/// What a token allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    pub user: Option<UserId>,
    /// For the audit log.
    pub name: String,
    /// The teams whose alerts it shows; `None`: all.
    pub sees: Option<Vec<TeamId>>,
    /// The teams whose alerts it may silence; `None`: all.
    pub changes: Option<Vec<TeamId>>,
}

/// Says what a valid API token allows; `None`: nothing.
pub type RightsOf = Arc<dyn Fn(&Credential, &Installation) -> Option<Rights> + Send + Sync>;

/// Rights of nobody.
pub fn no_rights() -> RightsOf {
    fn none(_: &Credential, _: &Installation) -> Option<Rights> {
        None
    }
    Arc::new(none)
}

/// What these doors need.
pub struct Doors {
    pub silencing: Silencing,
    pub keys: Arc<Keys>,
    pub rights: RightsOf,
    pub started_at: Millis,
}

/// An answer that is no success, in Alertmanager's form: a status and a JSON string.
#[derive(Debug)]
struct Refused(StatusCode, String);

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store does not answer for Alertmanager's API");
        Self(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer; try again".to_owned())
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error.into(),
            Failure::Unknown => Self(StatusCode::NOT_FOUND, failure.to_string()),
            Failure::Random(_) => Self(StatusCode::INTERNAL_SERVER_ERROR, failure.to_string()),
            Failure::Invalid(_) | Failure::Team(_) | Failure::Document | Failure::TooMany => {
                Self(StatusCode::BAD_REQUEST, failure.to_string())
            }
        }
    }
}

type Answer = Result<Value, Refused>;

/// The addresses beside `POST …/alerts`, with the token in the path and in the header.
pub fn router(doors: Arc<Doors>) -> Router {
    let mut router = Router::new();
    for base in ["/am/{key}/api/v2", "/am/api/v2"] {
        router = router
            .route(&format!("{base}/alerts"), get(alerts))
            .route(&format!("{base}/alerts/groups"), get(groups))
            .route(&format!("{base}/silences"), get(silences).post(make))
            .route(&format!("{base}/silence/{{id}}"), get(silence).delete(end))
            .route(&format!("{base}/status"), get(status))
            .route(&format!("{base}/receivers"), get(receivers));
    }
    router.with_state(doors)
}

type Named = Path<BTreeMap<String, String>>;

async fn alerts(State(doors): State<Arc<Doors>>, Path(named): Named, RawQuery(query): RawQuery, headers: HeaderMap) -> Response<Body> {
    respond(async { Ok(Value::Array(doors.list(&named, &headers, query.as_deref()).await?.into_iter().map(|(_, alert)| alert).collect())) })
        .await
}

async fn groups(State(doors): State<Arc<Doors>>, Path(named): Named, RawQuery(query): RawQuery, headers: HeaderMap) -> Response<Body> {
    let grouped = async {
        let mut groups: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
        for (state, alert) in doors.list(&named, &headers, query.as_deref()).await? {
            groups.entry((state.team.0, state.key)).or_default().push(alert);
        }
        let group = |((team, key), alerts): ((String, String), Vec<Value>)| json!({ "labels": { "team": team, "incident_key": key }, "receiver": { "name": RECEIVER }, "alerts": alerts });
        Ok::<_, Refused>(Value::Array(groups.into_iter().map(group).collect()))
    };
    respond(grouped).await
}

async fn silences(State(doors): State<Arc<Doors>>, Path(named): Named, RawQuery(query): RawQuery, headers: HeaderMap) -> Response<Body> {
    let listed = async {
        let rights = doors.rights(&named, &headers).await?;
        let filter = Filter::of(query.as_deref())?;
        let now = doors.silencing.clock.now();
        let all = doors.silencing.live.silences();
        let seen = all.list().iter().filter(|s| sees(&rights, s.team.as_ref()) && filter.takes(s));
        Ok::<_, Refused>(Value::Array(seen.map(|silence| shape(silence, now)).collect()))
    };
    respond(listed).await
}

async fn silence(State(doors): State<Arc<Doors>>, Path(named): Named, headers: HeaderMap) -> Response<Body> {
    let found = async {
        let rights = doors.rights(&named, &headers).await?;
        let all = doors.silencing.live.silences();
        let id = named.get("id").map_or("", String::as_str);
        let found = all.list().iter().find(|s| s.id == id && sees(&rights, s.team.as_ref()));
        found.map(|silence| shape(silence, doors.silencing.clock.now())).ok_or_else(|| Refused::from(Failure::Unknown))
    };
    respond(found).await
}

async fn make(State(doors): State<Arc<Doors>>, Path(named): Named, headers: HeaderMap, body: Body) -> Response<Body> {
    let made = async {
        let rights = doors.changer(&named, &headers).await?;
        let wrong = |words: &str| Refused(StatusCode::BAD_REQUEST, words.to_owned());
        let bytes = to_bytes(body, BODY_LIMIT_BYTES).await.map_err(|_| wrong("the body is too large, or broke off"))?;
        let posted: Value = serde_json::from_slice(&bytes).map_err(|error| wrong(&format!("the body is no JSON: {error}")))?;
        let wish = wish_of(&posted, &rights)?;
        let made = doors.silencing.make(wish, &Wisher { teams: rights.changes, name: rights.name }).await?;
        Ok::<_, Refused>(json!({ "silenceID": made.silence.id }))
    };
    respond(made).await
}

async fn end(State(doors): State<Arc<Doors>>, Path(named): Named, headers: HeaderMap) -> Response<Body> {
    let ended = async {
        let rights = doors.changer(&named, &headers).await?;
        let id = named.get("id").map_or("", String::as_str);
        doors.silencing.end(id, &Wisher { teams: rights.changes, name: rights.name }).await?;
        Ok::<_, Refused>(Value::Null)
    };
    respond(ended).await
}

async fn status(State(doors): State<Arc<Doors>>, Path(named): Named, headers: HeaderMap) -> Response<Body> {
    let told = async {
        doors.rights(&named, &headers).await?;
        let version = env!("CARGO_PKG_VERSION");
        Ok::<_, Refused>(json!({
            "cluster": { "status": "disabled", "peers": [] },
            "versionInfo": { "version": version, "revision": "", "branch": "", "buildUser": "reveille", "buildDate": "", "goVersion": "" },
            "config": { "original": "" },
            "uptime": doors.started_at.rfc3339(),
        }))
    };
    respond(told).await
}

async fn receivers(State(doors): State<Arc<Doors>>, Path(named): Named, headers: HeaderMap) -> Response<Body> {
    respond(async { doors.rights(&named, &headers).await.map(|_| json!([{ "name": RECEIVER }])) }).await
}

async fn respond(answer: impl Future<Output = Answer>) -> Response<Body> {
    let (status, value) = match answer.await {
        Ok(value) => (StatusCode::OK, value),
        Err(Refused(status, words)) => (status, json!(words)),
    };
    let body = if value.is_null() { Body::empty() } else { Body::from(value.to_string()) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Doors {
    /// Whose token it is. The header counts before the address.
    async fn rights(&self, named: &BTreeMap<String, String>, headers: &HeaderMap) -> Result<Rights, Refused> {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = bearer.map(|(_, token)| token.trim()).or_else(|| named.get("key").map(String::as_str)).unwrap_or_default();
        let now = self.silencing.clock.now();
        let found = self.keys.credential(token).await?;
        let valid = found.filter(|c| c.kind == CredentialKind::ApiToken && c.expires_at.is_none_or(|end| end > now));
        let installation = Arc::clone(&self.silencing.live.load().installation);
        let rights = valid.and_then(|credential| (self.rights)(&credential, &installation));
        rights.ok_or_else(|| {
            self.keys.note_wrong();
            let words = "an API token is needed here: `reveille access token USER --scope respond`, sent as `Authorization: Bearer` or in place of the key in the address";
            Refused(StatusCode::UNAUTHORIZED, words.to_owned())
        })
    }

    /// [`Doors::rights`] of somebody who may change something.
    async fn changer(&self, named: &BTreeMap<String, String>, headers: &HeaderMap) -> Result<Rights, Refused> {
        let rights = self.rights(named, headers).await?;
        if rights.changes.as_ref().is_some_and(Vec::is_empty) {
            return Err(Refused(StatusCode::FORBIDDEN, "this token may only read: use one with the scope `respond`".to_owned()));
        }
        Ok(rights)
    }

    /// The alerts that fire and that the question asks for, by id.
    async fn list(
        &self,
        named: &BTreeMap<String, String>,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Vec<(AlertState, Value)>, Refused> {
        let rights = self.rights(named, headers).await?;
        let filter = Filter::of(query)?;
        let silences = self.silencing.live.silences();
        let now = self.silencing.clock.now();
        let mut found = Vec::new();
        let mut after = AlertId(0);
        while found.len() < ALERTS_LIMIT {
            let page = self.silencing.store.view(move |view| view.alerts_firing(after, PAGE)).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for state in page.into_iter().filter(|state| sees(&rights, Some(&state.team))) {
                let subject = subject_of(&state);
                let by = silences.hold(&subject, now).map(|hold| hold.silences).unwrap_or_default();
                let suppressed = state.suppressed_until.is_some();
                let wanted = match (suppressed, by.is_empty()) {
                    (false, _) => filter.active,
                    (true, false) => filter.silenced,
                    (true, true) => filter.inhibited,
                };
                if wanted && filter.holds(&subject) {
                    let alert = alert_shape(&state, suppressed, &by, now);
                    found.push((state, alert));
                }
            }
        }
        Ok(found)
    }
}

/// What is not a team's is everybody's who sees anything.
fn sees(rights: &Rights, team: Option<&TeamId>) -> bool {
    match (&rights.sees, team) {
        (None, _) | (_, None) => true,
        (Some(teams), Some(team)) => teams.contains(team),
    }
}

/// Which alerts or silences are asked for.
struct Filter {
    active: bool,
    silenced: bool,
    inhibited: bool,
    matchers: Vec<Matcher>,
    /// Each alone: a filter may ask for what has no such label.
    ready: Vec<(bool, Matchers)>,
}

impl Filter {
    fn of(query: Option<&str>) -> Result<Self, Refused> {
        let mut filter = Self { active: true, silenced: true, inhibited: true, matchers: Vec::new(), ready: Vec::new() };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let flag = value != "false";
            match &*name {
                "active" => filter.active = flag,
                "silenced" => filter.silenced = flag,
                "inhibited" => filter.inhibited = flag,
                "filter" => {
                    let parsed = matcher::parse(&value).map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))?;
                    filter.matchers.extend(parsed);
                }
                _ => {}
            }
        }
        for each in &filter.matchers {
            // What would match nothing at all is asked the other way round, since matchers for silences refuse it.
            let one = |comparison| Matchers::compile(&[Matcher { comparison, ..each.clone() }]);
            let ready =
                one(each.comparison).map(|ready| (true, ready)).or_else(|_| one(opposite(each.comparison)).map(|ready| (false, ready)));
            filter.ready.push(ready.map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))?);
        }
        Ok(filter)
    }

    fn holds(&self, subject: &Subject<'_>) -> bool {
        self.ready.iter().all(|(wanted, ready)| ready.hold(subject) == *wanted)
    }

    /// As Alertmanager filters silences: the filter's matchers are asked of the silence's values.
    fn takes(&self, silence: &Silence) -> bool {
        self.matchers.iter().all(|wanted| {
            let value = silence.matchers.iter().rev().find(|m| m.name == wanted.name).map(|m| m.value.as_str());
            let present = value.is_some();
            if wanted.value.is_empty() && present != wanted.comparison.is_positive() {
                return true;
            }
            let value = value.unwrap_or_default();
            let any = if wanted.comparison.is_regex() {
                let probe = domain::alert::Alert::firing(value, domain::alert::Severity::Info, Millis(0));
                let named = Matcher { name: "entity".to_owned(), comparison: Comparison::Like, value: format!("(?:{})", wanted.value) };
                let subject = Subject { alert: &probe, team: "", integration: None };
                Matchers::compile(&[named]).is_ok_and(|ready| ready.hold(&subject))
            } else {
                value == wanted.value
            };
            any == wanted.comparison.is_positive()
        })
    }
}

fn opposite(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
        Comparison::Like => Comparison::Unlike,
        Comparison::Unlike => Comparison::Like,
    }
}

fn alert_shape(state: &AlertState, suppressed: bool, silenced_by: &[String], now: Millis) -> Value {
    let alert = &state.alert;
    let mut labels: BTreeMap<&str, &str> = alert.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    labels.entry("alertname").or_insert_with(|| alert.title());
    let mut annotations: BTreeMap<&str, &str> = alert.annotations.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if let Some(summary) = &alert.summary {
        annotations.entry("summary").or_insert(summary);
    }
    // Whoever fires until told otherwise has no end; five minutes ahead is what Alertmanager says of such.
    let ends = state.expires_at.unwrap_or_else(|| now.plus_seconds(300));
    let inhibited_by: &[&str] = if suppressed && silenced_by.is_empty() { &["reveille"] } else { &[] };
    json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": alert.started_at.unwrap_or(state.first_at).rfc3339(),
        "endsAt": ends.rfc3339(),
        "updatedAt": state.last_at.rfc3339(),
        "fingerprint": format!("{:016x}", state.id.0),
        "generatorURL": alert.links.first().map_or("", |link| link.url.as_str()),
        "receivers": [{ "name": RECEIVER }],
        "status": {
            "state": if suppressed { "suppressed" } else if state.status == Status::Resolved { "unprocessed" } else { "active" },
            "silencedBy": silenced_by,
            "inhibitedBy": inhibited_by,
            "mutedBy": [],
        },
    })
}

fn shape(silence: &Silence, now: Millis) -> Value {
    let stretch = silence.present(now);
    let (from, until) = match (&silence.when, stretch) {
        (When::Once { from, until }, _) => (*from, silence.ended_at.map_or(*until, |ended| ended.min(*until))),
        (When::Again { .. }, Some(stretch)) => (stretch.from, stretch.until),
        (When::Again { .. }, None) => (silence.updated_at, silence.ended_at.unwrap_or(silence.updated_at)),
    };
    let matcher = |m: &Matcher| json!({ "name": m.name, "value": m.value, "isRegex": m.comparison.is_regex(), "isEqual": m.comparison.is_positive() });
    json!({
        "id": silence.id,
        "status": { "state": silence.phase(now).as_str() },
        "updatedAt": silence.updated_at.rfc3339(),
        "startsAt": from.rfc3339(),
        "endsAt": until.rfc3339(),
        "createdBy": silence.owner,
        "comment": silence.purpose,
        "matchers": silence.matchers.iter().map(matcher).collect::<Vec<_>>(),
    })
}

/// A silence as Alertmanager's clients post it.
fn wish_of(posted: &Value, rights: &Rights) -> Result<Wish, Refused> {
    let wrong = |words: String| Refused(StatusCode::BAD_REQUEST, words);
    let at = |field: &str| {
        let text = posted[field].as_str().unwrap_or_default();
        Millis::of_rfc3339(text).ok_or_else(|| wrong(format!("{field}: `{text}` is no time: give RFC 3339")))
    };
    let list = posted["matchers"].as_array().ok_or_else(|| wrong("matchers: is missing".to_owned()))?;
    let mut matchers = Vec::with_capacity(list.len().min(matcher::MATCHERS_LIMIT));
    for each in list {
        let name = each["name"].as_str().filter(|name| !name.is_empty());
        let (Some(name), Some(value)) = (name, each["value"].as_str()) else {
            return Err(wrong("matchers: each has a name and a value".to_owned()));
        };
        let comparison = match (each["isRegex"].as_bool().unwrap_or(false), each["isEqual"].as_bool().unwrap_or(true)) {
            (false, true) => Comparison::Equal,
            (false, false) => Comparison::NotEqual,
            (true, true) => Comparison::Like,
            (true, false) => Comparison::Unlike,
        };
        matchers.push(Matcher { name: name.to_owned(), comparison, value: value.to_owned() });
    }
    let owner = posted["createdBy"].as_str().filter(|owner| !owner.trim().is_empty()).map(str::to_owned);
    let owner = owner.or_else(|| rights.user.as_ref().map(|user| user.0.clone())).unwrap_or_default();
    Ok(Wish {
        id: posted["id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned),
        team: None,
        matchers,
        when: When::Once { from: at("startsAt")?, until: at("endsAt")? },
        owner,
        purpose: posted["comment"].as_str().unwrap_or_default().to_owned(),
    })
}
