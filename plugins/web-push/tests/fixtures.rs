//! Runs each case of `fixtures/`: what comes in, and the hand-written answer.

#[test]
fn cases() {
    reveille_sdk::mock::cases("fixtures", reveille_sdk::mock::Case::notify::<web_push::WebPush>);
}
