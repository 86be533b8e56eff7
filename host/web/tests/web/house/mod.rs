//! A small installation on a real store, with doubles for the neighbours: what the tests ask and the gallery shows.

#![allow(dead_code, reason = "the tests use one half of it, the gallery the other")]

pub mod doubles;
pub mod fixtures;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use domain::id::{IncidentId, UserId};
use domain::time::Millis;
use doubles::{DoubleClock, DoubleCommands, DoubleConfigure, DoubleLinks, DoublePlugins, DoubleVersions};
use http_body_util::BodyExt as _;
use ports::store::{Credential, CredentialKind};
use ports::{Clock, Live, Store, Wakes};
use std::sync::Arc;
use store::{JournalOptions, SqliteJournal, SqliteStore, StoreOptions};
use tokio::sync::watch;
use tower::ServiceExt as _;
use web::{Secret, WebParts};

/// Where the pages think they are.
pub const PUBLIC_URL: &str = "http://127.0.0.1:8080";
/// 2026-03-28T02:14:00Z, a Saturday: three at night in Rome, a day before summer time begins.
pub const NOW: Millis = Millis(1_774_664_040_000);

/// Everything that a test holds.
pub struct House {
    pub router: Router,
    pub store: Arc<dyn Store>,
    pub clock: Arc<DoubleClock>,
    pub live: Arc<Live>,
    pub wakes: Arc<Wakes>,
    pub stop: watch::Sender<bool>,
    /// Deleted when the house is dropped.
    _dir: tempfile::TempDir,
}

impl House {
    /// An installation with two teams, three members and an administrator, and no incident.
    pub fn empty() -> Self {
        Self::at(PUBLIC_URL, DoubleClock::at(NOW))
    }

    /// The same, reached by another address, with a clock of one's own.
    pub fn at(public_url: &str, clock: Arc<DoubleClock>) -> Self {
        let parts = Parts::new(public_url, clock);
        let (store, live, wakes, clock) = (parts.web.store.clone(), parts.web.live.clone(), parts.web.wakes.clone(), parts.clock);
        Self { router: web::router(parts.web), store, clock, live, wakes, stop: parts.stop, _dir: parts.dir }
    }

    /// With the incidents of [`fixtures`].
    pub async fn full() -> Self {
        let house = Self::empty();
        fixtures::fill(&house.store, NOW).await;
        house
    }

    /// An API token with a scope, for a user or (`None`) of the installation.
    pub async fn token(&self, user: Option<&str>, scope: &str) -> String {
        let secret = Secret::generate("rvt_").unwrap();
        self.put(credential(&secret, CredentialKind::ApiToken, user, scope, "")).await;
        secret.reveal().to_owned()
    }

    /// A session of a user: its cookie, and its CSRF token as the store has it.
    pub async fn session(&self, user: &str) -> (String, String) {
        let secret = Secret::generate("").unwrap();
        let csrf = "000102030405060708090a0b0c0d0e0f";
        self.put(credential(&secret, CredentialKind::Session, Some(user), "", csrf)).await;
        (format!("reveille={}", secret.reveal()), masked(csrf))
    }

    pub async fn put(&self, credential: Credential) {
        self.store.write(move |tx| tx.put_credential(&credential)).await.unwrap();
    }

    /// One request, one answer, with its body.
    pub async fn ask(&self, request: Request<Body>) -> Answer {
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// GET with a cookie or a bearer token, whichever it looks like.
    pub async fn get(&self, path: &str, who: &str) -> Answer {
        self.ask(with(Request::get(path), who).body(Body::empty()).unwrap()).await
    }

    /// POST of a form.
    pub async fn post(&self, path: &str, who: &str, form: &[(&str, &str)]) -> Answer {
        let body: String = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&");
        let request = with(Request::post(path), who).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(body)).unwrap()).await
    }

    /// Any method with a JSON body.
    pub async fn json(&self, method: &str, path: &str, who: &str, body: serde_json::Value) -> Answer {
        let request = with(Request::builder().method(method).uri(path), who).header(header::CONTENT_TYPE, "application/json");
        self.ask(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// The audit log's actions, newest first.
    pub async fn audited(&self) -> Vec<(String, String)> {
        self.store.view(|view| view.audit(None, 100)).await.unwrap().into_iter().map(|row| (row.actor, row.action)).collect()
    }

    pub async fn incident(&self, id: u64) -> domain::incident::Incident {
        self.store.view(move |view| view.incident(IncidentId(id))).await.unwrap().unwrap()
    }
}

/// What [`web::router`] is built from, with the store's folder.
pub struct Parts {
    pub web: WebParts,
    pub clock: Arc<DoubleClock>,
    pub stop: watch::Sender<bool>,
    pub dir: tempfile::TempDir,
}

impl Parts {
    pub fn new(public_url: &str, clock: Arc<DoubleClock>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ticking: Arc<dyn Clock> = clock.clone();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path(), StoreOptions::new(ticking.clone())).unwrap());
        let journal = Arc::new(SqliteJournal::open(dir.path(), JournalOptions::new(ticking.clone())).unwrap());
        let live = Arc::new(Live::new(fixtures::snapshot()));
        let wakes = Arc::new(Wakes::default());
        let (stop, stopping) = watch::channel(false);
        let commands =
            Arc::new(DoubleCommands { store: store.clone(), clock: ticking.clone(), wakes: wakes.clone(), journal: journal.clone() });
        let web = WebParts {
            store,
            journal,
            clock: ticking,
            live,
            wakes,
            plugin_host: Arc::new(DoublePlugins),
            commands,
            configure: Arc::new(DoubleConfigure),
            versions: Arc::new(DoubleVersions),
            links: Arc::new(DoubleLinks),
            public_url: public_url.to_owned(),
            push_key: "BKey".to_owned(),
            stopping,
            metrics: Some(Arc::new(|| "reveille_up 1\n".to_owned())),
            hot: Arc::new(ports::hot::HotStatus::default),
        };
        Self { web, clock, stop, dir }
    }
}

/// A credential that works from [`NOW`] for a day.
pub fn credential(secret: &Secret, kind: CredentialKind, user: Option<&str>, scope: &str, detail: &str) -> Credential {
    Credential {
        id: secret.id(),
        kind,
        user: user.map(UserId::from),
        integration: None,
        label: "test".into(),
        scope: scope.into(),
        detail: detail.into(),
        created_at: NOW,
        expires_at: Some(NOW.plus_seconds(86_400)),
        last_used_at: Some(NOW),
    }
}

/// A CSRF token as a form carries it, with a pad of zeros.
pub fn masked(csrf: &str) -> String {
    format!("{}{csrf}", "0".repeat(csrf.len()))
}

fn with(request: axum::http::request::Builder, who: &str) -> axum::http::request::Builder {
    match who {
        "" => request,
        who if who.starts_with("rvt_") => request.header(header::AUTHORIZATION, format!("Bearer {who}")),
        who => request.header(header::COOKIE, who),
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: String,
}

impl Answer {
    async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Self { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}
