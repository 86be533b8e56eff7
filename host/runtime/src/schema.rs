//! Settings held against the JSON Schema (2020-12) of the plugin's manifest, before the plugin sees them: what is wrong is told with the
//! place and the fix, in the same words for every plugin and language.

use crate::manifest::nearest;
use domain::alert::cut;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// Most problems that are told.
const PROBLEMS_LIMIT: usize = 8;
/// How much of a value is shown, in bytes.
const VALUE_LIMIT_BYTES: usize = 80;

/// What settings have to look like.
pub(crate) struct Schema {
    validator: Validator,
    whole: Value,
}

impl Schema {
    /// Reads the schema. Nothing is fetched: a reference leads into the schema itself. Patterns are matched in linear time.
    ///
    /// # Errors
    /// One sentence: what is wrong with the manifest.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("plugin.toml: [settings] is no JSON Schema: {error}");
        let whole: Value = serde_json::from_str(json).map_err(|error| wrong(&error))?;
        let options = jsonschema::draft202012::options().with_pattern_options(PatternOptions::regex());
        let validator = options.build(&whole).map_err(|error| wrong(&error))?;
        Ok(Self { validator, whole })
    }

    /// Holds settings against it.
    ///
    /// # Errors
    /// Every problem with its JSON pointer and the fix, in one line.
    pub(crate) fn check(&self, settings: &str) -> Result<(), String> {
        // As for the plugin: no settings at all are an empty object.
        let text = if settings.is_empty() { "{}" } else { settings };
        let settings: Value = serde_json::from_str(text).map_err(|error| format!("has settings that are no JSON: {error}"))?;
        let problems: Vec<String> = self.validator.iter_errors(&settings).take(PROBLEMS_LIMIT).map(|error| self.tell(&error)).collect();
        if problems.is_empty() { Ok(()) } else { Err(format!("has settings that do not fit its schema: {}", problems.join("; "))) }
    }

    fn tell(&self, error: &ValidationError<'_>) -> String {
        let error = deepest(error);
        match error.instance_path().as_str() {
            "" => self.words(error),
            pointer => format!("{pointer}: {}", self.words(error)),
        }
    }

    fn words(&self, error: &ValidationError<'_>) -> String {
        let found = || shown(error.instance());
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                self.unexpected(error, unexpected)
            }
            ValidationErrorKind::Required { property } => format!("`{}` is missing: add it", plain(property)),
            ValidationErrorKind::Type { kind } => format!("{} has to be {}", found(), kinds(kind)),
            ValidationErrorKind::Enum { options } => {
                let options = options.as_array().into_iter().flatten().map(shown).collect::<Vec<_>>().join(", ");
                format!("{} has to be one of {options}", found())
            }
            ValidationErrorKind::Constant { expected_value } => format!("{} has to be {}", found(), shown(expected_value)),
            ValidationErrorKind::Minimum { limit } => format!("{} is too small: {limit} is the least", found()),
            ValidationErrorKind::Maximum { limit } => format!("{} is too large: {limit} is the most", found()),
            ValidationErrorKind::MinLength { limit } => format!("{} is too short: it needs {limit} characters or more", found()),
            ValidationErrorKind::MaxLength { limit } => format!("is too long: {limit} characters are the most"),
            ValidationErrorKind::MinItems { limit } => format!("has too few items: {limit} are the least"),
            ValidationErrorKind::MaxItems { limit } => format!("has too many items: {limit} are the most"),
            ValidationErrorKind::Pattern { pattern } => format!("{} does not match {pattern}", found()),
            ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
                format!("{} fits none of the forms that are allowed here", found())
            }
            ValidationErrorKind::OneOfMultipleValid { .. } => format!("{} fits several forms, and only one is allowed", found()),
            _ => cut(&error.to_string(), VALUE_LIMIT_BYTES * 3),
        }
    }

    /// Settings that there are not, with those that there are in that place.
    fn unexpected(&self, error: &ValidationError<'_>, unexpected: &[String]) -> String {
        let place = error.schema_path().as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
        let known = self.whole.pointer(&format!("{place}/properties")).and_then(Value::as_object);
        let known: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let tell = |name: &String| format!("`{}` is no setting{}", cut(name, VALUE_LIMIT_BYTES), nearest(name, known.iter().copied()));
        let told = unexpected.iter().map(tell).collect::<Vec<_>>().join(", ");
        if known.is_empty() { told } else { format!("{told} (there are: {})", known.join(", ")) }
    }
}

/// Of a choice of forms the problem that lies deepest: the form that was meant fits the furthest.
fn deepest<'e>(error: &'e ValidationError<'e>) -> &'e ValidationError<'e> {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) = error.kind() else { return error };
    let depth = |error: &ValidationError<'_>| error.instance_path().as_str().matches('/').count();
    let best = context.iter().flatten().max_by_key(|inner| depth(inner));
    match best {
        Some(inner) if depth(inner) > depth(error) => deepest(inner),
        _ => error,
    }
}

fn kinds(kind: &TypeKind) -> String {
    let article = |name: String| match name.as_str() {
        "array" | "integer" | "object" => format!("an {name}"),
        "null" => name,
        _ => format!("a {name}"),
    };
    match kind {
        TypeKind::Single(one) => article(one.to_string()),
        TypeKind::Multiple(several) => several.iter().map(|one| article(one.to_string())).collect::<Vec<_>>().join(" or "),
    }
}

