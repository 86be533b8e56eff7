//! What a plugin remembers goes to the slot that its instance was made with, within the grant and the limits of the contract.

mod house;

use domain::decision::Stage;
use domain::installation::Grant;
use domain::state::StateValue;
use house::kept::Kept;
use house::{House, MISCHIEF_ASKS, MISCHIEF_HOOKS, doing, full_alert, said};
use ports::CallFailure;
use ports::hot::StateSlot;
use ports::plugin::StateLimits;
use std::sync::Arc;

fn house() -> House {
    let house = House::new();
    house.install("mischief", "mischief", MISCHIEF_HOOKS, &format!("{MISCHIEF_ASKS}\nstate = true"));
    house
}

fn slot() -> Arc<Kept> {
    Kept::new()
}

/// What the guest says when it does `what` twice on one slot.
fn twice(what: &str, slot: &Arc<Kept>) -> [String; 2] {
    let house = house();
    let plugin = house.prepare("mischief", Stage::Filter, &doing(what)).expect("prepare mischief");
    let mut instance = plugin.stateful(Arc::clone(slot) as Arc<dyn StateSlot>);
    [(); 2].map(|()| said(instance.filter(&full_alert()).expect("mischief gives a verdict")))
}

#[test]
fn what_one_call_wrote_the_next_one_reads() {
    let first = "(Ok(None), Ok(1), Err(StateError::Conflict(Some(1))), Ok(2), Ok(2), Ok(false), Ok(()))";
    let second = "(Ok(Some((\"1\", 1))), Ok(3), Err(StateError::Conflict(Some(3))), Ok(4), Ok(4), Ok(false), Ok(()))";
    assert_eq!(twice("remember", &slot()), [first, second]);
}

#[test]
fn the_manifests_limits_are_told_to_the_caller() {
    let house = house();
    let plugin = house.prepare("mischief", Stage::Filter, "{}").unwrap();
    assert_eq!(plugin.info().state, Some(StateLimits { schema: 1, keys: 10_000, bytes: 4 << 20 }));
}

#[test]
fn without_a_slot_or_a_store_behind_it_state_is_unavailable() {
    let nothing = "(Err(StateError::Unavailable), Err(StateError::Unavailable), Err(StateError::Unavailable), Err(StateError::Unavailable), \
                   Err(StateError::Unavailable), Err(StateError::Unavailable), Err(StateError::Unavailable))";
    let house = house();
    let mut instance = house.prepare("mischief", Stage::Filter, &doing("remember")).unwrap().instance();
    assert_eq!(said(instance.filter(&full_alert()).unwrap()), nothing);
    assert_eq!(twice("remember", &Kept::unavailable()), [nothing, nothing]);
}

/// Guards against a limit that is checked by nobody, because each side thinks that the other does.
#[test]
fn the_contracts_limits_hold_whatever_the_slot_takes() {
    let over = "(Err(StateError::OverLimit), Err(StateError::OverLimit), Err(StateError::OverLimit), Err(StateError::OverLimit))";
    assert_eq!(twice("remember-too-long", &slot()), [over, over]);
    // 128 of 200 are done, in every call anew.
    let slot = slot();
    assert_eq!(twice("remember-often", &slot), ["72", "72"]);
    assert_eq!(slot.get("n").unwrap().unwrap().value, StateValue::Counter(256));
}

#[test]
fn configure_remembers_nothing() {
    assert_eq!(
        house().refused("mischief", Stage::Filter, &doing("remember-in-configure")),
        "does not take its settings: Err(StateError::Unavailable)"
    );
}

#[test]
fn an_instance_made_after_a_trap_has_the_same_slot() {
    let (house, slot) = (house(), slot());
    let plugin = house.prepare("mischief", Stage::Filter, &doing("remember-and-trap")).unwrap();
    let mut instance = plugin.stateful(Arc::clone(&slot) as Arc<dyn StateSlot>);
    for version in 1..=2 {
        assert!(matches!(instance.filter(&full_alert()), Err(CallFailure::Trapped(_))));
        assert_eq!(slot.get("last").unwrap().map(|entry| entry.version), Some(version));
    }
}

#[test]
fn what_is_not_declared_traps_and_what_is_not_granted_is_refused() {
    let house = House::new();
    house.install("mischief", "mischief", MISCHIEF_HOOKS, MISCHIEF_ASKS);
    let plugin = house.prepare("mischief", Stage::Filter, &doing("remember")).unwrap();
    let trapped = plugin.stateful(slot() as Arc<dyn StateSlot>).filter(&full_alert());
    assert_eq!(trapped, Err(CallFailure::Trapped("used `state`, which is not declared: add `state = true` to plugin.toml".into())));
    house.install("mischief", "mischief", MISCHIEF_HOOKS, &format!("{MISCHIEF_ASKS}\nstate = true"));
    let grant = Grant { lookups: vec!["hosts".into()], keys: vec!["hook".into()], ..Grant::default() };
    let Err(refused) = house.prepare_granted("mischief", Stage::Filter, &doing("remember"), &grant) else { panic!("it was not refused") };
    assert_eq!(refused.reason, "asks for `state`, which is not granted: add `state: true` to grants.mischief");
}
