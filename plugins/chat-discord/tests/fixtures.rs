//! Runs each case of `fixtures/`: what comes in, and the hand-written answer.

use reveille_sdk::mock;

#[test]
fn pages() {
    mock::cases("fixtures/notify", mock::Case::notify::<chat_discord::ChatDiscord>);
}

#[test]
fn presses() {
    mock::cases("fixtures/interact", mock::Case::interact::<chat_discord::ChatDiscord>);
}
