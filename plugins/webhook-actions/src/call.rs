//! The request that a rule makes.

use std::collections::BTreeMap;

use matching::{Captures, Condition};
use reveille_sdk::prelude::*;
use reveille_sdk::{Incident, IncidentField};
use serde_json::Value;

use crate::words::{Place, Words};

/// Most headers.
const HEADERS_MAX: usize = 32;
/// Deepest nesting of a body.
const DEPTH_MAX: usize = 16;

/// As the operator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallSettings {
    #[serde(default = "post")]
    method: Method,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    bearer: Option<String>,
}

fn post() -> Method {
    Method::Post
}

/// Ready to make.
#[derive(Debug)]
pub struct Call {
    method: Method,
    url: Words,
    headers: Vec<(String, Words)>,
    body: Body,
    bearer: Option<String>,
}

#[derive(Debug)]
enum Body {
    Nothing,
    Text(Words),
    Json(Node),
}

/// JSON whose texts are templates.
#[derive(Debug)]
enum Node {
    Fixed(Value),
    Text(Words),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Call {
    pub fn new(settings: CallSettings, condition: Option<&Condition<IncidentField>>) -> Result<Self> {
        let words = |text: &str, pointer: &str| Words::parse(text, condition).map_err(|error| error.at(pointer));
        let whole = settings.url.starts_with("https://") || settings.url.starts_with("http://") || settings.url.starts_with("{{secret:");
        if !whole {
            return Err(Error::setting("/url", "must be an http or https address, or a secret that holds one"));
        }
        if settings.headers.len() > HEADERS_MAX {
            return Err(Error::setting("/headers", format!("has more than {HEADERS_MAX} headers")));
        }
        let header = |(name, value): (String, String)| Ok((name.to_ascii_lowercase(), words(&value, &format!("/headers/{name}"))?));
        let body = match (settings.json, settings.text) {
            (Some(_), Some(_)) => return Err(Error::setting("/text", "a call has `json` or `text`, not both")),
            (Some(json), None) => Body::Json(Node::new(json, condition, 0)?),
            (None, Some(text)) => Body::Text(words(&text, "/text")?),
            (None, None) => Body::Nothing,
        };
        let headers = settings.headers.into_iter().map(header).collect::<Result<_>>()?;
        Ok(Self { method: settings.method, url: words(&settings.url, "/url")?, headers, body, bearer: settings.bearer })
    }

    pub fn request(&self, incident: &Incident, captures: &Captures) -> HttpRequest {
        let mut request = HttpRequest::new(self.method, self.url.render(incident, captures, Place::Url));
        for (name, value) in &self.headers {
            request = request.header(name, value.render(incident, captures, Place::Header));
        }
        let has_kind = self.headers.iter().any(|(name, _)| name == "content-type");
        let (kind, body) = match &self.body {
            Body::Nothing => (None, String::new()),
            Body::Text(words) => (Some("text/plain; charset=utf-8"), words.render(incident, captures, Place::Text)),
            Body::Json(node) => (Some("application/json"), node.render(incident, captures).to_string()),
        };
        if let Some(kind) = kind.filter(|_| !has_kind) {
            request = request.header("content-type", kind);
        }
        if let Some(secret) = &self.bearer {
            request = request.bearer(secret);
        }
        request.body(body)
    }

    /// The fields that it reads.
    pub fn reads(&self) -> Vec<String> {
        let mut reads = self.url.reads();
        reads.extend(self.headers.iter().flat_map(|(_, value)| value.reads()));
        match &self.body {
            Body::Nothing => {}
            Body::Text(words) => reads.extend(words.reads()),
            Body::Json(node) => node.reads(&mut reads),
        }
        reads
    }
}

impl Node {
    fn new(value: Value, condition: Option<&Condition<IncidentField>>, depth: usize) -> Result<Self> {
        if depth > DEPTH_MAX {
            return Err(Error::setting("/json", format!("is nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(match value {
            Value::String(text) => Self::Text(Words::parse(&text, condition).map_err(|error| error.at("/json"))?),
            Value::Array(items) => Self::List(items.into_iter().map(|item| Self::new(item, condition, depth + 1)).collect::<Result<_>>()?),
            Value::Object(fields) => {
                let field = |(name, value)| Ok((name, Self::new(value, condition, depth + 1)?));
                Self::Map(fields.into_iter().map(field).collect::<Result<_>>()?)
            }
            fixed => Self::Fixed(fixed),
        })
    }

    fn render(&self, incident: &Incident, captures: &Captures) -> Value {
        match self {
            Self::Fixed(value) => value.clone(),
            Self::Text(words) => Value::String(words.render(incident, captures, Place::Text)),
            Self::List(items) => items.iter().map(|item| item.render(incident, captures)).collect(),
            Self::Map(fields) => Value::Object(fields.iter().map(|(name, node)| (name.clone(), node.render(incident, captures))).collect()),
        }
    }

    fn reads(&self, reads: &mut Vec<String>) {
        match self {
            Self::Fixed(_) => {}
            Self::Text(words) => reads.extend(words.reads()),
            Self::List(items) => items.iter().for_each(|item| item.reads(reads)),
            Self::Map(fields) => fields.iter().for_each(|(_, node)| node.reads(reads)),
        }
    }
}
