//! A page by every channel, and what comes back: the fake providers check what the vendors document.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::provider::Provider;
use reveille_tests::server::Options;
use reveille_tests::story::{MONDAY_NIGHT_MS, Setting};
use reveille_tests::twilio::{self, Gateway, Sent};
use reveille_tests::{Story, discord, mattermost, opsgenie, pagerduty, teams, telegram};
use serde_json::{Value, json};
use std::net::SocketAddr;

#[path = "channels/aggregated.rs"]
mod aggregated;
#[path = "channels/mail.rs"]
mod mail;

const NOW: i64 = MONDAY_NIGHT_MS / 1000;
const ALICE: &str = "+393331234567";
const NONE: &[String] = &[];

/// What a story about a channel is set up with.
struct Channel<'a> {
    plugin: &'a str,
    /// YAML of the channel's settings; `ADDRESS` is where the provider is.
    settings: &'a str,
    provider: SocketAddr,
    /// Names and values.
    secrets: &'a [(&'a str, &'a str)],
    /// Names, values and algorithms.
    keys: &'a [(&'a str, &'a str, &'a str)],
    /// The contacts that replace alice's.
    alice: &'a str,
}

impl Channel<'_> {
    /// alice is reached by this channel. Where the settings hold `http://KEY`, the address of the integration is told once it is known.
    fn story(&self) -> Story {
        let people = std::fs::read_to_string(reveille_tests::place::root().join("tests/config/people.yaml")).unwrap();
        let before = "  - { kind: ntfy, address: PHONES/alice }\n  - { kind: mail, address: alice@example.org }\n";
        assert!(people.contains(before));
        let people = people.replace(before, self.alice);
        let settings = self.settings.replace("ADDRESS", &format!("http://{}", self.provider));
        let plugin = self.plugin;
        let names = |names: Vec<&str>| names.join(", ");
        let mut documents = format!("kind: Channel\nid: {plugin}\nfollow: true\nsettings: {settings}\n---\nkind: Grant\nid: {plugin}\n");
        documents += &format!("secrets: [{}]\n", names(self.secrets.iter().map(|(name, _)| *name).collect()));
        documents += &format!("keys: [{}]\n", names(self.keys.iter().map(|(name, ..)| *name).collect()));
        if !self.keys.is_empty() {
            documents +=
                &format!("---\nkind: Integration\nid: answers\nteam: shop\ninteract:\n  plugin: {plugin}\n  settings: {settings}\n");
        }
        let port = self.provider.port();
        let mut toml = format!("[[egress.allow]]\nhost = \"127.0.0.1\"\nports = [{port}]\nprivate = true\nplugins = [\"{plugin}\"]\n");
        let mut environment = Vec::new();
        for (name, value) in self.secrets {
            toml += &format!("[secrets.{name}]\nenv = \"{}\"\nhosts = [\"127.0.0.1\"]\n", variable(name));
            environment.push((variable(name), (*value).to_owned()));
        }
        for (name, value, algorithm) in self.keys {
            toml += &format!("[keys.{name}]\nenv = \"{}\"\nalgorithms = [\"{algorithm}\"]\n", variable(name));
            environment.push((variable(name), (*value).to_owned()));
        }
        let documents = vec![("people.yaml".into(), people), ("channel.yaml".into(), documents)];
        let options = Options { environment, ..Options::default() };
        let story = Story::with(Setting { options, toml, documents, ..Setting::default() });
        if self.settings.contains("KEY") {
            let file = story.server.dir.join("config/channel.yaml");
            let told = std::fs::read_to_string(&file).unwrap().replace("http://KEY", &address(&story));
            std::fs::write(file, told).unwrap();
            let (said, ok) = story.server.cli(&["config", "apply", story.server.dir.join("config").to_str().unwrap()]);
            assert!(ok, "{said}");
        }
        story
    }
}

