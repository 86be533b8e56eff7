//! A filter that does what its settings name, such as `{"do":"loop"}`: everything that a sandbox has to survive.

wit_bindgen::generate!({
    path: "../../../wit/v1.0",
    inline: "package test:mischief; world mischief {
        import reveille:plugin/log@1.0.0; import reveille:plugin/lookup@1.0.0; import reveille:plugin/keys@1.0.0;
        import reveille:plugin/assets@1.0.0; import reveille:plugin/state@1.0.0;
        export reveille:plugin/lifecycle@1.0.0; export reveille:plugin/filter@1.0.0; export reveille:plugin/enrich@1.0.0;
        export reveille:plugin/normalize@1.0.0;
    }",
    world: "test:mischief/mischief",
    generate_all,
});

use std::cell::{Cell, RefCell};

use exports::reveille::plugin::enrich::Patch;
use exports::reveille::plugin::filter::Verdict;
use exports::reveille::plugin::normalize::{Event, Inbound, Normalized, Refusal};
use exports::reveille::plugin::{enrich, filter, lifecycle, normalize};
use reveille::plugin::keys;
use reveille::plugin::types::{Alert, Command, Edit, Error, Operation, Severity, Status, Subject};
use reveille::plugin::{assets, log, lookup, state};

thread_local! {
    static DO: RefCell<String> = const { RefCell::new(String::new()) };
    static CALLS: Cell<u32> = const { Cell::new(0) };
    static HOARD: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

struct Mischief;

impl lifecycle::Guest for Mischief {
    fn configure(settings: String) -> Result<Vec<String>, Vec<lifecycle::Problem>> {
        let what = settings.split('"').nth(3).unwrap_or_default().to_string();
        match what.as_str() {
            "refuse" => return Err(vec![lifecycle::Problem { pointer: "/do".into(), message: "not today".into() }]),
            "widen" => return Ok(vec!["details".into()]),
            "loop-in-configure" => forever(),
            "remember-in-configure" => {
                let problem = |message| vec![lifecycle::Problem { pointer: String::new(), message }];
                return Err(problem(format!("{:?}", state::set("early", b"x", 60))));
            }
            _ => {}
        }
        DO.set(what);
        Ok(Vec::new())
    }
}

fn forever() {
    let mut n: u64 = 1;
    while std::hint::black_box(n) != 0 {
        n = n.wrapping_add(2);
    }
}

fn said(text: impl Into<String>) -> Result<Verdict, Error> {
    Ok(Verdict::Drop(text.into()))
}

fn act(what: &str) -> Result<Verdict, Error> {
    let calls = CALLS.get() + 1;
    CALLS.set(calls);
    match what {
        "trap" => panic!("as told"),
        "loop" => forever(),
        "sleep" => std::thread::sleep(std::time::Duration::from_secs(3)),
        "exit" => std::process::exit(3),
        "grow" => HOARD.with_borrow_mut(|hoard| {
            loop {
                hoard.push(vec![1; 1 << 20]);
            }
        }),
        "hoard" => HOARD.with_borrow_mut(|hoard| hoard.push(vec![1; 7 << 20])),
        "huge" => return said("x".repeat(300 * 1024)),
        "reject" => return Err(Error::Rejected("not mine".into())),
        "lack" => return Err(Error::Unavailable("no table".into())),
        "fail" => return Err(Error::Internal("my fault".into())),
        "flood" => {
            for n in 0..100 {
                log::write(log::Level::Info, &format!("line {n}"), &[("n".into(), n.to_string())]);
            }
        }
        "print" => println!("printed {calls}"),
        "random" => {
            let seen = std::collections::hash_map::RandomState::new();
            return said(format!("{:?}", std::hash::BuildHasher::hash_one(&seen, 1)));
        }
        "file" => return said(format!("{:?}", std::fs::read_to_string("/etc/passwd").is_ok())),
        "environment" => return said(format!("{} {}", std::env::vars().count(), std::env::args().count())),
        "clock" => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            return said(now.as_millis().to_string());
        }
        "lookup" => return said(format!("{:?}", lookup::find("hosts", "web1"))),
        "snoop" => return said(format!("{:?}", lookup::find("salaries", "alice"))),
        "sign" => return said(format!("{:?}", keys::sign("hook", "hmac-sha256", b"what do ya want for nothing?"))),
        "steal" => return said(format!("{:?}", keys::sign("other", "hmac-sha256", b""))),
        "assets" => {
            let names = assets::names().into_iter().map(|asset| format!("{}:{}", asset.name, asset.size)).collect::<Vec<_>>();
            let part = assets::read("rules/a.yml", 2, 3).unwrap_or_default();
            return said(format!("{} {}", names.join(","), String::from_utf8_lossy(&part)));
        }
        "remember" => {
            let all = (
                state::get("last").map(|entry| entry.map(|entry| (String::from_utf8_lossy(&entry.value).into_owned(), entry.version))),
                state::set("last", calls.to_string().as_bytes(), 60),
                state::replace("last", None, b"other", 60),
                state::add("seen", 2, 60),
                state::count("seen"),
                state::get("seen").map(|entry| entry.is_some()),
                state::delete("gone"),
            );
            return said(format!("{all:?}"));
        }
        "remember-too-long" => {
            let all = (
                state::set(&"k".repeat(257), b"", 60),
                state::set("k", &[0; 16 * 1024 + 1], 60),
                state::set("k", b"", 0),
                state::add("k", 1, 2_592_001),
            );
            return said(format!("{all:?}"));
        }
        "remember-often" => {
            let refused = (0..200).filter(|_| state::add("n", 1, 60).is_err()).count();
            return said(format!("{refused}"));
        }
        "remember-and-trap" => {
            let _ = state::set("last", b"never", 60);
            panic!("as told");
        }
        _ => {}
    }
    said(calls.to_string())
}

