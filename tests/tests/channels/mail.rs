//! Pages by mail, and what people reply to them.

use super::{address, database_is_down, post};
use reveille_tests::Story;
use reveille_tests::story::Setting;

/// alice is reached by mail alone, and may reply.
pub fn answered_by_mail() -> Story {
    let config = reveille_tests::place::root().join("tests/config");
    let read = |name: &str| std::fs::read_to_string(config.join(name)).unwrap();
    let people = read("people.yaml").replace("  - { kind: ntfy, address: PHONES/alice }\n", "");
    let alerts = read("alerts.yaml").replace("kind: Channel\nid: mail\n", "kind: Channel\nid: mail\nsettings: { replies: true }\n");
    let answers = "kind: Integration\nid: answers\nteam: shop\ninteract: mail-reply\n";
    let documents = vec![("people.yaml".into(), people), ("alerts.yaml".into(), alerts), ("answers.yaml".into(), answers.into())];
    Story::with(Setting { documents, ..Setting::default() })
}

/// Planted bug that this finds: a reply that is believed by its sender alone.
#[test]
fn a_reply_to_a_mail_resolves_where_it_quotes_what_only_she_was_sent() {
    let mut story = answered_by_mail();
    database_is_down(&mut story);
    let mail = story.mail.to("alice@example.org")[0].readable();
    let marks: Vec<&str> = mail.lines().filter(|line| line.starts_with("[reveille:")).take(2).collect();
    assert!(marks.len() == 2 && marks[1].starts_with("[reveille:Resolve:"), "{mail}");
    let url = address(&story);
    let letter = |from: &str, first: &str, quoted: &[&str]| {
        let quoted: String = quoted.iter().flat_map(|line| ["> ", line, "\r\n"]).collect();
        format!("From: Alice <{from}>\r\nTo: reveille@example.org\r\nSubject: Re: pages\r\n\r\n{first}\r\n\r\n{quoted}")
    };
    let send = |story: &mut Story, letter: String| post(story, &url, letter, &[("content-type", "message/rfc822".to_owned())]);
    let (status, answer) = send(&mut story, letter("alice@example.org", "resolve", &[]));
    assert!(
        status == 200 && answer.contains("reply with the text of the mail below your answer"),
        "anybody can write her name: {status} {answer}"
    );
    let (status, answer) = send(&mut story, letter("mallory@example.org", "resolve", &marks));
    assert!(status == 200 && answer.contains("knows nobody by this mail address"), "{status} {answer}");
    assert_eq!(story.incident(1)["status"], "firing");
    let (status, answer) = send(&mut story, letter("Alice@example.org", "Resolve", &marks));
    assert!(status == 200 && answer.contains("Incident 1 is resolved"), "{status} {answer}");
    assert!(story.timeline(1).contains(&"alice resolved it by mail".to_owned()), "{:#?}", story.timeline(1));
}
