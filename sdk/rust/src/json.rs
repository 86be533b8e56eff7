//! JSON of senders, for normalizers: text of scalars, times in any common spelling, and nested data flattened with dots.

use serde_json::Value;

/// A scalar as text; `None` for `null`, arrays and objects.
///
/// ```
/// use reveille_sdk::json::text;
/// use serde_json::json;
///
/// assert_eq!(text(&json!("a")).as_deref(), Some("a"));
/// assert_eq!(text(&json!(1.5)).as_deref(), Some("1.5"));
/// assert_eq!(text(&json!(true)).as_deref(), Some("true"));
/// assert_eq!(text(&json!(null)), None);
/// ```
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Seconds above this are taken as milliseconds: it is the year 5138 in seconds, and 1973 in milliseconds.
const MILLIS_FROM: f64 = 1e11;

/// Milliseconds since 1970 of a time in seconds or milliseconds since 1970, as a number or as digits in a text. `None` for all else, and
/// for 0, which senders mean as "not set".
///
/// ```
/// use reveille_sdk::json::epoch_millis;
/// use serde_json::json;
///
/// assert_eq!(epoch_millis(&json!(1_700_000_000)), Some(1_700_000_000_000));
/// assert_eq!(epoch_millis(&json!("1700000000.5")), Some(1_700_000_000_500));
/// assert_eq!(epoch_millis(&json!(1_700_000_000_123_i64)), Some(1_700_000_000_123));
/// assert_eq!(epoch_millis(&json!("soon")), None);
/// ```
pub fn epoch_millis(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // Beyond 1e15 milliseconds (the year 33658) it is no time; the bound also refuses infinity.
    if !(number > 0.0 && number < 1e15) {
        return None;
    }
    Some(if number >= MILLIS_FROM { number as i64 } else { (number * 1000.0).round() as i64 })
}

/// Calls `visit` with the dotted name and the value of every scalar within, in order; elements of arrays are named by their index.
///
/// ```
/// use reveille_sdk::json::flatten;
/// use serde_json::json;
///
/// let mut names = Vec::new();
/// flatten("", &json!({ "a": { "b": [1, null] }, "c": "x" }), &mut |name, value| names.push(format!("{name}={value}")));
/// assert_eq!(names, ["a.b.0=1", "c=\"x\""]);
/// ```
pub fn flatten(prefix: &str, value: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    let mut path = prefix.to_string();
    descend(&mut path, value, visit);
}

fn descend(path: &mut String, value: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    let mut step = |path: &mut String, name: &str, value: &Value| {
        let length = path.len();
        if length > 0 {
            path.push('.');
        }
        path.push_str(name);
        descend(path, value, visit);
        path.truncate(length);
    };
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| step(path, &i.to_string(), item)),
        Value::Object(members) => members.iter().for_each(|(name, member)| step(path, name, member)),
        scalar => visit(path, scalar),
    }
}
