//! Runs each case of `fixtures/`: what happened, and the hand-written actions.

#[test]
fn cases() {
    reveille_sdk::mock::cases("fixtures", reveille_sdk::mock::Case::automate::<webhook_actions::WebhookActions>);
}
