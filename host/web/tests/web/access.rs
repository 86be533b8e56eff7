//! Who may do what: the matrix of roles and operations, made from the OpenAPI document, so that a new operation is in it by itself.

use crate::house::{House, NOW, PUBLIC_URL, Parts, doubles::DoubleClock};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

/// Every operation of the document: method, path as described, and its permission.
fn operations() -> Vec<(String, String, String)> {
    let parts = Parts::new(PUBLIC_URL, DoubleClock::at(NOW));
    let document: Value = serde_json::from_str(&web::openapi(parts.web).to_json().unwrap()).unwrap();
    let mut list = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let permission = operation["x-permission"].as_str().unwrap_or_else(|| panic!("{method} {path} names no permission"));
            assert!(operation["responses"]["default"].is_object(), "{method} {path} says nothing of problems");
            list.push((method.to_uppercase(), path.clone(), permission.to_owned()));
        }
    }
    list
}

/// What each operation gets, so that whoever is allowed is not answered 4xx for another reason. Incident 1 and dead letter 1 are shop's.
fn request_of(method: &str, path: &str) -> (String, Value) {
    let id = match path {
        p if p.contains("/users/") => "alice",
        p if p.contains("/rotations/") => "primary",
        p if p.contains("/feeds/") => "0000000000000000000000000000000000000000000000000000000000000000",
        p if p.contains("/integrations/") => "shop-prometheus",
        p if p.contains("/tokens/") => "0000000000000000000000000000000000000000000000000000000000000000",
        _ => "1",
    };
    let filled = path.replace("{id}", id).replace("{name}", "rules").replace("{key}", "none").replace("{action}", "1").replace("{n}", "1");
    let body = match (method, path.rsplit('/').next().unwrap()) {
        ("POST", "notes") => json!({"text": "looked at it"}),
        ("POST", "priority") => json!({"priority": "p1"}),
        ("POST", "snooze") => json!({"seconds": 600}),
        ("POST", "reroute" | "responders") => json!({"targets": ["user/bob"]}),
        ("POST", "roles") => json!({"role": "scribe", "user": "bob"}),
        ("POST", "updates") => json!({"text": "we are on it"}),
        ("POST", "links" | "unlink") => json!({"url": "https://wiki.example/outage"}),
        ("POST", "merge") => json!({"into": 2}),
        ("POST", "split") => json!({"alerts": [1]}),
        ("POST", "actions") => json!({"ids": [1], "operation": "acknowledge"}),
        ("POST", "overrides") => {
            json!({"rotation": "primary", "user": "bob", "from": "2026-03-28T10:00:00Z", "until": "2026-03-28T12:00:00Z"})
        }
        ("POST", "assign" | "take") => json!({"user": "bob"}),
        ("POST", "accept" | "decline") => json!({"user": "bob"}),
        ("POST", "swaps") => {
            json!({"rotation": "primary", "user": "alice", "from": "2026-03-31T10:00:00Z", "until": "2026-03-31T12:00:00Z"})
        }
        ("POST", "feeds") => json!({"person": "alice"}),
        ("POST", "silences") => json!({"matchers": ["service=checkout"], "seconds": 60, "purpose": "a test"}),
        ("POST", "preview") => json!({"matchers": ["service=checkout"]}),
        ("POST", "plan" | "apply") => json!({"files": []}),
        ("POST", "versions" | "try") => json!({"files": []}),
        ("POST", "rollback") => json!({}),
        ("POST", "verify") => json!({"code": "123456"}),
        ("POST", "tokens") => json!({"label": "ci", "scope": "read/shop"}),
        ("POST", "password") => json!({"password": "correct horse battery"}),
        _ => Value::Null,
    };
    (filled, body)
}

