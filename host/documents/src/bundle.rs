//! A whole configuration: the documents of all files, with the places where they stand.

use crate::kinds::{Document, Kind};
use crate::limits::{BYTES_LIMIT, DOCUMENTS_LIMIT};
use crate::node::{Node, Place, Segment, Value, read_yaml};
use crate::problem::{Problem, hint, in_order};
use crate::shape::{self, Report};
use crate::{check, schema};
use domain::installation::{Installation, PluginVersion};
use serde_json::json;
use std::collections::BTreeMap;

/// A document whose kind is known and whose fields are wrong: what it refers to is looked up all the same.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    pub file: String,
    pub kind: Kind,
    pub id: String,
    pub node: Node,
}

/// A document and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub file: String,
    pub node: Node,
    pub document: Document,
}

impl Placed {
    /// `policy checkout`.
    pub fn subject(&self) -> String {
        subject(self.document.kind(), self.document.id())
    }

    /// Adds a problem at `path` of this document.
    pub fn tell(&self, path: &[Segment], message: impl Into<String>, problems: &mut Vec<Problem>) {
        let subject = self.subject();
        Report { file: &self.file, subject: &subject, problems }.tell(self.node.place_of(path), path, message);
    }
}

/// `policy checkout`.
pub(crate) fn subject(kind: Kind, id: &str) -> String {
    if id.is_empty() { kind.word() } else { format!("{} {id}", kind.word()) }
}

/// The documents of all files of one configuration, sorted by kind and id. Reading never fails: [`Bundle::check`] tells every problem.
#[derive(Debug, Clone, Default)]
pub struct Bundle {
    pub(crate) documents: Vec<Placed>,
    /// Documents whose kind and id are known but whose fields are wrong: others may refer to them.
    pub(crate) broken: Vec<Broken>,
    /// Some file could not be read at all, so a missing name may well be in it.
    pub(crate) unreadable: bool,
    /// Which version of each plugin is meant: no document says it, and it is stored with them.
    pub plugins: BTreeMap<String, PluginVersion>,
    problems: Vec<Problem>,
}

