//! Browsers that ring: people subscribe them on their page, a fake push service opens what it gets with the browser's own key.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use reveille_tests::browser::{Browser, DESKTOP, PHONE, Size};
use reveille_tests::provider::Provider;
use reveille_tests::push::{self, PushService};
use reveille_tests::story::{MONDAY_NIGHT_MS, Setting};
use serde_json::{Value, json};

const NONE: &[String] = &[];
/// Her browsers first; her phone ten minutes later.
const BROWSERS: &str = "  - { kind: web-push, address: browsers }\n  - { kind: ntfy, address: PHONES/alice, after: 10m }\n";
const CHANNEL: &str = "kind: Channel\nid: web-push\nfollow: true\n---\nkind: Grant\nid: web-push\n";

/// A story in which the server trusts the push service, and alice's contacts are these.
struct Setup {
    story: Story,
    service: Provider<PushService>,
    // The authority's certificate lies in it.
    _trust: tempfile::TempDir,
}

fn set_up(channel: &str, reached: bool) -> Setup {
    let (service, certificate) = push::start(MONDAY_NIGHT_MS / 1000);
    let trust = tempfile::tempdir().unwrap();
    let authority = trust.path().join("authority.pem");
    std::fs::write(&authority, &certificate.authority_pem).unwrap();
    let people = std::fs::read_to_string(reveille_tests::place::root().join("tests/config/people.yaml")).unwrap();
    let before = "  - { kind: ntfy, address: PHONES/alice }\n  - { kind: mail, address: alice@example.org }\n";
    assert!(people.contains(before));
    let mut toml = String::new();
    if reached {
        toml += &format!("[[egress.allow]]\nhost = \"127.0.0.1\"\nports = [{}]\nprivate = true\n", service.address.port());
    }
    toml += &format!("[egress]\nca_file = {:?}\n", authority.display().to_string());
    let mut documents = vec![("people.yaml".into(), people.replace(before, BROWSERS))];
    if !channel.is_empty() {
        documents.push(("push.yaml".into(), channel.to_owned()));
    }
    let story = Story::with(Setting { toml, documents, ..Setting::default() });
    Setup { story, service, _trust: trust }
}

/// Alice's session, as her browser has it.
struct Session {
    cookie: String,
}

impl Session {
    fn of_alice(story: &Story) -> Self {
        let (link, ok) = story.server.cli(&["access", "sign-in", "alice"]);
        assert!(ok, "{link}");
        let answer = story.http.post(link.lines().next().unwrap()).header("origin", story.server.url("")).send().unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        Self { cookie: cookie.split(';').next().unwrap().to_owned() }
    }

    /// Her page.
    fn page(&self, story: &Story) -> String {
        let answer = story.http.get(story.server.url("/me")).header("cookie", &self.cookie).send().unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().unwrap()
    }

    /// What the page's script posts; the status and the answer.
    fn subscribe(&self, story: &mut Story, name: &str, subscription: &Value) -> (u16, String) {
        let csrf = attribute(&self.page(story), "data-csrf");
        let body = json!({ "name": name, "subscription": subscription });
        let request =
            story.http.post(story.server.url("/me/browsers")).header("cookie", &self.cookie).header("origin", story.server.url(""));
        let answer = request.header("x-csrf-token", csrf).json(&body).send().unwrap();
        let answer = (answer.status().as_u16(), answer.text().unwrap());
        story.settle();
        answer
    }
}

/// The value of the first attribute with this name.
fn attribute(page: &str, name: &str) -> String {
    page.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned()
}

impl Setup {
    /// A browser of alice's rings from now on.
    fn ring(&mut self, session: &Session, browser: u8, name: &str) {
        let server = attribute(&session.page(&self.story), "data-push-key");
        let subscription = self.service.with(|service| {
            service.server = server;
            service.subscription(browser)
        });
        let (status, answer) = session.subscribe(&mut self.story, name, &subscription);
        assert_eq!(status, 204, "{answer}");
    }

    fn shown(&self, browser: u8) -> Vec<String> {
        self.service.with(|service| service.shown(browser))
    }

    /// Pages about the database on her phone.
    fn on_the_phone(&self) -> usize {
        self.story.rings("alice").iter().filter(|ring| ring.body.contains("Database is down")).count()
    }
}

fn database_is_down(story: &mut Story) {
    story.victorops("CRITICAL", "db", json!({ "entity_display_name": "Database is down" }));
    story.settle();
}

