//! Swaps and open overrides on the on-call page: each viewer gets the buttons that they may press, and pressing works without JavaScript.

use crate::house::House;

/// Mira's week ends on Monday, 30 March, at nine in Rome; then it is alice's.
const FROM: &str = "2026-03-31T10:00:00Z";
const UNTIL: &str = "2026-03-31T12:00:00Z";

#[tokio::test]
async fn a_swap_is_asked_on_one_page_and_accepted_on_another() {
    let house = House::full().await;
    let (alice, alice_csrf) = house.session("alice").await;
    let (bob, bob_csrf) = house.session("bob").await;
    let asked = [("csrf", alice_csrf.as_str()), ("rotation", "primary"), ("from", FROM), ("until", UNTIL), ("reason", "<b>dentist</b>")];
    assert_eq!(house.post("/on-call/swaps", &alice, &asked).await.status, 303);
    let own = house.get("/on-call", &alice).await.body;
    assert!(
        own.contains("asks for a swap") && own.contains("/withdraw\"") && !own.contains("/accept\""),
        "the owner may only take it back"
    );
    assert!(!own.contains("<b>dentist"), "a reason is data");
    let page = house.get("/on-call", &bob).await.body;
    let begin = page.find("/on-call/swaps/").unwrap();
    let accept = page[begin..].split('"').next().unwrap().to_owned();
    assert!(accept.ends_with("/accept"), "{accept}");
    assert_eq!(house.post(&accept, &alice, &[("csrf", &alice_csrf)]).await.status, 409, "their own");
    assert_eq!(house.post(&accept, &bob, &[("csrf", &bob_csrf)]).await.status, 303);
    assert!(!house.get("/on-call", &bob).await.body.contains("asks for a swap"));
    let shifts = house.get(&format!("/api/v1/rotations/primary/shifts?from={FROM}&until={UNTIL}"), &bob).await.value();
    assert_eq!((shifts["items"].as_array().unwrap().len(), &shifts["items"][0]["user"]), (1, &"bob".into()));
}

#[tokio::test]
async fn an_override_that_nobody_took_is_red_until_somebody_does() {
    let house = House::full().await;
    let (bob, csrf) = house.session("bob").await;
    let form =
        [("csrf", csrf.as_str()), ("rotation", "primary"), ("user", ""), ("from", "2026-03-31T10:00"), ("until", "2026-03-31T12:00")];
    assert_eq!(house.post("/on-call/overrides", &bob, &form).await.status, 303);
    let page = house.get("/on-call", &bob).await.body;
    assert!(page.contains("banner bad\"><p><b>Somebody is needed</b>"));
    let begin = page.find("/assign\"").unwrap();
    let path = page[..begin].rsplit('"').next().unwrap();
    let given = house.post(&format!("{path}/assign"), &bob, &[("csrf", &csrf), ("user", "bob")]).await;
    assert_eq!(given.status, 303, "{}", given.body);
    assert!(!house.get("/on-call", &bob).await.body.contains("Somebody is needed"));
}

#[tokio::test]
async fn it_is_taken_with_one_press() {
    let house = House::full().await;
    let (alice, csrf) = house.session("alice").await;
    assert!(house.get("/on-call", &alice).await.body.contains("Take it now"), "mira has it");
    assert_eq!(house.post("/on-call/take", &alice, &[("csrf", &csrf), ("rotation", "primary")]).await.status, 303);
    assert!(!house.get("/on-call", &alice).await.body.contains("Take it now"), "it is hers");
    let shifts = house.get("/api/v1/rotations/primary/shifts", &alice).await.value();
    assert_eq!((&shifts["items"][0]["user"], &shifts["items"][0]["until"]), (&"alice".into(), &"2026-03-30T07:00:00Z".into()));
    let (carol, csrf) = house.session("carol").await;
    assert_eq!(house.post("/on-call/take", &carol, &[("csrf", &csrf), ("rotation", "primary")]).await.status, 404, "another team's");
}

/// The list's last shift ends where it really ends. Planted bug that this finds: a shift cut at the end of what the page looks at, which
/// read like a handover at that minute.
#[tokio::test]
async fn the_list_of_shifts_shows_no_handover_that_is_none() {
    let house = House::full().await;
    let (bob, csrf) = house.session("bob").await;
    let page = house.get("/on-call", &bob).await.body;
    let list = page.split("<ol class=\"shifts\">").nth(1).and_then(|rest| rest.split("</ol>").next()).unwrap();
    // It is 03:14 in Rome; four weeks on, in summer time, 04:14. The turns change on Mondays at nine.
    assert!(!list.contains("Sat 28 Mar 03:14") && !list.contains("Sat 25 Apr 04:14"), "{list}");
    assert!(list.contains("now – Mon 30 Mar 09:00"), "{list}");
    assert!(list.contains("Mon 20 Apr 09:00 – Mon 27 Apr 09:00") && !list.contains("and on"), "{list}");
    // What can be done has words of its own, and a shift to swap is chosen by its times.
    assert!(["Swap my shift", "Put somebody on call"].iter().all(|words| page.contains(words)), "{page}");
    let own = page.split("name=\"shift\">").nth(1).and_then(|rest| rest.split("value=\"").nth(1)).and_then(|rest| rest.split('"').next());
    let asked = [("csrf", csrf.as_str()), ("rotation", "primary"), ("shift", own.unwrap()), ("reason", "dentist")];
    let answer = house.post("/on-call/swaps", &bob, &asked).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(house.get("/on-call", &bob).await.body.contains("asks for a swap"));
}
