//! A guide of the documentation, run block by block: its files are written, its commands run in order, and what they print is compared.
//!
//! The info string of a block says what it is: `sh` is run, `sh background` goes on until the guide is over, `sh background again` ends what the
//! block of the same text began and begins it anew, `sh until` is repeated until it succeeds and prints what follows; `output` is what the block before printed; `yaml file=NAME` (and `toml`) is written; `yaml fragment=KIND` is part of a document
//! of that kind; `text` is for people alone. In an output `…` stands for any text, and alone on a line for any lines.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long an `sh until` may take, of real time.
const PATIENCE: Duration = Duration::from_secs(40);

/// A block between fences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Of its opening fence, from 1.
    pub line: usize,
    pub info: String,
    pub text: String,
}

/// The blocks of a page of Markdown.
pub fn blocks(markdown: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in markdown.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some(Block { line: index + 1, info: info.trim().to_owned(), text: String::new() }),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => block.text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// A guide at work in a folder of its own.
pub struct Guide {
    dir: PathBuf,
    environment: Vec<(String, String)>,
    /// What stands on the page, and what stands for it here.
    instead: Vec<(String, String)>,
    /// What was begun, by its text.
    background: Vec<(String, Child)>,
}

impl Guide {
    /// In `dir`, with an environment, and with texts of the page replaced in order.
    pub fn new(dir: &Path, environment: &[(&str, String)], instead: &[(&str, String)]) -> Self {
        let own = |pairs: &[(&str, String)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), b.clone())).collect();
        Self { dir: dir.to_owned(), environment: own(environment), instead: own(instead), background: Vec::new() }
    }

    fn here(&self, text: &str) -> String {
        self.instead.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// Does all that a page says; gives how many blocks were run, written or checked.
    pub fn follow(&mut self, markdown: &str) -> usize {
        let blocks = blocks(markdown);
        let mut done = 0;
        for (place, block) in blocks.iter().enumerate() {
            let expected = blocks.get(place + 1).filter(|next| next.info == "output").map(|next| next.text.as_str());
            let words: Vec<&str> = block.info.split_whitespace().collect();
            match words[..] {
                ["sh"] => self.run(block, expected),
                ["sh", "until"] => self.run_until(block, expected),
                ["sh", "background"] => self.begin(block),
                ["sh", "background", "again"] => {
                    self.end(block);
                    self.begin(block);
                }
                ["yaml" | "toml", file] if file.starts_with("file=") => self.write(&file["file=".len()..], &block.text),
                ["yaml", kind] if kind.starts_with("fragment=") => self.check_fragment(&kind["fragment=".len()..], block),
                ["output"] => assert!(place > 0 && blocks[place - 1].info.starts_with("sh"), "line {}: the output of what?", block.line),
                ["text"] => continue,
                _ => panic!("line {}: a block is tagged {:?}, which nothing is done with", block.line, block.info),
            }
            done += 1;
        }
        done
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder for the guide's file");
        fs::write(path, self.here(text)).expect("a file of the guide");
    }

    fn shell(&self, text: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", &self.here(text)]).current_dir(&self.dir).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn begin(&mut self, block: &Block) {
        let log = fs::File::create(self.dir.join(format!("background-{}.log", block.line))).expect("a log");
        let text = format!("exec {}", block.text);
        let mut command = self.shell(&text);
        let child = command.process_group(0).stdout(log.try_clone().expect("a log")).stderr(log).spawn();
        self.background.push((block.text.clone(), child.unwrap_or_else(|e| panic!("line {}: {e}", block.line))));
    }

    fn end(&mut self, block: &Block) {
        let begun = self.background.iter().position(|(text, _)| *text == block.text);
        let begun = begun.unwrap_or_else(|| panic!("line {}: no block before it began this", block.line));
        let (_, mut child) = self.background.remove(begun);
        let ended = child.kill().and_then(|()| child.wait());
        ended.unwrap_or_else(|e| panic!("line {}: what was begun cannot be ended: {e}", block.line));
    }

    fn run(&self, block: &Block, expected: Option<&str>) {
        let (said, ok) = self.said(block);
        assert!(ok, "line {}: this failed:\n{}\n{said}{}", block.line, block.text, self.logs());
        if let Some(expected) = expected {
            assert!(fits(&said, expected), "line {}: {}\nprinted:\n{said}\nand the page says:\n{expected}", block.line, block.text);
        }
    }

    #[allow(clippy::disallowed_methods)] // A guide runs on real time.
    fn run_until(&self, block: &Block, expected: Option<&str>) {
        let began = Instant::now();
        loop {
            let (said, ok) = self.said(block);
            if ok && expected.is_none_or(|expected| fits(&said, expected)) {
                return;
            }
            let expected = expected.unwrap_or_default();
            assert!(
                began.elapsed() < PATIENCE,
                "line {}: {}\nprinted to the end:\n{said}\nand the page says:\n{expected}{}",
                block.line,
                block.text,
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn said(&self, block: &Block) -> (String, bool) {
        let out = self.shell(&block.text).output().expect("a shell");
        (format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)), out.status.success())
    }

    /// A part of a document: with a kind and an id before it, it has to be one.
    fn check_fragment(&self, kind: &str, block: &Block) {
        let config = self.dir.join("fragment");
        crate::folder::copy_dir(&self.dir.join("data/config"), &config);
        fs::write(config.join("fragment.yaml"), format!("kind: {kind}\nid: fragment\n{}", self.here(&block.text))).expect("a document");
        let plan = Block { text: "reveille config plan fragment".to_owned(), ..block.clone() };
        self.run(&plan, None);
    }

    fn logs(&self) -> String {
        let mut logs = String::new();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().starts_with("background-") {
                logs.push_str(&format!("\n--- {}\n{}", entry.path().display(), fs::read_to_string(entry.path()).unwrap_or_default()));
            }
        }
        logs
    }
}

impl Drop for Guide {
    fn drop(&mut self) {
        for (_, child) in &mut self.background {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether what was printed fits what the page shows.
pub fn fits(said: &str, expected: &str) -> bool {
    let (said, expected): (Vec<&str>, Vec<&str>) = (said.lines().collect(), expected.lines().collect());
    lines_fit(&said, &expected)
}

fn lines_fit(said: &[&str], expected: &[&str]) -> bool {
    match (said, expected) {
        ([], []) => true,
        (_, ["…", rest @ ..]) => (0..=said.len()).any(|skipped| lines_fit(&said[skipped..], rest)),
        ([line, said @ ..], [pattern, rest @ ..]) => line_fits(line, pattern) && lines_fit(said, rest),
        _ => false,
    }
}

fn line_fits(line: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_compared_with_ellipses() {
        assert!(fits("a\nb 12 c\n", "a\nb … c\n"));
        assert!(fits("x\ny\nz\n", "…\nz\n"));
        assert!(fits("z\n", "…\nz\n"));
        assert!(!fits("a\nb\n", "a\n"));
        assert!(!fits("a\n", "a\nb\n"));
        assert!(!fits("a b\n", "a … b\n"));
        assert!(!fits("one 1 two\n", "one … three\n"));
        assert!(fits("1 and 2 and 3\n", "… and … and 3\n"));
    }

    #[test]
    fn blocks_have_their_lines() {
        let found = blocks("# A\n\n```sh until\necho a\n```\ntext\n```output\na\n```\n");
        assert_eq!(
            found.iter().map(|b| (b.line, b.info.as_str(), b.text.as_str())).collect::<Vec<_>>(),
            [(3, "sh until", "echo a\n"), (7, "output", "a\n")]
        );
    }
}
