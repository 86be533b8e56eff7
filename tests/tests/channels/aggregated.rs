//! Answers to one message about three incidents: by text, in a call, by mail.

use super::mail::answered_by_mail;
use super::{ALICE, NONE, address, gateway_posts, messages, post, reply, with_a_phone};
use reveille_tests::{Story, twilio};
use serde_json::json;

/// The team's pages are aggregated from now on, and three things break.
fn three_break(story: &mut Story) {
    let file = story.server.dir.join("config/people.yaml");
    let told = std::fs::read_to_string(&file).unwrap().replace("default_policy: shop\n---", "default_policy: shop\naggregate: true\n---");
    std::fs::write(file, told).unwrap();
    let (said, ok) = story.server.cli(&["config", "apply", story.server.dir.join("config").to_str().unwrap()]);
    assert!(ok, "{said}");
    for entity in ["db", "web", "queue"] {
        story.victorops("CRITICAL", entity, json!({ "entity_display_name": format!("{entity} is down") }));
        story.settle();
    }
}

/// The last message was about three: a reply that names none acknowledges all, and one that would resolve has to say which.
#[test]
fn a_reply_without_a_number_answers_the_whole_message() {
    let (mut story, gateway) = with_a_phone("  - { kind: sms, address: \"+393331234567\" }\n");
    three_break(&mut story);
    let sent = messages(&gateway);
    assert!(sent.len() == 3 && sent[2].said.ends_with("Reply A3 A1 A2 to ack"), "{sent:#?}");
    let (status, answer) = reply(&mut story, ALICE, "resolve");
    assert!(status == 200 && answer.contains("your last message was about 3 incidents: say which one, as #1"), "{status} {answer}");
    assert_eq!(story.incident(3)["status"], "firing");
    let (status, answer) = reply(&mut story, ALICE, "ack");
    assert!(status == 200 && answer.contains("3 incidents are acknowledged: #1, #2, #3"), "{status} {answer}");
    let line = "alice acknowledged by sms from the sms message about #1, #2, #3".to_owned();
    assert!((1..=3).all(|id| story.timeline(id).contains(&line)), "{:#?}", story.timeline(2));
    let (status, answer) = reply(&mut story, ALICE, "Ack");
    assert!(status == 200 && answer.contains("already"), "a second answer changes nothing: {status} {answer}");
    assert_eq!(gateway.complaints(), NONE);
}

/// One digit in the call about three.
#[test]
fn one_digit_acknowledges_all_that_the_call_was_about() {
    let (mut story, gateway) = with_a_phone("  - { kind: voice, address: \"+393331234567\" }\n");
    three_break(&mut story);
    let call = gateway.with(|gateway| gateway.calls[2].clone());
    assert!(call.said.contains("3 incidents need you."), "{}", call.said);
    let action = call.said.split("action=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let fields = [("CallSid", "CA01"), ("From", "+15005550006"), ("To", ALICE), ("CallStatus", "in-progress"), ("Digits", "4")];
    assert_eq!(gateway_posts(&mut story, &action, &fields, twilio::TOKEN).0, 200);
    assert!((1..=3).all(|id| story.incident(id)["status"] == "acknowledged"));
}

/// Planted bug that this finds: only the mark of a single incident's answer is looked for, so that a reply to a mail about three did nothing.
#[test]
fn a_reply_to_a_mail_about_three_acknowledges_all() {
    let mut story = answered_by_mail();
    three_break(&mut story);
    let mails = story.mail.to("alice@example.org");
    let about_all = mails.iter().map(reveille_tests::mail::Received::readable).find(|mail| mail.contains("[reveille:Acknowledge-all-3:"));
    let mark = about_all.as_ref().and_then(|mail| mail.lines().find(|line| line.starts_with("[reveille:"))).expect("a mark").to_owned();
    let url = address(&story);
    let letter =
        format!("From: Alice <alice@example.org>\r\nTo: reveille@example.org\r\nSubject: Re: pages\r\n\r\nack\r\n\r\n> {mark}\r\n");
    let (status, answer) = post(&mut story, &url, letter, &[("content-type", "message/rfc822".to_owned())]);
    assert!(status == 200 && answer.contains("3 incidents are acknowledged: #1, #2, #3"), "{status} {answer}");
    assert!((1..=3).all(|id| story.incident(id)["status"] == "acknowledged"));
}