fn variable(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

/// The integration's address.
fn address(story: &Story) -> String {
    story.server.url(&format!("/in/{}", story.server.key("answers")))
}

/// Posts to the server; the status and the answer.
fn post(story: &mut Story, url: &str, body: String, headers: &[(&str, String)]) -> (u16, String) {
    let request = headers.iter().fold(story.http.post(url).body(body), |request, (name, value)| request.header(*name, value));
    let response = request.send().unwrap();
    let answer = (response.status().as_u16(), response.text().unwrap());
    story.settle();
    answer
}

fn database_is_down(story: &mut Story) {
    story.victorops("CRITICAL", "db", json!({ "entity_display_name": "Database is down" }));
    story.settle();
}

// SMS, calls, WhatsApp.

fn with_a_phone(alice: &str) -> (Story, Provider<Gateway>) {
    let gateway = twilio::start();
    let settings = format!(
        "{{ api: ADDRESS, account: {}, url: \"http://KEY\", from: {{ sms: \"+15005550006\", voice: \"+15005550006\", whatsapp: \"+14155238886\" }} }}",
        twilio::ACCOUNT
    );
    let channel = Channel {
        plugin: "twilio",
        settings: &settings,
        provider: gateway.address,
        secrets: &[("twilio-token", twilio::TOKEN)],
        keys: &[("twilio-signing", twilio::TOKEN, "hmac-sha1")],
        alice,
    };
    (channel.story(), gateway)
}

/// The gateway posts these fields to a path of the integration, as it signs them.
fn gateway_posts(story: &mut Story, url: &str, fields: &[(&str, &str)], token: &str) -> (u16, String) {
    let (body, headers) = twilio::posted(url, fields, token);
    post(story, url, body, &headers)
}

fn reply(story: &mut Story, from: &str, text: &str) -> (u16, String) {
    let url = address(story);
    let fields = [("MessageSid", "SM0b"), ("From", from), ("To", "+15005550006"), ("Body", text), ("NumMedia", "0")];
    gateway_posts(story, &url, &fields, twilio::TOKEN)
}

fn messages(gateway: &Provider<Gateway>) -> Vec<Sent> {
    gateway.with(|gateway| gateway.messages.clone())
}

#[test]
fn a_text_message_wakes_her_and_her_reply_acknowledges() {
    let (mut story, gateway) = with_a_phone("  - { kind: sms, address: \"+393331234567\" }\n");
    database_is_down(&mut story);
    let sent = messages(&gateway);
    assert_eq!((sent.len(), gateway.complaints().as_slice()), (1, NONE));
    assert_eq!((sent[0].to.as_str(), sent[0].from.as_str()), (ALICE, "+15005550006"));
    assert_eq!(sent[0].said, "CRITICAL Database is down\nReply A1 to ack, R1 to resolve");
    let (status, answer) = reply(&mut story, ALICE, "a1");
    assert!(status == 200 && answer.contains("<Message>Incident 1 is acknowledged</Message>"), "{status} {answer}");
    assert_eq!((story.incident(1)["status"].as_str(), story.incident(1)["responders"][0].as_str()), (Some("acknowledged"), Some("alice")));
    assert!(story.timeline(1).contains(&"alice acknowledged by sms".to_owned()), "{:#?}", story.timeline(1));
    story.pass_minutes(30);
    assert!(story.rings("bob").is_empty(), "somebody is on it");
    assert_eq!(gateway.complaints(), NONE);
}

/// Another token, a text of a stranger's number, and a text that says nothing.
#[test]
fn a_text_that_the_gateway_did_not_sign_or_that_nobody_understands_changes_nothing() {
    let (mut story, _gateway) = with_a_phone("  - { kind: sms, address: \"+393331234567\" }\n");
    database_is_down(&mut story);
    let url = address(&story);
    let fields = [("From", ALICE), ("To", "+15005550006"), ("Body", "A1")];
    let (status, problem) = gateway_posts(&mut story, &url, &fields, "another token");
    assert!(status == 400 && problem.contains("its signature does not fit"), "{status} {problem}");
    // Signed for another address than it is posted to.
    let (body, headers) = twilio::posted(&format!("{url}/digits?incidents=1"), &fields, twilio::TOKEN);
    assert_eq!(post(&mut story, &format!("{url}/digits?incidents=2"), body, &headers).0, 400);
    let (status, answer) = reply(&mut story, "+393330000000", "A1");
    assert!(status == 200 && answer.contains("knows nobody by this number"), "{status} {answer}");
    let (status, answer) = reply(&mut story, ALICE, "what?");
    assert!(status == 200 && answer.contains("Not understood. Reply A7 to acknowledge incident 7"), "{status} {answer}");
    assert_eq!(story.incident(1)["status"], "firing");
    story.pass_minutes(5);
    let about = story.rings("bob").into_iter().filter(|ring| ring.body.contains("Database is down"));
    assert_eq!(about.count(), 1, "the paging went on");
}

#[test]
fn a_call_reads_the_incident_and_six_resolves_it() {
    let (mut story, gateway) = with_a_phone("  - { kind: voice, address: \"+393331234567\" }\n");
    database_is_down(&mut story);
    let call = gateway.with(|gateway| gateway.calls[0].clone());
    assert!(
        call.said.contains("This is Reveille. Critical: Database is down. Incident 1. Press 4 to acknowledge, or 6 to resolve."),
        "{}",
        call.said
    );
    let action = call.said.split("action=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let press = |digits: &'static str| {
        [("CallSid", "CA01"), ("From", "+15005550006"), ("To", ALICE), ("CallStatus", "in-progress"), ("Digits", digits)]
    };
    let (status, answer) = gateway_posts(&mut story, &action, &press("5"), twilio::TOKEN);
    assert!(status == 200 && answer.contains("That key does nothing.") && answer.contains("<Gather"), "{status} {answer}");
    assert_eq!(story.incident(1)["status"], "firing");
    let (status, answer) = gateway_posts(&mut story, &action, &press("6"), twilio::TOKEN);
    assert!(status == 200 && answer.contains("Incident 1 is resolved. Goodbye."), "{status} {answer}");
    assert_eq!(story.incident(1)["status"], "resolved");
    assert!(story.timeline(1).contains(&"alice resolved it by voice".to_owned()), "{:#?}", story.timeline(1));
    assert_eq!(gateway.complaints(), NONE);
}

#[test]
fn a_text_that_did_not_arrive_makes_the_telephone_ring_at_once() {
    let contacts = "  - { kind: sms, address: \"+393331234567\" }\n  - { kind: voice, address: \"+393331234567\", after: 10m }\n";
    let (mut story, gateway) = with_a_phone(contacts);
    database_is_down(&mut story);
    assert_eq!(gateway.with(|gateway| gateway.calls.len()), 0, "the call is for later");
    let sent = messages(&gateway)[0].clone();
    let callback = sent.callback.clone().unwrap();
    let receipt = |story: &mut Story, status: &str| {
        let fields = [("MessageSid", sent.sid.as_str()), ("MessageStatus", status), ("ErrorCode", "30005")];
        gateway_posts(story, &callback, &fields, twilio::TOKEN).0
    };
    assert_eq!(receipt(&mut story, "sent"), 200);
    assert_eq!(gateway.with(|gateway| gateway.calls.len()), 0, "on its way is no news");
    assert_eq!(receipt(&mut story, "undelivered"), 200);
    assert_eq!(gateway.with(|gateway| gateway.calls.len()), 1, "the next contact at once: {:#?}", story.timeline(1));
    let told = story.timeline(1);
    assert!(
        told.iter().any(|line| line.contains("sms could not reach alice after all: the gateway says undelivered (30005)")),
        "{told:#?}"
    );
}

/// The gateway says that a text did not arrive: one incident about the channel, however often it says so and over a restart, until a quarter of
/// an hour later one arrives. Planted bugs: only what failed at once or stayed silent was told; and a server that had started anew forgot that
/// the incident was open and never ended it.
#[test]
fn a_gateway_that_reports_failures_is_one_incident_until_a_text_arrives() {
    let (mut story, gateway) = with_a_phone("  - { kind: sms, address: \"+393331234567\" }\n");
    let by_host = |story: &Story| -> Vec<(String, String)> {
        let all = story.api("incidents");
        let own = all["items"].as_array().unwrap().iter().filter(|i| i["team"] == "");
        let words = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        own.map(|incident| (words(&incident["title"]), words(&incident["status"]))).collect()
    };
    let newest_text_of = |gateway: &Provider<Gateway>, entity: &str| {
        messages(gateway).iter().rfind(|sent| sent.said.contains(entity)).cloned().unwrap_or_else(|| panic!("a text about {entity}"))
    };
    let report = |story: &mut Story, sent: &Sent, status: &str| {
        let fields = [("MessageSid", sent.sid.as_str()), ("MessageStatus", status), ("ErrorCode", "30005")];
        assert_eq!(gateway_posts(story, sent.callback.as_ref().unwrap(), &fields, twilio::TOKEN).0, 200);
    };
    for entity in ["db-one", "db-two"] {
        story.victorops("CRITICAL", entity, json!({ "entity_display_name": entity }));
        story.settle();
        let sent = newest_text_of(&gateway, entity);
        report(&mut story, &sent, "undelivered");
        story.pass_seconds(90);
    }
    let failing = ("Pages by sms cannot be delivered".to_owned(), "firing".to_owned());
    assert_eq!(by_host(&story), [failing], "one, not two");
    for id in 1..=3 {
        story.api_post(&format!("incidents/{id}/acknowledge"), &json!({}));
    }
    story.server.kill_and_start();
    story.pass_minutes(16);
    story.victorops("CRITICAL", "db-three", json!({ "entity_display_name": "db-three" }));
    story.settle();
    let sent = newest_text_of(&gateway, "db-three");
    report(&mut story, &sent, "delivered");
    story.settle();
    assert_eq!(by_host(&story), [("Pages by sms cannot be delivered".to_owned(), "resolved".to_owned())]);
}

#[test]
fn a_busy_gateway_is_asked_again_and_a_number_that_cannot_be_is_not() {
    let contacts =
        format!("  - {{ kind: sms, address: \"{}\" }}\n  - {{ kind: whatsapp, address: \"{ALICE}\", after: 10m }}\n", twilio::INVALID);
    let (mut story, gateway) = with_a_phone(&contacts);
    gateway.with(|gateway| gateway.busy = 1);
    database_is_down(&mut story);
    assert!(messages(&gateway).is_empty(), "429: not yet");
    story.pass_seconds(30);
    // Another incident says that texts cannot be delivered.
    let sent: Vec<Sent> = messages(&gateway).into_iter().filter(|sent| sent.said.contains("Database is down")).collect();
    assert_eq!(sent.len(), 1, "{:#?}", story.timeline(1));
    assert_eq!(
        (sent[0].to.as_str(), sent[0].from.as_str()),
        ("whatsapp:+393331234567", "whatsapp:+14155238886"),
        "the next contact at once"
    );
    assert!(story.timeline(1).iter().any(|line| line.contains("is not a valid phone number (21211)")), "{:#?}", story.timeline(1));
    let (status, _) = reply(&mut story, "whatsapp:+393331234567", "r1");
    assert_eq!((status, story.incident(1)["status"].as_str()), (200, Some("resolved")));
    assert_eq!(gateway.complaints(), NONE);
}

// Chats.

#[test]
fn a_teams_card_has_what_is_wrong_and_buttons_that_open_the_answer() {
    let teams = teams::start();
    let secret = format!("{}/workflows/abc/triggers/manual/paths/invoke?sig=s3cr3t", teams.url());
    let channel = Channel {
        plugin: "chat-teams",
        settings: "{}",
        provider: teams.address,
        secrets: &[("teams-hook", &secret)],
        keys: &[],
        alice: "  - { kind: teams, address: \"{{secret:teams-hook}}\" }\n",
    };
    let mut story = channel.story();
    database_is_down(&mut story);
    assert_eq!(teams.complaints(), NONE);
    let card = teams.with(|workflow| workflow.cards[0].clone());
    assert!(card["fallbackText"].as_str().unwrap().contains("[CRITICAL] Database is down"), "{card}");
    let buttons = teams::buttons(&card);
    let titles: Vec<&str> = buttons.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(titles, ["Acknowledge", "Resolve", "Snooze 30 min", "Open the incident"]);
    let link = buttons[0].1.trim_end_matches("/acknowledge");
    assert_eq!(story.press(link, "acknowledge"), 303);
    story.settle();
    assert_eq!(story.incident(1)["status"], "acknowledged");
    let news = teams.with(|workflow| workflow.cards.last().cloned().unwrap());
    assert!(
        news["fallbackText"].as_str().unwrap().starts_with("[ACKNOWLEDGED]"),
        "a workflow's card cannot be edited, so another says it: {news}"
    );
    assert_eq!(teams.complaints(), NONE);
}

#[test]
fn a_mattermost_button_acknowledges_and_the_post_says_so() {
    let chat = mattermost::start();
    let settings = format!("{{ server: ADDRESS, bot: {}, url: \"http://KEY\" }}", mattermost::BOT);
    let channel = Channel {
        plugin: "chat-mattermost",
        settings: &settings,
        provider: chat.address,
        secrets: &[("mattermost-token", mattermost::TOKEN)],
        keys: &[("mattermost-signing", "a key of ours", "hmac-sha256")],
        alice: &format!("  - {{ kind: mattermost, address: {} }}\n", mattermost::ALICE),
    };
    let mut story = channel.story();
    database_is_down(&mut story);
    assert_eq!(chat.complaints(), NONE);
    let post_of = || chat.with(|posts| posts.0[0].clone());
    assert!(post_of().message.contains("Database is down"), "{:?}", post_of());
    let json = [("content-type", "application/json".to_owned())];
    // A context that was made up, and the right one of the wrong person.
    let (url, mut forged) = mattermost::pressed(&post_of(), mattermost::ALICE, 0);
    forged["context"]["proof"] = json!("00".repeat(32));
    let (status, problem) = post(&mut story, &url, forged.to_string(), &json);
    assert!(status == 400 && problem.contains("its signature does not fit"), "{status} {problem}");
    let (url, strange) = mattermost::pressed(&post_of(), "strangestrangestrangestran", 0);
    let (status, answer) = post(&mut story, &url, strange.to_string(), &json);
    assert!(status == 200 && answer.contains("knows nobody by this Mattermost account"), "{status} {answer}");
    assert_eq!(story.incident(1)["status"], "firing");
    let (url, press) = mattermost::pressed(&post_of(), mattermost::ALICE, 0);
    let (status, answer) = post(&mut story, &url, press.to_string(), &json);
    assert!(status == 200 && answer.contains("Incident 1 is acknowledged"), "{status} {answer}");
    assert_eq!(story.incident(1)["responders"][0], "alice");
    // What was refused made another incident.
    let about = chat.with(|posts| posts.0.iter().filter(|post| post.message.contains("Database is down")).count());
    assert_eq!((about, post_of().edits), (1, 1), "the post is edited, not sent again");
    assert!(post_of().buttons().is_empty() && post_of().message.contains("Acknowledged by Alice Rossi"), "{:?}", post_of());
    assert_eq!(chat.complaints(), NONE);
}

#[test]
fn a_discord_button_resolves_and_a_wrong_signature_is_answered_401() {
    let chat = discord::start();
    let channel = Channel {
        plugin: "chat-discord",
        settings: "{ api: ADDRESS/api/v10 }",
        provider: chat.address,
        secrets: &[("discord-token", discord::TOKEN)],
        keys: &[("discord-public", &discord::public_key(), "ed25519")],
        alice: &format!("  - {{ kind: discord, address: \"{}\" }}\n", discord::ALICE),
    };
    let mut story = channel.story();
    database_is_down(&mut story);
    assert_eq!(chat.complaints(), NONE);
    let message = chat.with(|messages| messages.0[0].clone());
    assert!(message.body["content"].as_str().unwrap().contains("Database is down"), "{message:?}");
    let url = address(&story);
    let ping = json!({ "type": 1 }).to_string();
    let mut headers = discord::signed(&ping, NOW);
    let (status, pong) = post(&mut story, &url, ping.clone(), &headers);
    assert_eq!((status, serde_json::from_str::<Value>(&pong).unwrap()), (200, json!({ "type": 1 })));
    headers[1].1 = (NOW + 1).to_string();
    assert_eq!(post(&mut story, &url, ping, &headers).0, 401, "Discord tries this before it takes an address");
    let press = discord::pressed(&message, discord::ALICE, 1);
    let mut forged = discord::signed(&press, NOW);
    forged[2].1 = "00".repeat(64);
    assert_eq!(post(&mut story, &url, press.clone(), &forged).0, 401);
    let old = discord::signed(&press, NOW - 301);
    assert_eq!(post(&mut story, &url, press.clone(), &old).0, 401, "an old request that somebody kept");
    assert_eq!(story.incident(1)["status"], "firing");
    let (status, answer) = post(&mut story, &url, press.clone(), &discord::signed(&press, NOW));
    assert!(status == 200 && answer.contains("Incident 1 is resolved"), "{status} {answer}");
    assert_eq!(story.incident(1)["status"], "resolved");
    let after = chat.with(|messages| messages.0[0].clone());
    assert_eq!((after.edits, after.buttons().len()), (1, 0), "{after:?}");
    assert_eq!(chat.complaints(), NONE);
}

#[test]
fn a_telegram_button_acknowledges_and_the_message_follows_what_others_do() {
    let chat = telegram::start();
    let channel = Channel {
        plugin: "chat-telegram",
        settings: "{ api: ADDRESS }",
        provider: chat.address,
        secrets: &[("telegram-token", telegram::TOKEN)],
        keys: &[("telegram-signing", telegram::KEY, "hmac-sha256")],
        alice: &format!("  - {{ kind: telegram, address: \"{}\" }}\n", telegram::ALICE),
    };
    let mut story = channel.story();
    database_is_down(&mut story);
    assert_eq!(chat.complaints(), NONE);
    let message = || chat.with(|messages| messages.0[0].clone());
    assert!(message().text().contains("[CRITICAL] Database is down"), "{:?}", message());
    let url = address(&story);
    let press = telegram::pressed(&message(), telegram::ALICE, 0).to_string();
    let headers = |token: String| [("content-type", "application/json".to_owned()), ("x-telegram-bot-api-secret-token", token)];
    assert_eq!(post(&mut story, &url, press.clone(), &headers("00".repeat(32))).0, 400, "not Telegram");
    let (status, answer) = post(&mut story, &url, press, &headers(telegram::secret_token()));
    let call: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (status, call["method"].as_str(), call["text"].as_str()),
        (200, Some("answerCallbackQuery"), Some("Incident 1 is acknowledged"))
    );
    assert_eq!(story.incident(1)["responders"][0], "alice");
    assert_eq!((message().edits, message().buttons().len()), (1, 0));
    // What comes from elsewhere is told too: here the tool that sent the alert says that it is over.
    story.victorops("RECOVERY", "db", json!({}));
    story.settle();
    assert!(message().edits == 2 && message().text().contains("[RESOLVED]"), "{:?}", message());
    let about = chat.with(|messages| messages.0.iter().filter(|message| message.text().contains("Database is down")).count());
    assert_eq!((about, chat.complaints().as_slice()), (1, NONE));
}

