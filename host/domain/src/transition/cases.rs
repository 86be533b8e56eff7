//! One rule of the commit a test.

use super::world::{Reported, World, fires, recovers, waiting};
use super::*;
use crate::command::{Operation, Priority};
use crate::decision::{Threshold, Verdict};

const CRITICAL: Severity = Severity::Critical;
const WARNING: Severity = Severity::Warning;

fn suppressed(until: Option<Millis>) -> Verdict {
    Verdict::Suppress { reason: "maintenance".into(), until }
}

fn id(id: u64) -> IncidentId {
    IncidentId(id)
}

#[test]
fn an_alert_opens_repeats_and_resolves() {
    let mut world = World::default();
    assert_eq!(world.report(&fires("db", "db", CRITICAL)).outcome, Outcome::Opened);
    assert!(world.incident(1).route_due);
    assert_eq!(world.report(&fires("db", "db", CRITICAL)).outcome, Outcome::Repeated);
    assert_eq!(world.incident(1).alert_count, 2);
    assert_eq!(world.report(&recovers("db")).outcome, Outcome::Resolved);
    assert_eq!(world.incident(1).status, Status::Resolved);
    assert_eq!(world.incident(1).severity, CRITICAL);
    assert_eq!(world.told(1), ["Opened by prometheus: db (critical)", "Recovered: db", "Resolved: its only alert has recovered"]);
    assert_eq!(world.report(&recovers("db")).outcome, Outcome::Recorded);
}

#[test]
fn entities_under_one_key_share_an_incident_until_the_last_recovers() {
    let mut world = World::default();
    for entity in ["a", "b", "c"] {
        world.report(&fires(entity, "shop", CRITICAL));
    }
    world.report(&recovers("a"));
    world.report(&recovers("c"));
    assert_eq!(world.incident(1).status, Status::Firing);
    // The recovery names another key: it follows the incident on record.
    world.report(&recovers("b"));
    assert_eq!(world.incident(1).status, Status::Resolved);
    assert_eq!(world.told(1).last(), Some(&"Resolved: all 3 alerts have recovered"));
    assert!(world.open.is_empty());
}

#[test]
fn a_new_key_does_not_move_what_fires() {
    let mut world = World::default();
    world.report(&fires("db", "old", CRITICAL));
    assert_eq!(world.report(&fires("db", "new", CRITICAL)).outcome, Outcome::Repeated);
    world.report(&recovers("db"));
    assert_eq!(world.incident(1).status, Status::Resolved);
    assert_eq!(world.incidents.len(), 1);
    assert!(world.open.is_empty());
}

#[test]
fn info_never_opens_and_is_never_counted() {
    let mut world = World::default();
    assert_eq!(world.report(&fires("note", "shop", Severity::Info)).outcome, Outcome::Recorded);
    world.report(&fires("db", "shop", CRITICAL));
    assert_eq!(world.report(&fires("note", "shop", Severity::Info)).outcome, Outcome::Joined);
    world.report(&recovers("db"));
    assert_eq!(world.incident(1).status, Status::Resolved, "what is for the record keeps nothing open");
}

#[test]
fn info_about_a_firing_entity_changes_neither_count_nor_severity() {
    let mut world = World::default();
    world.report(&fires("db", "db", CRITICAL));
    assert_eq!(world.report(&fires("db", "db", Severity::Info)).outcome, Outcome::Repeated);
    assert_eq!((world.incident(1).severity, world.incident(1).firing), (CRITICAL, [0, 0, 0, 1]));
}

#[test]
fn open_after_n_counts_arrivals_and_takes_those_that_waited_along() {
    let mut world = World::default();
    let threshold = Some(Threshold { count: 3, within_seconds: 60 });
    let after_three = |entity| Reported { threshold, ..fires(entity, "shop", WARNING) };
    assert_eq!(world.report(&after_three("a")).outcome, waiting(1, 3));
    assert_eq!(world.report(&after_three("b")).outcome, waiting(2, 3));
    assert!(world.incidents.is_empty());
    assert_eq!(world.report(&after_three("a")).outcome, Outcome::Opened);
    assert_eq!(world.incident(1).firing, [0, 2, 0, 0]);
    assert_eq!(world.incident(1).alert_count, 2, "a's latest report and b's");
    assert_eq!(world.told(1), ["Opened by prometheus: a (warning)", "Joined by prometheus: b (warning)"]);
    world.report(&recovers("a"));
    assert!(world.incident(1).is_open());
    world.report(&recovers("b"));
    assert!(!world.incident(1).is_open());
    assert_eq!(world.report(&after_three("a")).outcome, waiting(1, 3), "the window began anew");
}

