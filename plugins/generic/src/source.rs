//! Where the value of one field comes from.

use std::collections::BTreeMap;

use reveille_sdk::json::text;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::pointer::Pointer;

/// One alert, and the body that it stands in.
pub struct Scope<'a> {
    /// The whole body.
    pub body: &'a Value,
    /// The alert: an element of the array, or the body itself.
    pub alert: &'a Value,
}

impl<'a> Scope<'a> {
    /// What a pointer points at.
    pub fn find(&self, pointer: &Pointer) -> Option<&'a Value> {
        pointer.find_in(if pointer.is_absolute { self.body } else { self.alert })
    }
}

/// A pointer, a map of values, and a default.
#[derive(Debug, Clone, Default)]
pub struct Source {
    pub pointer: Option<Pointer>,
    pub map: BTreeMap<String, String>,
    pub default: Option<String>,
}

impl Source {
    /// The value as it is, if there is anything.
    pub fn value<'a>(&self, scope: &Scope<'a>) -> Option<&'a Value> {
        self.pointer.as_ref().and_then(|pointer| scope.find(pointer)).filter(|value| !value.is_null())
    }

    /// The value as text, through the map (exactly, then in any letter case); the default where there is nothing. An array or object is
    /// written as JSON.
    pub fn text(&self, scope: &Scope<'_>) -> Option<String> {
        let value = self.value(scope).map(|value| text(value).unwrap_or_else(|| value.to_string()));
        let Some(value) = value.filter(|text| !text.is_empty()) else {
            return self.default.clone();
        };
        let mapped = self.map.get(&value).or_else(|| {
            let same = |(known, _): &(&String, &String)| known.eq_ignore_ascii_case(&value);
            self.map.iter().find(same).map(|(_, meaning)| meaning)
        });
        Some(mapped.cloned().unwrap_or(value))
    }
}

/// A pointer alone, or an object.
impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Long {
            pointer: Option<Pointer>,
            #[serde(default)]
            map: BTreeMap<String, String>,
            default: Option<String>,
        }
        match Value::deserialize(deserializer)? {
            short @ Value::String(_) => {
                let pointer = Pointer::deserialize(short).map_err(de::Error::custom)?;
                Ok(Self { pointer: Some(pointer), ..Self::default() })
            }
            long => {
                let Long { pointer, map, default } = Long::deserialize(long).map_err(de::Error::custom)?;
                if pointer.is_none() && default.is_none() {
                    return Err(de::Error::custom("a field needs a `pointer`, a `default`, or both"));
                }
                Ok(Self { pointer, map, default })
            }
        }
    }
}
