//! Getting in, staying in, and changes that nobody meant.

use crate::house::doubles::{DoubleClock, link};
use crate::house::{House, NOW, credential};
use axum::body::Body;
use axum::http::{Request, header};
use ports::store::CredentialKind;
use web::Secret;

async fn with_password(house: &House, user: &str, password: &str) {
    let mut entry = credential(&Secret::presented(""), CredentialKind::Password, Some(user), "", &web::hash_password(password).unwrap());
    entry.id = format!("password/{user}");
    entry.expires_at = None;
    house.put(entry).await;
}

fn cookie(set: &str) -> String {
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_password_signs_in_and_out() {
    let house = House::full().await;
    with_password(&house, "alice", "correct horse battery").await;
    let wrong = house.post("/sign-in", "", &[("user", "alice"), ("password", "wrong horse battery")]).await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.body.contains("not right") && wrong.headers.get(header::SET_COOKIE).is_none());
    let right = house.post("/sign-in", "", &[("user", "alice"), ("password", "correct horse battery"), ("next", "/incidents/1")]).await;
    assert_eq!((right.status.as_u16(), right.header("location")), (303, "/incidents/1"));
    let session = cookie(right.header("set-cookie"));
    let page = house.get("/", &session).await;
    assert_eq!(page.status, 200);
    let csrf = page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let out = house.post("/sign-out", &session, &[("csrf", &csrf)]).await;
    assert_eq!(out.header("location"), "/sign-in");
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(house.get("/", &session).await.status, 303, "the session is gone from the store, not only from the browser");
    assert_eq!(house.audited().await[1], ("user alice".into(), "session.begin".into()));
}

#[tokio::test]
async fn under_https_the_session_cookie_is_bound_to_the_host() {
    let house = House::at("https://reveille.example.org", DoubleClock::at(NOW));
    with_password(&house, "alice", "correct horse battery").await;
    let answer = house.post("/sign-in", "", &[("user", "alice"), ("password", "correct horse battery")]).await;
    let set = answer.header("set-cookie");
    assert!(
        set.starts_with("__Host-reveille=") && set.contains("; Secure") && set.contains("; HttpOnly") && set.contains("SameSite=Lax"),
        "{set}"
    );
    assert!(!set.contains("Domain"));
}

#[tokio::test]
async fn guessing_is_slow() {
    let house = House::full().await;
    with_password(&house, "alice", "correct horse battery").await;
    let peer = axum::extract::ConnectInfo("192.0.2.1:1".parse::<std::net::SocketAddr>().unwrap());
    let attempt = |password: &'static str| {
        let request = Request::post("/sign-in").extension(peer).body(Body::from(format!("user=alice&password={password}"))).unwrap();
        house.ask(request)
    };
    for _ in 0..5 {
        assert_eq!(attempt("guess-guess").await.status, 403);
    }
    let stopped = attempt("correct+horse+battery").await;
    assert_eq!(stopped.status, 429, "even the right one has to wait");
    assert!(stopped.header("retry-after").parse::<u32>().unwrap() <= 21);
    house.clock.set(NOW.plus_seconds(21));
    assert_eq!(attempt("correct+horse+battery").await.status, 303);
}

#[tokio::test]
async fn a_sign_in_link_works_once_and_only_by_pressing() {
    let house = House::full().await;
    let secret = Secret::presented("once");
    house.put(credential(&secret, CredentialKind::SignInLink, Some("alice"), "", "")).await;
    for _ in 0..2 {
        let looked = house.get("/sign-in/once", "").await;
        assert_eq!(looked.status, 200);
        assert!(looked.body.contains("Sign in as Alice Moretti") && looked.headers.get(header::SET_COOKIE).is_none());
        assert_eq!(looked.header("referrer-policy"), "no-referrer");
    }
    let pressed = house.post("/sign-in/once", "", &[]).await;
    assert_eq!(pressed.status, 303);
    assert_eq!(house.get("/", &cookie(pressed.header("set-cookie"))).await.status, 200);
    assert_eq!(house.post("/sign-in/once", "", &[]).await.status, 410);
    house.put(credential(&Secret::presented("late"), CredentialKind::SignInLink, Some("alice"), "", "")).await;
    house.clock.set(NOW.plus_seconds(86_400));
    assert_eq!(house.get("/sign-in/late", "").await.status, 410);
}

