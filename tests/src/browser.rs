//! A real browser: Debian's chromium, driven through its WebDriver, at the size of a phone or a desktop.

use crate::peers::Peer;
use crate::place::free_port;
use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// WebDriver's name for a found element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How large its window is.
#[derive(Debug, Clone, Copy)]
pub struct Size(pub u32, pub u32);

/// A phone held upright.
pub const PHONE: Size = Size(390, 844);
/// A small desktop.
pub const DESKTOP: Size = Size(1280, 800);

/// One window with an empty profile; ends with the story.
pub struct Browser {
    http: Client,
    session: String,
    _profile: tempfile::TempDir,
    _driver: Peer,
}

impl Browser {
    /// Opens a window whose page area has this size.
    pub fn open(size: Size, dark: bool) -> Self {
        let port = free_port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}"));
        let driver = Peer::start("chromedriver", command, port);
        let profile = tempfile::tempdir().expect("a profile folder");
        let mut args = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--hide-scrollbars".into(),
            format!("--window-size={},{}", size.0.max(500), size.1),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        if dark {
            args.push("--force-dark-mode".into());
            args.push("--blink-settings=preferredColorScheme=0".into());
        }
        let http = Client::builder().timeout(std::time::Duration::from_secs(60)).build().expect("an HTTP client");
        let asked = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": args },
        } } });
        let base = format!("http://127.0.0.1:{port}/session");
        let made: Value = http.post(&base).json(&asked).send().and_then(reqwest::blocking::Response::json).expect("chromedriver answers");
        let id = made["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no browser session: {made}")).to_owned();
        let browser = Self { http, session: format!("{base}/{id}"), _profile: profile, _driver: driver };
        let metrics = json!({ "width": size.0, "height": size.1, "deviceScaleFactor": 1, "mobile": size.0 < 500 });
        browser.devtools("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if dark { "dark" } else { "light" };
        browser.devtools("Emulation.setEmulatedMedia", json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }));
        browser
    }

    /// Lets an origin show notifications, as if its owner had been asked.
    pub fn allow_notifications(&self, origin: &str) {
        self.devtools("Browser.grantPermissions", json!({ "origin": origin, "permissions": ["notifications"] }));
    }

    /// Hands a message to the service worker of an origin, as the browser does with what it opened; gives the notification that is shown. The
    /// driver drops what comes before it knows of the worker, so it is handed on until it is shown: it has a tag, and takes its own place.
    pub fn hand_on(&self, origin: &str, message: &Value) -> Value {
        self.devtools("ServiceWorker.enable", json!({}));
        // The first worker of a profile.
        let asked = json!({ "origin": origin, "registrationId": "0", "data": message.to_string() });
        let script = "return navigator.serviceWorker.ready.then((worker) => worker.getNotifications()).then((all) => all.map((one) => \
            ({ title: one.title, body: one.body, tag: one.tag, url: one.data.url, actions: one.actions.map((action) => action.title) })))";
        crate::peers::wait_for("a notification", 10, || {
            self.devtools("ServiceWorker.deliverPushMessage", asked.clone());
            self.script(script).as_array().and_then(|all| all.first().cloned())
        })
    }

    fn devtools(&self, cmd: &str, params: Value) {
        self.post("goog/cdp/execute", json!({ "cmd": cmd, "params": params }));
    }

    fn post(&self, path: &str, body: Value) -> Value {
        call(self.http.post(format!("{}/{path}", self.session)).json(&body))
    }

    fn get(&self, path: &str) -> Value {
        call(self.http.get(format!("{}/{path}", self.session)))
    }

    /// Goes to an address and waits until it is loaded.
    pub fn go(&self, url: &str) {
        self.post("url", json!({ "url": url }));
    }

    /// The text that a person sees.
    pub fn text(&self) -> String {
        self.script("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page shows `words`.
    pub fn sees(&self, words: &str) {
        crate::peers::wait_for(&format!("{words:?} on the page, which shows:\n{}", self.text()), 10, || {
            self.text().contains(words).then_some(())
        });
    }

    /// Presses the first button or link with this text.
    pub fn press(&self, words: &str) {
        let xpath = format!("//*[self::button or self::a][normalize-space(.)='{words}' and not(ancestor::*[@hidden])]");
        let found = self.post("element", json!({ "using": "xpath", "value": xpath }));
        let id = found[ELEMENT].as_str().unwrap_or_else(|| panic!("nothing to press says {words:?}"));
        self.post(&format!("element/{id}/click"), json!({}));
    }

    /// Types a key on the page.
    pub fn key(&self, key: &str) {
        let actions =
            json!([{ "type": "key", "id": "keys", "actions": [{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }] }]);
        self.post("actions", json!({ "actions": actions }));
    }

    /// Runs a script in the page.
    pub fn script(&self, script: &str) -> Value {
        self.post("execute/sync", json!({ "script": script, "args": [] }))
    }

    /// Errors and warnings of the page's console since the last call.
    pub fn console_errors(&self) -> Vec<String> {
        let log = self.post("se/log", json!({ "type": "browser" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.iter().filter(|e| e["level"] == "SEVERE").map(|e| e["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Whether something is wider than the window.
    pub fn scrolls_sideways(&self) -> bool {
        self.script("return document.documentElement.scrollWidth > window.innerWidth + 1").as_bool().unwrap_or(true)
    }

    /// Bottom of the first button with this text, in pixels from the top of the window; at most the window's height if it can be seen.
    pub fn bottom_of_button(&self, words: &str) -> f64 {
        let script = format!(
            "const b = [...document.querySelectorAll('button')].find(b => b.innerText.trim() === {words:?}); return b.getBoundingClientRect().bottom"
        );
        self.script(&script).as_f64().unwrap_or(f64::MAX)
    }

    /// Keeps a picture where `REVEILLE_SCREENSHOTS` says, for a person to look at.
    pub fn picture(&self, name: &str) {
        let Some(dir) = std::env::var_os("REVEILLE_SCREENSHOTS") else { return };
        let picture = self.get("screenshot");
        let bytes = unbase64(picture.as_str().unwrap_or_default());
        std::fs::create_dir_all(&dir).expect("a folder for pictures");
        std::fs::write(Path::new(&dir).join(format!("{name}.png")), bytes).expect("a picture");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser with the session; it ends itself right after.
        let _ = self.http.delete(&self.session).send();
    }
}

fn call(request: reqwest::blocking::RequestBuilder) -> Value {
    let answer: Value = request.send().and_then(reqwest::blocking::Response::json).expect("chromedriver answers");
    assert!(answer["value"]["error"].is_null(), "the browser says {answer}");
    answer["value"].clone()
}

fn unbase64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).expect("a picture in base64")
}
