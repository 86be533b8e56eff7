//! The REST API: what it answers, and how problems look.

use crate::house::House;
use serde_json::json;

#[tokio::test]
async fn an_incident_with_what_belongs_to_it() {
    let house = House::full().await;
    let alice = house.token(Some("alice"), "respond").await;
    let incident = house.get("/api/v1/incidents/1", &alice).await.value();
    assert_eq!(incident["title"], "Checkout is slow: p99 4.2 s");
    assert_eq!(incident["opened_at"], "2026-03-28T02:10:00Z");
    assert_eq!(incident["labels"], json!({"cluster": "eu-1", "env": "production"}));
    assert_eq!(incident["alerts"].as_array().unwrap().len(), 2);
    assert_eq!(incident["runs"][0]["target"], "policy shop");
    assert_eq!(incident["runs"][0]["step"], 2);
    assert_eq!(incident["pages"][0]["state"], "accepted");
    assert_eq!(incident["pages"][0].get("address"), None);
    let lines = house.get("/api/v1/incidents/1/timeline", &alice).await.value();
    assert_eq!(lines["items"][0]["kind"], "opened");
    assert_eq!(lines["items"][2]["cause"]["plugin"]["digest"], web::Secret::presented("route").id());
    let decisions = house.get("/api/v1/incidents/1/decisions", &alice).await.value();
    assert_eq!(decisions["items"][0]["outcome"], "joined");
    assert_eq!(decisions["items"][0]["notes"][1]["did"], "skipped");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let house = House::full().await;
    let root = house.token(Some("root"), "read").await;
    let first = house.get("/api/v1/incidents?limit=3&open=true", &root).await.value();
    assert_eq!(first["items"].as_array().unwrap().len(), 3);
    let before = first["next_before"].as_u64().unwrap();
    let second = house.get(&format!("/api/v1/incidents?limit=10&open=true&before={before}"), &root).await.value();
    assert_eq!(second["items"].as_array().unwrap().len(), 4);
    assert_eq!(second.get("next_before"), None);
    assert_eq!(house.get("/api/v1/incidents?limit=many", &root).await.status, 400);
}