#[tokio::test]
async fn a_change_without_its_token_or_from_elsewhere_is_refused() {
    let house = House::full().await;
    let (alice, csrf) = house.session("alice").await;
    let path = "/incidents/1/acknowledge";
    assert_eq!(house.post(path, &alice, &[]).await.status, 403, "no token");
    assert_eq!(house.post(path, &alice, &[("csrf", &"ab".repeat(32))]).await.status, 403, "another token");
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")] {
        let request = Request::post(path).header("cookie", &alice).header(name, value).body(Body::from(format!("csrf={csrf}"))).unwrap();
        assert_eq!(house.ask(request).await.status, 403, "{name}: {value}");
    }
    assert_eq!(house.incident(1).await.status.as_str(), "firing", "nothing of that did anything");
    let api = Request::post("/api/v1/incidents/1/acknowledge").header("cookie", &alice).body(Body::empty()).unwrap();
    assert_eq!(house.ask(api).await.status, 403, "the API with a cookie needs the token too");
    let meant = Request::post(path)
        .header("cookie", &alice)
        .header("origin", "http://127.0.0.1:8080")
        .body(Body::from(format!("csrf={csrf}")))
        .unwrap();
    assert_eq!(house.ask(meant).await.status, 303);
    assert_eq!(house.incident(1).await.status.as_str(), "acknowledged");
    assert_eq!(house.audited().await[0], ("user alice by page".into(), "incident.acknowledge".into()));
}

#[tokio::test]
async fn a_page_link_shows_by_get_and_acts_by_post() {
    let house = House::full().await;
    let address = format!("/l/{}", link(1, "alice", NOW.plus_seconds(60)));
    for _ in 0..3 {
        let page = house.get(&address, "").await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Acknowledge") && page.body.contains("Open the runbook"));
        assert_eq!(page.header("referrer-policy"), "no-referrer", "the address is a secret");
        assert!(!page.body.contains("<script"), "nothing to wait for at three at night");
    }
    assert_eq!(house.incident(1).await.status.as_str(), "firing", "mail scanners follow links");
    let acted = house.post(&format!("{address}/acknowledge"), "", &[]).await;
    assert_eq!((acted.status.as_u16(), acted.header("location")), (303, address.as_str()));
    assert!(house.get(&address, "").await.body.contains("You are on it, Alice Moretti."));
    assert_eq!(house.audited().await[0], ("user alice by page link".into(), "incident.acknowledge".into()));
    assert_eq!(house.post(&format!("{address}/note"), "", &[("text", "rolled back")]).await.status, 303);
    assert_eq!(house.post(&format!("{address}/resolve"), "", &[]).await.status, 303);
    assert_eq!(house.incident(1).await.status.as_str(), "resolved");
    assert_eq!(house.post(&format!("{address}/resolve"), "", &[]).await.status, 409);
}

#[tokio::test]
async fn expired_broken_and_orphaned_links_do_nothing_and_say_why() {
    let house = House::full().await;
    for (token, status) in [
        (link(1, "alice", NOW), 410),
        (link(1, "nobody", NOW.plus_seconds(60)), 410),
        (link(99, "alice", NOW.plus_seconds(60)), 404),
        ("garbage".into(), 404),
    ] {
        let shown = house.get(&format!("/l/{token}"), "").await;
        assert_eq!(shown.status, status, "{token}");
        assert!(shown.header("content-type").starts_with("text/html") && shown.body.contains("<h1>"));
        assert_eq!(house.post(&format!("/l/{token}/acknowledge"), "", &[]).await.status, status, "{token}");
    }
    assert_eq!(house.incident(1).await.status.as_str(), "firing");
}

#[tokio::test]
async fn the_theme_is_kept_in_a_cookie() {
    let house = House::full().await;
    let answer = house.post("/theme", "", &[("theme", "dark"), ("next", "//evil.example")]).await;
    assert_eq!(answer.header("location"), "/");
    let theme = cookie(answer.header("set-cookie"));
    assert!(house.get("/sign-in", &theme).await.body.contains("data-theme=\"dark\""));
}
