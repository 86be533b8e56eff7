//! `docs/leave-victorops.md` run block by block: two teams, a rotation around the sun, policies, a real Alertmanager, a real page, an answer, and
//! a text and a call through a gateway.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::guide::{Guide, blocks};
use reveille_tests::phones::Phones;
use reveille_tests::place::{free_port, plugins, program, root};
use reveille_tests::twilio::{self, TOKEN};

/// Planted bugs seen red: a policy of the guide that names a rotation which is not there; a person in its output who is not on duty then.
#[test]
#[allow(clippy::disallowed_methods)] // A guide runs on real time.
fn the_guide_works_as_it_is_written() {
    let page = std::fs::read_to_string(root().join("docs/leave-victorops.md")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let phones = Phones::start();
    let gateway = twilio::start();
    let (port, alertmanager) = (free_port(), free_port());
    let bin = program("reveille").parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    let environment = [("PATH", path), ("REVEILLE_SERVER", format!("http://127.0.0.1:{port}"))];
    let allowed = format!("host = \"127.0.0.1\"\nports = [{}]\nprivate = true", phones.address.port());
    let instead = [
        ("host = \"ntfy.example.org\"", allowed),
        ("https://ntfy.example.org", format!("http://{}", phones.address)),
        ("https://api.twilio.com", format!("http://{}", gateway.address)),
        ("host = \"api.twilio.com\"", format!("host = \"127.0.0.1\"\nports = [{}]\nprivate = true", gateway.address.port())),
        ("\"api.twilio.com\"", "\"127.0.0.1\"".to_owned()),
        ("YOUR-AUTH-TOKEN", TOKEN.to_owned()),
        ("/run/secrets", dir.path().display().to_string()),
        ("https://reveille.example.org", format!("http://127.0.0.1:{port}")),
        ("127.0.0.1:8080", format!("127.0.0.1:{port}")),
        ("127.0.0.1:9093", format!("127.0.0.1:{alertmanager}")),
        ("/usr/share/reveille/plugins", plugins().display().to_string()),
    ];
    let mut guide = Guide::new(dir.path(), &environment, &instead);
    let done = guide.follow(&page);
    let text_blocks = blocks(&page).iter().filter(|block| block.info == "text").count();
    assert_eq!(done + text_blocks, blocks(&page).len());
    assert_eq!(text_blocks, 1, "only the calls to VictorOps are not run");
    let rung: Vec<_> = phones.all().into_iter().filter(|ring| !ring.body.contains("Self-test")).collect();
    let people: Vec<&str> = rung.iter().map(|ring| ring.topic.as_str()).collect();
    assert!(people.iter().all(|person| ["eve", "alice"].contains(person)) && !people.is_empty(), "platform's telephone rang: {people:?}");
    assert!(rung[0].body.contains("Disk is full") && rung[0].body.contains(&format!("127.0.0.1:{port}/")), "{}", rung[0].body);
    let began = std::time::Instant::now();
    let sent = || gateway.with(|gateway| [gateway.messages.len(), gateway.calls.len()]);
    while sent() != [1, 1] && began.elapsed() < std::time::Duration::from_secs(10) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let eve = gateway.with(|gateway| [gateway.messages[0].to.clone(), gateway.calls[0].to.clone()]);
    assert_eq!((sent(), eve), ([1, 1], ["+447700900123".to_owned(), "+447700900123".to_owned()]));
    assert_eq!(gateway.complaints(), [""; 0]);
}
