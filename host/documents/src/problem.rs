//! What is wrong with a document, where it stands, and the nearest thing that would be right.

use crate::node::Place;
use std::fmt;

/// So many problems are told at once; the rest is counted.
pub const PROBLEMS_LIMIT: usize = 200;

/// One problem of one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// As it was handed in; empty where no file is at fault, such as a document that is nowhere.
    pub file: String,
    /// From 1; 0: unknown, as in JSON.
    pub line: u32,
    /// From 1, in characters; 0: unknown.
    pub column: u32,
    /// Document and field, such as `policy checkout: steps[1].page[0]`; may be empty.
    pub path: String,
    /// One sentence, with the fix where there is one.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(file: &str, place: Place, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: place.line, column: place.column, path: path.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.is_empty(), self.line) {
            (true, _) => {}
            (false, 0) => write!(f, "{}: ", self.file)?,
            (false, line) => write!(f, "{}:{line}:{}: ", self.file, self.column)?,
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// Sorts by file and place, and cuts at [`PROBLEMS_LIMIT`] with a line that counts the rest.
pub(crate) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    problems.dedup();
    if problems.len() > PROBLEMS_LIMIT {
        let rest = problems.len() - PROBLEMS_LIMIT;
        problems.truncate(PROBLEMS_LIMIT);
        problems.push(Problem::new("", Place::default(), "", format!("and {rest} more problems")));
    }
    problems
}

/// `; did you mean `x`?` with the nearest of `names`, or what there is to choose from if none is near and they are few.
pub(crate) fn hint<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    let lower = wrong.to_lowercase();
    let nearest = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), *name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count() / 4 || is_part(&lower, name))
        .min();
    match nearest {
        Some((_, name)) => format!("; did you mean `{name}`?"),
        None if names.is_empty() => String::new(),
        None if names.len() <= 16 => format!("; there is {}", quoted(&names)),
        None => String::new(),
    }
}

/// `member` for `members`, or `time` for `time_zone`: near, whatever the distance.
fn is_part(lower: &str, name: &str) -> bool {
    lower.len() >= 3 && (name.starts_with(lower) || lower.starts_with(&name.to_lowercase()) && name.len() >= 3)
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    listed(&quoted, "and")
}

/// `a, b and c`.
pub(crate) fn listed(words: &[String], last: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [front @ .., end] => format!("{} {last} {end}", front.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        assert_eq!(hint("polcy", ["policy", "pipeline"]), "; did you mean `policy`?");
        assert_eq!(hint("member", ["members", "name"]), "; did you mean `members`?");
        assert_eq!(hint("zebra", ["alice", "bob"]), "; there is `alice` and `bob`");
        assert_eq!(hint("zebra", []), "");
    }
}
