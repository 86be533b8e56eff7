//! Escalations by hand, and what must hold for any of them.

use super::*;
use crate::alert::{Severity, Status};
use crate::contact::Contact;
use crate::incident::Incident;
use crate::installation::{ContactMethod, Installation, Team, User};
use crate::schedule::{Rotation, Turn};
use proptest::prelude::*;

fn user(id: &str, contacts: usize, break_glass: bool) -> User {
    let contact =
        |n| ContactMethod { contact: Contact { kind: "mail".into(), address: format!("{id}{n}@shop.example") }, delay_seconds: 0 };
    User {
        id: id.into(),
        name: id.into(),
        time_zone: "UTC".into(),
        language: "en".into(),
        contacts: (0..contacts).map(contact).collect(),
        admin: false,
        break_glass,
        paging: crate::paging::Paging::default(),
    }
}

fn policy(id: &str, repeat: u32, repeat_delay_seconds: u32, steps: Vec<(u32, Vec<Target>)>) -> Policy {
    let steps = steps.into_iter().map(|(delay_seconds, targets)| Step { delay_seconds, targets, ..Step::default() }).collect();
    Policy { id: id.into(), team: "shop".into(), steps, repeat, repeat_delay_seconds }
}

fn person(id: &str) -> Target {
    Target::User(id.into())
}

fn installation(users: Vec<User>, policies: Vec<Policy>) -> Installation {
    let rotation = |id: &str, members: &[&str]| {
        let members = members.iter().map(|m| (*m).into()).collect();
        let starts = jiff::civil::date(2026, 1, 5).at(9, 0, 0, 0);
        Rotation::simple(id.into(), "shop".into(), members, "UTC".into(), Turn::Weeks(1), starts)
    };
    let team = Team { id: "shop".into(), name: "Shop".into(), members: vec![], default_policy: Some("primary".into()), ..Team::default() };
    Installation {
        users: users.into_iter().map(|u| (u.id.clone(), u)).collect(),
        teams: [(team.id.clone(), team)].into(),
        rotations: [rotation("weekly", &["alice"]), rotation("empty", &[])].into_iter().map(|r| (r.id.clone(), r)).collect(),
        policies: policies.into_iter().map(|p| (p.id.clone(), p)).collect(),
        default_policy: "fallback".into(),
        ..Installation::default()
    }
}

pub(super) fn incident(status: Status) -> Incident {
    Incident {
        id: IncidentId(7),
        team: "shop".into(),
        key: "db".into(),
        title: "Database is down".into(),
        status,
        severity: Severity::Critical,
        priority: None,
        service: None,
        routing_key: None,
        opened_at: Millis(0),
        acknowledged_at: None,
        acknowledged_severity: None,
        resolved_at: None,
        last_alert_at: Millis(0),
        alert_count: 1,
        entity_count: 1,
        firing: [0, 0, 0, 1],
        responders: vec![],
        labels: vec![],
        links: vec![],
        related: vec![],
        integration: None,
        default_route: false,
        own: false,
        route_due: false,
        routed_severity: None,
        version: 1,
        care: crate::care::Care::default(),
    }
}

fn run(id: u64, target: Target, next_at: Millis) -> Run {
    Run {
        id: RunId(id),
        incident: IncidentId(7),
        target,
        state: RunState::Active,
        step: 0,
        repeat: 0,
        next_at: Some(next_at),
        last_resort: false,
        reason: String::new(),
        cause: None,
        started_at: next_at,
        ask: None,
        epoch: 0,
    }
}

/// The router and the simulation both ask this. Planted bug: a ticket began an escalation, and woke somebody.
#[test]
fn only_a_page_begins_an_escalation_and_only_one_for_a_target() {
    let installation = installation(vec![user("alice", 1, false)], vec![policy("primary", 0, 0, vec![(0, vec![person("alice")])])]);
    let duty = Duty { installation: &installation, overrides: &[], now: Millis(0) };
    let (team, policy) = (Target::Team("shop".into()), Target::Policy("primary".into()));
    let routed = duty.routed(&[], &team, Urgency::Page, "by hand");
    assert_eq!(routed, RoutedTo { text: "Routed to team shop by hand".into(), begins: Some(policy.clone()), goes_on: false });
    let going = [run(1, policy.clone(), Millis(0))];
    let routed = duty.routed(&going, &team, Urgency::Page, "by hand");
    let text = "Routed to team shop by hand (its escalation goes on)".to_owned();
    assert_eq!(routed, RoutedTo { text, begins: None, goes_on: true }, "the team's policy is the one that goes on");
    for (urgency, words) in
        [(Urgency::Ticket, "as a ticket, which wakes nobody,"), (Urgency::Quiet, "for the record only, which pages nobody,")]
    {
        let text = format!("Routed to policy primary {words} by hand");
        assert_eq!(duty.routed(&going, &policy, urgency, "by hand"), RoutedTo { text, begins: None, goes_on: false });
    }
    assert_eq!(routed_again(&going[0]), "Routed to policy primary again: nobody answers for it any more");
}

