//! A team of two, their phones and mailboxes, one server: the setting of most stories.

use crate::mail::MailServer;
use crate::phones::{Phones, Ring};
use crate::place::{folder_in_memory, folder_on_disk, root};
use crate::server::{Options, Server};
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Monday, 2 March 2026, 03:00 in UTC.
pub const MONDAY_NIGHT_MS: i64 = 1_772_420_400_000;

/// The setting.
pub struct Story {
    pub server: Server,
    pub phones: Phones,
    pub mail: MailServer,
    pub http: Client,
    // Last, so that the folder outlives the server.
    _dir: TempDir,
}

/// How a story differs from the usual.
#[derive(Default)]
pub struct Setting {
    pub options: Options,
    /// Real time instead of simulated.
    pub real_time: bool,
    /// The server writes to a disk instead of to memory: for promises about disks.
    pub on_disk: bool,
    /// Appended to `reveille.toml`.
    pub toml: String,
    /// Replaces or adds documents, by file name.
    pub documents: Vec<(String, String)>,
}

impl Story {
    /// alice is on call, bob is second; ntfy and mail each.
    pub fn two_people() -> Self {
        Self::with(Setting::default())
    }

    /// As [`Story::two_people`], with changes.
    pub fn with(setting: Setting) -> Self {
        let mut story = Self::set_up(setting);
        story.server.start();
        story
    }

    /// Set up, not started.
    pub fn set_up(setting: Setting) -> Self {
        let dir = if setting.on_disk { folder_on_disk() } else { folder_in_memory() };
        let phones = Phones::start();
        let mail = MailServer::start();
        let documents = documents(&phones, &setting.documents);
        let toml = format!(
            "[smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"Reveille <reveille@example.org>\"\n\n[[egress.allow]]\nhost = \"127.0.0.1\"\nports = [{}]\nprivate = true\n{}",
            mail.port,
            phones.address.port(),
            setting.toml
        );
        let mut options = setting.options;
        if !setting.real_time && options.now_ms.is_none() {
            options.now_ms = Some(MONDAY_NIGHT_MS);
        }
        let server = Server::set_up(dir.path(), &documents, &toml, options);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client");
        Self { server, phones, mail, http, _dir: dir }
    }

    /// Posts to the VictorOps endpoint of the integration `shop-victorops`.
    pub fn victorops(&self, message_type: &str, entity: &str, fields: Value) -> Response {
        let mut body = json!({ "message_type": message_type, "entity_id": entity });
        if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
            body.extend(fields);
        }
        self.post(&format!("/integrations/generic/20131114/alert/{}/database", self.server.key("shop-victorops")), &body)
    }

    /// As [`Story::victorops`], where the server may die of it.
    pub fn victorops_quietly(&self, message_type: &str, entity: &str, fields: Value) {
        let url = self.server.url(&format!("/integrations/generic/20131114/alert/{}/database", self.server.key("shop-victorops")));
        let mut body = json!({ "message_type": message_type, "entity_id": entity });
        if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
            body.extend(fields);
        }
        // Whether it was taken does not matter here.
        let _ = self.http.post(url).json(&body).timeout(std::time::Duration::from_secs(5)).send();
    }

    /// Posts JSON to a path of the server.
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.http.post(self.server.url(path)).json(body).send().expect("the server answers")
    }

    /// GET under `/api/v1` as the administrator.
    pub fn api(&self, path: &str) -> Value {
        let response =
            self.http.get(self.server.url(&format!("/api/v1/{path}"))).bearer_auth(self.server.token()).send().expect("the API answers");
        let status = response.status();
        let text = response.text().expect("a body");
        assert!(status.is_success(), "GET {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("GET {path}: {e} in {text}"))
    }

    /// POST under `/api/v1` as the administrator; the status and the body.
    pub fn api_post(&self, path: &str, body: &Value) -> (u16, Value) {
        let response = self
            .http
            .post(self.server.url(&format!("/api/v1/{path}")))
            .bearer_auth(self.server.token())
            .json(body)
            .send()
            .expect("the API answers");
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().unwrap_or_default()).unwrap_or(Value::Null))
    }

    /// Everything that is due now has happened.
    pub fn settle(&mut self) {
        self.server.settle();
    }

    /// Time passes, and everything that falls due in it happens.
    pub fn pass_minutes(&mut self, minutes: i64) {
        self.pass_seconds(minutes * 60);
    }

    /// Time passes, and everything that falls due in it happens.
    pub fn pass_seconds(&mut self, seconds: i64) {
        self.server.sim(&json!({ "advance_ms": seconds * 1000 }));
    }

    /// What a person's phone has been sent.
    pub fn rings(&self, person: &str) -> Vec<Ring> {
        self.phones.of(person)
    }

    /// The incident with this number.
    pub fn incident(&self, id: u64) -> Value {
        self.api(&format!("incidents/{id}"))
    }

    /// The texts of an incident's timeline, oldest first.
    pub fn timeline(&self, id: u64) -> Vec<String> {
        let lines = self.api(&format!("incidents/{id}/timeline"));
        lines["items"].as_array().expect("a list of lines").iter().map(|l| l["text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The address of a page in a message: where its buttons lead.
    pub fn link_in(ring: &Ring) -> String {
        let found = ring.body.find("/l/").expect("a link in the message");
        let start = ring.body[..found].rfind("http").expect("an absolute address");
        let end =
            ring.body[found..].find(|c: char| !(c.is_ascii_alphanumeric() || "/-_.".contains(c))).map_or(ring.body.len(), |e| found + e);
        let link = &ring.body[start..end];
        link.trim_end_matches("/acknowledge").trim_end_matches("/resolve").to_owned()
    }

    /// Presses a button behind a page's link.
    pub fn press(&self, link: &str, button: &str) -> u16 {
        let origin = self.server.url("");
        self.http.post(format!("{link}/{button}")).header("origin", origin).send().expect("the link answers").status().as_u16()
    }
}

/// The documents of `tests/config`, addresses filled in.
fn documents(phones: &Phones, changes: &[(String, String)]) -> Vec<(String, String)> {
    let dir = root().join("tests/config");
    let mut all: Vec<(String, String)> = std::fs::read_dir(&dir)
        .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
        .filter_map(Result::ok)
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(entry.path()).expect("a document")))
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name))
        .collect();
    all.extend(changes.iter().cloned());
    for (_, text) in &mut all {
        *text = text.replace("PHONES", &format!("http://{}", phones.address));
    }
    all.sort();
    all
}