#[test]
fn arrivals_outside_the_window_do_not_count() {
    let mut world = World::default();
    let threshold = Some(Threshold { count: 2, within_seconds: 60 });
    let after_two = Reported { threshold, ..fires("a", "shop", WARNING) };
    assert_eq!(world.report(&after_two).outcome, waiting(1, 2));
    world.later(61);
    assert_eq!(world.report(&after_two).outcome, waiting(1, 2));
    world.later(60);
    assert_eq!(world.report(&after_two).outcome, Outcome::Opened);
}

#[test]
fn a_quiet_incident_gives_up_its_key_and_stays_open() {
    let mut world = World::default();
    let within_minute = |entity| Reported { window_seconds: Some(60), ..fires(entity, "shop", WARNING) };
    world.report(&within_minute("a"));
    world.later(60);
    assert_eq!(world.report(&within_minute("b")).outcome, Outcome::Joined);
    world.later(61);
    assert_eq!(world.report(&within_minute("c")).outcome, Outcome::Opened);
    assert_eq!(world.report(&within_minute("a")).incident, Some(id(1)), "what fires on it stays on it");
    world.report(&recovers("a"));
    world.report(&recovers("b"));
    assert_eq!(world.open["shop"], id(2), "resolving the old one leaves the key with the new one");
}

#[test]
fn suppressed_opens_nothing_and_joins_uncounted() {
    let mut world = World::default();
    let muted = |entity| Reported { verdict: suppressed(None), ..fires(entity, "shop", CRITICAL) };
    assert_eq!(world.report(&muted("a")).outcome, Outcome::Suppressed);
    assert!(world.incidents.is_empty());
    world.report(&fires("b", "shop", WARNING));
    world.incidents.get_mut(&id(1)).unwrap().route_due = false;
    assert_eq!(world.report(&muted("c")).outcome, Outcome::Suppressed);
    let incident = world.incident(1);
    assert_eq!((incident.firing, incident.severity, incident.route_due, incident.alert_count), ([0, 1, 0, 0], WARNING, false, 2));
}

#[test]
fn at_the_end_of_its_suppression_what_still_fires_goes_on_as_if_kept() {
    let mut world = World::default();
    let until = world.now.plus_seconds(60);
    let muted = |entity, key| Reported { verdict: suppressed(Some(until)), ..fires(entity, key, CRITICAL) };
    world.report(&muted("alone", "alone"));
    world.report(&muted("gone", "gone"));
    world.report(&fires("b", "shop", WARNING));
    world.report(&muted("c", "shop"));
    world.report(&recovers("gone"));
    world.later(59);
    assert_eq!(world.wake("alone").outcome, Outcome::Recorded, "too early");
    world.later(1);
    assert_eq!(world.wake("alone").outcome, Outcome::Opened);
    assert_eq!(world.wake("gone").outcome, Outcome::Recorded);
    assert_eq!(world.wake("c").outcome, Outcome::Joined);
    assert_eq!((world.incident(1).severity, world.incident(1).route_due), (CRITICAL, true));
    assert_eq!(world.alerts["alone"].count, 1, "looking at it is no report");
    assert_eq!(world.alerts["alone"].wake_at(), None);
    world.assert_sound();
}

#[test]
fn a_rise_routes_again_and_re_triggers_only_above_what_was_acknowledged() {
    let mut world = World::default();
    world.report(&fires("a", "shop", Severity::Error));
    world.obey("alice", Operation::Acknowledge, id(1));
    assert!(!world.incident(1).route_due);
    world.report(&fires("b", "shop", WARNING));
    world.report(&recovers("a"));
    assert_eq!(world.incident(1).severity, WARNING);
    world.report(&fires("a", "shop", Severity::Error));
    assert_eq!((world.incident(1).status, world.incident(1).route_due), (Status::Acknowledged, false), "no worse than acknowledged");
    world.report(&fires("a", "shop", CRITICAL));
    assert_eq!((world.incident(1).status, world.incident(1).route_due), (Status::Firing, true));
    assert!(world.incident(1).responders.is_empty());
}

#[test]
fn a_resolved_by_hand_incident_is_over_and_the_next_report_opens_another() {
    let mut world = World::default();
    world.report(&fires("db", "db", CRITICAL));
    world.obey("alice", Operation::Resolve, id(1));
    assert_eq!(world.told(1).last(), Some(&"alice resolved it by page link"));
    assert_eq!(world.report(&fires("db", "db", CRITICAL)).outcome, Outcome::Opened);
    assert_eq!(world.alerts["db"].count, 1);
    world.obey("alice", Operation::Resolve, id(2));
    assert_eq!(world.report(&recovers("db")).outcome, Outcome::Recorded);
}