// Forwarding.

/// Planted bug that this finds: the note of the news deleted in a transaction of its own, before the messages are queued.
#[test]
fn an_incident_is_opened_at_pagerduty_and_follows_what_happens_here() {
    let service = pagerduty::start();
    let channel = Channel {
        plugin: "pagerduty",
        settings: "{ api: ADDRESS }",
        provider: service.address,
        secrets: &[("pagerduty-shop", pagerduty::KEY)],
        keys: &[],
        alice: "  - { kind: pagerduty, address: \"{{secret:pagerduty-shop}}\" }\n",
    };
    let mut story = channel.story();
    database_is_down(&mut story);
    let there = || service.with(|service| service.incidents.get("reveille-1").cloned()).unwrap();
    assert_eq!(
        (there().summary.as_str(), there().severity.as_str(), there().status.as_str()),
        ("Database is down", "critical", "triggered")
    );
    // The server dies between the acknowledgement and the message about it.
    story.server.sim(&json!({ "fail": "news.after.commit", "action": "kill" }));
    let acknowledge = story.http.post(story.server.url("/api/v1/incidents/1/acknowledge")).bearer_auth(story.server.token());
    let _ = acknowledge.json(&json!({})).send();
    story.server.kill_and_start();
    story.settle();
    assert_eq!((there().status.as_str(), there().events), ("acknowledged", 2), "told once: {:#?}", story.timeline(1));
    story.victorops("RECOVERY", "db", json!({}));
    story.settle();
    assert_eq!((there().status.as_str(), there().events), ("resolved", 3), "{:#?}", story.timeline(1));
    assert_eq!(service.complaints(), NONE);
}

#[test]
fn an_alert_is_created_at_opsgenie_and_closed_when_it_is_over() {
    let account = opsgenie::start();
    let channel = Channel {
        plugin: "opsgenie",
        settings: "{ api: ADDRESS }",
        provider: account.address,
        secrets: &[("opsgenie-shop", opsgenie::KEY)],
        keys: &[],
        alice: "  - { kind: opsgenie, address: \"{{secret:opsgenie-shop}}\" }\n",
    };
    let mut story = channel.story();
    database_is_down(&mut story);
    let there = || account.with(|account| account.alerts.get("reveille-1").cloned()).unwrap();
    assert_eq!((there().message.as_str(), there().priority.as_str(), there().status.as_str()), ("Database is down", "P1", "open"));
    assert_eq!(story.api_post("incidents/1/acknowledge", &json!({})).0, 200);
    story.settle();
    assert_eq!(there().status, "acknowledged");
    assert_eq!(story.api_post("incidents/1/unacknowledge", &json!({})).0, 200);
    story.settle();
    assert_eq!(there().status, "open", "nobody is on it any more");
    story.victorops("RECOVERY", "db", json!({}));
    story.settle();
    assert_eq!((there().status.as_str(), account.complaints().as_slice()), ("closed", NONE));
}
