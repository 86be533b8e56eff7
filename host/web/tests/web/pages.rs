//! The pages: what they show, what they never show, and that hostile values stay data.

use crate::house::doubles::link;
use crate::house::{House, NOW, fixtures};

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let house = House::full().await;
    let (alice, _) = house.session("alice").await;
    for path in ["/", "/incidents/1", "/sign-in", "/nowhere", "/api/v1/me", "/api/v1/nowhere", "/livez", "/incidents/999"] {
        let answer = house.get(path, &alice).await;
        let csp = answer.header("content-security-policy");
        assert!(csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"), "{path}: {csp}");
        assert!(!csp.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(answer.headers.get("access-control-allow-origin").is_none(), "{path}");
    }
}

/// Nothing that the policy would refuse: a browser would drop it silently.
#[tokio::test]
async fn pages_hold_no_inline_script_or_style() {
    let house = House::full().await;
    let (root, _) = house.session("root").await;
    let by_link = format!("/l/{}", link(1, "alice", NOW.plus_seconds(60)));
    for path in [
        "/",
        "/?state=resolved",
        "/incidents/1",
        "/incidents/2",
        "/incidents/2/alerts/3",
        "/on-call",
        "/silences",
        "/silences/new",
        "/pipeline",
        "/sign-in",
        &by_link,
    ] {
        let body = house.get(path, &root).await.body;
        assert!(!body.contains("<style") && !body.contains(" style=") && !body.contains(" onclick="), "{path}");
        for script in body.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"/static/"), "{path}: {}", &script[..40]);
        }
        assert!(body.contains("<html lang=\"en\"") && body.contains("name=\"viewport\""), "{path}");
    }
}

#[tokio::test]
async fn hostile_values_stay_data() {
    let house = House::full().await;
    let (alice, _) = house.session("alice").await;
    let by_link = format!("/l/{}", link(2, "alice", NOW.plus_seconds(60)));
    for path in ["/", "/incidents/2", "/incidents/2/alerts/3", &by_link] {
        let answer = house.get(path, &alice).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.contains("<script>alert") && !answer.body.contains("<img src=x"), "{path}");
        assert!(!answer.body.contains("href=\"javascript:"), "{path}");
        assert!(answer.body.contains("alert("), "{path}: it is shown, as text");
    }
    let page = house.get("/incidents/2", &alice).await.body;
    assert!(page.contains("Show all"), "long text is cut, and can be had");
    assert!(page.len() < 150_000, "{} bytes", page.len());
    let whole = house.get("/incidents/2/alerts/3", &alice).await.body;
    assert_eq!(whole.matches("<dt dir=\"auto\">").count(), 128 + 2, "every label and annotation is there");
}

