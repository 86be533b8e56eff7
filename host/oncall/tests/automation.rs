//! What automation does about an incident, over the real store.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod world;

use domain::action::{Action, Change, Risk, RunbookRun, Step};
use domain::alert::Status;
use domain::automation::{ActionState, StoredAction};
use domain::command::{Actor, Priority};
use domain::escalation::{Destination, Target, Urgency};
use domain::id::IncidentId;
use domain::inbound::Method;
use domain::incident::Window;
use domain::page::HttpRequest;
use domain::state::{Generations, StateEntry, StateSpace, StateValue, StateWrite, Touch};
use domain::time::Millis;
use oncall::approval::{Decided, decide};
use ports::hot::{HotStatus, WindowKey};
use ports::plugin::{IncidentEvent, StateLimits};
use ports::{Automated, CallFailure, Clock as _, HotState, StateFault, StateSlot};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use world::{Answer, World, doer};

const HOOK: &str = "https://hooks.example/restart";

fn call(key: &str, risk: Risk) -> Action {
    let request = HttpRequest { method: Method::Post, url: HOOK.into(), headers: vec![], body: b"{}".to_vec(), authorization: None };
    Action { key: key.into(), step: Step::Call(request), risk, reason: "the pool is exhausted".into() }
}

fn step(key: &str, step: Step) -> Action {
    Action { key: key.into(), step, risk: Risk::Safe, reason: String::new() }
}

fn placed(act: impl Fn(&IncidentEvent) -> Result<Vec<Action>, CallFailure> + Send + Sync + 'static) -> Automated {
    Automated { plugin: doer("actions", act), approve: vec![Risk::Reversible, Risk::Dangerous], dry_run: false }
}

/// Answers an opened incident so, and notes what it was told of finished actions.
fn on_open(actions: Vec<Action>) -> (Automated, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let automated = placed(move |event| match &event.change {
        Change::Opened => Ok(actions.clone()),
        Change::ActionFinished(result) => {
            heard.lock().unwrap().push(format!("{} {} {:?} {}", result.key, result.ok, result.response, result.output));
            Ok(vec![])
        }
        _ => Ok(vec![]),
    });
    (automated, told)
}

async fn opened(world: &World) -> IncidentId {
    let id = world.open(|incident| incident.route_due = false).await;
    world.happens(id, Change::Opened).await;
    world.settle().await;
    id
}

async fn actions(world: &World, id: IncidentId) -> Vec<StoredAction> {
    world.store.view(move |view| view.actions_of(id)).await.unwrap()
}

async fn decided(world: &World, action: &StoredAction, approve: bool) -> Decided {
    let (incident, id, now) = (action.incident, action.id, world.clock.now());
    let by = Actor::User("alice".into(), "page".into());
    let came = world.store.write(move |tx| decide(tx, incident, id, approve, &by, now)).await.unwrap();
    world.wakes.actions.notify_one();
    world.wakes.automation.notify_one();
    world.settle().await;
    came
}

#[tokio::test]
async fn what_is_safe_is_done_at_once_and_its_plugin_is_told() {
    let (automated, told) = on_open(vec![call("restart", Risk::Safe), call("restart", Risk::Safe)]);
    let world = World::automated(vec![automated]);
    world.phones.answer(HOOK, &[Answer::Says(200, "restarted\u{7} 3")]);
    let id = opened(&world).await;
    world.happens(id, Change::Opened).await;
    world.settle().await;
    let got = world.phones.got.lock().unwrap().clone();
    assert_eq!(got.len(), 1, "a key is done once, however often it is asked for");
    assert!(got[0].key.len() == 32 && got[0].key.bytes().all(|b| b.is_ascii_hexdigit()), "{}", got[0].key);
    assert_eq!(
        world.told(id).await,
        [
            format!("0 action-proposed: actions begins to call POST {HOOK} (safe): the pool is exhausted"),
            format!("0 action-done: actions did call POST {HOOK}, answered 200: restarted 3"),
        ]
    );
    assert_eq!(*told.lock().unwrap(), ["restart true Some(200) restarted 3"]);
}

