//! The HTML part: the same words, and nothing that an alert could slip in.

use reveille_sdk::mock;

fn html(folder: &str) -> String {
    let html = std::cell::RefCell::new(String::new());
    mock::cases("fixtures", |case| {
        // Every case must pass through, so that the folder's own expectations hold too.
        let mut actual = case.notify::<mail::Mail>();
        if let Some(mail) = actual.get_mut("mail").and_then(|mail| mail.as_object_mut()) {
            let part = mail.remove("html").and_then(|part| part.as_str().map(str::to_owned)).unwrap_or_default();
            if mail["subject"].as_str().is_some_and(|subject| subject.contains(folder)) {
                *html.borrow_mut() = part;
            }
        }
        actual
    });
    html.into_inner()
}

#[test]
fn it_says_what_the_text_says() {
    let html = html("[CRITICAL] Error rate");
    let words = [
        "<b>CRITICAL</b> Error rate above 5 % (checkout-api)",
        "Since 02:58 CEST, 4 min ago. 3 alerts.",
        "<a href=\"https://wiki.example/checkout\">Runbook</a>",
        "href=\"https://reveille.example/l/a1\"",
        ">Acknowledge</a>",
        "5xx ratio is 9.2 %",
        "<a href=\"https://reveille.example/i/01J8ZK\">Incident</a>",
    ];
    for word in words {
        assert!(html.contains(word), "{word} in {html}");
    }
    let place = |word: &str| html.find(word).unwrap();
    assert!(place("Since 02:58") < place("Acknowledge") && place("Acknowledge") < place("5xx ratio"), "what to tap comes early");
}

#[test]
fn an_alert_cannot_write_html() {
    let html = html("<script>");
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
    assert!(!html.contains("javascript:"), "only web addresses become links");
    assert!(html.contains("x=&quot;1&quot; &amp; &#39;2&#39;"), "{html}");
}
