//! What must not go out, and where it must not go.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod house;

use domain::inbound::Method;
use domain::page::HttpRequest;
use egress::{Allow, EgressSettings};
use house::{Names, Receiver, allowing, answering, entry, ok, outside, outside_with, plugin, post};
use ports::{Egress, EgressError};
use std::net::SocketAddr;

async fn refused(egress: &impl Egress, request: HttpRequest) -> String {
    match egress.http(request, plugin(&[])).await {
        Err(EgressError::Refused(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_reached_that_is_not_listed() {
    let receiver = Receiver::plain(answering(|_| ok(""))).await;
    let egress = outside(EgressSettings::default());
    let told = refused(&egress, post(&receiver.url("/"), "")).await;
    let port = receiver.address.port();
    assert_eq!(
        told,
        format!(
            "sending to 127.0.0.1:{port} is not allowed: add [[egress.allow]] with host = \"127.0.0.1\" and ports = [{port}] in reveille.toml"
        )
    );
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn loopback_is_refused_in_every_spelling_unless_the_operator_means_it() {
    let receiver = Receiver::plain(answering(|_| ok(""))).await;
    let port = receiver.address.port();
    let hosts = ["127.0.0.1", "localhost", "::ffff:127.0.0.1", "::1"];
    let allow: Vec<Allow> = hosts.iter().map(|host| entry(host, port, false)).collect();
    let egress = outside(EgressSettings { allow, ..EgressSettings::default() });
    for host in ["127.0.0.1", "localhost", "localhost.", "LOCALHOST", "0x7f.1", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]"] {
        let told = refused(&egress, post(&format!("http://{host}:{port}/"), "")).await;
        assert!(told.contains("is loopback: set `private = true`"), "{host}: {told}");
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn one_bad_address_among_good_ones_refuses_all() {
    let allow = vec![entry("rebind.test", 443, false)];
    let names = Names::new(&[&["1.1.1.1", "10.0.0.1"]]);
    let egress = outside_with(EgressSettings { allow, ..EgressSettings::default() }, &names);
    let told = refused(&egress, post("https://rebind.test/", "")).await;
    assert!(told.contains("its address 10.0.0.1 is private"), "{told}");
}

/// The planted bug that this catches: resolving again between the check and the dial.
#[tokio::test]
async fn a_name_server_that_changes_its_mind_is_asked_once() {
    let receiver = Receiver::plain(answering(|_| ok("here"))).await;
    let port = receiver.address.port();
    let settings = EgressSettings { allow: vec![entry("rebind.test", port, true)], ..EgressSettings::default() };
    // Checked: where the receiver is. Afterwards: where nobody listens.
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.99"]]);
    let egress = outside_with(settings, &names);
    let response = egress.http(post(&format!("http://rebind.test:{port}/"), ""), plugin(&[])).await.unwrap();
    assert_eq!(response.body, b"here");
    assert_eq!(*names.asked.lock().unwrap(), ["rebind.test"]);
    assert_eq!(receiver.only().header("host"), Some(format!("rebind.test:{port}").as_str()));
    // The next exchange asks anew and keeps no connection to the earlier address.
    let error = egress.http(post(&format!("http://rebind.test:{port}/"), ""), plugin(&[])).await.unwrap_err();
    assert!(matches!(error, EgressError::Unreachable(_)), "{error:?}");
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_name_never_leads_to_metadata_or_to_many() {
    for (address, word) in [
        ("169.254.169.254", "credentials"),
        ("fd00:ec2::254", "credentials"),
        ("224.0.0.1", "multicast"),
        ("0.0.0.0", "unspecified"),
        ("255.255.255.255", "reserved"),
    ] {
        let settings = EgressSettings { allow: vec![entry("*.test", 80, true)], ..EgressSettings::default() };
        let egress = outside_with(settings, &Names::new(&[&[address]]));
        let told = refused(&egress, post("http://a.test/", "")).await;
        assert!(told.contains(word), "{address}: {told}");
    }
}

#[tokio::test]
async fn an_entry_can_be_for_some_plugins_only() {
    let receiver = Receiver::plain(answering(|_| ok(""))).await;
    let mut settings = allowing(receiver.address);
    settings.allow[0].plugins = vec!["mail".into()];
    let egress = outside(settings);
    let told = refused(&egress, post(&receiver.url("/"), "")).await;
    assert!(told.contains("add \"ntfy\" to `plugins`"), "{told}");
    // The host's own last resort is not stopped by it.
    let host = ports::egress::OnBehalf::default();
    assert_eq!(egress.http(post(&receiver.url("/"), ""), host).await.unwrap().status, 200);
}

#[tokio::test]
async fn odd_requests_are_refused_before_anything_is_dialled() {
    let receiver = Receiver::plain(answering(|_| ok(""))).await;
    let egress = outside(allowing(receiver.address));
    let SocketAddr::V4(address) = receiver.address else { panic!("IPv4") };
    let url = receiver.url("/");
    let with = |name: &str, value: &str| HttpRequest { headers: vec![(name.into(), value.into())], ..post(&url, "") };
    for (request, word) in [
        (post(&format!("http://user:pw@{address}/"), ""), "user or password"),
        (post(&format!("ftp://{address}/"), ""), "https:// or http://"),
        (post("file:///etc/passwd", ""), "https:// or http://"),
        (post("no address", ""), "cannot be read"),
        (post(&format!("{url}{}", "a".repeat(9000)), ""), "too long"),
        (post(&url, &"a".repeat(128 * 1024 + 1)), "too large"),
        (with("Host", "inside"), "written by the host"),
        (with("Transfer-Encoding", "chunked"), "written by the host"),
        (with("Content-Length", "0"), "written by the host"),
        (with("x y", "z"), "no name of a header"),
        (with("x", "a\r\ny: z"), "line break"),
        (HttpRequest { headers: vec![("x".into(), "y".into()); 65], ..post(&url, "") }, "too many"),
    ] {
        let told = refused(&egress, request).await;
        assert!(told.contains(word), "{told}");
    }
    assert_eq!(receiver.count(), 0);
    let largest = HttpRequest { method: Method::Put, ..post(&url, &"a".repeat(128 * 1024)) };
    assert_eq!(egress.http(largest, plugin(&[])).await.unwrap().status, 200);
}
