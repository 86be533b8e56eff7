//! What responders do, case by case: rests, returns, moves, helpers. Expected rows are reasoned from the words of the issue.

use super::world::{World, fires, recovers};
use super::*;
use crate::alert::Severity;
use crate::care::{Answer, CareRules, Purpose};
use crate::command::{Mark, Message, Operation};
use crate::escalation::Run;

const CRITICAL: Severity = Severity::Critical;
const WARNING: Severity = Severity::Warning;

fn id(number: u64) -> IncidentId {
    IncidentId(number)
}

fn user(name: &str) -> Target {
    Target::User(name.into())
}

fn done(said: &Said) -> bool {
    matches!(said, Said::Done(_))
}

fn run(ask: Option<u32>, epoch: u32) -> Run {
    Run {
        id: crate::id::RunId(1),
        incident: id(1),
        target: user("bob"),
        state: crate::escalation::RunState::Active,
        step: 0,
        repeat: 0,
        next_at: None,
        last_resort: false,
        reason: String::new(),
        cause: None,
        started_at: Millis(0),
        ask,
        epoch,
    }
}

/// Seen red with: an end of a snooze that does not look whether the snooze was moved.
#[test]
fn a_snooze_ends_when_it_was_last_said_to() {
    let mut world = World::default();
    world.report(&fires("db", "db", CRITICAL));
    let (first, later) = (world.now.plus_seconds(600), world.now.plus_seconds(1200));
    assert!(done(&world.obey("alice", Operation::Snooze(first), id(1))));
    assert_eq!((world.incident(1).status, world.incident(1).route_due), (Status::Acknowledged, false));
    world.obey("alice", Operation::Snooze(later), id(1));
    assert_eq!(
        world.obey("alice", Operation::Snooze(later), id(1)),
        Said::Done("incident 1 is already snoozed until 1970-01-01T00:20:00Z".into())
    );
    world.later(600);
    assert!(!done(&world.obey("x", Operation::EndSnooze(first), id(1))), "it was moved");
    assert!(!done(&world.obey("x", Operation::EndSnooze(later), id(1))), "it is too early");
    world.later(600);
    assert!(done(&world.obey("x", Operation::EndSnooze(later), id(1))));
    assert_eq!((world.incident(1).status, world.incident(1).route_due, world.incident(1).care.snoozed_until), (Status::Firing, true, None));
    assert!(!done(&world.obey("x", Operation::EndSnooze(later), id(1))), "and only once");
    assert!(!done(&world.obey("alice", Operation::Snooze(world.now), id(1))), "not into the past");
}

#[test]
fn whoever_acknowledges_a_snoozed_one_is_on_it_for_good() {
    let mut world = World::default();
    world.report(&fires("db", "db", CRITICAL));
    let until = world.now.plus_seconds(600);
    world.obey("alice", Operation::Snooze(until), id(1));
    assert!(done(&world.obey("alice", Operation::Acknowledge, id(1))));
    assert_eq!(world.told(1).last(), Some(&"alice acknowledged again by page link: the snooze is over"));
    world.later(600);
    assert!(!done(&world.obey("x", Operation::EndSnooze(until), id(1))));
    assert_eq!(world.incident(1).status, Status::Acknowledged);
}

/// Seen red with: a clock that only the first acknowledgement starts.
#[test]
fn an_old_acknowledgement_returns_unless_it_was_renewed() {
    let rules = CareRules { return_after_seconds: [None, None, None, Some(3600)], ..CareRules::default() };
    let mut world = World::default();
    world.report(&fires("db", "db", CRITICAL));
    assert_eq!(world.incident(1).due(Purpose::Return, &rules), None, "it fires");
    world.obey("alice", Operation::Acknowledge, id(1));
    assert_eq!(world.incident(1).due(Purpose::Return, &rules), Some(Millis(3_600_000)));
    world.later(1800);
    world.obey("bob", Operation::Acknowledge, id(1));
    assert_eq!(world.incident(1).due(Purpose::Return, &rules), Some(Millis(5_400_000)));
    world.later(3600);
    assert!(!done(&world.obey("x", Operation::ReturnStale(Millis(0)), id(1))), "it was renewed");
    assert!(done(&world.obey("x", Operation::ReturnStale(Millis(1_800_000)), id(1))));
    assert_eq!(world.told(1).last(), Some(&"Acknowledged by alice, bob for 1 h and not resolved: it fires again"));
    assert_eq!((world.incident(1).status, world.incident(1).responders.len()), (Status::Firing, 0));
}

#[test]
fn silence_resolves_only_what_had_no_alert_since() {
    let rules = CareRules { auto_resolve_after_seconds: [Some(600); 4], ..CareRules::default() };
    let mut world = World::default();
    world.report(&fires("db", "db", WARNING));
    assert_eq!(world.incident(1).due(Purpose::Resolve, &rules), Some(Millis(600_000)));
    world.later(300);
    world.report(&fires("db", "db", WARNING));
    world.later(300);
    assert!(!done(&world.obey("x", Operation::AutoResolve(Millis(0)), id(1))));
    world.later(300);
    assert!(done(&world.obey("x", Operation::AutoResolve(Millis(300_000)), id(1))));
    assert_eq!(world.told(1).last(), Some(&"Resolved: no alert came for 10 min"));
    assert_eq!(world.report(&fires("db", "db", WARNING)).outcome, Outcome::Opened, "it goes on after all: a new incident");
}