/// Sealed for her browser and signed by the server that it subscribed to, also after a restart; the button in the notification acts without a
/// sign-in, and the news takes the notification's place. Planted bug that this finds: a new key pair at each
/// start.
#[test]
fn a_browser_wakes_her_and_its_button_acknowledges() {
    let mut setup = set_up(CHANNEL, true);
    let session = Session::of_alice(&setup.story);
    setup.ring(&session, 1, "My phone");
    assert_eq!(setup.shown(1), ["ON CALL Reveille rings here from now on"], "{:?}", setup.service.complaints());
    setup.story.server.kill_and_start();
    database_is_down(&mut setup.story);
    let woken = setup.service.with(|service| service.woken[1].clone());
    assert_eq!((woken.urgency.as_str(), woken.topic.as_str()), ("high", "incident-1"));
    assert_eq!((woken.shown["title"].as_str(), woken.shown["tag"].as_str()), (Some("CRITICAL Database is down"), Some("incident-1")));
    let action = &woken.shown["actions"][0];
    assert_eq!(action["text"], "Acknowledge");
    // As the service worker posts it: no cookie.
    let pressed = setup.story.http.post(action["url"].as_str().unwrap()).send().unwrap();
    assert!(pressed.status().is_redirection(), "{}", pressed.status());
    setup.story.settle();
    let incident = setup.story.incident(1);
    assert_eq!((incident["status"].as_str(), incident["responders"][0].as_str()), (Some("acknowledged"), Some("alice")));
    let opened = setup.story.http.get(woken.shown["url"].as_str().unwrap()).send().unwrap();
    assert_eq!(opened.status(), 200, "a tap opens the page without a sign-in");
    setup.story.pass_minutes(30);
    let news = setup.service.with(|service| service.woken.last().unwrap().clone());
    assert_eq!((news.shown["title"].as_str(), news.urgency.as_str()), (Some("ACKNOWLEDGED Database is down"), "normal"));
    assert_eq!((news.shown["tag"].as_str(), news.shown["loud"].as_bool()), (Some("incident-1"), Some(false)));
    assert_eq!((setup.on_the_phone(), setup.service.complaints().as_slice()), (0, NONE));
    assert!(session.page(&setup.story).contains("rang "), "her page says that it works");
}

/// Her browser unsubscribed: the next contact rings at once and not in ten minutes, it is said, and the browser is not tried again. Planted
/// bug that this finds: a browser that is gone counts as one that did not answer yet, and is tried again.
#[test]
fn a_browser_that_is_gone_makes_her_phone_ring_at_once() {
    let mut setup = set_up(CHANNEL, true);
    let session = Session::of_alice(&setup.story);
    setup.ring(&session, 1, "My phone");
    setup.service.with(|service| service.gone.push(1));
    database_is_down(&mut setup.story);
    assert_eq!((setup.shown(1).len(), setup.on_the_phone()), (1, 1), "{:#?}", setup.story.timeline(1));
    let told = setup.story.timeline(1).join("\n");
    assert!(told.contains("My phone does not ring any more, its subscription is over: the push service answered 410"), "{told}");
    assert!(told.contains("Paging alice by ntfy at once instead"), "{told}");
    assert!(session.page(&setup.story).contains("Does not ring any more since"), "her page says so");
    setup.story.victorops("CRITICAL", "web", json!({}));
    setup.story.settle();
    assert_eq!(setup.service.with(|service| service.turned_away), 1, "it is not tried again");
    let told = setup.story.timeline(2).join("\n");
    assert!(told.contains("has no browser that rings: open http"), "{told}");
    // She rings it anew.
    setup.story.pass_seconds(1);
    setup.service.with(|service| service.gone.clear());
    setup.ring(&session, 1, "My phone");
    assert_eq!(setup.shown(1).len(), 2);
    assert!(!session.page(&setup.story).contains("Does not ring any more"));
}

