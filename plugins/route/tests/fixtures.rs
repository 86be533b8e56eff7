//! Runs each case of `fixtures/`: what comes in, and the hand-written answer.

#[test]
fn cases() {
    reveille_sdk::mock::cases("fixtures", |case| case.route::<route::Router>());
}