/// Seen red with: a call for help that ends when somebody else acknowledges.
#[test]
fn who_was_asked_is_wanted_until_they_answer_whoever_else_is_on_it() {
    let mut world = World::default();
    world.report(&fires("db", "db", CRITICAL));
    world.obey("alice", Operation::Acknowledge, id(1));
    assert!(done(&world.obey("alice", Operation::AddResponders(vec![user("bob"), user("carol")]), id(1))));
    assert!(world.incident(1).route_due);
    assert_eq!(
        world.obey("alice", Operation::AddResponders(vec![user("bob")]), id(1)),
        Said::Done("bob is already on incident 1 or asked to help".into())
    );
    let wanted = |world: &World, ask| world.incident(1).wants(&run(ask, 0));
    assert_eq!((wanted(&world, None), wanted(&world, Some(1)), wanted(&world, Some(2))), (false, true, true));
    world.obey("dora", Operation::Acknowledge, id(1));
    assert!(wanted(&world, Some(1)) && wanted(&world, Some(2)), "another's acknowledgement stands for nobody");
    world.obey("bob", Operation::Acknowledge, id(1));
    world.obey("carol", Operation::Decline, id(1));
    assert!(!wanted(&world, Some(1)) && !wanted(&world, Some(2)));
    let answers: Vec<Answer> = world.incident(1).care.asked.iter().map(|asked| asked.answer).collect();
    assert_eq!(answers, [Answer::Accepted, Answer::Declined]);
    assert!(!done(&world.obey("erin", Operation::Decline, id(1))), "nobody asked her");
    assert!(done(&world.obey("carol", Operation::Decline, id(1))), "said twice, done once");
}

#[test]
fn a_reroute_ends_the_present_paging_and_fires_again() {
    let mut world = World::default();
    world.report(&fires("db", "db", CRITICAL));
    world.obey("alice", Operation::Acknowledge, id(1));
    let to = Operation::Reroute(vec![Target::Policy("platform".into())]);
    assert!(done(&world.obey("alice", to.clone(), id(1))));
    let incident = world.incident(1);
    assert_eq!((incident.status, incident.route_due, incident.responders.len()), (Status::Firing, true, 0));
    assert!(!incident.wants(&run(None, 0)) && incident.wants(&run(None, 1)));
    let lines = world.told(1).len();
    assert_eq!(world.obey("alice", to, id(1)), Said::Done("incident 1 was already rerouted to policy platform".into()));
    assert_eq!(world.told(1).len(), lines);
}

/// Seen red with: a merge that moves counts and leaves the alerts, and so their recoveries, with the closed incident.
#[test]
fn what_was_merged_recovers_with_the_target() {
    let mut world = World::default();
    world.report(&fires("a", "x", WARNING));
    world.report(&fires("b", "y", CRITICAL));
    assert!(done(&world.obey("alice", Operation::Merge(id(1)), id(2))));
    assert_eq!((world.incident(1).firing, world.incident(1).severity), ([0, 1, 0, 1], CRITICAL));
    assert_eq!((world.incident(2).status, world.incident(2).care.merged_into), (Status::Resolved, Some(id(1))));
    assert_eq!(world.told(2).last(), Some(&"Resolved: it goes on as incident 1"));
    let joined = world.report(&fires("c", "y", WARNING));
    assert_eq!((joined.outcome, joined.incident), (Outcome::Joined, Some(id(1))), "new alerts of its key join the target");
    for entity in ["a", "b"] {
        world.report(&recovers(entity));
        assert!(world.incident(1).is_open());
        world.assert_sound();
    }
    world.report(&recovers("c"));
    assert!(!world.incident(1).is_open());
    assert_eq!(world.report(&fires("b", "y", WARNING)).outcome, Outcome::Opened, "its key is free again");
    assert!(!done(&world.obey("alice", Operation::Reopen, id(2))), "its alerts are elsewhere");
    assert!(done(&world.obey("alice", Operation::Merge(id(1)), id(2))), "merged twice is merged once");
    world.assert_sound();
}

#[test]
fn merges_in_a_row_bring_every_key_along() {
    let mut world = World::default();
    for (entity, key) in [("a", "x"), ("b", "y"), ("c", "z")] {
        world.report(&fires(entity, key, WARNING));
    }
    world.obey("alice", Operation::Merge(id(2)), id(1));
    world.obey("alice", Operation::Merge(id(3)), id(2));
    assert_eq!(world.report(&fires("d", "x", WARNING)).incident, Some(id(3)));
    assert_eq!(world.report(&fires("e", "y", WARNING)).incident, Some(id(3)));
    assert_eq!(world.incident(3).firing, [0, 5, 0, 0]);
    world.assert_sound();
}

