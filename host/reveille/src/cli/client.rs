//! A small client of the REST API: every error says what the server said.

use super::Server;
use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an answer may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take where a plugin is compiled.
const PATIENCE: Duration = Duration::from_secs(300);

/// Speaks to one server with one token.
pub struct Client {
    http: reqwest::blocking::Client,
    base: String,
    token: String,
    /// Print JSON instead of words.
    pub json: bool,
}

/// A plain client with the house's limits; TLS by ring.
pub fn http() -> Result<reqwest::blocking::Client> {
    // A second call finds the provider installed; that is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::blocking::Client::builder()
        .timeout(TIME_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("cannot make an HTTP client")
}

/// The file of the usual place `data/`, or the one in this folder where only that is there: `init .` writes it here.
pub fn here_or_in_data(file: &Path) -> PathBuf {
    match file.strip_prefix("data") {
        Ok(here) if !file.exists() && here.is_file() => here.to_owned(),
        _ => file.to_owned(),
    }
}

impl Client {
    /// Reads the token from the options, or from its file.
    pub fn new(server: &Server) -> Result<Self> {
        let token = match &server.token {
            Some(token) => token.clone(),
            None => {
                let path = here_or_in_data(&server.token_file);
                std::fs::read_to_string(&path).with_context(|| {
                    let file = server.token_file.display();
                    format!("no API token: give --token or --token-file, or run in the folder where {file} is (`init` wrote it)")
                })?
            }
        };
        Ok(Self { http: http()?, base: server.address.trim_end_matches('/').to_owned(), token: token.trim().to_owned(), json: server.json })
    }

    /// Whether the server says, within `limit`, that it is ready.
    pub fn is_ready(&self, limit: Duration) -> bool {
        let answer = self.http.get(format!("{}/readyz", self.base)).bearer_auth(&self.token).timeout(limit).send();
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// GET of a path under `/api/v1`.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.call(Method::GET, path, None)
    }

    /// POST with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call(Method::POST, path, Some(body))
    }

    /// [`Client::post`] of what may take the server minutes, such as compiling a plugin.
    pub fn post_patiently(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, path, Some(body), PATIENCE)
    }

    /// DELETE of a path.
    pub fn delete(&self, path: &str) -> Result<Value> {
        self.call(Method::DELETE, path, None)
    }

    fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        self.send(method, path, body, TIME_LIMIT)
    }

    fn send(&self, method: Method, path: &str, body: Option<&Value>, time_limit: Duration) -> Result<Value> {
        let url = format!("{}/api/v1/{path}", self.base);
        let mut request = self.http.request(method.clone(), &url).bearer_auth(&self.token).timeout(time_limit);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response =
            request.send().with_context(|| format!("cannot reach {} (is the server running? --server says where)", self.base))?;
        let status = response.status();
        let text = response.text().with_context(|| format!("the answer to {method} {url} broke off"))?;
        let value: Value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
        if !status.is_success() {
            bail!("{}", problem(status.as_u16(), &value));
        }
        Ok(value)
    }
}

/// An RFC 9457 problem in words, its list of problems below.
fn problem(status: u16, value: &Value) -> String {
    let title = value["title"].as_str().unwrap_or("the server refused");
    let detail = value["detail"].as_str().map(|d| format!(": {d}")).unwrap_or_default();
    let mut words = format!("{title}{detail} ({status})");
    if let Some(remedy) = value["remedy"].as_str() {
        words.push_str(&format!("\n  {remedy}"));
    }
    for each in value["problems"].as_array().into_iter().flatten() {
        words.push_str(&format!("\n  {}", one_problem(each)));
    }
    words
}

fn one_problem(problem: &Value) -> String {
    let Some(message) = problem["message"].as_str() else { return problem.as_str().map_or_else(|| problem.to_string(), str::to_owned) };
    match (problem["file"].as_str(), problem["line"].as_u64()) {
        (Some(file), Some(line)) => format!("{file}:{line}: {message}"),
        _ => message.to_owned(),
    }
}