/// Plays an incident that nobody answers, and writes down what happens.
struct Play {
    installation: Installation,
    runs: Vec<Run>,
    turns: Turns,
    log: Vec<String>,
    pages: Vec<(Millis, Vec<UserId>)>,
}

impl Play {
    fn new(installation: Installation, target: Target) -> Self {
        Self { installation, runs: vec![run(1, target, Millis(0))], turns: Turns::new(), log: Vec::new(), pages: Vec::new() }
    }

    /// The earliest active run does what is due; gives the time.
    fn turn(&mut self) -> Millis {
        let due = self.runs.iter().filter(|r| r.state == RunState::Active).min_by_key(|r| (r.next_at, r.id));
        let run = due.expect("an incident that fires has an active run").clone();
        let now = run.next_at.expect("an active run is due some time");
        let duty = Duty { installation: &self.installation, overrides: &[], now };
        let out = advance(&run, &incident(Status::Firing), &self.runs, &duty, &self.turns);
        let slot = self.runs.iter_mut().find(|r| r.id == run.id).unwrap();
        *slot = out.run;
        self.turns.extend(out.turned.map(|t| ((t.policy, t.step), t.next)));
        for begun in out.begun {
            let id = RunId(self.runs.len() as u64 + 1);
            let Begun { target, last_resort, next_at, reason } = begun;
            self.runs.push(Run { id, last_resort, reason, ..super::tests::run(0, target, next_at) });
        }
        self.log.extend(out.said.iter().map(|s| format!("{} {}", now.0 / 1000, s.text)));
        if let Some(page) = out.page {
            self.pages.push((now, page.users));
        }
        now
    }
}

#[test]
fn a_policy_is_gone_through_twice_then_the_default_then_the_last_resort() {
    let users = vec![user("alice", 1, false), user("bob", 2, false), user("carol", 1, true), user("dora", 0, true)];
    let primary = policy("primary", 1, 600, vec![(0, vec![Target::Rotation("weekly".into())]), (300, vec![person("bob"), person("dora")])]);
    let fallback = policy("fallback", 0, 120, vec![(60, vec![Target::Rotation("empty".into())]), (60, vec![person("bob")])]);
    let mut play = Play::new(installation(users, vec![primary, fallback]), Target::Team("shop".into()));
    for _ in 0..9 {
        play.turn();
    }
    assert_eq!(
        play.log,
        [
            "0 Step 1 of policy primary: paging alice",
            "300 Step 2 of policy primary: dora has no contact",
            "300 Step 2 of policy primary: paging bob",
            "900 Step 1 of policy primary, time 2: paging alice",
            "1200 Step 2 of policy primary: dora has no contact",
            "1200 Step 2 of policy primary, time 2: paging bob",
            "1800 Nobody answered policy primary",
            "1800 Going on with the installation's default policy fallback",
            "1800 Step 1 of policy fallback skipped: nobody is on call in rotation empty",
            "1800 Step 2 of policy fallback: paging bob",
            "1920 Nobody answered policy fallback",
            "1920 Last resort: everyone who can be reached is paged until somebody answers",
            "1920 Last resort, time 1: paging carol",
            "2520 Last resort, time 2: paging carol",
        ]
    );
}

#[test]
fn a_policy_in_a_step_runs_beside_and_a_ring_ends() {
    let nested = |id: &str| Target::Policy(id.into());
    let a = policy("a", 0, 60, vec![(0, vec![nested("b"), person("alice")])]);
    let b = policy("b", 0, 60, vec![(30, vec![nested("a")]), (0, vec![person("bob")])]);
    let mut play = Play::new(installation(vec![user("alice", 1, false), user("bob", 1, false)], vec![a, b]), nested("a"));
    play.turn();
    play.turn();
    assert_eq!(
        play.log,
        [
            "0 Step 1 of policy a: policy b begins",
            "0 Policy b waits 30 s before anybody is paged",
            "0 Step 1 of policy a: paging alice",
            // a is going on, so step 1 of b has its people; a's own people are paged by a.
        ]
    );
    assert_eq!(play.runs.len(), 2);
    play.turn();
    assert_eq!(play.log.last().unwrap(), "30 Step 2 of policy b: paging bob");
}

