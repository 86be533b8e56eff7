//! Runs each case of `fixtures/`: what comes in, and the hand-written answer.

#[test]
fn edits() {
    reveille_sdk::mock::cases("fixtures/enrich", |case| case.enrich::<rules::Rules>());
}

#[test]
fn verdicts() {
    reveille_sdk::mock::cases("fixtures/filter", |case| case.filter::<rules::Rules>());
}
