//! Values with the places at which they stand: what YAML, JSON and TOML are read into before anything is judged, so that a problem
//! found later can still be pointed at.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// Line and column, from 1; 0: unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub line: u32,
    pub column: u32,
}

/// A value at its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub place: Place,
    pub value: Value,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a map, and what it holds.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: String,
    pub place: Place,
    pub node: Node,
}

/// One step down a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Key(String),
    Index(usize),
}

/// `steps[1].page[0]`.
pub(crate) fn path_text(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Index(index) => text.push_str(&format!("[{index}]")),
            Segment::Key(key) if text.is_empty() => text.push_str(key),
            Segment::Key(key) => text.push_str(&format!(".{key}")),
        }
    }
    text
}

impl Node {
    /// The entry of a map.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The text of an entry.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.entry(key)?.node.value {
            Value::Text(ref text) => Some(text),
            _ => None,
        }
    }

    /// The place of what `path` leads to, or of the deepest part of it that is there.
    pub fn place_of(&self, path: &[Segment]) -> Place {
        let Some((first, rest)) = path.split_first() else { return self.place };
        let next = match (first, &self.value) {
            (Segment::Key(key), _) => self.entry(key).map(|entry| &entry.node),
            (Segment::Index(index), Value::List(items)) => items.get(*index),
            _ => None,
        };
        next.map_or(self.place, |node| node.place_of(rest))
    }

    /// The place of an entry's key, or of the map.
    pub fn place_of_key(&self, key: &str) -> Place {
        self.entry(key).map_or(self.place, |entry| entry.place)
    }

    /// What it is, in words.
    pub fn what(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map of keys",
        }
    }

    /// The same without places.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Integer(value) => Json::from(*value),
            Value::Float(value) => serde_json::Number::from_f64(*value).map_or(Json::Null, Json::Number),
            Value::Text(value) => Json::String(value.clone()),
            Value::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Map(entries) => Json::Object(entries.iter().map(|e| (e.key.clone(), e.node.to_json())).collect()),
        }
    }

    /// From JSON, whose places are not kept.
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::MAX)), Value::Integer),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(Self::from_json).collect()),
            Json::Object(map) => Value::Map(
                map.iter().map(|(key, value)| Entry { key: key.clone(), place: Place::default(), node: Self::from_json(value) }).collect(),
            ),
        };
        Self { place: Place::default(), value }
    }

    /// From a parsed TOML value of `source`.
    pub fn from_toml(value: &toml::Spanned<toml::de::DeValue<'_>>, lines: &Lines<'_>) -> Result<Self, (Place, String)> {
        use toml::de::DeValue;
        let place = lines.place(value.span().start);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Integer(number) => Value::Integer(
                i64::from_str_radix(&number.as_str().replace('_', ""), number.radix())
                    .map_err(|_| (place, format!("{number} is too large a number")))?,
            ),
            DeValue::Float(number) => Value::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Datetime(time) => Value::Text(time.to_string()),
            DeValue::Array(items) => Value::List(items.iter().map(|item| Self::from_toml(item, lines)).collect::<Result<_, _>>()?),
            DeValue::Table(table) => return Self::from_toml_table(table, place, lines),
        };
        Ok(Self { place, value })
    }

    /// From a parsed TOML table of `source`.
    pub fn from_toml_table(table: &toml::de::DeTable<'_>, place: Place, lines: &Lines<'_>) -> Result<Self, (Place, String)> {
        let entry = |(key, value): (&toml::Spanned<_>, _)| {
            let key: &toml::Spanned<toml::de::DeString<'_>> = key;
            Ok(Entry {
                key: key.get_ref().clone().into_owned(),
                place: lines.place(key.span().start),
                node: Self::from_toml(value, lines)?,
            })
        };
        Ok(Self { place, value: Value::Map(table.iter().map(entry).collect::<Result<_, _>>()?) })
    }
}

/// Where the lines of a text begin.
pub(crate) struct Lines<'a>(pub &'a str);

impl Lines<'_> {
    /// The place of a byte.
    pub fn place(&self, byte: usize) -> Place {
        let before = &self.0.as_bytes()[..byte.min(self.0.len())];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let line = before.split(|b| *b == b'\n').count();
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        Place { line: line as u32, column: column as u32 }
    }
}

/// Every document of a YAML file; empty ones are left out.
pub(crate) fn read_yaml(text: &str) -> Result<Vec<Node>, (Place, String)> {
    match serde_saphyr::from_multiple::<Spanned<Bare>>(text) {
        Ok(nodes) => Ok(nodes.into_iter().map(node).filter(|node| !matches!(node.value, Value::Null)).collect()),
        Err(error) => {
            let place = error.location().map_or_else(Place::default, place);
            let formatter = serde_saphyr::UserMessageFormatter;
            let message = error.without_snippet().render_with_formatter(&formatter);
            Err((place, message))
        }
    }
}

/// A value on its way from the YAML reader, which tells places only through its own wrapper.
struct Bare(Value);

fn place(location: serde_saphyr::Location) -> Place {
    Place { line: u32::try_from(location.line()).unwrap_or(0), column: u32::try_from(location.column()).unwrap_or(0) }
}

fn node(spanned: Spanned<Bare>) -> Node {
    Node { place: place(spanned.referenced), value: spanned.value.0 }
}

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BareVisitor).map(Self)
    }
}

struct BareVisitor;

impl<'de> Visitor<'de> for BareVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value).map(Value::Integer).map_err(|_| E::custom("this number is too large; quote it if it is text"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Bare>>()? {
            list.push(node(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Spanned<Bare>>()? {
            map.push(Entry { place: place(key.referenced), key: key.value, node: node(value) });
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_values_know_their_places_in_every_document() {
        let nodes = read_yaml("# people\na: 1\nb:\n  - x\n  - {k: \"5\"}\n---\n\n---\nc: [true, ~]\n").unwrap();
        assert_eq!(nodes.len(), 2);
        let list = &nodes[0].entry("b").unwrap().node;
        let Value::List(items) = &list.value else { panic!("a list") };
        assert_eq!(items[0].place, Place { line: 4, column: 5 });
        assert_eq!(items[1].entry("k").unwrap().place, Place { line: 5, column: 6 });
        assert_eq!(items[1].text("k"), Some("5"));
        assert_eq!(nodes[1].entry("c").unwrap().place, Place { line: 9, column: 1 });
        assert_eq!(nodes[1].to_json(), serde_json::json!({"c": [true, null]}));
    }

    #[test]
    fn broken_yaml_is_told_with_its_place() {
        let (place, message) = read_yaml("a: 1\nb: [1,\n").unwrap_err();
        assert!(place.line >= 2, "{place:?} {message}");
    }

    #[test]
    fn a_byte_has_a_line_and_a_column() {
        let lines = Lines("é = 1\nb = 2\n");
        assert_eq!(lines.place(0), Place { line: 1, column: 1 });
        assert_eq!(lines.place(7), Place { line: 2, column: 1 });
        assert_eq!(lines.place(11), Place { line: 2, column: 5 });
    }
}
