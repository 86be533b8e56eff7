//! Runs each case of `fixtures/`: what comes in, and the hand-written answer.

#[test]
fn cases() {
    reveille_sdk::mock::cases("fixtures", |case| {
        let mut actual = case.notify::<mail::Mail>();
        // The HTML says the same as the text; its own test looks at how.
        if let Some(mail) = actual.get_mut("mail").and_then(|mail| mail.as_object_mut()) {
            assert!(mail.remove("html").is_some(), "every mail has an HTML part");
        }
        actual
    });
}