/// What each operation has to ask for, reasoned from what it touches and not from the code.
fn due_permission(method: &str, path: &str) -> &'static str {
    let reads = method == "GET";
    match path.trim_start_matches("/api/v1/") {
        p if p.starts_with("config") || p.starts_with("audit") || p.starts_with("users/") => "admin",
        p if p.contains("/keys") => "admin",
        p if p.starts_with("plugins/") && !reads => "admin",
        // Which incidents is in its body: each is looked at for itself.
        "incidents/actions" => "responder",
        p if p.starts_with("incidents/") => {
            if reads {
                "see-incident"
            } else {
                "change-incident"
            }
        }
        p if p.starts_with("dead-letters/") => {
            if reads {
                "see-dead-letter"
            } else {
                "change-dead-letter"
            }
        }
        p if (p.starts_with("overrides") || p.starts_with("swaps") || p.starts_with("rotations/") || p.starts_with("silences"))
            && !reads =>
        {
            "responder"
        }
        // Their own feeds, of what they see.
        p if p.starts_with("feeds") => "known",
        // Their own tokens, and lists that hold only what is theirs.
        p if p.starts_with("tokens") || p.starts_with("me/") || reads => "known",
        _ => "admin",
    }
}

/// What a role may be answered. `Allowed` is 2xx; what is not there for anybody is 404.
#[derive(Debug, PartialEq, Clone, Copy)]
enum Expected {
    Unauthorized,
    Forbidden,
    NotFound,
    Allowed,
}

/// Roles: nobody, a forged token, a member of the other team, a reader and a responder of shop, a shop token on an admin, an administrator.
const ROLES: [&str; 7] = ["nobody", "forged", "carol", "reader", "alice", "team-token", "admin"];

fn expected(role: &str, permission: &str, path: &str) -> Expected {
    use Expected::{Allowed, Forbidden, NotFound, Unauthorized};
    match (role, permission) {
        ("nobody" | "forged", _) => Unauthorized,
        // Nobody in this house has a contact.
        (_, "known") if path.contains("contacts/{n}") => NotFound,
        // People's addresses need a scope of their own, which an administrator's token holds.
        (_, "known") if path.ends_with("/roster") => {
            if role == "admin" {
                Allowed
            } else {
                Forbidden
            }
        }
        ("reader", "responder") => Forbidden,
        // There is no such silence; and everybody may silence their own team.
        (_, "responder") if path.ends_with("silences/{id}") => NotFound,
        (_, "responder") if path.contains("/silences") => Allowed,
        ("admin", _) => Allowed,
        (_, "admin") => Forbidden,
        // Of the other team: it does not even exist.
        ("carol", "see-incident" | "change-incident" | "see-dead-letter" | "change-dead-letter") => NotFound,
        // She is told of each incident that there is none: see the test of many at once.
        ("carol", "responder") if path.ends_with("incidents/actions") => Allowed,
        ("carol", "responder") => NotFound,
        ("reader", "change-incident" | "change-dead-letter") => Forbidden,
        (_, "known") if path.ends_with("tokens/{id}") || path.ends_with("feeds/{id}") => NotFound,
        // One rotation, of the other team.
        ("carol", "known") if path.contains("rotations/{id}") => NotFound,
        _ => Allowed,
    }
}

#[tokio::test]
async fn every_operation_admits_exactly_whom_its_permission_says() {
    let operations = operations();
    assert!(operations.len() >= 30, "the document lists {} operations", operations.len());
    let mut checked = 0;
    for (method, path, permission) in &operations {
        assert_eq!(permission, due_permission(method, path), "{method} {path}");
        for role in ROLES {
            // A house for each: what one does must not hide what the next may.
            let house = House::full().await;
            let who = match role {
                "nobody" => String::new(),
                "forged" => "rvt_forged".to_owned(),
                "carol" => house.token(Some("carol"), "respond").await,
                "reader" => house.token(Some("alice"), "read").await,
                "alice" => house.token(Some("alice"), "respond admin").await,
                "team-token" => house.token(Some("root"), "respond/shop").await,
                _ => house.token(Some("root"), "admin").await,
            };
            let (filled, body) = request_of(method, path);
            let answer = house.json(method, &filled, &who, body).await;
            let status = answer.status.as_u16();
            let fits = match expected(role, permission, path) {
                Expected::Unauthorized => status == 401,
                Expected::Forbidden => status == 403,
                Expected::NotFound => status == 404,
                // The token and the key that are named are nobody's.
                Expected::Allowed => {
                    (200..300).contains(&status) || (status == 404 && method == "DELETE" && !path.contains("overrides"))
                        // There is no such action, and no such swap.
                        || (status == 404 && (path.contains("{action}") || path.contains("swaps/{id}")))
                }
            };
            assert!(fits, "{role} {method} {path} ({permission}): {status} {}", answer.body);
            if status >= 400 {
                assert_eq!(answer.header("content-type"), "application/problem+json", "{role} {method} {path}");
                assert!(!answer.value()["remedy"].as_str().unwrap().is_empty());
            }
            checked += 1;
        }
    }
    assert_eq!(checked, operations.len() * ROLES.len());
}