impl Bundle {
    /// Reads YAML files, each a name for messages and a text.
    pub fn from_files<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)]) -> Self {
        let mut bundle = Self::default();
        let bytes: usize = files.iter().map(|(_, text)| text.as_ref().len()).sum();
        if bytes > BYTES_LIMIT {
            bundle.refuse("", Place::default(), format!("these files are too large: {bytes} bytes, at most {BYTES_LIMIT}"));
            return bundle;
        }
        for (name, text) in files {
            match read_yaml(text.as_ref()) {
                Ok(nodes) => nodes.into_iter().for_each(|node| bundle.add(name.as_ref(), node)),
                Err((place, message)) => bundle.refuse(name.as_ref(), place, format!("this is not YAML: {message}")),
            }
        }
        bundle.sort();
        bundle
    }

    /// Reads what [`Bundle::to_json`] wrote; problems have paths and no lines.
    pub fn from_json(text: &str) -> Self {
        let mut bundle = Self::default();
        if text.len() > BYTES_LIMIT {
            bundle.refuse("", Place::default(), format!("this is too large: {} bytes, at most {BYTES_LIMIT}", text.len()));
            return bundle;
        }
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(serde_json::Value::Object(mut map)) if map.get("documents").is_some_and(serde_json::Value::is_array) => {
                match map.remove("plugins").map(serde_json::from_value).transpose() {
                    Ok(plugins) => bundle.plugins = plugins.unwrap_or_default(),
                    Err(error) => bundle.refuse("", Place::default(), format!("`plugins` cannot be read: {error}")),
                }
                if map.len() > 1 {
                    bundle.refuse("", Place::default(), "this is no configuration: it has keys besides `documents` and `plugins`".into());
                }
                let documents = map["documents"].as_array().into_iter().flatten();
                documents.for_each(|document| bundle.add("", Node::from_json(document)));
            }
            Ok(_) => bundle.refuse("", Place::default(), "this is no configuration: an object with the key `documents`, a list".into()),
            Err(error) => {
                let place = Place { line: error.line() as u32, column: error.column() as u32 };
                bundle.refuse("", place, format!("this is not JSON: {error}"));
            }
        }
        bundle.sort();
        bundle
    }

    fn refuse(&mut self, file: &str, place: Place, message: String) {
        self.unreadable = true;
        self.problems.push(Problem::new(file, place, "", message));
    }

    fn sort(&mut self) {
        self.documents.sort_by(|a, b| (a.document.kind(), a.document.id()).cmp(&(b.document.kind(), b.document.id())));
    }

    fn add(&mut self, file: &str, mut node: Node) {
        if self.documents.len() >= DOCUMENTS_LIMIT {
            return self.refuse(file, node.place, format!("there are more than {DOCUMENTS_LIMIT} documents"));
        }
        let Some(kind) = self.kind_of(file, &node) else { return };
        let id = node.text("id").unwrap_or_default().to_owned();
        if let Value::Map(entries) = &mut node.value {
            entries.retain(|entry| entry.key != "kind");
        }
        let before = self.problems.len();
        let subject = subject(kind, &id);
        let mut report = Report { file, subject: &subject, problems: &mut self.problems };
        shape::check(schema::fields(kind), &node, &mut Vec::new(), &mut report);
        if self.problems.len() > before {
            self.broken.push(Broken { file: file.to_owned(), kind, id, node });
            return;
        }
        let mut json = node.to_json();
        json["kind"] = json!(kind.as_str());
        match serde_json::from_value(json) {
            Ok(document) => self.documents.push(Placed { file: file.to_owned(), node, document }),
            // The schema and the type disagree: still told, never a panic.
            Err(error) => {
                self.problems.push(Problem::new(file, node.place, subject, error.to_string()));
                self.broken.push(Broken { file: file.to_owned(), kind, id, node });
            }
        }
    }

    fn kind_of(&mut self, file: &str, node: &Node) -> Option<Kind> {
        let kinds = Kind::ALL.map(Kind::as_str);
        let (place, message) = match (&node.value, node.entry("kind").map(|entry| &entry.node)) {
            (Value::Map(_), Some(Node { value: Value::Text(name), place })) => match Kind::named(name) {
                Some(kind) => return Some(kind),
                None => (*place, format!("unknown kind `{name}`{}", hint(name, kinds))),
            },
            (Value::Map(_), Some(other)) => (other.place, format!("`kind` must be text, not {}", other.what())),
            (Value::Map(_), None) => (node.place, format!("`kind` is missing{}", hint("", kinds))),
            (_, _) => (node.place, format!("a document must be a map of keys, not {}", node.what())),
        };
        self.refuse(file, place, message);
        None
    }

    /// The installation that these documents describe (its revision is 0: the store gives it), or every problem.
    pub fn check(&self) -> Result<Installation, Vec<Problem>> {
        let mut problems = self.problems.clone();
        check::references(self, &mut problems);
        if problems.is_empty() {
            Ok(Installation { plugins: self.plugins.clone(), ..check::installation(self) })
        } else {
            Err(in_order(problems))
        }
    }

    /// Grants of secrets and keys that the server's file does not have: told by `config plan`, and refused where both are at hand.
    pub fn check_grants(&self, secrets: &[&str], keys: &[&str]) -> Vec<Problem> {
        let mut problems = Vec::new();
        check::grants(self, secrets, keys, &mut problems);
        in_order(problems)
    }

    /// The documents, sorted by kind and id.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter().map(|placed| &placed.document)
    }

    /// Canonical JSON: what the store keeps. Call it on a bundle that [`Bundle::check`] took; one that it refused is not whole.
    pub fn to_json(&self) -> String {
        let documents = self.documents().collect::<Vec<_>>();
        if self.plugins.is_empty() {
            return json!({ "documents": documents }).to_string();
        }
        json!({ "documents": documents, "plugins": self.plugins }).to_string()
    }

    /// YAML files by name, one per kind that is there: applied again, they change nothing.
    pub fn to_yaml(&self) -> Result<Vec<(String, String)>, ExportError> {
        let mut files: Vec<(String, String)> = Vec::new();
        for document in self.documents() {
            let failed = |source| ExportError { subject: subject(document.kind(), document.id()), source };
            let text = serde_saphyr::to_string(&json!(document)).map_err(failed)?;
            let text = text.trim_end();
            match files.last_mut() {
                Some((name, file)) if name == document.kind().file() => file.push_str(&format!("---\n{text}\n")),
                _ => files.push((document.kind().file().to_owned(), format!("{text}\n"))),
            }
        }
        Ok(files)
    }
}

/// Why a document cannot be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {subject} as YAML")]
pub struct ExportError {
    /// Such as `policy checkout`.
    pub subject: String,
    pub source: serde_saphyr::SerializeError,
}