#[test]
fn an_answer_stops_it() {
    let installation = installation(vec![user("alice", 1, false)], vec![]);
    let duty = Duty { installation: &installation, overrides: &[], now: Millis(5) };
    for status in [Status::Acknowledged, Status::Resolved] {
        let due = run(1, person("alice"), Millis(5));
        let out = advance(&due, &incident(status), std::slice::from_ref(&due), &duty, &Turns::new());
        assert_eq!((out.run.state, out.run.next_at, out.page, out.begun.len()), (RunState::Stopped, None, None, 0));
    }
}

#[test]
fn a_person_who_cannot_be_reached_brings_the_next_step_forward() {
    let two = policy("primary", 3, 600, vec![(0, vec![person("alice")]), (300, vec![person("bob")])]);
    let installation = installation(vec![user("alice", 1, false), user("bob", 1, false)], vec![two]);
    let duty = Duty { installation: &installation, overrides: &[], now: Millis(10_000) };
    let after = |step| Run { step, ..run(1, Target::Policy("primary".into()), Millis(300_000)) };
    assert_eq!(hurried(&after(1), 1, &duty).and_then(|r| r.next_at), Some(Millis(10_000)));
    // The round that follows keeps a pause, so that a dead channel does not spin.
    assert_eq!(hurried(&after(2), 2, &duty).and_then(|r| r.next_at), Some(Millis(40_000)));
    assert_eq!(hurried(&after(2), 1, &duty), None, "the next step was taken meanwhile");
    assert_eq!(hurried(&Run { last_resort: true, ..after(1) }, 1, &duty), None);
    assert_eq!(hurried(&Run { state: RunState::Stopped, ..after(1) }, 1, &duty), None);
}

#[test]
fn an_override_for_somebody_who_left_does_not_count() {
    let installation = installation(vec![user("alice", 1, false)], vec![]);
    let gone = crate::schedule::Override {
        id: crate::id::OverrideId(1),
        rotation: "weekly".into(),
        user: "gone".into(),
        from: Millis(0),
        until: Millis(1000),
        by: "alice".into(),
    };
    let duty = Duty { installation: &installation, overrides: &[gone], now: Millis(5) };
    assert_eq!(duty.on_call(&"weekly".into()), Some("alice".into()));
}

fn any_target() -> impl Strategy<Value = Target> {
    prop_oneof![
        prop::sample::select(vec!["alice", "bob", "nobody", "gone"]).prop_map(person),
        prop::sample::select(vec!["weekly", "empty", "gone"]).prop_map(|r| Target::Rotation(r.into())),
        prop::sample::select(vec!["primary", "fallback", "third", "gone"]).prop_map(|p| Target::Policy(p.into())),
        prop::sample::select(vec!["shop", "gone"]).prop_map(|t| Target::Team(t.into())),
    ]
}

fn any_policy(id: &'static str) -> impl Strategy<Value = Policy> {
    let steps = prop::collection::vec((prop::sample::select(vec![0u32, 0, 60, 300]), prop::collection::vec(any_target(), 0..3)), 0..4);
    (steps, 0u32..3, prop::sample::select(vec![0u32, 60])).prop_map(move |(steps, repeat, delay)| policy(id, repeat, delay, steps))
}

proptest! {
    /// Planted bug that this finds: a policy that runs out and hands over to nothing.
    #[test]
    fn an_incident_that_nobody_answers_always_pages_again(
        primary in any_policy("primary"), fallback in any_policy("fallback"), third in any_policy("third"),
        target in any_target(), alice in 0usize..2, glass in any::<bool>(),
    ) {
        let users = vec![user("alice", alice, glass), user("bob", 1, false), user("nobody", 0, true)];
        let mut play = Play::new(installation(users, vec![primary, fallback, third]), target);
        let mut same_instant = 0;
        let mut last = Millis(0);
        for _ in 0..1200 {
            let now = play.turn();
            prop_assert!(now >= last);
            same_instant = if now == last { same_instant + 1 } else { 0 };
            prop_assert!(same_instant < 3 * RUNS_LIMIT, "it spins");
            last = now;
        }
        prop_assert!(play.runs.len() <= RUNS_LIMIT + 1);
        let mut told = Millis(0);
        for (at, users) in &play.pages {
            prop_assert!(!users.is_empty());
            // Longest way from a page to the next: the rest of some policies at 300 s a step, then a round of the last resort.
            prop_assert!(at.since(told) <= 3_600_000, "silence from {told:?} to {at:?}");
            told = *at;
        }
        prop_assert!(last.since(told) <= 3_600_000);
    }
}
