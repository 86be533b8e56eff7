//! Secrets go where they may, in the form of their place, and nowhere else; nobody hears of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod house;

use domain::page::{Authorization, HttpRequest};
use egress::{EgressSettings, Secret};
use house::{Names, Receiver, allowing, answering, certificate, entry, ok, outside, outside_with, plugin, post};
use ports::{Egress, EgressError};
use std::collections::BTreeMap;

const VALUE: &str = "tk/\"1?&=é";

fn with_secret(settings: EgressSettings, name: &str, value: &str, hosts: &[&str]) -> EgressSettings {
    let secret = Secret::new(value, hosts.iter().map(|host| (*host).to_owned()).collect());
    let mut settings = settings;
    settings.secrets.insert(name.into(), secret);
    settings
}

#[tokio::test]
async fn a_secret_is_escaped_for_its_place_and_taken_out_of_the_echo() {
    let echo = |arrived: &house::Arrived| ok(&format!("{} {:?} {}", arrived.line, arrived.header("x-token"), arrived.body));
    let receiver = Receiver::plain(answering(echo)).await;
    let egress = outside(with_secret(allowing(receiver.address), "token", VALUE, &["127.0.0.1"]));
    let request = HttpRequest {
        headers: vec![("content-type".into(), "application/json".into()), ("x-token".into(), "v={{secret:plain}}".into())],
        ..post(&receiver.url("/{{secret:token}}/x?t={{secret:token}}"), r#"{"t": "{{secret:token}}", "u": "{{secret:"}"#)
    };
    let mut settings = with_secret(allowing(receiver.address), "token", VALUE, &["127.0.0.1"]);
    settings = with_secret(settings, "plain", "header-value", &["127.0.0.1"]);
    drop(egress);
    let response = outside(settings).http(request, plugin(&["token", "plain"])).await.unwrap();
    let arrived = receiver.only();
    assert_eq!(arrived.line, "POST /tk%2F%221%3F%26%3D%C3%A9/x?t=tk%2F%221%3F%26%3D%C3%A9");
    assert_eq!(arrived.header("x-token"), Some("v=header-value"));
    assert_eq!(arrived.body, r#"{"t": "tk/\"1?&=é", "u": "{{secret:"}"#);
    let body = String::from_utf8(response.body).unwrap();
    assert_eq!(
        body,
        r#"POST /{{secret:token}}/x?t={{secret:token}} Some("v={{secret:plain}}") {"t": "{{secret:token}}", "u": "{{secret:"}"#
    );
}

#[tokio::test]
async fn authorization_is_by_name() {
    let receiver = Receiver::plain(answering(|arrived| ok(arrived.header("authorization").unwrap()))).await;
    let egress = outside(with_secret(allowing(receiver.address), "token", "tk_12345678", &["127.0.0.1"]));
    let send = |authorization| HttpRequest { authorization: Some(authorization), ..post(&receiver.url("/"), "") };
    let bearer = egress.http(send(Authorization::Bearer("token".into())), plugin(&["token"])).await.unwrap();
    assert_eq!(bearer.body, b"Bearer {{secret:token}}");
    let basic = egress.http(send(Authorization::Basic("alice".into(), "token".into())), plugin(&["token"])).await.unwrap();
    assert_eq!(basic.body, b"Basic {{secret:token}}");
    let arrived = receiver.arrived.lock().unwrap();
    assert_eq!(arrived[0].header("authorization"), Some("Bearer tk_12345678"));
    // base64("alice:tk_12345678"), from coreutils.
    assert_eq!(arrived[1].header("authorization"), Some("Basic YWxpY2U6dGtfMTIzNDU2Nzg="));
}

#[tokio::test]
async fn a_secret_stays_in_where_it_may_not_go() {
    let receiver = Receiver::plain(answering(|_| ok(""))).await;
    let base = with_secret(allowing(receiver.address), "token", "tk_12345678", &["127.0.0.1"]);
    let base = with_secret(base, "elsewhere", "el_12345678", &["other.example.org"]);
    let base = with_secret(base, "broken", "br_1234\r\nX-Evil: 1", &["127.0.0.1"]);
    let egress = outside(base);
    let url = receiver.url("/");
    let granted = plugin(&["token", "elsewhere", "broken", "unknown"]);
    let header = |value: &str| HttpRequest { headers: vec![("x".into(), value.into())], ..post(&url, "") };
    let port = receiver.address.port();
    for (request, word) in [
        (post(&url, "{{secret:elsewhere}}"), "add the host to `hosts` of [secrets.elsewhere]"),
        (post(&url, "{{secret:unknown}}"), "add [secrets.unknown] to reveille.toml"),
        (post(&url, "{{secret:other}}"), "`kind: Grant`, `id: ntfy`"),
        (header("{{secret:broken}}"), "control character"),
        (post(&format!("http://127.0.0.1:{port}{{{{secret:token}}}}/"), ""), "cannot be read"),
        (post(&format!("http://{{{{secret:token}}}}.example.org:{port}/"), ""), "host or port"),
        (HttpRequest { authorization: Some(Authorization::Basic("a:b".into(), "token".into())), ..post(&url, "") }, "colon"),
    ] {
        match egress.http(request, granted.clone()).await {
            Err(EgressError::Refused(told)) => {
                assert!(told.contains(word), "{told}");
                assert!(!told.contains("_1234"), "the value is in {told}");
            }
            other => panic!("{word}: {other:?}"),
        }
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_secret_does_not_travel_in_clear_outside_a_network_of_ones_own() {
    let settings = EgressSettings { allow: vec![entry("public.test", 80, false)], ..EgressSettings::default() };
    let egress = outside_with(with_secret(settings, "token", "tk_12345678", &["public.test"]), &Names::new(&[&["1.1.1.1"]]));
    let error = egress.http(post("http://public.test/", "{{secret:token}}"), plugin(&["token"])).await.unwrap_err();
    assert!(matches!(&error, EgressError::Refused(m) if m.contains("unencrypted: use https")), "{error:?}");
}

#[tokio::test]
async fn an_address_can_itself_be_secret() {
    let (config, root) = certificate(&["hooks.test"]);
    let receiver = Receiver::tls(answering(|_| ok("")), config).await;
    let port = receiver.address.port();
    let settings = EgressSettings { allow: vec![entry("hooks.test", port, true)], further_roots_pem: root, ..EgressSettings::default() };
    let settings = with_secret(settings, "hook", &format!("https://hooks.test:{port}/T0/B0/xyz"), &["hooks.test"]);
    let settings = with_secret(settings, "unlisted", "https://inside.test/T0/B0/xyz", &["inside.test"]);
    let egress = outside_with(settings, &Names::new(&[&["127.0.0.1"]]));
    let granted = plugin(&["hook", "unlisted"]);
    assert_eq!(egress.http(post("{{secret:hook}}?wait=1", "{}"), granted.clone()).await.unwrap().status, 200);
    assert_eq!(receiver.only().line, "POST /T0/B0/xyz?wait=1");
    let told = egress.http(post("{{secret:unlisted}}", "{}"), granted).await.unwrap_err().to_string();
    assert!(told.contains("the host in secret `unlisted`") && !told.contains("inside.test"), "{told}");
}

#[test]
fn settings_do_not_show_secrets() {
    let secrets = BTreeMap::from([("token".to_owned(), Secret::new("tk_12345678", Vec::new()))]);
    let shown = format!("{:?}", EgressSettings { secrets, ..EgressSettings::default() });
    assert!(shown.contains("[redacted]") && !shown.contains("tk_1"), "{shown}");
}