#[tokio::test]
async fn what_can_spoil_something_waits_until_somebody_approves() {
    let (automated, told) = on_open(vec![call("a", Risk::Dangerous), call("b", Risk::Reversible)]);
    let world = World::automated(vec![automated]);
    let id = opened(&world).await;
    assert_eq!(world.phones.log(), [""; 0]);
    let waiting = actions(&world, id).await;
    assert!(waiting.iter().all(|action| action.state == ActionState::Waiting));
    assert_eq!(decided(&world, &waiting[0], true).await, Decided::Done("action 1 is approved".into()));
    assert_eq!(decided(&world, &waiting[1], false).await, Decided::Done("action 2 is refused".into()));
    assert_eq!(decided(&world, &waiting[0], true).await, Decided::TooLate("action 1 waits no longer: it is done".into()));
    let other = StoredAction { incident: IncidentId(99), ..waiting[1].clone() };
    assert_eq!(decided(&world, &other, true).await, Decided::Unknown, "an action is of its incident");
    assert_eq!(world.phones.log(), [format!("0 {HOOK}")]);
    assert_eq!(
        world.told(id).await[2..],
        [
            format!("0 action-approved: alice approved by page: actions may call POST {HOOK}"),
            format!("0 action-done: actions did call POST {HOOK}, answered 200"),
            format!("0 action-refused: alice refused by page: actions may not call POST {HOOK}"),
        ]
    );
    assert_eq!(*told.lock().unwrap(), ["a true Some(200) ", "b false None refused by alice"]);
}

/// Planted bug that this finds: a resolution that leaves what waits in place, so that yesterday's restart can be approved tomorrow.
#[tokio::test]
async fn what_nobody_approves_lapses_after_a_day_or_with_the_incident() {
    let (automated, _) = on_open(vec![call("a", Risk::Dangerous)]);
    let world = World::automated(vec![automated]);
    let first = opened(&world).await;
    let second = opened(&world).await;
    world.change(second, |incident| incident.status = Status::Resolved).await;
    world.happens(second, Change::Resolved).await;
    world.pass(24 * 3600 - 1).await;
    assert_eq!(actions(&world, first).await[0].state, ActionState::Waiting);
    assert_eq!(actions(&world, second).await[0].state, ActionState::Lapsed);
    world.pass(2).await;
    assert_eq!(actions(&world, first).await[0].state, ActionState::Lapsed);
    assert_eq!(
        world.told(first).await.last().unwrap(),
        &format!("86400 action-refused: actions does not call POST {HOOK}: nobody approved it and its time is over")
    );
    assert_eq!(
        world.told(second).await.last().unwrap(),
        &format!("0 action-refused: actions does not call POST {HOOK}: nobody approved it and the incident is resolved")
    );
    assert_eq!(world.phones.log(), [""; 0]);
}

#[tokio::test]
async fn a_dry_run_shows_and_does_nothing() {
    let (mut automated, told) = on_open(vec![call("a", Risk::Safe), step("p", Step::SetPriority(Priority::P1))]);
    automated.dry_run = true;
    let world = World::automated(vec![automated]);
    let id = opened(&world).await;
    assert_eq!(
        world.told(id).await,
        [
            format!("0 action-proposed: Dry run: actions would call POST {HOOK}: the pool is exhausted"),
            "0 action-proposed: Dry run: actions would set the priority to p1".into(),
        ]
    );
    assert_eq!((world.phones.log().len(), world.incident(id).await.priority, told.lock().unwrap().len()), (0, None, 0));
}

