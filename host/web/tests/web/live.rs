//! Live streams: they announce, once, only what concerns the viewer, and end when told.

use crate::house::{House, NOW, fixtures};
use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use domain::alert::{Severity, Status};
use domain::id::IncidentId;
use futures_util::StreamExt as _;
use std::time::Duration;
use tower::ServiceExt as _;

async fn stream(house: &House, path: &str, who: &str) -> BodyDataStream {
    let request = Request::get(path).header("cookie", who).header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    let response = house.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(response.headers().get("content-encoding").is_none(), "a compressed stream would be held back");
    response.into_body().into_data_stream()
}

/// The next words, or nothing within a while.
async fn words(stream: &mut BodyDataStream, patience_ms: u64) -> Option<String> {
    let next = tokio::time::timeout(Duration::from_millis(patience_ms), stream.next()).await.ok()??;
    Some(String::from_utf8_lossy(&next.unwrap()).into_owned())
}

async fn open(house: &House, id: u64, team: &str) {
    let incident = fixtures::incident(id, team, "new", Severity::Error, Status::Firing, NOW);
    house.store.write(move |tx| tx.put_incident(&incident)).await.unwrap();
    house.wakes.incident_changed(IncidentId(id));
}

#[tokio::test]
async fn new_incidents_announce_themselves_and_wait() {
    let house = House::full().await;
    let (alice, _) = house.session("alice").await;
    let mut live = stream(&house, "/live/incidents?seen=8", &alice).await;
    assert_eq!(words(&mut live, 100).await, None, "nothing is new yet");
    open(&house, 9, "ops").await;
    assert_eq!(words(&mut live, 200).await, None, "of another team");
    open(&house, 10, "shop").await;
    assert_eq!(words(&mut live, 5_000).await.unwrap(), "event: news\ndata: <a class=\"news\" href=\"\">1 new <span>Show</span></a>\n\n");
    open(&house, 11, "shop").await;
    assert!(words(&mut live, 5_000).await.unwrap().contains("2 new"));
    house.stop.send(true).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), live.next()).await.expect("a drain ends streams");
    assert!(ended.is_none());
}

#[tokio::test]
async fn what_changed_between_page_and_stream_is_told_at_once() {
    let house = House::full().await;
    let (alice, _) = house.session("alice").await;
    let mut live = stream(&house, "/live/incidents?seen=3", &alice).await;
    assert!(words(&mut live, 5_000).await.unwrap().contains("2 new"), "4 and 5 are open and shop's");
}

#[tokio::test]
async fn one_incident_tells_that_it_changed() {
    let house = House::full().await;
    let (alice, csrf) = house.session("alice").await;
    let mut live = stream(&house, "/live/incidents/1?seen=1", &alice).await;
    assert_eq!(words(&mut live, 100).await, None);
    house.post("/incidents/3/acknowledge", &alice, &[("csrf", &csrf)]).await;
    assert_eq!(words(&mut live, 200).await, None, "another incident");
    house.post("/incidents/1/acknowledge", &alice, &[("csrf", &csrf)]).await;
    assert!(words(&mut live, 5_000).await.unwrap().contains("This incident changed"));
}
