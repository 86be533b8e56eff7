//! Runs each case of `fixtures/`: what comes in, and the hand-written answer.

#[test]
fn edits() {
    reveille_sdk::mock::cases("fixtures/enrich", reveille_sdk::mock::Case::enrich::<rules::Rules>);
}

#[test]
fn verdicts() {
    reveille_sdk::mock::cases("fixtures/filter", reveille_sdk::mock::Case::filter::<rules::Rules>);
}