#[tokio::test]
async fn commands_and_pages_and_what_this_version_cannot_do() {
    let page = |id: &str| {
        let target = Target::Policy(id.into());
        Step::Page(Destination { target, urgency: Urgency::Page, reason: "it is serious".into() })
    };
    let runbook = Step::RunRunbook(RunbookRun { runbook: "failover".into(), arguments: vec![], dry_run: false });
    let steps = vec![
        step("p", Step::SetPriority(Priority::P1)),
        step("n", Step::AddNote("look here".into())),
        step("page", page("fallback")),
        step("nobody", page("gone")),
        step("book", runbook),
    ];
    let (automated, told) = on_open(steps);
    let world = World::automated(vec![automated]);
    let id = opened(&world).await;
    assert_eq!(world.incident(id).await.priority, Some(Priority::P1));
    assert_eq!(world.phones.log(), ["0 https://ntfy.example/carol"]);
    let lines = world.told(id).await;
    for line in [
        "0 noted: Reveille: actions: look here",
        "0 routed: Routed to policy fallback by actions: it is serious",
        "0 action-refused: actions wants to page policy gone. Not done: policy gone is not configured",
        "0 action-refused: actions wants to run the runbook failover. Not done: there is no runbook failover: this version runs none",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line}\n{lines:#?}");
    }
    let mut told = told.lock().unwrap().clone();
    told.sort();
    let fates: Vec<String> = told.iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(fates, ["book false", "n true", "nobody false", "p true", "page true"]);
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_again_under_the_same_key_and_one_that_is_not_allowed_is_not() {
    let (automated, told) = on_open(vec![call("a", Risk::Safe)]);
    let world = World::automated(vec![automated]);
    world.phones.answer(HOOK, &[Answer::Status(503), Answer::Unreachable, Answer::Status(200), Answer::Refused]);
    let id = opened(&world).await;
    world.pass(100).await;
    let got = world.phones.got.lock().unwrap().clone();
    assert_eq!(got.iter().map(|g| g.at_s).collect::<Vec<_>>(), [0, 5, 20]);
    assert!(got.iter().all(|g| g.key == got[0].key));
    assert!(
        world.told(id).await[1].contains("could not call POST https://hooks.example/restart yet and tries again: answered with status 503")
    );
    let second = opened(&world).await;
    assert_eq!(
        world.told(second).await.last().unwrap(),
        &format!("100 action-failed: actions could not call POST {HOOK}: not on the allow-list")
    );
    let keys: Vec<String> = world.phones.got.lock().unwrap().iter().map(|g| g.key.clone()).collect();
    assert_ne!(keys[0], keys[3], "another incident's action has another key");
    assert_eq!(*told.lock().unwrap(), ["a true Some(200) ", "a false None not on the allow-list"]);
}

#[tokio::test]
async fn a_plugin_that_fails_is_asked_again_and_then_the_timeline_says_so() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let world = World::automated(vec![placed(move |_| {
        *count.lock().unwrap() += 1;
        Err(CallFailure::Internal("no idea".into()))
    })]);
    let id = opened(&world).await;
    world.pass(1000).await;
    assert_eq!(*asked.lock().unwrap(), 4);
    assert_eq!(
        world.told(id).await,
        ["155 stage-failed: automate by actions failed 4 times on \"opened\" and is not asked again: failed: no idea"]
    );
}

/// Planted bug that this finds: a limit for each event but none for an incident, so that a plugin that answers every finished action with
/// another one never ends.
#[tokio::test]
async fn a_chain_of_actions_ends() {
    let world = World::automated(vec![placed(|event| {
        Ok(match &event.change {
            Change::Opened => (0..40).map(|n| step(&format!("o{n}"), Step::AddNote("x".into()))).collect(),
            Change::ActionFinished(result) => vec![step(&format!("{}x", result.key), Step::AddNote("x".into()))],
            _ => vec![],
        })
    })]);
    let id = opened(&world).await;
    world.pass(60).await;
    let done = actions(&world, id).await;
    assert_eq!(done.len(), 200);
    assert!(done.iter().all(|action| action.state == ActionState::Done));
    let lines = world.told(id).await;
    assert!(lines.iter().any(|line| line.contains("40 actions at once are more than 32: the rest is left out")));
    assert!(lines.iter().any(|line| line.contains("the incident has had 200 actions: nothing more is done about it")));
}

#[tokio::test]
async fn an_escalation_is_an_event_and_incidents_of_others_are_none() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    let world = World::automated(vec![placed(move |event| {
        told.lock().unwrap().push(format!("{} {:?}", event.incident.incident.id, event.change));
        Ok(vec![])
    })]);
    world.open(|_| {}).await;
    world.open(|incident| incident.own = true).await;
    world.open(|incident| incident.integration = None).await;
    world.pass(301).await;
    assert_eq!(*heard.lock().unwrap(), ["1 Escalated(1)", "1 Escalated(2)"]);
}

