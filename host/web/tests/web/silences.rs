//! The page for silences: who sees, makes and ends which, without JavaScript; and the page behind a message about several incidents.

use crate::house::doubles::link;
use crate::house::{House, NOW};
use domain::id::IncidentId;
use oncall::told::Told;

const PURPOSE: &str = "<b>moving</b> the database";

fn form<'a>(csrf: &'a str, team: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("csrf", csrf),
        ("matchers", "service=\"checkout\"\nseverity=~\"error|critical\""),
        ("team", team),
        ("length", "3600"),
        ("purpose", PURPOSE),
        ("what", "make"),
    ]
}

async fn silences(house: &House) -> Vec<domain::silence::Silence> {
    house.store.view(|view| ports::object::all(view)).await.unwrap()
}

/// Makes one of shop's as alice; its id.
async fn made(house: &House) -> String {
    let (alice, csrf) = house.session("alice").await;
    let answer = house.post("/silences/new", &alice, &form(&csrf, "shop")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let id = silences(house).await[0].id.clone();
    assert_eq!(answer.header("location"), format!("/silences?made={id}"));
    id
}

/// Planted bug that this finds: the silence's team taken from the form without asking whose it is.
#[tokio::test]
async fn everybody_sees_makes_and_ends_their_own_teams_silences_only() {
    let house = House::full().await;
    let id = made(&house).await;
    let end = format!("/silences/{id}/end");
    // Nobody is signed in.
    for path in ["/silences", "/silences/new", "/silences/new?incident=1"] {
        let answer = house.get(path, "").await;
        assert_eq!((answer.status.as_u16(), answer.header("location").starts_with("/sign-in")), (303, true), "{path}");
    }
    for path in ["/silences/new", &end] {
        assert_eq!(house.post(path, "", &[]).await.status, 401, "{path}");
    }
    // A member of another team: it does not exist, and hers cannot be shop's.
    let (carol, csrf) = house.session("carol").await;
    let list = house.get("/silences", &carol).await;
    assert_eq!((list.status.as_u16(), list.body.contains("moving"), list.body.contains("Nothing is silenced")), (200, false, true));
    assert_eq!(house.get("/silences/new?incident=1", &carol).await.status, 404);
    assert_eq!(house.post(&end, &carol, &[("csrf", &csrf)]).await.status, 404);
    let refused = house.post("/silences/new", &carol, &form(&csrf, "shop")).await;
    assert!(refused.status == 422 && refused.body.contains("that is yours"), "{}", refused.body);
    assert!(refused.body.contains("severity=~"), "what was typed stands there still");
    // With no team named it is that of her own, and never all.
    assert_eq!(house.post("/silences/new", &carol, &form(&csrf, "")).await.status, 303);
    let teams: Vec<_> = silences(&house).await.into_iter().map(|silence| silence.team.unwrap().0).collect();
    assert!(teams.contains(&"ops".to_owned()) && teams.len() == 2, "{teams:?}");
    // Whoever may only read.
    let reader = house.token(Some("alice"), "read").await;
    let list = house.get("/silences", &reader).await.body;
    assert!(list.contains("the database") && !list.contains("/end\"") && !list.contains("/silences/new"), "{list}");
    assert_eq!(house.get("/silences/new", &reader).await.status, 403);
    assert_eq!(house.post("/silences/new", &reader, &form("", "shop")).await.status, 403);
    assert_eq!(house.post(&end, &reader, &[]).await.status, 403);
    // Without the page's token.
    let (alice, csrf) = house.session("alice").await;
    assert_eq!(house.post(&end, &alice, &[]).await.status, 403);
    assert!(silences(&house).await.iter().all(|silence| silence.ended_at.is_none()));
    // Hers.
    let page = house.get("/silences", &alice).await.body;
    assert!(page.contains(&format!("action=\"{end}\"")) && page.contains("ends in <b>1 h</b>"), "{page}");
    assert!(page.contains("&#60;b&#62;moving") && !page.contains("<b>moving"), "a purpose is data: {page}");
    assert_eq!(house.post(&end, &alice, &[("csrf", &csrf)]).await.status, 303);
    assert!(house.get("/silences?ended=1", &alice).await.body.contains("The silence is over"));
    assert!(house.audited().await.iter().any(|(actor, action)| actor.contains("alice") && action == "silence.end"));
}

#[tokio::test]
async fn an_incident_fills_the_form_and_a_mistake_is_said_above_it() {
    let house = House::full().await;
    let (alice, csrf) = house.session("alice").await;
    let page = house.get("/silences/new?incident=1", &alice).await.body;
    assert!(page.contains("entity=") && page.contains("From incident #1"), "{page}");
    assert!(page.contains("To silence the whole service instead"), "{page}");
    assert!(page.contains("In the last 7 days") || page.contains("Nothing that came in the last 7 days"), "{page}");
    assert!(house.get("/incidents/1", &alice).await.body.contains("/silences/new?incident=1"));
    for (name, value, said) in [
        ("matchers", "nonsense", "is no matcher"),
        ("matchers", "service=~\".*\"", "at least one matcher"),
        ("purpose", " ", "say in a few words what it is for"),
        ("until", "tomorrow", "is no date and time"),
        ("until", "2026-03-27T10:00", "ends:"),
        ("length", "", "how long"),
    ] {
        let mut fields = form(&csrf, "shop");
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value));
        let answer = house.post("/silences/new", &alice, &fields).await;
        assert!(answer.status == 422 && answer.body.contains(said), "{name}={value}: {} {}", answer.status, answer.body);
    }
    assert!(silences(&house).await.is_empty());
}

/// Planted bug that this finds: whoever has a link in some message may name any other message.
#[tokio::test]
async fn a_link_for_a_message_is_its_recipients() {
    let house = House::full().await;
    let told = |message: u64, user: &str| Told {
        message,
        user: user.into(),
        own: IncidentId(1),
        kind: "ntfy".into(),
        incidents: [1, 3].map(IncidentId).into(),
        rows: Vec::new(),
        at: NOW,
    };
    let both = [told(5, "alice"), told(6, "bob")];
    house.store.write(move |tx| both.iter().try_for_each(|told| ports::object::put(tx, told))).await.unwrap();
    let until = NOW.plus_seconds(60);
    let address = |message: u64| format!("/l/{}-{message}", link(1, "alice", until));
    let page = house.get(&address(5), "").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Acknowledge all 2") && page.body.contains("Disk of db-2"), "{}", page.body);
    assert!(!page.body.contains("<script"), "it works without JavaScript");
    for message in [6, 7] {
        assert_eq!(house.get(&address(message), "").await.status, 410, "bob's, and none");
        assert_eq!(house.post(&format!("{}/acknowledge", address(message)), "", &[]).await.status, 410);
    }
    assert_eq!(house.incident(1).await.status.as_str(), "firing");
    assert_eq!(house.post(&format!("{}/acknowledge", address(5)), "", &[]).await.status, 303);
    for id in [1, 3] {
        assert_eq!(house.incident(id).await.status.as_str(), "acknowledged");
    }
    assert!(house.get(&address(5), "").await.body.contains("All 2 incidents are answered"));
}
