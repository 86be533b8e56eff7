//! Who may do what, through the release program.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use serde_json::{Value, json};

#[test]
fn nothing_is_open_without_a_credential() {
    let story = Story::two_people();
    for path in ["/api/v1/incidents", "/api/v1/config", "/api/v1/audit", "/api/v1/decisions", "/api/v1/plugins"] {
        let answer = story.http.get(story.server.url(path)).send().unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    let page = story.http.get(story.server.url("/")).send().unwrap();
    assert!(page.status().is_redirection(), "pages lead to the sign-in: {}", page.status());
}

#[test]
fn a_team_sees_its_own_incidents_only() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    let (secret, ok) = story.server.cli(&["access", "token", "carol", "--scope", "respond"]);
    assert!(ok, "{secret}");
    let carol = |path: &str| story.http.get(story.server.url(path)).bearer_auth(secret.trim()).send().unwrap();
    let list: Value = carol("/api/v1/incidents").json().unwrap();
    assert!(list["items"].as_array().unwrap().is_empty(), "carol is not of the shop: {list}");
    assert_eq!(carol("/api/v1/incidents/1").status(), 404, "not even that it exists");
    let acked =
        story.http.post(story.server.url("/api/v1/incidents/1/acknowledge")).bearer_auth(secret.trim()).json(&json!({})).send().unwrap();
    assert_eq!(acked.status(), 404);
    assert_eq!(carol("/api/v1/config").status(), 403);
}

#[test]
fn a_read_token_changes_nothing_and_a_withdrawn_one_opens_nothing() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    let (secret, ok) = story.server.cli(&["access", "token", "bob", "--scope", "read"]);
    assert!(ok, "{secret}");
    let secret = secret.trim();
    let acked = story.http.post(story.server.url("/api/v1/incidents/1/acknowledge")).bearer_auth(secret).json(&json!({})).send().unwrap();
    assert_eq!(acked.status(), 403);
    let (tokens, _) = story.server.cli(&["access", "tokens", "--json"]);
    let tokens: Value = serde_json::from_str(&tokens).unwrap();
    let id = tokens["items"].as_array().unwrap().iter().find(|t| t["user"] == "bob").unwrap()["id"].as_str().unwrap().to_owned();
    let (said, ok) = story.server.cli(&["access", "withdraw-token", &id]);
    assert!(ok, "{said}");
    let after = story.http.get(story.server.url("/api/v1/incidents")).bearer_auth(secret).send().unwrap();
    assert_eq!(after.status(), 401);
}

#[test]
fn integration_keys_are_changed_without_a_gap_and_only_take_alerts_in() {
    let story = Story::two_people();
    let old = story.server.key("shop-victorops");
    let (said, ok) = story.server.cli(&["access", "key", "shop-victorops"]);
    assert!(ok, "{said}");
    let new = said.lines().find_map(|l| l.strip_prefix("key")).unwrap().trim().to_owned();
    let post = |key: &str| {
        let url = story.server.url(&format!("/integrations/generic/20131114/alert/{key}/x"));
        story.http.post(url).json(&json!({ "message_type": "INFO" })).send().unwrap().status().as_u16()
    };
    assert_eq!((post(&old), post(&new)), (200, 200), "two keys are valid while one is exchanged");
    let read = story.http.get(story.server.url("/api/v1/incidents")).bearer_auth(&new).send().unwrap();
    assert_eq!(read.status(), 401, "a key for senders reads nothing");
}

/// To be of the team is enough to see who is on call, not to take everybody's addresses away. Planted bug: the roster asked only which teams
/// the token sees, and gave alice's address to bob's token that may read.
#[test]
fn the_roster_with_its_addresses_is_for_those_whom_an_administrator_gave_it() {
    let story = Story::two_people();
    let token = |user: &str, scope: &str| {
        let (secret, ok) = story.server.cli(&["access", "token", user, "--scope", scope]);
        assert!(ok, "{secret}");
        secret.trim().to_owned()
    };
    let get = |secret: &str, path: &str| {
        let answer = story.http.get(story.server.url(path)).bearer_auth(secret).send().unwrap();
        (answer.status().as_u16(), answer.text().unwrap())
    };
    let of_alice = format!("{}/alice", story.phones.address.port());
    let reads = token("bob", "respond");
    let (status, said) = get(&reads, "/api/v1/roster");
    assert!(status == 403 && said.contains("scope `roster`") && !said.contains(&of_alice), "{status} {said}");
    assert_eq!(get(&token("alice", "read"), "/api/v1/roster").0, 403, "an administrator's token is cut to its scope too");
    let asked = story.http.post(story.server.url("/api/v1/tokens")).bearer_auth(&reads);
    let refused = asked.json(&json!({ "label": "more", "scope": "roster" })).send().unwrap();
    assert_eq!(refused.status(), 403, "nobody gives it to themselves");
    let watches = token("bob", "roster");
    let (status, roster) = get(&watches, "/api/v1/roster");
    assert!(status == 200 && roster.contains(&of_alice) && !roster.contains("/carol"), "his team's, not carol's: {status} {roster}");
    let (_, incidents) = get(&watches, "/api/v1/incidents");
    assert!(incidents.contains("\"items\":[]"), "and nothing else: {incidents}");
    assert_eq!(get(&token("carol", "roster/shop"), "/api/v1/roster").0, 403, "a scope never goes beyond its user's teams");
    assert_eq!(get(&story.server.token(), "/api/v1/roster").0, 200, "administrators have it");
}