/// A hot state of one space, whose first touch comes from elsewhere and is committed late.
#[derive(Default)]
struct Hot {
    asked: AtomicU64,
    order: Arc<AtomicU64>,
    told: Mutex<Vec<(Touch, Generations)>>,
}

struct Slot {
    order: Arc<AtomicU64>,
    space: Mutex<Option<Arc<StateSpace>>>,
}

impl StateSlot for Slot {
    fn open(&self, space: &Arc<StateSpace>, _: StateLimits, _: Millis) -> Result<(), StateFault> {
        *self.space.lock().unwrap() = Some(Arc::clone(space));
        Ok(())
    }
    fn get(&self, _: &str) -> Result<Option<StateEntry>, StateFault> {
        Ok(None)
    }
    fn set(&self, _: &str, _: &[u8], _: u32) -> Result<u64, StateFault> {
        Err(StateFault::Unavailable)
    }
    fn replace(&self, _: &str, _: Option<u64>, _: &[u8], _: u32) -> Result<u64, StateFault> {
        Err(StateFault::Unavailable)
    }
    fn add(&self, _: &str, _: i32, _: u32) -> Result<i64, StateFault> {
        Ok(1)
    }
    fn delete(&self, _: &str) -> Result<(), StateFault> {
        Ok(())
    }
    fn close(&self, keep: bool) -> Option<Touch> {
        let space = self.space.lock().unwrap().take().filter(|_| keep)?;
        // The first of this space was somebody else's.
        let order = self.order.fetch_add(1, Ordering::SeqCst) + 2;
        let entry = StateEntry { value: StateValue::Counter(order.cast_signed()), version: order, expires_at: Millis(i64::MAX) };
        Some(Touch { space, order, writes: vec![StateWrite { key: "events".into(), entry: Some(entry) }] })
    }
}

impl HotState for Hot {
    fn slot(&self) -> Arc<dyn StateSlot> {
        Arc::new(Slot { order: Arc::clone(&self.order), space: Mutex::default() })
    }
    fn committed_order(&self, _: &StateSpace) -> u64 {
        // Nothing, at the first looks; then the stranger's; then ours.
        match self.asked.fetch_add(1, Ordering::SeqCst) {
            0..5 => 0,
            _ => 1 + self.told.lock().unwrap().len() as u64,
        }
    }
    fn windows(&self, keys: &[WindowKey]) -> Vec<Option<Window>> {
        vec![None; keys.len()]
    }
    fn learned(&self, _: &[(WindowKey, Window)]) {}
    fn committed(&self, touches: &[Touch], _: &[(WindowKey, Window)], generations: &Generations) {
        self.told.lock().unwrap().extend(touches.iter().map(|touch| (touch.clone(), *generations)));
    }
    fn expire(&self, _: Millis) {}
    fn status(&self) -> HotStatus {
        HotStatus::default()
    }
}

/// Planted bug that this finds: a touch that is committed as soon as its call ends, before those that it saw.
#[tokio::test]
async fn what_a_plugin_remembers_is_committed_in_its_turn_with_its_actions() {
    let hot = Arc::new(Hot::default());
    let (automated, _) = on_open(vec![call("a", Risk::Dangerous)]);
    let world = World::remembering(vec![automated], Arc::<Hot>::clone(&hot));
    let id = opened(&world).await;
    assert!(hot.asked.load(Ordering::SeqCst) >= 6, "it waited for the touch before its own");
    assert_eq!(actions(&world, id).await.len(), 1);
    let told = hot.told.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    let space = StateSpace { plugin: "actions".into(), schema: 1, team: "shop".into() };
    assert_eq!((&*told[0].0.space, told[0].0.order), (&space, 2));
    assert_eq!(told[0].1.0.iter().sum::<u64>(), 1, "its partition was counted once");
    let rows = world.store.view(move |view| view.plugin_state(&space)).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.key.as_str(), &row.entry.value)).collect::<Vec<_>>(), [("events", &StateValue::Counter(2))]);
}
