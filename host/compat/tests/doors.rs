//! The front doors over a real engine: who is let in, and how each sender is answered.
#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "../../pipeline/tests/support/mod.rs"]
mod support;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use compat::CompatParts;
use domain::decision::Stage;
use domain::id::JournalId;
use domain::installation::OnFailure;
use domain::journal::Entry;
use http_body_util::BodyExt;
use pipeline::EngineSettings;
use ports::store::{Credential, CredentialKind, DeadLetterKind};
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::sync::Arc;
use support::House;
use tower::ServiceExt;

const KEY: &str = "f00dfeedf00dfeedf00dfeedf00dfeed";

struct Answered {
    status: StatusCode,
    retry_after: Option<String>,
    kind: String,
    body: String,
}

impl Answered {
    fn seen(&self) -> (u16, &str) {
        (self.status.as_u16(), &self.body)
    }
}

async fn house(dir: &tempfile::TempDir, settings: EngineSettings) -> House {
    let house = House::open_with(dir.path(), OnFailure::Skip, settings, |store| store);
    let credential = Credential {
        id: hex::encode(Sha256::digest(KEY)),
        kind: CredentialKind::IntegrationKey,
        user: None,
        integration: Some("lines".into()),
        label: "lines".into(),
        scope: String::new(),
        detail: String::new(),
        created_at: domain::time::Millis(0),
        expires_at: None,
        last_used_at: None,
    };
    house.store.write(move |tx| tx.put_credential(&credential)).await.unwrap();
    house
}

async fn send(house: &House, request: Request<Body>) -> Answered {
    let parts = CompatParts {
        engine: Arc::clone(&house.engine),
        store: Arc::clone(&house.store),
        clock: house.clock(),
        live: Arc::clone(&house.live),
        interactions: None,
        wakes: Arc::default(),
        rights: None,
    };
    let response = compat::router(parts).oneshot(request).await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, retry_after, kind) = (response.status(), header("retry-after"), header("content-type").unwrap_or_default());
    let body = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answered { status, retry_after, kind, body }
}

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header("host", "alerts.example.org").body(body.into()).unwrap()
}

