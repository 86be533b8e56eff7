//! What documents mean: the installation and the server's settings that come of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use documents::server::{Algorithm, AllowSection, LogFormat, SecretSection, SmtpTls};
use documents::{Bundle, ServerFile, Source};
use domain::action::Risk;
use domain::escalation::{Step, Target};
use domain::id::{PolicyId, RotationId, TeamId, UserId};
use domain::inbound::BODY_LIMIT_BYTES;
use domain::installation::{Door, OnFailure};
use domain::schedule::{Layer, Swaps, Turn, Turns, Window};
use domain::time::Millis;

fn file(text: &str) -> Bundle {
    Bundle::from_files(&[("reveille.yaml", text)])
}

#[test]
fn a_team_of_two_becomes_an_installation_with_defaults() {
    let made = file(include_str!("good/team-of-two/new/reveille.yaml")).check().unwrap();
    assert_eq!(made.default_policy, PolicyId::from("shop"));
    let alice = &made.users["alice"];
    assert_eq!((alice.name.as_str(), alice.time_zone.as_str(), alice.language.as_str()), ("alice", "UTC", "en"));
    assert_eq!((alice.contacts[0].contact.kind.as_str(), alice.contacts[0].delay_seconds), ("ntfy", 0));
    assert!(!alice.admin && !alice.break_glass);
    let [rotation] = made.rotations["shop"].layers.as_slice() else { panic!("the short form is one layer") };
    assert_eq!((&rotation.turns, rotation.time_zone.as_str()), (&Turns::Every(Turn::Weeks(1)), "Europe/Rome"));
    assert!(rotation.windows.is_empty() && rotation.from.is_none());
    assert_eq!(rotation.members, [UserId::from("alice"), UserId::from("bob")]);
    assert_eq!(rotation.starts, jiff::civil::date(2026, 1, 5).at(9, 0, 0, 0));
    let policy = &made.policies["shop"];
    let step = |delay_seconds, target| Step { delay_seconds, targets: vec![target], ..Step::default() };
    assert_eq!(policy.steps, [step(0, Target::Rotation(RotationId::from("shop"))), step(300, Target::Team(TeamId::from("shop")))]);
    assert_eq!((policy.repeat, policy.repeat_delay_seconds), (0, 300));
    let integration = &made.integrations["monitoring"];
    assert_eq!((integration.door.used().plugin.as_str(), integration.door.used().settings.as_str()), ("generic", "{}"));
    assert_eq!((integration.pipeline.as_str(), integration.body_limit_bytes), ("default", BODY_LIMIT_BYTES));
    assert!(made.pipelines["default"].filter.is_empty());
    let channels: Vec<&str> = made.notify.iter().map(|used| used.plugin.as_str()).collect();
    assert_eq!(channels, ["mail", "ntfy"]);
}

