//! Runs each case of `fixtures/`: what comes in, and the hand-written answer.

use reveille_sdk::mock;

#[test]
fn replies() {
    mock::cases("fixtures/interact", mock::Case::interact::<mail_reply::MailReply>);
}