fn doors() -> [String; 3] {
    [format!("/integrations/generic/20131114/alert/{KEY}/web"), format!("/am/{KEY}/api/v2/alerts"), format!("/in/{KEY}/any/where?x=1&x=2")]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_takes_and_gives_the_normalizers_reply() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    for door in doors() {
        assert_eq!(send(&house, post(&door, "firing db shop")).await.seen(), (200, "ok"), "{door}");
    }
    let without_routing_key = format!("/integrations/generic/20131114/alert/{KEY}");
    assert_eq!(send(&house, post(&without_routing_key, "firing db shop")).await.seen(), (200, "ok"));
    assert_eq!(house.journal.head(), JournalId(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_journaled_has_the_path_and_the_declared_headers_and_neither_key_nor_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    let mut request = post(&format!("/in/{KEY}/any%20thing/where?x=1&x=%32"), "firing db shop");
    for (name, value) in [("x-event", "push"), ("authorization", "Bearer secret"), ("x-other", "no")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    send(&house, request).await;
    let records = house.journal.read(JournalId(1), 1).unwrap();
    let Entry::Taken { raw, .. } = &records[0].1.entry else { panic!("{records:?}") };
    assert_eq!(raw.url, "http://alerts.example.org/in/***/any%20thing/where?x=1&x=%32");
    assert_eq!(raw.path, ["any thing", "where"]);
    assert_eq!(raw.query, [("x".to_owned(), "1".to_owned()), ("x".to_owned(), "2".to_owned())]);
    assert_eq!(raw.headers, [("x-event".to_owned(), "push".to_owned())]);
    assert!(!format!("{records:?}").contains(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn alertmanagers_path_also_takes_the_key_from_the_authorization_header() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("prometheus:{KEY}")));
    for authorization in [format!("Bearer {KEY}"), basic] {
        let mut request = post("/am/api/v2/alerts", "firing db shop");
        request.headers_mut().insert("authorization", authorization.parse().unwrap());
        assert_eq!(send(&house, request).await.seen(), (200, "ok"));
    }
    assert_eq!(send(&house, post("/am/api/v2/alerts", "firing db shop")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_in_the_dialect_and_stores_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    let answers = [
        ("/integrations/generic/20131114/alert/wrong/web", r#"{"result":"failure","message":"there is no integration with this key"}"#),
        ("/am/wrong/api/v2/alerts", r#""there is no integration with this key""#),
        ("/in/wrong", r#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"there is no integration with this key"}"#),
    ];
    for (path, body) in answers {
        assert_eq!(send(&house, post(path, "firing db shop")).await.seen(), (403, body));
    }
    assert_eq!(house.journal.head(), JournalId(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_body_is_answered_400_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    let answers = [
        r#"{"result":"failure","message":"line 1: not a report"}"#,
        r#""line 1: not a report""#,
        r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"line 1: not a report"}"#,
    ];
    for (door, body) in doors().into_iter().zip(answers) {
        assert_eq!(send(&house, post(&door, "refuse")).await.seen(), (400, body));
    }
    assert_eq!(send(&house, post(&doors()[2], "refuse")).await.kind, "application/problem+json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_normalizer_is_the_hosts_trouble_not_the_senders() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    house.mischief.breaks(Stage::Normalize);
    for (door, body) in doors().into_iter().zip([r#"{"result":"success"}"#, "", ""]) {
        assert_eq!(send(&house, post(&door, "firing db shop")).await.seen(), (202, body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversize_body_is_refused_and_opens_an_incident() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    let big = "x".repeat(64 * 1024 + 1);
    for door in doors() {
        let announced = send(&house, post(&door, big.clone())).await;
        assert_eq!(announced.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(announced.body.contains("larger than 65536 bytes"), "{}", announced.body);
        // Chunked: nothing announces its size.
        let chunks = futures_util::stream::iter(
            big.as_bytes().chunks(1000).map(|c| Ok::<_, std::io::Error>(Bytes::copy_from_slice(c))).collect::<Vec<_>>(),
        );
        assert_eq!(send(&house, post(&door, Body::from_stream(chunks))).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    house.settle().await;
    let letters = house.store.view(|view| view.dead_letters(None, None, 10)).await.unwrap();
    assert!(letters.len() == 6 && letters.iter().all(|letter| letter.kind == DeadLetterKind::Rejected));
    let incidents = house.incidents().await;
    assert_eq!((incidents.len(), incidents[0].key.as_str()), (1, "reveille/dead-letters/lines"));
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_is_503_with_retry_after_at_every_door() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings { backlog_limit: 0, ..EngineSettings::default() }).await;
    for door in doors() {
        let answer = send(&house, post(&door, "firing db shop")).await;
        assert_eq!((answer.status, answer.retry_after.as_deref()), (StatusCode::SERVICE_UNAVAILABLE, Some("5")), "{door}");
    }
    assert_eq!(house.journal.head(), JournalId(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_worth_another_try() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    let broken = futures_util::stream::iter([Ok(Bytes::from_static(b"firing db")), Err(std::io::Error::other("reset"))]);
    let answer = send(&house, post(&doors()[1], Body::from_stream(broken))).await;
    assert_eq!((answer.status, answer.retry_after.as_deref()), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
    assert_eq!(house.journal.head(), JournalId(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_bodies_are_unpacked_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    let packed = |encoding: &str, body: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(body).unwrap();
        let mut request = post(&doors()[2], encoder.finish().unwrap());
        request.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        request
    };
    assert_eq!(send(&house, packed("gzip", b"firing db shop")).await.seen(), (200, "ok"));
    let records = house.journal.read(JournalId(1), 1).unwrap();
    let Entry::Taken { raw, .. } = &records[0].1.entry else { panic!("{records:?}") };
    assert_eq!(raw.body, b"firing db shop", "what is journaled is unpacked");
    // The limit of this integration is 64 KiB, unpacked.
    assert_eq!(send(&house, packed("gzip", &vec![b'x'; 65 * 1024])).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let unknown = send(&house, packed("zstd", b"firing db shop")).await;
    assert_eq!(unknown.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(unknown.body.contains("content encoding zstd"));
    let broken = send(&house, packed("deflate", b"firing db shop")).await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    assert!(broken.body.contains("cannot be unpacked"));
    house.settle().await;
    let letters = house.store.view(|view| view.dead_letters(None, None, 10)).await.unwrap();
    assert_eq!(letters.len(), 2, "what is refused for good is listed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_body_is_refused_in_words_before_the_normalizer() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    // The normalizer of this test takes any text: only the door can refuse it.
    let answer = send(&house, post(&doors()[2], "[".repeat(65))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("deeper than 64 levels"), "{}", answer.body);
    assert_eq!(send(&house, post(&doors()[2], "[".repeat(64))).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_its_rate_an_integration_is_told_when_to_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    let mut snapshot = domain::installation::Installation::clone(&house.live.load().installation);
    snapshot.integrations.get_mut("lines").unwrap().rate = Some(domain::installation::Rate { per_second: 1, burst: 2 });
    house.live.publish(pipeline::snapshot::build(snapshot, &support::Host(Arc::clone(&house.mischief))).unwrap());
    let parts = CompatParts {
        engine: Arc::clone(&house.engine),
        store: Arc::clone(&house.store),
        clock: house.clock(),
        live: Arc::clone(&house.live),
        interactions: None,
        wakes: Arc::default(),
        rights: None,
    };
    let router = compat::router(parts);
    let answers = |router: axum::Router, body: &'static str| async move { router.oneshot(post(&doors()[1], body)).await.unwrap() };
    // One body of five alerts: its first token, and four that it owes.
    let five = "firing a\nfiring b\nfiring c\nfiring d\nfiring e";
    assert_eq!(answers(router.clone(), five).await.status(), StatusCode::OK);
    let refused = answers(router.clone(), five).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "never 429, which this sender would take for final");
    assert_eq!(refused.headers()["retry-after"], "4", "-3 tokens at one a second");
    assert_eq!(refused.headers()["connection"], "close", "its body was not read");
    house.clock.advance(4);
    assert_eq!(answers(router, five).await.status(), StatusCode::OK);
    house.settle().await;
    let storm = house.incidents().await.into_iter().find(|incident| incident.key == "reveille/storm/lines");
    assert!(storm.is_some_and(|incident| incident.severity == domain::alert::Severity::Error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_is_no_post() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(send(&house, get(&doors()[0])).await.status, StatusCode::METHOD_NOT_ALLOWED);
    // Reading alerts is there, and not for a key that only brings them in.
    assert_eq!(send(&house, get(&doors()[1])).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&house, get(&doors()[2])).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_taken_no_longer_than_ten_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let house = house(&dir, EngineSettings::default()).await;
    let parts = CompatParts {
        interactions: None,
        wakes: Arc::default(),
        rights: None,
        engine: Arc::clone(&house.engine),
        store: Arc::clone(&house.store),
        clock: house.clock(),
        live: Arc::clone(&house.live),
    };
    let router = compat::router(parts);
    let status = |router: axum::Router| async move { router.oneshot(post(&doors()[2], "firing db shop")).await.unwrap().status() };
    assert_eq!(status(router.clone()).await, StatusCode::OK);
    let id = hex::encode(Sha256::digest(KEY));
    house.store.write(move |tx| tx.delete_credential(&id)).await.unwrap();
    house.clock.advance(10);
    assert_eq!(status(router).await, StatusCode::FORBIDDEN);
}
