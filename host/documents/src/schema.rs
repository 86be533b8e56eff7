//! The JSON Schemas of documents and of the server's file: for editors, and the one description that reading is checked against.

use crate::kinds::{
    CalendarDocument, ChannelDocument, GrantDocument, IntegrationDocument, Kind, PipelineDocument, PolicyDocument, RotationDocument,
    ServiceDocument, SettingsDocument, TableDocument, TeamDocument, UserDocument,
};
use crate::quiet::{HeartbeatDocument, InhibitionDocument, MaintenanceDocument};
use crate::server::written::ServerText;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The schema of a kind's document, without its `kind` key.
pub(crate) fn fields(kind: Kind) -> &'static Value {
    static SCHEMAS: LazyLock<Vec<Value>> = LazyLock::new(|| Kind::ALL.into_iter().map(generate_kind).collect());
    &SCHEMAS[kind as usize]
}

/// The schema of the server's file.
pub(crate) fn server_fields() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(generate::<ServerText>);
    &SCHEMA
}

fn generate_kind(kind: Kind) -> Value {
    match kind {
        Kind::Settings => generate::<SettingsDocument>(),
        Kind::User => generate::<UserDocument>(),
        Kind::Team => generate::<TeamDocument>(),
        Kind::Rotation => generate::<RotationDocument>(),
        Kind::Calendar => generate::<CalendarDocument>(),
        Kind::Policy => generate::<PolicyDocument>(),
        Kind::Service => generate::<ServiceDocument>(),
        Kind::Integration => generate::<IntegrationDocument>(),
        Kind::Pipeline => generate::<PipelineDocument>(),
        Kind::Channel => generate::<ChannelDocument>(),
        Kind::Grant => generate::<GrantDocument>(),
        Kind::Table => generate::<TableDocument>(),
        Kind::Maintenance => generate::<MaintenanceDocument>(),
        Kind::Inhibition => generate::<InhibitionDocument>(),
        Kind::Heartbeat => generate::<HeartbeatDocument>(),
    }
}

pub(crate) fn generate<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true).into_generator().into_root_schema_for::<T>().to_value()
}

/// The JSON Schema of one kind of document, `kind` included.
pub fn schema(kind: Kind) -> Value {
    let mut schema = fields(kind).clone();
    schema["title"] = json!(kind.as_str());
    schema["properties"]["kind"] = json!({ "const": kind.as_str() });
    if let Some(required) = schema["required"].as_array_mut() {
        required.insert(0, json!("kind"));
    }
    schema
}

/// One schema that stands alone: of a kind, as `policy` or `Policy`; of a `scenario`; of `reveille`, the server's file; and without a name,
/// that of a file with documents of any kinds. The error says what there is.
pub fn named(name: Option<&str>) -> Result<Value, String> {
    let Some(name) = name else {
        let part = |kind| {
            let mut part = schema(kind);
            if let Some(fields) = part.as_object_mut() {
                fields.shift_remove("$schema");
            }
            part
        };
        let any: Vec<Value> = Kind::ALL.into_iter().map(part).collect();
        return Ok(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Reveille document",
            "oneOf": any,
        }));
    };
    let lower = name.to_lowercase();
    match lower.as_str() {
        "scenario" => Ok(crate::scenario::schema().clone()),
        "reveille" => Ok(server_schema()),
        _ => Kind::ALL.into_iter().find(|kind| kind.word() == lower).map(schema).ok_or_else(|| {
            let words: Vec<String> = Kind::ALL.into_iter().map(Kind::word).chain(["scenario".into(), "reveille".into()]).collect();
            format!("there is no kind `{name}`{}", crate::problem::hint(&lower, words.iter().map(String::as_str)))
        }),
    }
}

fn server_schema() -> Value {
    let mut server = server_fields().clone();
    server["title"] = json!("reveille.toml");
    server
}

/// Every schema with its file name: one per kind, `document.json` for a file of any kinds, `reveille.json` for the
/// server's file, and `scenario.json` for what `simulate` plays.
pub fn files() -> Vec<(String, String)> {
    let mut files: Vec<(String, Value)> = Kind::ALL.into_iter().map(|kind| (format!("{}.json", kind.word()), schema(kind))).collect();
    let any: Vec<Value> = Kind::ALL.into_iter().map(|kind| json!({ "$ref": format!("{}.json", kind.word()) })).collect();
    let document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Reveille document",
        "oneOf": any,
    });
    files.push(("document.json".into(), document));
    files.push(("reveille.json".into(), server_schema()));
    files.push(("scenario.json".into(), crate::scenario::schema().clone()));
    files.into_iter().map(|(name, schema)| (name, format!("{schema:#}\n"))).collect()
}

/// Why the schemas are not on disk.
#[derive(Debug, thiserror::Error)]
#[error("cannot write schema {}", path.display())]
pub struct WriteError {
    pub path: PathBuf,
    pub source: std::io::Error,
}

/// Writes [`files`] into a directory, which is made if it is not there; gives their paths.
pub fn write(directory: &Path) -> Result<Vec<PathBuf>, WriteError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| WriteError { path, source }
    };
    std::fs::create_dir_all(directory).map_err(failed(directory))?;
    let mut written = Vec::new();
    for (name, text) in files() {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(failed(&path))?;
        written.push(path);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_closed_schema_that_explains_itself() {
        for kind in Kind::ALL {
            let schema = schema(kind);
            assert_eq!(schema["additionalProperties"], json!(false), "{kind:?}");
            assert_eq!(schema["properties"]["kind"]["const"], json!(kind.as_str()));
            assert!(schema["description"].is_string(), "{kind:?}");
            assert!(!schema.to_string().contains("$defs"), "{kind:?} is not inlined");
        }
    }
}
