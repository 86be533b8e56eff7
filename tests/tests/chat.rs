//! A page in a chat, and the button that answers it: the fake Slack checks what Slack documents.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use reveille_tests::server::Options;
use reveille_tests::slack::{Posted, SIGNING_SECRET, Slack, TOKEN, pressed};
use reveille_tests::story::{MONDAY_NIGHT_MS, Setting};
use serde_json::{Value, json};

const NOW: i64 = MONDAY_NIGHT_MS / 1000;
const ALICE: &str = "U2CERLKJA";

/// alice is paged in Slack.
fn in_slack() -> (Story, Slack) {
    let slack = Slack::start();
    let config = reveille_tests::place::root().join("tests/config");
    let people = std::fs::read_to_string(config.join("people.yaml")).unwrap();
    let people = people.replace("{ kind: ntfy, address: PHONES/alice }", &format!("{{ kind: slack, address: {ALICE} }}"));
    let settings = format!("{{ api: \"http://{}/api\" }}", slack.address);
    let chat = format!(
        "kind: Channel\nid: chat-slack\nsettings: {settings}\n---\nkind: Integration\nid: shop-slack\nteam: shop\ninteract:\n  plugin: chat-slack\n  settings: {settings}\n---\nkind: Grant\nid: chat-slack\nsecrets: [slack-token]\nkeys: [slack-signing]\n"
    );
    let toml = format!(
        "[[egress.allow]]\nhost = \"127.0.0.1\"\nports = [{}]\nprivate = true\nplugins = [\"chat-slack\"]\n[secrets.slack-token]\nenv = \"SLACK_TOKEN\"\nhosts = [\"127.0.0.1\"]\n[keys.slack-signing]\nenv = \"SLACK_SIGNING\"\nalgorithms = [\"hmac-sha256\"]\n",
        slack.address.port()
    );
    let environment = [("SLACK_TOKEN", TOKEN), ("SLACK_SIGNING", SIGNING_SECRET)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options = Options { environment: environment.into(), ..Options::default() };
    let documents = vec![("people.yaml".into(), people), ("chat.yaml".into(), chat)];
    let mut story = Story::with(Setting { options, toml, documents, ..Setting::default() });
    story.victorops("CRITICAL", "db", json!({ "entity_display_name": "Database is down" }));
    story.settle();
    (story, slack)
}

/// Presses a button as Slack would tell; the status and the answer.
fn press(story: &mut Story, message: &Posted, user: &str, at: i64, secret: &str) -> (u16, Value) {
    let (body, headers) = pressed(message, user, 0, at, secret);
    let url = story.server.url(&format!("/in/{}", story.server.key("shop-slack")));
    let mut request = story.http.post(url).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response = request.send().unwrap();
    let answer = (response.status().as_u16(), serde_json::from_str(&response.text().unwrap()).unwrap_or(Value::Null));
    story.settle();
    answer
}

#[test]
fn a_pressed_button_acknowledges_and_the_message_says_so() {
    let (mut story, slack) = in_slack();
    assert_eq!(slack.complaints(), Vec::<String>::new());
    let message = slack.posted()[0].clone();
    assert_eq!(message.to, ALICE);
    assert!(message.text.contains("Database is down"), "{}", message.text);
    let buttons: Vec<String> = message.buttons().into_iter().map(|(text, ..)| text).collect();
    assert_eq!(buttons, ["Acknowledge", "Resolve", "Snooze 30 min"]);
    assert!(message.buttons().iter().all(|(_, _, token)| token.len() <= 40));
    let (status, answer) = press(&mut story, &message, ALICE, NOW, SIGNING_SECRET);
    assert_eq!((status, answer["text"].as_str()), (200, Some("incident 1 is acknowledged")));
    assert_eq!((story.incident(1)["status"].as_str(), story.incident(1)["responders"][0].as_str()), (Some("acknowledged"), Some("alice")));
    assert!(story.timeline(1).contains(&"alice acknowledged by slack".to_owned()), "{:#?}", story.timeline(1));
    let after = slack.posted();
    assert_eq!((after.len(), after[0].edits), (1, 1), "the message is edited, not sent again");
    assert!(after[0].buttons().is_empty() && after[0].text.contains("alice: incident 1 is acknowledged"), "{}", after[0].text);
    story.pass_minutes(30);
    assert!(story.rings("bob").is_empty(), "somebody is on it");
    // Slack tries again what was not answered in time: nothing is done twice.
    let lines = story.timeline(1).len();
    assert_eq!(story.api_post("incidents/1/unacknowledge", &json!({})).0, 200);
    let (status, _) = press(&mut story, &message, ALICE, NOW, SIGNING_SECRET);
    assert_eq!(status, 400, "half an hour later it is a replay");
    assert_eq!(story.incident(1)["status"], "firing");
    assert!(story.timeline(1).len() > lines);
    assert_eq!(slack.complaints(), Vec::<String>::new());
}

/// Another key, an old request, one from the future, and an old one with a new time stamp.
#[test]
fn what_slack_did_not_sign_just_now_changes_nothing() {
    let (mut story, slack) = in_slack();
    let message = slack.posted()[0].clone();
    for (at, secret, why) in [
        (NOW, "another secret", "its signature does not fit"),
        (NOW - 301, SIGNING_SECRET, "more than five minutes away"),
        (NOW + 301, SIGNING_SECRET, "more than five minutes away"),
    ] {
        let (status, problem) = press(&mut story, &message, ALICE, at, secret);
        assert_eq!(status, 400);
        assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
    }
    let (body, mut headers) = pressed(&message, ALICE, 0, NOW - 301, SIGNING_SECRET);
    headers[1].1 = NOW.to_string();
    let url = story.server.url(&format!("/in/{}", story.server.key("shop-slack")));
    let mut request = story.http.post(url).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    assert_eq!(request.send().unwrap().status(), 400, "an old request with a new time stamp");
    story.settle();
    assert_eq!(story.incident(1)["status"], "firing");
    let (said, _) = story.server.cli(&["deadletter", "list"]);
    assert!(said.contains("this does not come from Slack"), "{said}");
}

#[test]
fn a_stranger_is_told_so_and_the_paging_goes_on() {
    let (mut story, slack) = in_slack();
    let message = slack.posted()[0].clone();
    let (status, answer) = press(&mut story, &message, "U0STRANGE1", NOW, SIGNING_SECRET);
    assert_eq!((status, answer["response_type"].as_str()), (200, Some("ephemeral")));
    assert!(answer["text"].as_str().unwrap().contains("knows nobody by this Slack account"), "{answer}");
    assert_eq!(story.incident(1)["status"], "firing");
    story.pass_minutes(5);
    assert_eq!(story.rings("bob").len(), 1);
}

/// A message about three incidents has one button, and the message says that all three are answered.
#[test]
fn one_button_acknowledges_all_of_a_message() {
    let (mut story, slack) = in_slack();
    let file = story.server.dir.join("config/people.yaml");
    let told = std::fs::read_to_string(&file).unwrap().replace("default_policy: shop\n---", "default_policy: shop\naggregate: true\n---");
    std::fs::write(file, told).unwrap();
    let (said, ok) = story.server.cli(&["config", "apply", story.server.dir.join("config").to_str().unwrap()]);
    assert!(ok, "{said}");
    for entity in ["web", "queue", "cache"] {
        story.victorops("CRITICAL", entity, json!({ "entity_display_name": format!("{entity} is down") }));
        story.settle();
    }
    let message = slack.posted()[3].clone();
    let buttons: Vec<String> = message.buttons().into_iter().map(|(text, ..)| text).collect();
    assert_eq!(buttons, ["Acknowledge all 3"]);
    let (status, answer) = press(&mut story, &message, ALICE, NOW, SIGNING_SECRET);
    assert_eq!((status, answer["text"].as_str()), (200, Some("3 incidents are acknowledged: #2, #3, #4")));
    assert_eq!(story.incident(1)["status"], "firing", "its message was another one");
    let line = "alice acknowledged by slack from the slack message about #2, #3, #4".to_owned();
    assert!((2..=4).all(|id| story.timeline(id).contains(&line)), "{:#?}", story.timeline(3));
    let after = slack.posted()[3].clone();
    assert_eq!(after.edits, 1, "edited once, not once for each");
    assert!(after.text.contains("alice: 3 incidents are acknowledged"), "{}", after.text);
    assert_eq!(slack.complaints(), Vec::<String>::new());
}