#[tokio::test]
async fn the_first_page_is_at_most_60_kb_over_the_wire() {
    use axum::body::Body;
    use axum::http::Request;
    let house = House::full().await;
    let (alice, _) = house.session("alice").await;
    let page = house.get("/incidents/1", &alice).await.body;
    let mut files: Vec<String> = page.split('"').filter(|part| part.starts_with("/static/")).map(ToOwned::to_owned).collect();
    files.push("/incidents/1".into());
    let mut total = 0;
    for file in files {
        let request = Request::get(&file).header("cookie", &alice).header("accept-encoding", "gzip").body(Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(house.router.clone(), request).await.unwrap();
        assert_eq!(response.headers().get("content-encoding").map(|value| value.to_str().unwrap()), Some("gzip"), "{file}");
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        total += bytes.len();
    }
    assert!(total <= 60 * 1024, "{total} bytes");
}

#[tokio::test]
async fn the_list_puts_what_needs_an_answer_first_and_filters() {
    let house = House::full().await;
    let (alice, _) = house.session("alice").await;
    let body = house.get("/", &alice).await.body;
    let at = |text: &str| body.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    assert!(at("Needs an answer") < at("Checkout is slow") && at("Checkout is slow") < at("Disk of db-2"));
    assert!(at("Disk of db-2") < at("Being worked on") && at("Being worked on") < at("Payment queue"));
    assert!(!body.contains("Router core-1") && !body.contains("Search answers"), "not of the team, and resolved");
    let errors = house.get("/?severity=error", &alice).await.body;
    assert!(errors.contains("Payment queue") && !errors.contains("Disk of db-2"));
    let mine = house.get("/?mine=1", &alice).await.body;
    assert!(mine.contains("Checkout is slow"), "she was paged for it");
    assert!(mine.contains("Certificate") && !mine.contains("Payment queue"));
    let words = house.get("/?q=PAYMENTS", &alice).await.body;
    assert!(words.contains("Payment queue") && !words.contains("Certificate"));
    assert!(house.get("/?q=nothing-like-it", &alice).await.body.contains("Nothing fits the filter"));
    assert!(house.get("/?state=resolved", &alice).await.body.contains("Search answers"));
    assert_eq!(house.get("/?team=ops", &alice).await.status, 404);
}

#[tokio::test]
async fn an_incident_says_why_by_plugin_version_digest_revision_and_reason() {
    let house = House::full().await;
    let (alice, _) = house.session("alice").await;
    let body = house.get("/incidents/1", &alice).await.body;
    let digest = web::Secret::presented("correlate").id();
    assert!(body.contains(&format!("title=\"SHA-256 {digest}\">{}</code>", &digest[..12])));
    for text in [
        "<b>correlate</b> 0.1.0",
        "revision 3",
        "same service within 10 minutes",
        "filter</b> skipped",
        "Nobody yet",
        "Next page in 1 min",
        "https://runbooks.example.org/checkout",
        "550 no such mailbox",
        "Sat 28 Mar 2026, 03:10:00 CET",
    ] {
        assert!(body.contains(text), "{text}");
    }
}

#[tokio::test]
async fn an_alert_of_another_incident_is_not_shown_here() {
    let house = House::full().await;
    let (alice, _) = house.session("alice").await;
    assert_eq!(house.get("/incidents/1/alerts/3", &alice).await.status, 404);
}

#[tokio::test]
async fn answers_by_form() {
    let house = House::full().await;
    let (alice, csrf) = house.session("alice").await;
    let act = async |path: &str, more: &[(&str, &str)]| {
        let form: Vec<_> = [("csrf", csrf.as_str())].iter().chain(more).copied().collect();
        house.post(path, &alice, &form).await
    };
    assert_eq!(act("/incidents/1/acknowledge", &[("from", "list")]).await.header("location"), "/");
    assert_eq!(act("/incidents/1/note", &[("text", "  ")]).await.status, 422);
    assert_eq!(act("/incidents/1/note", &[("text", "restarted <b>it</b>")]).await.header("location"), "/incidents/1");
    assert!(house.get("/incidents/1", &alice).await.body.contains("restarted &#60;b&#62;it"));
    assert_eq!(act("/incidents/1/priority", &[("priority", "p1")]).await.status, 303);
    assert_eq!(act("/incidents/1/unacknowledge", &[]).await.status, 303);
    assert_eq!(act("/incidents/1/resolve", &[]).await.status, 303);
    assert_eq!(house.incident(1).await.status.as_str(), "resolved");
    assert_eq!(act("/incidents/1/acknowledge", &[]).await.status, 409);
}

#[tokio::test]
async fn on_call_shows_now_gaps_and_overrides_and_takes_one() {
    let house = House::full().await;
    let (alice, csrf) = house.session("alice").await;
    let body = house.get("/on-call", &alice).await.body;
    // Weeks from Mon 5 Jan, alice, bob, mira in turn: Sat 28 Mar is in the twelfth, mira's.
    let now = body.find("nowname\">Mira Kovač").expect("mira is on call");
    assert!(now < body.find("Take back").expect("bob's override can be taken back"));
    assert!(!body.contains("<h2>ops "), "of another team");
    let taken = house
        .post(
            "/on-call/overrides",
            &alice,
            &[("csrf", &csrf), ("rotation", "primary"), ("user", "alice"), ("from", "2026-03-28T03:00"), ("until", "2026-03-28T12:00")],
        )
        .await;
    assert_eq!(taken.header("location"), "/on-call", "{}", taken.body);
    assert!(house.get("/on-call", &alice).await.body.contains("nowname\">Alice Moretti <span class=\"tag\">you"));
    let foreign =
        [("csrf", csrf.as_str()), ("rotation", "ops"), ("user", "alice"), ("from", "2026-03-28T03:00"), ("until", "2026-03-28T12:00")];
    assert_eq!(house.post("/on-call/overrides", &alice, &foreign).await.status, 404);
    let (carol, _) = house.session("carol").await;
    let gap = house.get("/on-call", &carol).await.body;
    assert!(gap.contains("<p class=\"nowname\">Nobody</p>") && gap.contains("1 gap in the coming weeks"));
}

#[tokio::test]
async fn the_pipeline_lists_stages_and_dead_letters() {
    let house = House::full().await;
    let (alice, csrf) = house.session("alice").await;
    let body = house.get("/pipeline", &alice).await.body;
    for text in ["revision 3 in force", "alerts[2].labels: expected an object", "<b>catalog</b> 0.1.0", "siem-filter 0.1.0"] {
        assert!(body.contains(text), "{text}");
    }
    assert!(!body.contains("ops-nagios"), "of another team");
    let shown = house.get("/dead-letters/1", &alice).await;
    assert!(shown.body.contains("Replay takes it in again"));
    assert_eq!(house.post("/dead-letters/1/replay", &alice, &[("csrf", &csrf)]).await.status, 303);
    assert_eq!(house.post("/dead-letters/1/replay", &alice, &[("csrf", &csrf)]).await.status, 409);
    assert!(house.get("/pipeline", &alice).await.body.contains("None. Everything that was sent was understood."));
}

#[tokio::test]
async fn empty_pages_say_what_to_do_next() {
    let house = House::empty();
    let (root, _) = house.session("root").await;
    assert!(house.get("/", &root).await.body.contains("curl http://127.0.0.1:8080/in/YOUR_KEY"));
    house.live.publish(fixtures::nothing());
    assert!(house.get("/on-call", &root).await.body.contains("kind: Rotation"));
    assert!(house.get("/pipeline", &root).await.body.contains("kind: Integration"));
}

#[tokio::test]
async fn what_is_not_there_is_a_page_that_says_so() {
    let house = House::full().await;
    let (alice, _) = house.session("alice").await;
    for path in ["/nowhere", "/incidents/999", "/incidents/x"] {
        let answer = house.get(path, &alice).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.header("content-type").starts_with("text/html") && answer.body.contains("Not found"), "{path}");
    }
}