/// Two browsers; one is gone, one rings: that is enough. Then she takes it away, and it is silent. Planted bug that this finds: the worst
/// result taken for the whole.
#[test]
fn one_browser_that_rings_is_enough() {
    let mut setup = set_up(CHANNEL, true);
    let session = Session::of_alice(&setup.story);
    setup.ring(&session, 1, "My phone");
    setup.ring(&session, 2, "My laptop");
    setup.service.with(|service| service.gone.push(1));
    database_is_down(&mut setup.story);
    assert_eq!(setup.shown(2).last().unwrap(), "CRITICAL Database is down");
    assert_eq!(setup.on_the_phone(), 0, "it is not time yet");
    let told = setup.story.timeline(1).join("\n");
    assert!(told.contains("web-push took the page for alice") && told.contains("My phone does not ring any more"), "{told}");
    let page = session.page(&setup.story);
    let hers = &page[page.find("My laptop").unwrap()..];
    let forget = hers.split("action=\"/me/browsers/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let csrf = attribute(&page, "data-csrf");
    let request = setup.story.http.post(setup.story.server.url(&format!("/me/browsers/{forget}"))).header("cookie", &session.cookie);
    let answer = request.header("origin", setup.story.server.url("")).header("x-csrf-token", csrf).send().unwrap();
    assert!(answer.status().is_redirection(), "{}", answer.status());
    let before = setup.shown(2).len();
    setup.story.victorops("CRITICAL", "web", json!({}));
    setup.story.settle();
    assert_eq!(setup.shown(2).len(), before, "it was taken away");
    assert_eq!(setup.service.complaints(), NONE);
}

/// Without the plugin the host puts the words, and seals them all the same. Planted bug that this finds: plain text to the push service.
#[test]
fn the_hosts_own_words_are_sealed_too() {
    let mut setup = set_up("", true);
    let session = Session::of_alice(&setup.story);
    setup.ring(&session, 1, "My phone");
    database_is_down(&mut setup.story);
    assert_eq!(setup.shown(1).last().unwrap(), "[critical] Database is down");
    assert_eq!(setup.service.complaints(), NONE);
}

/// A subscription leads to a push service over HTTPS that the operator allows, and comes from a page of this server.
#[test]
fn a_subscription_cannot_lead_inside() {
    let mut setup = set_up(CHANNEL, false);
    let session = Session::of_alice(&setup.story);
    let mut subscription = setup.service.with(|service| service.subscription(1));
    let good = subscription.clone();
    subscription["endpoint"] = json!("http://127.0.0.1:1/send/1");
    let (status, problem) = session.subscribe(&mut setup.story, "inside", &subscription);
    assert!(status == 422 && problem.contains("`endpoint` must begin with https://"), "{status} {problem}");
    let url = setup.story.server.url("/me/browsers");
    let forged = setup.story.http.post(url).header("cookie", &session.cookie).header("origin", "https://evil.example");
    assert_eq!(forged.json(&json!({ "name": "theirs", "subscription": good })).send().unwrap().status(), 403);
    // What the operator does not allow is not dialled, and her page says which line is missing.
    let (status, problem) = session.subscribe(&mut setup.story, "My phone", &good);
    assert_eq!(status, 204, "{problem}");
    assert!(session.page(&setup.story).contains("[[egress.allow]]"));
    assert_eq!((setup.shown(1).len(), setup.service.complaints().as_slice()), (0, NONE));
}

/// On a phone: the worker is registered, a push service that cannot be reached is told in words, and what the push service hands on is shown
/// with its buttons. On a desktop: the browser that rings is listed. No push service is in reach of a test, so the browser's own refusal and
/// the handing on are played; the page, the worker and the message are real.
#[test]
fn the_page_says_what_it_can_and_the_worker_shows_what_arrives() {
    let mut setup = set_up(CHANNEL, true);
    let origin = setup.story.server.url("");
    let phone = on_her_page(&setup.story, PHONE);
    phone.sees("None yet.");
    assert!(!phone.scrolls_sideways());
    phone.script(
        "PushManager.prototype.subscribe = () => Promise.reject(new DOMException('Registration failed - push service not available.'))",
    );
    phone.press("Ring this browser");
    phone.sees(
        "This browser could not subscribe at its push service: Registration failed - push service not available. Nothing was changed.",
    );
    phone.picture("me-phone-refused");
    let worker = phone.script("return navigator.serviceWorker.ready.then((worker) => worker.active.scriptURL)");
    assert_eq!(worker, json!(setup.story.server.url("/sw.js")));
    let session = Session::of_alice(&setup.story);
    setup.ring(&session, 1, "My phone");
    database_is_down(&mut setup.story);
    let message = setup.service.with(|service| service.woken.last().unwrap().shown.clone());
    let shown = phone.hand_on(&origin, &message);
    assert_eq!((shown["title"].as_str(), shown["tag"].as_str()), (Some("CRITICAL Database is down"), Some("incident-1")));
    assert_eq!((shown["actions"][0].as_str(), shown["actions"][1].as_str()), (Some("Acknowledge"), Some("Resolve")));
    assert_eq!(shown["url"], message["url"], "a tap opens the message's link");
    assert!(phone.console_errors().is_empty(), "{:?}", phone.console_errors());
    let desktop = on_her_page(&setup.story, DESKTOP);
    desktop.sees("My phone");
    desktop.sees("rang ");
    desktop.picture("me-desktop");
    assert!(!desktop.scrolls_sideways());
    assert!(desktop.console_errors().is_empty(), "{:?}", desktop.console_errors());
}

fn on_her_page(story: &Story, size: Size) -> Browser {
    let browser = Browser::open(size, false);
    let (link, ok) = story.server.cli(&["access", "sign-in", "alice"]);
    assert!(ok, "{link}");
    browser.go(link.lines().next().unwrap());
    browser.press("Sign in as Alice Rossi");
    browser.allow_notifications(&story.server.url(""));
    browser.go(&story.server.url("/me"));
    browser
}
