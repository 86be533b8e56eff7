//! What must hold after any sequence of inputs.

use super::world::{Reported, World, fires};
use super::*;
use crate::command::Operation;
use crate::decision::{Threshold, Verdict};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Input {
    Report(Reported),
    Wake(&'static str),
    Obey(Operation, u64),
    Notice(bool),
    Later(u32),
}

fn report() -> impl Strategy<Value = Reported> {
    let status = prop_oneof![4 => Just(Status::Firing), 3 => Just(Status::Resolved), 1 => Just(Status::Acknowledged)];
    let verdict = prop_oneof![
        6 => Just(Verdict::Keep),
        1 => (1_i64..400).prop_map(|s| Verdict::Suppress { reason: String::new(), until: Some(Millis(s * 1000)) }),
        1 => Just(Verdict::Suppress { reason: String::new(), until: None }),
        1 => Just(Verdict::Drop { reason: String::new() }),
    ];
    let threshold = prop_oneof![3 => Just(None), 1 => Just(Some(Threshold { count: 2, within_seconds: 60 }))];
    let window = prop_oneof![3 => Just(None), 1 => Just(Some(30))];
    let ends = prop_oneof![3 => Just(None), 1 => (1_i64..400).prop_map(|s| Some(Millis(s * 1000)))];
    let entity = proptest::sample::select(vec!["a", "b", "c", "d"]);
    let key = proptest::sample::select(vec!["x", "y"]);
    let severity = proptest::sample::select(Severity::ALL.to_vec());
    (entity, key, status, severity, verdict, threshold, window, ends).prop_map(
        |(entity, key, status, severity, verdict, threshold, window_seconds, expires_at)| Reported {
            status,
            verdict,
            threshold,
            window_seconds,
            expires_at,
            ..fires(entity, key, severity)
        },
    )
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        8 => report().prop_map(Input::Report),
        2 => proptest::sample::select(vec!["a", "b", "c", "d"]).prop_map(Input::Wake),
        2 => (0..3_usize, 1..5_u64).prop_map(|(which, id)| {
            Input::Obey([Operation::Acknowledge, Operation::Unacknowledge, Operation::Resolve][which].clone(), id)
        }),
        2 => (0..4_usize, 1..5_u64, 1..5_u64).prop_map(|(which, id, other)| {
            let moved = vec![AlertId(other)];
            Input::Obey([Operation::Reopen, Operation::Merge(IncidentId(other)), Operation::Split(moved, None), Operation::Take][which].clone(), id)
        }),
        1 => any::<bool>().prop_map(Input::Notice),
        2 => (1..60_u32).prop_map(Input::Later),
    ]
}

/// A kept alert that fires is on an open incident, or waits for its threshold: it is never without a page or a verdict.
fn assert_heard(world: &World, reported: &Reported) {
    if reported.status != Status::Firing || reported.verdict != Verdict::Keep || reported.severity == Severity::Info {
        return;
    }
    let state = &world.alerts[reported.entity];
    match state.incident {
        Some(id) => {
            let incident = &world.incidents[&id];
            assert!(incident.is_open() && state.counted, "{state:#?} {incident:#?}");
            assert!(incident.severity >= state.severity);
        }
        None => assert!(reported.threshold.is_some(), "{state:#?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn rows_agree_and_nothing_fires_unheard(inputs in proptest::collection::vec(input(), 1..60)) {
        let mut world = World::default();
        for input in inputs {
            match input {
                Input::Report(reported) => {
                    world.report(&reported);
                    assert_heard(&world, &reported);
                }
                Input::Wake(entity) => {
                    world.wake(entity);
                    let again = world.alerts.get(entity).and_then(AlertState::wake_at);
                    prop_assert!(again.is_none_or(|at| at > world.now), "it would wake for ever");
                }
                Input::Obey(operation, id) => {
                    world.obey("alice", operation, IncidentId(id));
                }
                Input::Notice(over) => {
                    world.note("test", over);
                }
                Input::Later(seconds) => world.later(seconds),
            }
            world.assert_sound();
        }
    }

    #[test]
    fn two_entities_of_a_key_never_split_it_whatever_their_order(firsts in proptest::collection::vec(any::<bool>(), 8)) {
        // Each entity fires twice and recovers twice, in its own order; the choice is whose turn it is.
        let script = [Status::Firing, Status::Firing, Status::Resolved, Status::Resolved];
        let (mut a, mut b) = (0, 0);
        let mut world = World::default();
        let mut turn = |world: &mut World, first: bool| {
            let (entity, at) = if (first && a < 4) || b == 4 { ("a", &mut a) } else { ("b", &mut b) };
            let status = script[*at];
            *at += 1;
            world.report(&Reported { status, ..fires(entity, "shop", Severity::Critical) });
        };
        for first in firsts {
            turn(&mut world, first);
            let open = world.incidents.values().filter(|i| i.is_open()).count();
            let firing = world.alerts.values().filter(|s| s.status == Status::Firing).count();
            prop_assert_eq!(open, usize::from(firing > 0));
        }
    }
}