impl filter::Guest for Mischief {
    fn run(_: Alert) -> Result<Verdict, Error> {
        DO.with_borrow(|what| act(what))
    }
}

impl enrich::Guest for Mischief {
    fn run(_: Alert) -> Result<Patch, Error> {
        let count = if DO.with_borrow(|what| what == "many") { 65 } else { 64 };
        let edits = (0..count).map(|n| Edit::SetLabel((format!("l{n}"), "x".into()))).collect();
        Ok(Patch { edits, reason: "y".repeat(5000) })
    }
}

fn alert() -> Alert {
    Alert {
        entity: None,
        status: Status::Firing,
        severity: Severity::Error,
        summary: Some("s".repeat(2000)),
        details: None,
        source: None,
        service: None,
        routing_key: None,
        group: None,
        started_at: None,
        received_at: Some(1),
        expires_at: None,
        labels: vec![("b".into(), "2".into()), ("a".into(), "1".into()), ("b".into(), "3".into())],
        annotations: Vec::new(),
        links: Vec::new(),
    }
}

impl normalize::Guest for Mischief {
    fn run(_: Inbound) -> Result<Normalized, Refusal> {
        let events = match DO.with_borrow(Clone::clone).as_str() {
            "many" => (0..1001).map(|_| Event::Alert(alert())).collect(),
            "long" => vec![Event::Alert(Alert { entity: Some("e".repeat(600)), ..alert() })],
            "acknowledge" | "snooze" => {
                let operation = match DO.with_borrow(|what| what == "snooze") {
                    true => Operation::SnoozeSeconds(60),
                    false => Operation::Acknowledge,
                };
                vec![Event::Command(Command { subject: Subject::Entity("db".into()), actor: None, operation })]
            }
            _ => vec![Event::Alert(alert()), Event::Alert(alert())],
        };
        Ok(Normalized { events, reply: None, confirm_url: None })
    }
}

export!(Mischief);