#[test]
fn a_tool_acknowledges_what_its_entity_is_on() {
    let mut world = World::default();
    let acknowledges = Reported { status: Status::Acknowledged, ..fires("db", "other", CRITICAL) };
    assert_eq!(world.report(&acknowledges).outcome, Outcome::Recorded);
    world.report(&fires("db", "db", CRITICAL));
    assert_eq!(world.report(&acknowledges).outcome, Outcome::Acknowledged);
    assert_eq!(world.incident(1).status, Status::Acknowledged);
    assert_eq!(world.report(&recovers("db")).outcome, Outcome::Resolved);
}

#[test]
fn dropped_leaves_no_trace_on_rows() {
    let mut world = World::default();
    let dropped = Reported { verdict: Verdict::Drop { reason: "noise".into() }, ..fires("db", "db", CRITICAL) };
    assert_eq!(world.report(&dropped).outcome, Outcome::Dropped);
    assert!(world.alerts.is_empty() && world.incidents.is_empty());
}

#[test]
fn commands_answer_in_words_and_repeat_without_a_trace() {
    let mut world = World::default();
    world.report(&fires("db", "db", CRITICAL));
    assert_eq!(world.obey("alice", Operation::Acknowledge, id(1)), Said::Done("incident 1 is acknowledged".into()));
    assert_eq!(world.obey("alice", Operation::Acknowledge, id(1)), Said::Done("incident 1 was already acknowledged".into()));
    world.obey("bob", Operation::Acknowledge, id(1));
    assert_eq!(world.incident(1).responders, ["alice".into(), "bob".into()]);
    world.obey("alice", Operation::AddNote("disk is full".into()), id(1));
    world.obey("alice", Operation::SetPriority(Priority::P2), id(1));
    world.obey("alice", Operation::Unacknowledge, id(1));
    assert!(world.incident(1).route_due && world.incident(1).responders.is_empty());
    world.obey("bob", Operation::Resolve, id(1));
    assert_eq!(world.obey("bob", Operation::Acknowledge, id(1)), Said::Refused("incident 1 is already resolved".into()));
    assert_eq!(
        world.told(1),
        [
            "Opened by prometheus: db (critical)",
            "alice acknowledged by page link",
            "bob acknowledged too by page link",
            "alice: disk is full",
            "alice set the priority to p2 by page link",
            "alice gave it back by page link",
            "bob resolved it by page link",
        ]
    );
    assert!(matches!(world.obey("bob", Operation::Acknowledge, id(9)), Said::Refused(_)));
}

#[test]
fn one_incident_per_cause_quiet_for_fifteen_minutes_after_its_acknowledgement() {
    let mut world = World::default();
    assert_eq!(world.note("delivery", false).outcome, Outcome::Opened);
    assert_eq!(world.note("delivery", false).outcome, Outcome::Repeated);
    assert!(world.incident(1).own && world.incident(1).default_route);
    world.obey("alice", Operation::Acknowledge, id(1));
    world.later(15 * 60 - 1);
    world.note("delivery", false);
    assert_eq!(world.incident(1).status, Status::Acknowledged);
    world.later(1);
    world.note("delivery", false);
    assert_eq!((world.incident(1).status, world.incident(1).route_due), (Status::Firing, true));
    assert_eq!(world.note("delivery", true).outcome, Outcome::Resolved);
    assert_eq!(world.note("delivery", true).outcome, Outcome::Recorded);
    assert_eq!(world.incidents.len(), 1);
}

#[test]
fn what_is_not_reported_again_expires_unless_the_host_was_away() {
    let mut world = World { availability: Availability::with_grace(30), ..World::default() };
    world.availability.start(world.now);
    let lives = |entity, now: Millis| Reported { expires_at: Some(now.plus_seconds(240)), ..fires(entity, "shop", WARNING) };
    world.report(&lives("a", world.now));
    assert_eq!(world.alerts["a"].wake_at(), Some(Millis(270_000)));
    world.later(200);
    world.report(&lives("a", world.now));
    world.later(70);
    assert_eq!(world.wake("a").outcome, Outcome::Recorded, "reported again");
    // Away from 270 to 1270 s: of the 240 s from 200 on, 70 had passed.
    world.availability.beat(world.now, false);
    world.later(1000);
    world.availability.start(world.now);
    assert_eq!(world.wake("a").outcome, Outcome::Recorded);
    assert_eq!(world.alerts["a"].wake_at(), Some(Millis((1270 + 170 + 30) * 1000)));
    world.later(200);
    assert_eq!(world.wake("a").outcome, Outcome::Resolved);
    assert_eq!(world.told(1)[1], "Not reported again, so it counts as recovered: a");
    assert!(!world.incident(1).is_open());
}
