//! What the pages say when much is wrong: a storm in the list, Reveille's own incidents, plugins that are switched off, the chosen answer.

use crate::house::doubles::link;
use crate::house::{House, NOW, fixtures};
use domain::alert::{Severity, Status};
use domain::id::IncidentId;

/// As many open incidents of shop as `count`, of which every fifth is acknowledged, over the ids from 1000.
async fn storm(house: &House, count: u64) {
    house
        .store
        .write(move |tx| {
            for n in 0..count {
                let status = if n % 5 == 0 { Status::Acknowledged } else { Status::Firing };
                tx.put_incident(&fixtures::incident(1000 + n, "shop", &format!("Storm {n}"), Severity::Warning, status, NOW))?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

/// Seen red with: the number of the rows that are shown in place of the section's count.
#[tokio::test]
async fn a_storm_is_counted_whole_and_has_pages() {
    let house = House::empty();
    storm(&house, 615).await;
    let (alice, _) = house.session("alice").await;
    let first = house.get("/?team=shop", &alice).await.body;
    assert!(first.contains("Open <span class=\"count\">615</span>"));
    assert!(first.contains("Needs an answer <span class=\"count\">492</span>"), "all of the section, more than the store gives at once");
    let notice = first.find("<b>1 to 100</b> of 615").expect("it says what is shown");
    assert!(notice < first.find("Storm ").unwrap(), "above the rows");
    assert!(first.contains("href=\"/?team=shop&#38;page=2\">Next page") && !first.contains("Previous page"));
    let mut seen = std::collections::BTreeSet::new();
    for page in 1..=7 {
        let body = house.get(&format!("/?team=shop&page={page}"), &alice).await.body;
        seen.extend(body.split("href=\"/incidents/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    assert_eq!(seen.len(), 615, "each is on one of the pages");
    let fifth = house.get("/?page=5", &alice).await.body;
    assert!(fifth.contains("Needs an answer <span class=\"count\">492") && fifth.contains("Being worked on <span class=\"count\">123"));
    let last = house.get("/?page=99", &alice).await.body;
    assert!(last.contains("601 to 615") && !last.contains("Next page") && last.contains("Previous page"));
}

#[tokio::test]
async fn all_that_is_shown_is_chosen_without_javascript() {
    let house = House::empty();
    storm(&house, 120).await;
    let (alice, _) = house.session("alice").await;
    let none = house.get("/?page=2", &alice).await.body;
    assert!(!none.contains(" checked aria-label"));
    assert!(none.contains("href=\"/?page=2&#38;choose=all\">Choose all shown"));
    let all = house.get("/?page=2&choose=all", &alice).await.body;
    assert_eq!(all.matches("form=\"many\" checked").count(), 20);
    assert!(all.contains("href=\"/?page=2\">Choose none"));
}

/// Seen red with: one page, whatever the link named.
#[tokio::test]
async fn what_the_link_of_a_message_names_is_its_large_first_button() {
    let house = House::full().await;
    let token = link(1, "alice", NOW.plus_seconds(60));
    for (path, button, also) in [
        ("", "Acknowledge", "Resolve"),
        ("/acknowledge", "Acknowledge", "Resolve"),
        ("/resolve", "Resolve", "Acknowledge"),
        ("/snooze", "Snooze 30 min", "Acknowledge"),
    ] {
        let page = house.get(&format!("/l/{token}{path}"), "").await.body;
        let (_, dock) = page.split_once("<div class=\"dock\">").expect("there are buttons");
        let first = dock.split("</form>").next().unwrap();
        assert!(first.contains(&format!("<button class=\"primary big\">{button}</button>")), "{path}: {first}");
        assert!(dock.contains(&format!("<button>{also}</button>")), "{path}: {dock}");
        assert_eq!(page.contains("Nothing has changed yet"), matches!(path, "/resolve" | "/snooze"), "{path}");
    }
    let incident = house.incident(1).await;
    assert_eq!((incident.status, incident.care.snoozed_until), (Status::Firing, None), "looking changes nothing");
    assert!(house.get("/l/cut", "").await.body.contains("It is not a whole link"));
}

async fn own(house: &House, id: u64, cause: &str, title: &str) {
    let mut incident = fixtures::incident(id, "", title, Severity::Error, Status::Firing, NOW);
    (incident.own, incident.entity_count, incident.key) = (true, 0, domain::transition::notice_key(cause));
    house
        .store
        .write(move |tx| {
            tx.put_incident(&incident)?;
            tx.set_open_incident(&incident.team, &incident.key, Some(IncidentId(id)))
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn reveilles_own_incidents_lead_to_what_helps() {
    let house = House::full().await;
    own(&house, 20, "dead-letters/shop-prometheus", "Something from shop-prometheus could not be taken in").await;
    own(&house, 21, "breaker/catalog", "Plugin catalog is switched off").await;
    let (root, _) = house.session("root").await;
    let letters = house.get("/incidents/20", &root).await.body;
    assert!(letters.contains("href=\"/dead-letters/1\"") && letters.contains("class=\"button\" href=\"/pipeline\""), "{letters}");
    assert!(!letters.contains("href=\"/dead-letters/2\""), "of another integration");
    assert!(!letters.contains("alert firing") && !letters.contains("<h2>Why"));
    let breaker = house.get("/incidents/21", &root).await.body;
    assert!(breaker.contains("reveille plugin rollback catalog") && breaker.contains("class=\"button\" href=\"/pipeline\""));
    let pipeline = house.get("/pipeline", &root).await.body;
    assert!(pipeline.contains("was switched off</span>") && pipeline.contains("<a href=\"/incidents/21\">Incident #21</a>"));
    let (alice, _) = house.session("alice").await;
    let member = house.get("/pipeline", &alice).await.body;
    assert!(member.contains("reveille plugin rollback catalog") && !member.contains("/incidents/21"), "she may not open it");
}

/// Seen red with: a card that looks at incidents alone, and is silent when this one is resolved by hand.
#[tokio::test]
async fn a_plugin_that_is_switched_off_says_so_on_its_card() {
    let house = House::full().await;
    let mut snapshot = (*house.live.load()).clone();
    snapshot.notify.insert("ntfy".into(), crate::house::doubles::DoublePlugin::off("ntfy", NOW.plus_seconds(34)));
    house.live.publish(snapshot);
    let (alice, _) = house.session("alice").await;
    let page = house.get("/pipeline", &alice).await.body;
    assert!(page.contains("switched off</span> after failures in a row, tried again in 34 s."), "{page}");
    assert_eq!(page.matches("switched off</span>").count(), 1);
}

/// The grid names the hours where a day is shared, and only there.
#[tokio::test]
async fn a_day_that_is_handed_over_has_its_hours_in_the_grid() {
    let house = House::full().await;
    let (alice, _) = house.session("alice").await;
    let page = house.get("/on-call", &alice).await.body;
    // Turns begin on Mondays at 9:00 in Rome; bob has an override from Thu 2 Apr 04:14, one day long.
    assert!(
        page.contains("<span class=\"hours\">from 09:00</span>") && page.contains("<span class=\"hours\">until 09:00</span>"),
        "{page}"
    );
    assert!(page.contains("<span class=\"hours\">from 04:14</span>"), "{page}");
    assert!(page.contains("put in by hand: an override"));
}
