//! One message about several incidents, and one answer that acknowledges all of them: by its link, by text, in a chat and by mail.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::{Crew, Story};
use serde_json::json;

fn down(story: &mut Story, entities: &[&str]) {
    for entity in entities {
        story.victorops("CRITICAL", entity, json!({ "entity_display_name": format!("{entity} is down") }));
        story.settle();
    }
}

fn statuses(story: &Story, ids: std::ops::RangeInclusive<u64>) -> Vec<String> {
    ids.map(|id| story.incident(id)["status"].as_str().unwrap().to_owned()).collect()
}

fn page_of(story: &Story, link: &str) -> String {
    let response = story.http.get(link).send().unwrap();
    assert_eq!(response.status(), 200);
    response.text().unwrap()
}

/// Three incidents, one message, one press: all three are hers, and each timeline says by which message. A fourth that began a moment
/// later goes on firing. Planted bug that this finds: the button for whatever fires for her now.
#[test]
fn one_press_acknowledges_all_of_a_message_and_nothing_that_joined_later() {
    let mut story = Crew { team: "aggregate: true", ..Crew::default() }.story();
    down(&mut story, &["db", "web", "queue"]);
    let rings = story.rings("alice");
    assert_eq!(rings.len(), 3, "two alone, then one for all");
    assert!(rings[2].body.contains("Acknowledge all 3"), "{}", rings[2].body);
    let link = Story::link_in(&rings[2]);
    down(&mut story, &["cache"]);
    let page = page_of(&story, &link);
    assert!(["db is down", "web is down", "queue is down", "Acknowledge all 3"].iter().all(|words| page.contains(words)), "{page}");
    assert!(!page.contains("cache is down"), "it is in the next message");
    assert_eq!(statuses(&story, 1..=4), ["firing"; 4], "looking changes nothing");
    assert_eq!(story.press(&link, "acknowledge"), 303);
    story.settle();
    assert_eq!(statuses(&story, 1..=4), ["acknowledged", "acknowledged", "acknowledged", "firing"]);
    let told = "alice acknowledged by page link from the ntfy message about #1, #2, #3";
    for id in 1..=3 {
        assert!(story.timeline(id).contains(&told.to_owned()), "{:#?}", story.timeline(id));
        assert_eq!(story.incident(id)["responders"], json!(["alice"]));
    }
    // Pressed again it changes nothing, and the page says that nothing is left.
    let lines: Vec<usize> = (1..=4).map(|id| story.timeline(id).len()).collect();
    assert_eq!(story.press(&link, "acknowledge"), 303);
    story.settle();
    assert_eq!((1..=4).map(|id| story.timeline(id).len()).collect::<Vec<_>>(), lines);
    assert!(page_of(&story, &link).contains("All 3 incidents are answered"));
    story.pass_seconds(60);
    let rings = story.rings("alice");
    assert_eq!(rings.len(), 4, "the fourth pages by itself");
    assert!(rings[3].body.contains("cache is down") && !rings[3].body.contains("Acknowledge all"), "{}", rings[3].body);
}

/// Each of them has a button of its own; for one that is not in the message the link is none.
#[test]
fn each_of_a_message_can_be_acknowledged_for_itself() {
    let mut story = Crew { team: "aggregate: true", ..Crew::default() }.story();
    down(&mut story, &["db", "web", "queue", "cache"]);
    let link = Story::link_in(&story.rings("alice")[2]);
    let press = |story: &Story, id: u64| {
        let form = format!("incident={id}");
        let origin = story.server.url("");
        story.http.post(format!("{link}/acknowledge")).header("origin", origin).body(form).send().unwrap().status().as_u16()
    };
    assert_eq!(press(&story, 2), 303);
    story.settle();
    assert_eq!(statuses(&story, 1..=4), ["firing", "acknowledged", "firing", "firing"]);
    assert!(page_of(&story, &link).contains("2 of 3 incidents need an answer"));
    assert_eq!(press(&story, 4), 404, "not in this message");
    // Bob took one meanwhile: the rest is hers, and that one stays his alone.
    story.api_post("incidents/1/acknowledge", &json!({}));
    assert_eq!(story.press(&link, "acknowledge"), 303);
    story.settle();
    assert_eq!(statuses(&story, 1..=4), ["acknowledged", "acknowledged", "acknowledged", "firing"]);
    assert_eq!(story.timeline(1).iter().filter(|line| line.contains("acknowledged by page link")).count(), 0);
}

/// Five at the same instant become one message with the third; it names all five, so nobody is paged for something that no message says.
/// Planted bug that this finds: the list of a message made when its first page was claimed.
#[test]
fn a_message_names_all_that_go_out_with_it() {
    let alice = "paging:\n  primary:\n    - { after: 2m, by: [ntfy] }";
    let mut story = Crew { team: "aggregate: true", alice, ..Crew::default() }.story();
    let entities = ["db", "web", "queue", "cache", "mail"];
    down(&mut story, &entities);
    assert!(story.rings("alice").is_empty());
    story.pass_seconds(120);
    let rings = story.rings("alice");
    assert_eq!(rings.len(), 3, "two alone, then one for all");
    let all = rings.iter().find(|ring| ring.body.contains("Acknowledge all")).expect("a message about several");
    assert!(entities.iter().all(|entity| all.body.contains(entity)), "{}", all.body);
    let link = Story::link_in(all);
    assert_eq!(story.press(&link, "acknowledge"), 303);
    story.settle();
    assert_eq!(statuses(&story, 1..=5), ["acknowledged"; 5]);
}

/// The server dies after it claimed the message and before anybody heard of it; what goes out then stands for what it says.
#[test]
fn the_button_works_across_a_restart() {
    let mut story = Crew { team: "aggregate: true", ..Crew::default() }.story();
    down(&mut story, &["db", "web", "queue"]);
    let link = Story::link_in(&story.rings("alice")[2]);
    story.server.kill_and_start();
    assert_eq!(story.press(&link, "acknowledge"), 303);
    story.settle();
    assert_eq!(statuses(&story, 1..=3), ["acknowledged"; 3]);
    story.pass_minutes(24 * 60);
    assert_eq!(story.http.get(&link).send().unwrap().status(), 410, "a day later the link has expired");
}