#[test]
fn a_split_takes_its_alerts_and_their_weight_along() {
    let mut world = World::default();
    world.report(&fires("a", "x", WARNING));
    world.report(&fires("b", "x", CRITICAL));
    let b = world.alerts["b"].id;
    assert!(!done(&world.obey("alice", Operation::Split(vec![b, world.alerts["a"].id], None), id(1))), "nothing would be left");
    assert!(done(&world.obey("alice", Operation::Split(vec![b], Some("Another matter".into())), id(1))));
    assert_eq!((world.incident(1).firing, world.incident(1).severity), ([0, 1, 0, 0], WARNING));
    let split = world.incident(2);
    assert_eq!((split.firing, split.severity, split.title.as_str()), ([0, 0, 0, 1], CRITICAL, "Another matter"));
    assert!(split.route_due && split.care.split_from == Some(id(1)));
    assert!(!done(&world.obey("alice", Operation::Split(vec![b], None), id(1))), "it is not there any more");
    world.assert_sound();
    world.report(&recovers("b"));
    assert!(!world.incident(2).is_open() && world.incident(1).is_open());
    assert_eq!(world.report(&fires("b", "x", CRITICAL)).incident, Some(id(1)), "what begins anew goes by its key");
}

#[test]
fn marks_reasons_and_reopening() {
    let mut world = World::default();
    world.report(&fires("db", "db", CRITICAL));
    let close = Operation::ResolveAs(Some(Mark::FalseAlarm), "the probe was broken".into());
    assert_eq!(world.obey("alice", close.clone(), id(1)), Said::Done("incident 1 is resolved as a false alarm".into()));
    assert_eq!(world.told(1).last(), Some(&"alice resolved it as a false alarm by page link: the probe was broken"));
    assert_eq!(world.obey("alice", close, id(1)), Said::Done("incident 1 was already resolved".into()));
    world.obey("bob", Operation::ResolveAs(Some(Mark::NotActionable), String::new()), id(1));
    assert_eq!(world.told(1).last(), Some(&"bob marked it as not actionable by page link"));
    // The alert never recovered: it still fires on the incident that is open again.
    assert!(done(&world.obey("alice", Operation::Reopen, id(1))));
    let incident = world.incident(1);
    assert_eq!((incident.status, incident.route_due, incident.firing), (Status::Firing, true, [0, 0, 0, 1]));
    assert_eq!((incident.resolved_at, &incident.care.closing), (None, &None));
    assert_eq!(world.report(&fires("other", "db", WARNING)).incident, Some(id(1)), "new alerts of its key join it");
    assert!(done(&world.obey("alice", Operation::Reopen, id(1))));
    world.assert_sound();
}

#[test]
fn a_reopened_one_leaves_the_key_to_a_newer() {
    let mut world = World::default();
    world.report(&fires("db", "db", CRITICAL));
    world.report(&recovers("db"));
    world.report(&fires("db", "db", CRITICAL));
    assert!(done(&world.obey("alice", Operation::Reopen, id(1))));
    assert_eq!(world.incident(1).firing, [0; 4], "its alert is on the newer one");
    assert_eq!(world.report(&fires("b", "db", CRITICAL)).incident, Some(id(2)));
}

#[test]
fn taking_over_roles_updates_and_links_are_said_once() {
    let mut world = World::default();
    world.report(&fires("db", "db", CRITICAL));
    world.obey("alice", Operation::Acknowledge, id(1));
    for _ in 0..2 {
        assert!(done(&world.obey("bob", Operation::Take, id(1))));
        assert!(done(&world.obey("bob", Operation::SetRole("Scribe ".into(), Some("alice".into())), id(1))));
        let message = Message { text: "Being fixed".into(), users: vec!["carol".into()], contacts: Vec::new() };
        assert!(done(&world.obey("bob", Operation::Inform(message), id(1))));
        let page = crate::care::Related::Page { url: "https://wiki.example/db".into(), text: "the wiki".into() };
        assert!(done(&world.obey("bob", Operation::Link(page), id(1))));
    }
    assert_eq!(world.incident(1).responders, ["bob".into()]);
    assert_eq!(
        world.told(1)[2..],
        [
            "bob took it over from alice by page link",
            "bob made alice the scribe by page link",
            "Update by bob by page link (to 1 stakeholder): Being fixed",
            "bob linked it to the wiki (https://wiki.example/db) by page link",
        ]
    );
}

/// What a merge leaves behind: the incident ends by an alert under the key that came with the merge, and its own key must not lead to it.
#[test]
fn a_key_whose_incident_ended_under_another_opens_a_new_one() {
    let mut world = World::default();
    world.report(&fires("b", "y", WARNING));
    world.report(&fires("a", "x", WARNING));
    world.obey("alice", Operation::Merge(IncidentId(1)), IncidentId(2));
    for entity in ["b", "a"] {
        let mut last = recovers(entity);
        last.key = "x";
        world.report(&last);
    }
    assert_eq!(world.incident(1).status, Status::Resolved);
    assert_eq!(world.report(&fires("b", "y", WARNING)).outcome, Outcome::Opened);
}