/// Seen red with: looking only at whether the caller may change something somewhere.
#[tokio::test]
async fn many_at_once_are_admitted_one_by_one() {
    let house = House::full().await;
    let carol = house.token(Some("carol"), "respond").await;
    let answer = house.json("POST", "/api/v1/incidents/actions", &carol, json!({"ids": [1, 7, 99, 7], "operation": "acknowledge"})).await;
    let items = answer.value()["items"].as_array().unwrap().clone();
    let done: Vec<_> = items.iter().map(|one| (one["id"].as_u64().unwrap(), one["done"].as_bool().unwrap())).collect();
    assert_eq!(done, [(1, false), (7, true), (99, false)], "{items:?}");
    // Of another team's it is not even told that it is there.
    assert_eq!(items[0]["message"], items[2]["message"]);
    assert_eq!(house.incident(1).await.status.as_str(), "firing");
    assert_eq!(house.incident(7).await.status.as_str(), "acknowledged");
    // Nor can another's incident be named as the target.
    let mine = house.json("POST", "/api/v1/incidents/7/merge", &carol, json!({"into": 1})).await;
    assert_eq!(mine.status, 404);
    let linked = house.json("POST", "/api/v1/incidents/7/links", &carol, json!({"incident": 1})).await;
    assert_eq!(linked.status, 404);
    let wrong = house.json("POST", "/api/v1/incidents/actions", &carol, json!({"ids": [], "operation": "take"})).await;
    assert_eq!(wrong.status, 422);
}