/// Seen red with: forms within forms, of which a browser keeps the outer one alone.
#[tokio::test]
async fn incidents_of_the_list_are_chosen_without_javascript() {
    let house = House::full().await;
    let (alice, csrf) = house.session("alice").await;
    let list = house.get("/", &alice).await.body;
    assert!(list.contains(r#"<input type="checkbox" name="id" value="1" form="many""#), "{list}");
    let at = list.find(r#"<form id="many""#).expect("the form that they belong to");
    assert_eq!(list[..at].matches("<form").count(), list[..at].matches("</form>").count(), "it stands in no other form");
    let done = house.post("/incidents/actions", &alice, &[("csrf", &csrf), ("id", "1"), ("id", "99"), ("what", "acknowledge")]).await;
    assert_eq!(done.status, 200);
    assert!(done.body.contains("1 of 2 done") && done.body.contains("not done:"), "{}", done.body);
    assert_eq!(house.incident(1).await.status.as_str(), "acknowledged");
    assert_eq!(house.post("/incidents/actions", &alice, &[("csrf", "forged"), ("id", "2"), ("what", "resolve")]).await.status, 403);
    let nothing = house.post("/incidents/actions", &alice, &[("csrf", &csrf), ("what", "resolve")]).await;
    assert_eq!((nothing.status.as_u16(), nothing.header("location")), (303, "/"));
}

#[tokio::test]
async fn an_incidents_page_offers_what_a_responder_can_do() {
    let house = House::full().await;
    let (alice, csrf) = house.session("alice").await;
    let page = house.get("/incidents/1", &alice).await.body;
    for words in
        ["9:00 tomorrow", "Ask to help too", "Reroute there", "Take it over", "Merge and resolve this one", "a false alarm", "scribe"]
    {
        assert!(page.contains(words), "{words} is missing in {page}");
    }
    let respond = |fields: Vec<(&'static str, &'static str)>| {
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        let (house, alice) = (&house, &alice);
        async move { house.post("/incidents/1/respond", alice, &all).await.status.as_u16() }
    };
    assert_eq!(respond(vec![("what", "snooze"), ("minutes", "30")]).await, 303);
    assert_eq!(house.incident(1).await.care.snoozed_until, Some(NOW.plus_seconds(1800)));
    assert_eq!(respond(vec![("what", "snooze"), ("until", "yesterday")]).await, 422);
    assert_eq!(respond(vec![("what", "reroute"), ("target", "user/nobody")]).await, 422);
    assert_eq!(respond(vec![("what", "dance")]).await, 422);
}