/// A value, not too much of it.
fn shown(value: &Value) -> String {
    cut(&value.to_string(), VALUE_LIMIT_BYTES)
}

/// A text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| shown(value), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};

    const TOML: &str = r##"
        type = "object"
        required = ["key"]
        additionalProperties = false
        [properties]
        key = { type = "string", minLength = 1, maxLength = 8, pattern = "^[a-z]+$" }
        count = { type = "integer", minimum = 2, maximum = 10 }
        below = { enum = ["suppress", "drop"] }
        rules = { type = "array", maxItems = 2, items = { "$ref" = "#/$defs/rule" } }
        target = { oneOf = [{ type = "object", required = ["team"], properties.team.type = "string" }, { type = "null" }] }
        ["$defs".rule]
        type = "object"
        additionalProperties = false
        properties.when.type = ["string", "boolean"]
    "##;

    fn schema() -> Schema {
        let value: toml::Value = toml::from_str(TOML).unwrap();
        Schema::read(&serde_json::to_string(&value).unwrap()).unwrap()
    }

    #[test]
    fn what_fits_is_taken() {
        for settings in [
            r#"{"key":"a"}"#,
            r#"{"key":"a","count":2,"below":"drop","rules":[{"when":true},{}],"target":{"team":"x"}}"#,
            r#"{"key":"a","target":null}"#,
        ] {
            assert_eq!(schema().check(settings), Ok(()), "{settings}");
        }
        assert_eq!(Schema::read("{}").unwrap().check(""), Ok(()));
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place_and_the_fix() {
        for (settings, told) in [
            ("", "`key` is missing: add it"),
            (r#"{"key":"a","cuont":2}"#, "`cuont` is no setting, did you mean `count`? (there are: below, count, key, rules, target)"),
            (r#"{"key":5}"#, "/key: 5 has to be a string"),
            (r#"{"key":"a","count":1}"#, "/count: 1 is too small: 2 is the least"),
            (r#"{"key":"a","count":11}"#, "/count: 11 is too large: 10 is the most"),
            (r#"{"key":"a","below":"hush"}"#, r#"/below: "hush" has to be one of "suppress", "drop""#),
            (r#"{"key":"abcdefghi"}"#, "/key: is too long: 8 characters are the most"),
            (r#"{"key":"A"}"#, r#"/key: "A" does not match ^[a-z]+$"#),
            (r#"{"key":"a","rules":[{},{},{}]}"#, "/rules: has too many items: 2 are the most"),
            (r#"{"key":"a","rules":[{},{"whne":"x"}]}"#, "/rules/1: `whne` is no setting, did you mean `when`? (there are: when)"),
            (r#"{"key":"a","rules":[{"when":1}]}"#, "/rules/0/when: 1 has to be a boolean or a string"),
            (r#"{"key":"a","target":{"team":1}}"#, "/target/team: 1 has to be a string"),
            (r#"{"key":"a","target":7}"#, "/target: 7 fits none of the forms that are allowed here"),
            (r#"{"key":5,"count":1}"#, "/key: 5 has to be a string; /count: 1 is too small: 2 is the least"),
        ] {
            assert_eq!(schema().check(settings), Err(format!("has settings that do not fit its schema: {told}")), "{settings}");
        }
        assert!(schema().check("{").unwrap_err().starts_with("has settings that are no JSON"));
    }

    /// Guards against a schema that fetches something, and against one that says nothing because it is wrong.
    #[test]
    fn a_schema_that_is_none_is_refused() {
        for json in [r#"{"type":"objct"}"#, r##"{"$ref":"#/$defs/missing"}"##, r#"{"$ref":"https://schemas.example/a.json"}"#] {
            let why = Schema::read(json).err().unwrap_or_else(|| panic!("{json} was taken"));
            assert!(why.starts_with("plugin.toml: [settings] is no JSON Schema: "), "{why}");
        }
    }

    fn folders(of: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(of).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        entries.filter(|path| path.is_dir()).collect()
    }

    /// Settings of every fixture of the bundled plugins that the plugin itself takes. Guards against a schema that refuses what the
    /// plugin takes, which would stop an installation at its next start.
    #[test]
    fn bundled_schemas_take_what_their_plugins_take() {
        let (mut seen, mut fixtures) = (0, Vec::new());
        for plugin in folders(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").as_path()) {
            let Ok(manifest) = fs::read_to_string(plugin.join("plugin.toml")) else { continue };
            let mut manifest: toml::Table = toml::from_str(&manifest).unwrap();
            let settings = manifest.remove("settings").unwrap_or_else(|| toml::Value::Table(toml::Table::new()));
            let schema =
                Schema::read(&serde_json::to_string(&settings).unwrap()).unwrap_or_else(|why| panic!("{}: {why}", plugin.display()));
            let own = folders(&plugin.join("fixtures"));
            fixtures.clear();
            fixtures.extend(own.iter().flat_map(|folder| folders(folder)));
            fixtures.extend(own);
            for fixture in &fixtures {
                let Ok(settings) = fs::read_to_string(fixture.join("settings.json")) else { continue };
                let expected = fs::read_to_string(fixture.join("expected.json")).unwrap();
                if !expected.contains("\"problems\"") {
                    assert_eq!(schema.check(&settings), Ok(()), "{}", fixture.display());
                    seen += 1;
                }
            }
        }
        assert!(seen > 40, "only {seen} fixtures were looked at");
    }
}