#[tokio::test]
async fn commands_are_done_and_audited() {
    let house = House::full().await;
    let alice = house.token(Some("alice"), "respond/shop").await;
    for (path, body) in [
        ("acknowledge", json!(null)),
        ("notes", json!({"text": "on it"})),
        ("priority", json!({"priority": "p1"})),
        ("unacknowledge", json!(null)),
        ("resolve", json!(null)),
    ] {
        let answer = house.json("POST", &format!("/api/v1/incidents/1/{path}"), &alice, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    let refused = house.json("POST", "/api/v1/incidents/1/resolve", &alice, json!(null)).await;
    assert_eq!((refused.status.as_u16(), refused.value()["detail"].as_str()), (409, Some("The incident is resolved.")));
    let actions: Vec<_> = house.audited().await.into_iter().map(|(actor, action)| format!("{actor}: {action}")).collect();
    let expected =
        ["resolve", "unacknowledge", "priority", "note", "acknowledge"].map(|verb| format!("user alice by token test: incident.{verb}"));
    assert_eq!(actions, expected);
    let bad = house.json("POST", "/api/v1/incidents/1/notes", &alice, json!({"txet": "x"})).await;
    assert_eq!(bad.status, 400);
    assert!(bad.value()["detail"].as_str().unwrap().contains("txet"), "{}", bad.body);
    let long = house.json("POST", "/api/v1/incidents/1/notes", &alice, json!({"text": "x".repeat(5000)})).await;
    assert_eq!(long.status, 422);
    let huge = house.json("POST", "/api/v1/incidents/1/notes", &alice, json!({"text": "x".repeat(300_000)})).await;
    assert_eq!(huge.status, 413);
}

#[tokio::test]
async fn configuration_problems_name_file_and_line() {
    let house = House::full().await;
    let root = house.token(Some("root"), "admin").await;
    let wrong = json!({"files": [{"path": "rotations.yaml", "text": "wrong"}]});
    let answer = house.json("POST", "/api/v1/config/apply", &root, wrong).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (422, "application/problem+json"));
    let problem = answer.value();
    assert_eq!(problem["type"], "urn:reveille:problem:configuration");
    assert_eq!(
        problem["problems"][0],
        json!({"file": "rotations.yaml", "line": 3, "message": "unknown rotation \"nihgts\", did you mean \"nights\"?"})
    );
    let right = json!({"files": [{"path": "teams.yaml", "text": "kind: team"}], "expected_revision": 3});
    assert_eq!(house.json("POST", "/api/v1/config/apply", &root, right.clone()).await.value()["revision"], 4);
    assert_eq!(house.json("POST", "/api/v1/config/plan", &root, json!({"files": []})).await.value()["changes"][0]["change"], "changed");
    let stale = json!({"files": [], "expected_revision": 2});
    assert_eq!(house.json("POST", "/api/v1/config/apply", &root, stale).await.status, 409);
    assert_eq!(house.get("/api/v1/config", &root).await.value()["files"][0]["path"], "teams.yaml");
    let large = json!({"files": [{"path": "a.yaml", "text": "x".repeat(1 << 20)}]});
    assert_eq!(house.json("POST", "/api/v1/config/plan", &root, large).await.status, 200, "configurations may be larger than other bodies");
}

#[tokio::test]
async fn tokens_are_shown_once_and_never_widen() {
    let house = House::full().await;
    let alice = house.token(Some("alice"), "respond").await;
    let made = house.json("POST", "/api/v1/tokens", &alice, json!({"label": "ci", "scope": "read/shop", "expires_in_days": 1})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let (id, secret) = (made.value()["id"].as_str().unwrap().to_owned(), made.value()["secret"].as_str().unwrap().to_owned());
    assert_eq!(web::Secret::presented(&secret).id(), id);
    assert_eq!(house.get("/api/v1/incidents/1", &secret).await.status, 200);
    assert_eq!(house.json("POST", "/api/v1/incidents/1/resolve", &secret, json!(null)).await.status, 403);
    assert!(!house.get("/api/v1/tokens", &alice).await.body.contains(&secret));
    for (who, scope, status) in [(&alice, "admin", 403), (&secret, "respond", 403), (&secret, "read", 403), (&alice, "write", 422)] {
        let answer = house.json("POST", "/api/v1/tokens", who, json!({"label": "x", "scope": scope})).await;
        assert_eq!(answer.status, status, "{scope}: {}", answer.body);
    }
    let for_other = json!({"label": "x", "scope": "read", "user": "bob"});
    assert_eq!(house.json("POST", "/api/v1/tokens", &alice, for_other).await.status, 403);
    let bob = house.token(Some("bob"), "respond").await;
    assert_eq!(house.json("DELETE", &format!("/api/v1/tokens/{id}"), &bob, json!(null)).await.status, 404, "not his");
    assert_eq!(house.json("DELETE", &format!("/api/v1/tokens/{id}"), &alice, json!(null)).await.status, 204);
    assert_eq!(house.get("/api/v1/me", &secret).await.status, 401);
    assert_eq!(house.audited().await[0].1, "token.withdraw");
}

#[tokio::test]
async fn an_installation_token_works_before_there_are_users() {
    let house = House::empty();
    house.live.publish(ports::Snapshot::default());
    let token = house.token(None, "admin").await;
    let me = house.get("/api/v1/me", &token).await.value();
    assert_eq!(me, json!({"user": null, "admin": true, "sees": null, "changes": null}));
    assert_eq!(house.json("POST", "/api/v1/config/apply", &token, json!({"files": []})).await.status, 200);
}

#[tokio::test]
async fn an_integration_has_two_keys_at_most() {
    let house = House::full().await;
    let root = house.token(Some("root"), "admin").await;
    let path = "/api/v1/integrations/shop-prometheus/keys";
    let first = house.json("POST", path, &root, json!(null)).await.value();
    assert!(first["url"].as_str().unwrap().starts_with("http://127.0.0.1:8080/in/rvi_"));
    assert_eq!(house.json("POST", path, &root, json!(null)).await.status, 201);
    assert_eq!(house.json("POST", path, &root, json!(null)).await.status, 409);
    let key = format!("{path}/{}", first["id"].as_str().unwrap());
    let foreign = key.replace("shop-prometheus", "ops-nagios");
    assert_eq!(house.json("DELETE", &foreign, &root, json!(null)).await.status, 404, "the key of another integration");
    assert_eq!(house.json("DELETE", &key, &root, json!(null)).await.status, 204);
    let list = house.get("/api/v1/integrations", &root).await.value();
    assert_eq!(list["items"][1]["keys"].as_array().unwrap().len(), 1);
    assert_eq!(house.json("POST", "/api/v1/integrations/none/keys", &root, json!(null)).await.status, 404);
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_and_works() {
    let house = House::full().await;
    let root = house.token(Some("root"), "admin").await;
    let (session, _) = house.session("alice").await;
    let path = "/api/v1/users/alice/password";
    assert_eq!(house.json("POST", path, &root, json!({"password": "short"})).await.status, 422);
    assert_eq!(house.get("/", &session).await.status, 200);
    assert_eq!(house.json("POST", path, &root, json!({"password": "correct horse battery"})).await.status, 204);
    assert_eq!(house.get("/", &session).await.status, 303);
    assert_eq!(house.post("/sign-in", "", &[("user", "alice"), ("password", "correct horse battery")]).await.status, 303);
    let link = house.json("POST", "/api/v1/users/alice/sign-in-link", &root, json!(null)).await.value();
    let path = link["url"].as_str().unwrap().strip_prefix("http://127.0.0.1:8080").unwrap().to_owned();
    assert_eq!(house.post(&path, "", &[]).await.status, 303);
}

#[tokio::test]
async fn overrides_are_checked() {
    let house = House::full().await;
    let alice = house.token(Some("alice"), "respond").await;
    let entry = |user: &str, from: &str, until: &str| json!({"rotation": "primary", "user": user, "from": from, "until": until});
    let path = "/api/v1/overrides";
    for (body, status) in [
        (entry("carol", "2026-03-28T10:00:00Z", "2026-03-28T12:00:00Z"), 422),
        (entry("alice", "2026-03-28T12:00:00Z", "2026-03-28T10:00:00Z"), 422),
        (entry("alice", "2026-03-27T10:00:00Z", "2026-03-27T12:00:00Z"), 422),
        (entry("alice", "tomorrow", "2026-03-28T12:00:00Z"), 422),
        (entry("alice", "2026-03-28T03:00:00+01:00", "2026-03-28T12:00:00Z"), 201),
    ] {
        assert_eq!(house.json("POST", path, &alice, body.clone()).await.status, status, "{body}");
    }
    let now = house.get("/api/v1/on-call", &alice).await.value();
    assert_eq!((now["items"][0]["rotation"].as_str(), now["items"][0]["now"].as_str()), (Some("primary"), Some("alice")));
    let id = house.get(path, &alice).await.value()["items"][0]["id"].as_u64().unwrap();
    assert_eq!(house.json("DELETE", &format!("{path}/{id}"), &alice, json!(null)).await.status, 204);
    assert_eq!(house.get("/api/v1/on-call", &alice).await.value()["items"][0]["now"], "mira");
}

#[tokio::test]
async fn health() {
    let house = House::full().await;
    assert_eq!(house.get("/livez", "").await.body, "ok\n");
    let ready = house.get("/readyz", "").await;
    assert_eq!((ready.status.as_u16(), ready.value()["ready"].as_bool()), (200, Some(true)), "{}", ready.body);
    house.stop.send(true).unwrap();
    let draining = house.get("/readyz", "").await;
    assert_eq!(draining.status, 503);
    let checks = draining.value()["checks"].clone();
    assert!(checks.as_array().unwrap().iter().any(|check| check["detail"] == "the server drains"), "{checks}");
    house.stop.send(false).unwrap();
    house.live.publish(ports::Snapshot::default());
    assert_eq!(house.get("/readyz", "").await.status, 503, "without a configuration nobody would be paged");
}

#[tokio::test]
async fn the_document_is_served_and_whole() {
    let house = House::empty();
    let document = house.get("/api/v1/openapi.json", "").await.value();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name} is referred to, but not described");
    }
    assert!(document["paths"]["/api/v1/incidents/{id}/acknowledge"]["post"].is_object());
    let wrong_method = house.json("DELETE", "/api/v1/incidents", "", json!(null)).await;
    assert_eq!((wrong_method.status.as_u16(), wrong_method.header("content-type")), (405, "application/problem+json"));
}
