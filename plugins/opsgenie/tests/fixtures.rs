//! Runs each case of `fixtures/`: what comes in, and the hand-written answer.

use reveille_sdk::mock;

#[test]
fn pages() {
    mock::cases("fixtures/notify", mock::Case::notify::<opsgenie::Opsgenie>);
}
