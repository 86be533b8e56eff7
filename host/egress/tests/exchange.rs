//! What goes out arrives, and what comes back is bounded.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod house;

use bytes::Bytes;
use domain::inbound::Method;
use domain::page::HttpRequest;
use egress::EgressSettings;
use house::{Names, Receiver, allowing, answering, certificate, entry, ok, outside, outside_with, plugin, post};
use http_body_util::Full;
use hyper::Response;
use ports::{Egress, EgressError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test]
async fn a_request_arrives_as_it_was_written() {
    let answer = |_: &house::Arrived| Response::builder().status(201).header("X-Id", "7").body(Full::new(Bytes::from("taken"))).unwrap();
    let receiver = Receiver::plain(answering(answer)).await;
    let egress = outside(allowing(receiver.address));
    let request = HttpRequest {
        method: Method::Patch,
        url: receiver.url("/a%2Fb/ü?x=1&y=a b#fragment"),
        headers: vec![("Content-Type".into(), "text/plain".into()), ("X-Two".into(), "1".into()), ("X-Two".into(), "2".into())],
        body: "wake up".into(),
        authorization: None,
    };
    let response = egress.http(request, plugin(&[])).await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (201, b"taken".as_slice()));
    assert!(response.headers.contains(&("x-id".into(), "7".into())), "{:?}", response.headers);
    let arrived = receiver.only();
    assert_eq!(arrived.line, "PATCH /a%2Fb/%C3%BC?x=1&y=a%20b");
    assert_eq!(arrived.header("host"), Some(receiver.address.to_string().as_str()));
    assert_eq!(arrived.header("content-length"), Some("7"));
    assert!(arrived.header("user-agent").unwrap().starts_with("reveille/"));
    assert_eq!(arrived.headers.iter().filter(|(name, _)| name == "x-two").count(), 2);
    assert_eq!(arrived.body, "wake up");
}

#[tokio::test]
async fn a_redirect_comes_back_as_it_is() {
    let target = Receiver::plain(answering(|_| ok("stolen"))).await;
    let location = target.url("/");
    let answer = move |_: &house::Arrived| Response::builder().status(307).header("location", &location).body(Full::default()).unwrap();
    let receiver = Receiver::plain(answering(answer)).await;
    let mut settings = allowing(receiver.address);
    settings.allow.push(entry("127.0.0.1", target.address.port(), true));
    let response = outside(settings).http(post(&receiver.url("/"), "x"), plugin(&[])).await.unwrap();
    assert_eq!(response.status, 307);
    assert!(response.headers.contains(&("location".into(), target.url("/"))));
    assert_eq!(target.count(), 0);
}

#[tokio::test]
async fn a_long_answer_is_cut() {
    let receiver = Receiver::plain(answering(|_| ok(&"z".repeat(1024 * 1024)))).await;
    let response = outside(allowing(receiver.address)).http(post(&receiver.url("/"), ""), plugin(&[])).await.unwrap();
    assert_eq!(response.body.len(), 64 * 1024);
}

#[tokio::test]
async fn a_silent_receiver_is_given_up_in_time() {
    let receiver = Receiver::plain(Arc::new(|_| Box::pin(std::future::pending()))).await;
    let settings = EgressSettings { total_time: Duration::from_millis(200), ..allowing(receiver.address) };
    let began = tokio::time::timeout(Duration::from_secs(5), outside(settings).http(post(&receiver.url("/"), ""), plugin(&[])));
    let error = began.await.expect("bounded").unwrap_err();
    assert!(matches!(&error, EgressError::Unreachable(m) if m.contains("no answer within 0.2 s")), "{error:?}");
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_are_unreachable() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let allow = vec![entry("127.0.0.1", port, true), entry("gone.test", port, true)];
    let egress = outside_with(EgressSettings { allow, ..EgressSettings::default() }, &Names::new(&[]));
    for host in ["127.0.0.1", "gone.test"] {
        let error = egress.http(post(&format!("http://{host}:{port}/"), ""), plugin(&[])).await.unwrap_err();
        assert!(matches!(&error, EgressError::Unreachable(m) if m.contains(host)), "{error:?}");
    }
}

#[tokio::test]
async fn one_host_gets_so_many_at_a_time() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, peak) = (Arc::clone(&now), Arc::clone(&most));
    let receiver = Receiver::plain(Arc::new(move |_| {
        let (inside, peak) = (Arc::clone(&inside), Arc::clone(&peak));
        Box::pin(async move {
            peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(30)).await;
            inside.fetch_sub(1, Ordering::SeqCst);
            ok("")
        })
    }))
    .await;
    let egress = outside(EgressSettings { per_host: 2, ..allowing(receiver.address) });
    let all = (0..8).map(|_| egress.http(post(&receiver.url("/"), ""), plugin(&[])));
    for result in futures_util::future::join_all(all).await {
        assert_eq!(result.unwrap().status, 200);
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
    let crowded = outside(EgressSettings { in_flight: 1, ..allowing(receiver.address) });
    let (a, b) =
        tokio::join!(crowded.http(post(&receiver.url("/"), ""), plugin(&[])), crowded.http(post(&receiver.url("/"), ""), plugin(&[])));
    assert_eq!([a.is_ok(), b.is_ok()].iter().filter(|ok| **ok).count(), 1);
}

#[tokio::test]
async fn tls_is_for_the_name_and_with_a_known_authority() {
    let (config, root) = certificate(&["ntfy.test"]);
    let receiver = Receiver::tls(answering(|_| ok("safe")), config).await;
    let port = receiver.address.port();
    let allow = vec![entry("*.test", port, true)];
    let known = EgressSettings { allow, further_roots_pem: root, ..EgressSettings::default() };
    let unknown = EgressSettings { further_roots_pem: Vec::new(), ..known.clone() };
    let names = Names::new(&[&["127.0.0.1"]]);

    let egress = outside_with(known, &names);
    let response = egress.http(post(&format!("https://ntfy.test:{port}/x"), "hello"), plugin(&[])).await.unwrap();
    assert_eq!(response.body, b"safe");
    assert_eq!(receiver.only().header("host"), Some(format!("ntfy.test:{port}").as_str()));

    let wrong_name = egress.http(post(&format!("https://other.test:{port}/"), ""), plugin(&[])).await.unwrap_err();
    assert!(matches!(&wrong_name, EgressError::Unreachable(m) if m.contains("TLS")), "{wrong_name:?}");
    let egress = outside_with(unknown, &names);
    let stranger = egress.http(post(&format!("https://ntfy.test:{port}/"), ""), plugin(&[])).await.unwrap_err();
    assert!(matches!(&stranger, EgressError::Unreachable(m) if m.contains("TLS")), "{stranger:?}");
    assert_eq!(receiver.count(), 1);
}

#[test]
fn a_file_of_no_certificates_is_told_at_start() {
    let settings = EgressSettings { further_roots_pem: b"nothing".to_vec(), ..EgressSettings::default() };
    assert!(egress::Outside::new(settings, Arc::new(house::Standing)).is_err());
}