#[test]
fn every_key_arrives() {
    let made = file(include_str!("good/every-kind/new/everything.yaml")).check().unwrap();
    let user = &made.users["007"];
    assert!(user.admin && user.break_glass);
    assert_eq!((user.contacts[0].delay_seconds, user.contacts[1].contact.address.as_str()), (300, "{{secret:hook}}"));
    assert_eq!(made.rotations["ops"].layers[0].turns, Turns::Every(Turn::Weeks(2)));
    assert_eq!((made.policies["all"].steps[0].delay_seconds, made.policies["all"].repeat_delay_seconds), (5400, 600));
    let integration = &made.integrations["tool"];
    assert_eq!(integration.door.used().settings, r#"{"entity":"/host","on":true,"n":1.5,"none":null}"#);
    assert_eq!(integration.door.used().on_failure, OnFailure::DefaultRoute);
    assert_eq!((integration.body_limit_bytes, integration.expire_after_seconds), (512 * 1024, Some(86_400)));
    assert_eq!(made.grants["webhook"].secrets, ["hook"]);
    assert_eq!(made.tables["hosts"]["10.0.0.1"], [("floor".into(), "0x10".into()), ("owner".into(), "true".into())]);
    assert_eq!(made.services["api"].name, "null");
}

/// The layers of `good/layers`, by what their documents say.
#[test]
fn layers_arrive_with_their_hours_and_days_off() {
    let made = file(include_str!("good/layers/new/reveille.yaml")).check().unwrap();
    let sun = &made.rotations["sun"];
    assert_eq!(sun.swaps, Swaps::Approved);
    let zones: Vec<&str> = sun.layers.iter().map(|layer| layer.time_zone.as_str()).collect();
    assert_eq!(zones, ["Europe/Rome", "Asia/Tokyo", "Europe/Rome", "America/New_York"]);
    let [nights, tokyo, rome, saturdays]: &[Layer; 4] = sun.layers.as_slice().try_into().unwrap();
    assert_eq!((nights.offset, nights.windows.len()), (1, 0));
    assert_eq!(nights.from, Some(jiff::civil::date(2026, 1, 5).at(9, 0, 0, 0)));
    assert_eq!(tokyo.windows.len(), 5);
    assert_eq!(rome.windows.len(), 5 + 1 + 1);
    assert!(matches!(&rome.turns, Turns::At(rule) if rule.rule() == "FREQ=MONTHLY;BYMONTHDAY=-1"));
    let off = |day: &str| rome.days_off.get(&day.parse().unwrap()).map(String::as_str);
    assert_eq!((off("2026-04-06"), off("2030-12-25"), off("2028-02-29")), (Some("Pasquetta"), Some("Natale"), Some("leap day")));
    let company = [off("2026-08-13"), off("2026-08-14"), off("2026-08-16"), off("2026-08-17")];
    assert_eq!(company, [None, Some("Summer rest"), Some("Summer rest"), None], "the end of an event is the day after it");
    assert!(matches!(&saturdays.windows[..], [Window::Recurring { minutes: 2880, .. }]));
}

#[test]
fn documents_about_quiet_arrive() {
    let made = file(include_str!("good/every-kind/new/everything.yaml")).check().unwrap();
    let sundays = &made.maintenance["sundays"];
    assert_eq!(sundays.words(), r#"service="api", host=~"db-[0-9]+""#);
    assert_eq!((sundays.id.as_str(), sundays.owner.as_str()), ("maintenance/sundays", "007"));
    // Two in the night in Rome is one in UTC in winter, and 4 January 2026 is a Sunday.
    let first = sundays.stretches(Millis(1_767_225_600_000), Millis(1_767_830_400_000));
    assert_eq!(
        first.iter().map(|s| (s.from.rfc3339(), s.until.rfc3339())).collect::<Vec<_>>(),
        [("2026-01-04T01:00:00Z".into(), "2026-01-04T03:00:00Z".into())]
    );
    let once = made.maintenance["once"].stretches(Millis(0), Millis(i64::MAX));
    assert_eq!(
        once.iter().map(|s| (s.from.rfc3339(), s.until.rfc3339())).collect::<Vec<_>>(),
        [("2026-01-04T02:00:00Z".into(), "2026-01-04T03:30:00Z".into())]
    );
    let inhibition = &made.inhibitions["cluster"];
    assert_eq!(
        (inhibition.target[0].to_string(), inhibition.equal.as_slice()),
        (r#"severity=~"warning|error""#.into(), &["cluster".to_owned()][..])
    );
    let heartbeat = &made.heartbeats["backup"];
    assert_eq!((heartbeat.every_seconds, heartbeat.grace_seconds, heartbeat.alerts.len()), (86_400, 1800, 1));
    assert_eq!(made.default_policy_for(Some(&heartbeat.sender()), Some(&heartbeat.team)).as_str(), "other");
}

#[test]
fn grants_are_held_against_the_server() {
    let bundle = file(include_str!("good/every-kind/new/everything.yaml"));
    assert!(bundle.check_grants(&["hook"], &["signing"]).is_empty());
    let told: Vec<String> = bundle.check_grants(&["hooks"], &[]).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "reveille.yaml:78:8: grant webhook: keys[0]: the server has no [keys.signing]",
            "reveille.yaml:79:11: grant webhook: secrets[0]: the server has no [secrets.hook]; did you mean `hooks`?",
        ]
    );
}

#[test]
fn stored_json_that_is_none_is_told() {
    for text in ["", "[]", r#"{"documents": 5}"#, r#"{"documents": [{"kind": "Team"}]}"#, r#"{"documents": [], "more": 1}"#] {
        assert!(Bundle::from_json(text).check().is_err(), "{text}");
    }
}

#[test]
fn too_much_is_refused_in_few_words() {
    let teams: Vec<String> = (0..500).map(|n| format!("kind: Team\nid: t{n}\nmembers: [nobody]\n")).collect();
    let many = teams.join("---\n");
    let problems = file(&many).check().unwrap_err();
    assert_eq!(problems.len(), documents::problem::PROBLEMS_LIMIT + 1);
    assert_eq!(problems.last().unwrap().message, "and 301 more problems");
    let large = "#".repeat(documents::limits::BYTES_LIMIT + 1);
    assert!(file(&large).check().unwrap_err()[0].message.contains("too large"));
    let deep = format!("kind: Channel\nid: x\nsettings: {}{}\n", "[".repeat(200), "]".repeat(200));
    assert!(file(&deep).check().is_err());
}

#[test]
fn an_empty_server_file_listens_on_loopback() {
    let server = ServerFile::parse("reveille.toml", "").unwrap();
    assert_eq!(server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(server.public_url, "http://127.0.0.1:8080");
    assert_eq!((server.data_dir.to_str(), server.plugins_dir.to_str()), (Some("data"), Some("plugins")));
    assert_eq!(server.native_cache_dir, None);
    assert_eq!((server.log_format, server.journal_queue, server.backlog), (LogFormat::Text, 4096, 1_000_000));
    assert!(server.egress.allow.is_empty() && server.smtp.is_none());
}

#[test]
fn a_full_server_file_arrives() {
    let text = r#"
listen = "[::]:9000"
data_dir = "/var/lib/reveille"
plugins_dir = "/usr/lib/reveille/plugins"
native_cache_dir = "/var/cache/reveille"
public_url = "https://reveille.example.org/"
[log]
format = "json"
[egress]
ca_file = "/etc/reveille/ca.pem"
allow = [
  { host = "NTFY.sh" },
  { host = "*.hooks.example.org", ports = [443, 8443], plugins = ["webhook"] },
  { host = "10.0.0.5", ports = [80], private = true },
]
[smtp]
host = "mail.example.org"
tls = "implicit"
user = "reveille"
password_secret = "smtp"
from = "Reveille <reveille@example.org>"
[secrets]
smtp = { file = "/run/secrets/smtp" }
hook = { env = "HOOK", hosts = ["*.hooks.example.org"] }
[keys.signing]
env = "KEY"
algorithms = ["hmac-sha256", "ed25519"]
[limits]
journal_queue = 100
backlog = 2_000
"#;
    let server = ServerFile::parse("reveille.toml", text).unwrap();
    assert_eq!(server.public_url, "https://reveille.example.org");
    assert_eq!(server.native_cache_dir.as_deref(), Some(std::path::Path::new("/var/cache/reveille")));
    assert_eq!(server.log_format, LogFormat::Json);
    let first = AllowSection { host: "ntfy.sh".into(), ports: vec![443], private: false, plugins: Vec::new() };
    assert_eq!(server.egress.allow[0], first);
    assert_eq!(server.egress.allow[1].plugins, ["webhook"]);
    assert!(server.egress.allow[2].private);
    let smtp = server.smtp.unwrap();
    assert_eq!((smtp.port, smtp.tls, smtp.login), (465, SmtpTls::Implicit, Some(("reveille".into(), "smtp".into()))));
    let hook = SecretSection { source: Source::Env("HOOK".into()), hosts: vec!["*.hooks.example.org".into()] };
    assert_eq!(server.secrets["hook"], hook);
    assert_eq!(server.keys["signing"].algorithms, [Algorithm::HmacSha256, Algorithm::Ed25519]);
    assert_eq!((server.journal_queue, server.backlog), (100, 2000));
}

#[test]
fn a_database_server_is_named_without_its_password() {
    let text = r#"
[store]
kind = "postgres"
url = "postgres://reveille@db.example.org/reveille"
password_secret = "database"
answer_timeout_seconds = 30
[secrets]
database = { env = "DATABASE_PASSWORD" }
"#;
    let postgres = ServerFile::parse("reveille.toml", text).unwrap().postgres.unwrap();
    assert_eq!((postgres.schema.as_str(), postgres.readers, postgres.connect_timeout_seconds), ("reveille", 3, 5));
    assert_eq!((postgres.password_secret.as_deref(), postgres.answer_timeout_seconds), (Some("database"), 30));
    let refused = |text: &str| ServerFile::parse("reveille.toml", text).unwrap_err().iter().map(ToString::to_string).collect::<String>();
    assert!(refused("[store]\nkind = \"postgres\"\nurl = \"postgres://u:hunter2@h/x\"").contains("must not hold the password"));
    assert!(refused("[store]\nkind = \"postgres\"").contains("needs `url`"));
    assert!(refused("[store]\nschema = \"x\"").contains("only for `kind = \"postgres\"`"));
    assert!(
        refused("[store]\nkind = \"postgres\"\nurl = \"postgres://h/x\"\npassword_secret = \"no\"").contains("there is no [secrets.no]")
    );
    assert!(ServerFile::parse("reveille.toml", "").unwrap().postgres.is_none());
}

/// Enough for a whole installation, around what a test is about.
const AROUND: &str = "kind: Settings\ndefault_policy: p\n---\nkind: User\nid: a\ncontacts: [{ kind: mail, address: a@example.org }]\n---\n\
kind: Team\nid: t\nmembers: [a]\n---\nkind: Policy\nid: p\nteam: t\nsteps: [{ page: [user/a] }]\n---\n";

#[test]
fn automation_and_interaction_arrive() {
    let text = "kind: Integration\nid: chat\nteam: t\ninteract: { plugin: chat, settings: { x: 1 } }\n---\nkind: Pipeline\nid: main\n\
        automate: [first, { plugin: second, settings: { y: 2 }, approve: [dangerous], dry_run: true }, { plugin: third, approve: [] }]\n";
    let bundle = file(&format!("{AROUND}{text}"));
    let made = bundle.check().unwrap();
    let Door::Interact(used) = &made.integrations["chat"].door else { panic!("people answer there") };
    assert_eq!((used.plugin.as_str(), used.settings.as_str()), ("chat", r#"{"x":1}"#));
    let automate = &made.pipelines["main"].automate;
    let told: Vec<_> =
        automate.iter().map(|a| (a.used.plugin.as_str(), a.used.settings.as_str(), a.approve.as_slice(), a.dry_run)).collect();
    assert_eq!(
        told,
        [
            ("first", "{}", &[Risk::Reversible, Risk::Dangerous][..], false),
            ("second", r#"{"y":2}"#, &[Risk::Dangerous][..], true),
            ("third", "{}", &[][..], false),
        ]
    );
    assert_eq!(Bundle::from_json(&bundle.to_json()).check().unwrap().pipelines, made.pipelines, "what the store keeps is the same");
}

#[test]
fn an_integration_has_one_door_and_a_plugin_acts_once_in_a_pipeline() {
    let text = "kind: Integration\nid: both\nteam: t\nnormalize: generic\ninteract: chat\n---\nkind: Integration\nid: none\nteam: t\n---\n\
        kind: Pipeline\nid: main\nautomate: [first, { plugin: first, dry_run: true }]\n---\n\
        kind: Pipeline\nid: other\nautomate: [{ plugin: first, approve: [risky] }]\n";
    let problems = file(&format!("{AROUND}{text}")).check().unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for (found, expected) in told.iter().zip([
        "integration both: interact: an integration has `normalize` or `interact`, not both",
        "integration none: `normalize` is missing (or `interact`, where people answer)",
        "pipeline main: automate[1]: `first` is there twice: give one of them all of its settings",
        "pipeline other: automate[0].approve[0]: `risky` is not possible here; there is `dangerous`, `reversible` and `safe`",
    ]) {
        assert!(found.ends_with(expected), "{found}\n{expected}");
    }
    assert_eq!(told.len(), 4, "{told:#?}");
}

/// What the documents of `good/people-side` say, looked up by hand.
#[test]
fn the_people_side_arrives() {
    let made = file(include_str!("good/people-side/new/people.yaml")).check().unwrap();
    let alice = &made.users["alice"];
    assert!(!alice.paging.handoff_notices && made.self_test && made.teams["shop"].aggregate);
    let primary = alice.paging.primary.as_ref().unwrap();
    assert_eq!(primary.steps[1].contacts, [1, 0], "in the order in which the step names them");
    assert_eq!((primary.steps[1].delay_seconds, primary.repeat_seconds), (180, Some(900)));
    let night = &alice.paging.custom[0];
    assert_eq!((night.name.as_str(), night.when.words().as_str()), ("night", "error, critical, P1, Sat, Sun, 22:00-07:00"));
    assert_eq!(night.when.time_zone.as_deref(), Some("Europe/Rome"));
    let steps = &made.policies["shop"].steps;
    assert!(steps[0].round_robin && steps.iter().all(|step| step.ignore_custom_paging));
    assert_eq!(steps[0].targets[0], Target::Next(RotationId::from("shop")));
    let address = |target: &Target| matches!(target, Target::Address(contact) if contact.kind == "webhook" && contact.address == "https://hooks.example.org/a?b=c");
    assert!(address(&steps[0].targets[3]));
    assert_eq!(made.receipts.get("sms"), Some(&60));
}
