//! Folders of documents with what must come of them: problems to the word, and plans to the word. A new case is a new folder.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use documents::{Bundle, ServerFile, diff};
use std::path::{Path, PathBuf};

fn folders(name: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let mut found: Vec<PathBuf> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn yaml(folder: &Path) -> Bundle {
    let mut files = Vec::new();
    if folder.exists() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "yaml") {
                files.push((path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    Bundle::from_files(&files)
}

/// Lines must be equal; `*` in an expected line stands for any text, for messages that are a library's.
#[track_caller]
fn check(case: &Path, found: &str, expected: &Path) {
    let expected = std::fs::read_to_string(expected).unwrap();
    let (found, expected): (Vec<&str>, Vec<&str>) = (found.lines().collect(), expected.lines().collect());
    let fits = |found: &str, expected: &str| {
        let parts: Vec<&str> = expected.split('*').collect();
        let (first, last) = (parts[0], parts[parts.len() - 1]);
        if parts.len() == 1 || expected.contains("`*.") {
            return found == expected;
        }
        found.starts_with(first) && found.ends_with(last)
    };
    let same = found.len() == expected.len() && found.iter().zip(&expected).all(|(found, expected)| fits(found, expected));
    assert!(same, "{}\nfound:\n{}\n\nexpected:\n{}\n", case.display(), found.join("\n"), expected.join("\n"));
}

fn lines<T: ToString>(items: &[T]) -> String {
    items.iter().map(|item| item.to_string() + "\n").collect()
}

#[test]
fn bad_documents_tell_every_problem() {
    for case in folders("bad") {
        let problems = yaml(&case).check().expect_err(&case.display().to_string());
        check(&case, &lines(&problems), &case.join("problems.txt"));
    }
}

#[test]
fn good_documents_plan_in_words() {
    for case in folders("good") {
        let (old, new) = (yaml(&case.join("old")), yaml(&case.join("new")));
        new.check().unwrap_or_else(|problems| panic!("{}\n{}", case.display(), lines(&problems)));
        check(&case, &lines(&diff(&old, &new)), &case.join("plan.txt"));
        assert!(diff(&new, &new).is_empty());
    }
}

#[test]
fn what_is_exported_applies_without_a_change() {
    let mut kinds = std::collections::BTreeSet::new();
    for case in folders("good") {
        let bundle = yaml(&case.join("new"));
        kinds.extend(bundle.documents().map(documents::Document::kind));
        let exported = bundle.to_yaml().unwrap();
        let again = Bundle::from_files(&exported);
        let installation = again.check().unwrap_or_else(|problems| panic!("{exported:#?}\n{}", lines(&problems)));
        assert_eq!(installation, bundle.check().unwrap());
        assert_eq!(lines(&diff(&bundle, &again)), "", "{exported:#?}");
        assert_eq!(again.to_json(), bundle.to_json());
        let kept = Bundle::from_json(&bundle.to_json());
        assert_eq!(kept.check().unwrap(), installation);
        assert_eq!(kept.to_json(), bundle.to_json());
    }
    let missing: Vec<documents::Kind> = documents::Kind::ALL.into_iter().filter(|kind| !kinds.contains(kind)).collect();
    assert!(
        missing.is_empty(),
        "no good case has a document of {missing:?}: what is not exported and read back here is not known to survive it"
    );
}

#[test]
fn bad_server_files_tell_every_problem() {
    for case in folders("server").into_iter().filter(|path| path.extension().is_some_and(|end| end == "toml")) {
        let name = case.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&case).unwrap();
        let problems = ServerFile::parse(name, &text).expect_err(name);
        check(&case, &lines(&problems), &case.with_extension("txt"));
    }
}

#[test]
fn the_example_for_a_team_of_two_is_short() {
    let text = include_str!("good/team-of-two/new/reveille.yaml");
    assert!(text.lines().count() <= 40, "{} lines", text.lines().count());
}

#[test]
fn schemas_are_written_for_editors() {
    let directory = tempfile::tempdir().unwrap();
    let paths = documents::schema::write(&directory.path().join("schemas")).unwrap();
    assert_eq!(paths.len(), documents::Kind::ALL.len() + 3);
    let text = std::fs::read_to_string(directory.path().join("schemas/policy.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["kind", "id", "team", "steps"]));
    assert_eq!(schema["properties"]["steps"]["items"]["properties"]["after"]["format"], "delay");
}