#[tokio::test]
async fn lists_hold_only_what_is_of_the_callers_teams() {
    let house = House::full().await;
    let ids = |answer: &Value| answer["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect::<Vec<_>>();
    let carol = house.token(Some("carol"), "respond").await;
    let alice = house.token(Some("alice"), "read").await;
    let root = house.token(Some("root"), "admin").await;
    let one_team = house.token(Some("root"), "read/ops").await;
    let foreign_scope = house.token(Some("carol"), "read/shop").await;
    let list = "/api/v1/incidents";
    assert_eq!(ids(&house.get(list, &carol).await.value()), [7]);
    assert_eq!(ids(&house.get(list, &one_team).await.value()), [7]);
    assert_eq!(ids(&house.get(list, &alice).await.value()), [6, 5, 4, 3, 2, 1]);
    assert_eq!(ids(&house.get(list, &root).await.value()), [8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(ids(&house.get(list, &foreign_scope).await.value()).len(), 0, "a scope never widens what its user may");
    assert_eq!(house.get("/api/v1/incidents?team=shop", &carol).await.status, 404);
    assert_eq!(ids(&house.get("/api/v1/dead-letters", &carol).await.value()), [2]);
    assert_eq!(ids(&house.get("/api/v1/integrations", &carol).await.value()), ["ops-nagios"]);
    let rotations = house.get("/api/v1/on-call", &carol).await.value();
    assert_eq!(rotations["items"].as_array().unwrap().len(), 1);
    assert_eq!(rotations["items"][0]["rotation"], "ops");
    assert_eq!(ids(&house.get("/api/v1/overrides", &carol).await.value()).len(), 0);
}

#[tokio::test]
async fn pages_too_need_a_session_and_the_team() {
    let house = House::full().await;
    for path in ["/", "/incidents/1", "/on-call", "/pipeline", "/dead-letters/1"] {
        let answer = house.get(path, "").await;
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.header("location").starts_with("/sign-in?next=%2F"), "{}", answer.header("location"));
    }
    let (carol, csrf) = house.session("carol").await;
    for path in ["/incidents/1", "/incidents/1/alerts/1", "/dead-letters/1", "/live/incidents/1"] {
        assert_eq!(house.get(path, &carol).await.status, 404, "{path}");
    }
    for path in ["/incidents/1/acknowledge", "/incidents/1/resolve", "/incidents/1/note", "/dead-letters/1/discard"] {
        assert_eq!(house.post(path, &carol, &[("csrf", &csrf), ("text", "x")]).await.status, 404, "{path}");
    }
    assert_eq!(house.incident(1).await.status.as_str(), "firing");
    assert!(!house.get("/", &carol).await.body.contains("Checkout is slow"));
}

#[tokio::test]
async fn somebody_who_was_paged_may_answer_across_teams() {
    let house = House::full().await;
    let (carol, csrf) = house.session("carol").await;
    let row = domain::page::Outbox {
        id: domain::id::OutboxId(9),
        key: "paged-carol".into(),
        incident: Some(domain::id::IncidentId(1)),
        run: None,
        user: Some("carol".into()),
        contact: domain::contact::Contact { kind: "mail".into(), address: "carol@example.org".into() },
        contact_index: 0,
        purpose: domain::page::Purpose::Escalation(2),
        state: domain::page::OutboxState::Accepted,
        tries: 1,
        queued_at: NOW,
        next_at: None,
        reference: None,
        last_error: None,
        again: None,
    };
    house.store.write(move |tx| tx.add_outbox(&row)).await.unwrap();
    assert_eq!(house.get("/incidents/1", &carol).await.status, 200);
    assert_eq!(house.post("/incidents/1/acknowledge", &carol, &[("csrf", &csrf)]).await.status, 303);
    assert_eq!(house.incident(1).await.responders, ["carol".into()]);
    let token = house.token(Some("carol"), "respond/ops").await;
    assert_eq!(house.get("/api/v1/incidents/1", &token).await.status, 404, "a token stays within its scope");
}

#[tokio::test]
async fn metrics_are_for_this_machine_or_a_token() {
    use axum::extract::ConnectInfo;
    let house = House::full().await;
    let from = |peer: &str, forwarded: bool| {
        let mut request = Request::get("/metrics").extension(ConnectInfo(peer.parse::<std::net::SocketAddr>().unwrap()));
        if forwarded {
            request = request.header("x-forwarded-for", "198.51.100.7");
        }
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(house.ask(from("127.0.0.1:9", false)).await.body, "reveille_up 1\n");
    assert_eq!(house.ask(from("127.0.0.1:9", true)).await.status, 401, "a proxy on this machine speaks for others");
    assert_eq!(house.ask(from("192.0.2.1:9", false)).await.status, 401);
    let token = house.token(Some("root"), "read").await;
    assert_eq!(house.get("/metrics", &token).await.status, 200);
}

#[tokio::test]
async fn withdrawn_expired_and_orphaned_tokens_open_nothing() {
    let house = House::full().await;
    let token = house.token(Some("alice"), "read").await;
    assert_eq!(house.get("/api/v1/me", &token).await.status, 200);
    house.clock.set(NOW.plus_seconds(86_400));
    assert_eq!(house.get("/api/v1/me", &token).await.status, 401, "expired");
    house.clock.set(NOW);
    let orphan = house.token(Some("somebody-who-left"), "admin").await;
    assert_eq!(house.get("/api/v1/me", &orphan).await.status, 401);
    let unknown_scope = house.token(Some("root"), "everything").await;
    assert_eq!(house.get("/api/v1/me", &unknown_scope).await.status, 401);
    let (session, _) = house.session("alice").await;
    let as_bearer = session.replace("reveille=", "");
    let request = Request::get("/api/v1/me").header(header::AUTHORIZATION, format!("Bearer {as_bearer}")).body(Body::empty()).unwrap();
    assert_eq!(house.ask(request).await.status, 401, "a session is no API token");
    assert_eq!(house.get("/api/v1/me", &format!("reveille={token}")).await.status, 401, "and a token no session");
}
