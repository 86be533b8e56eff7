//! A component, how it is installed, and what has to come of it.

use domain::decision::Stage;
use ports::CallFailure;

/// What has to come of a case; texts are parts of the words that an operator reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Not loaded.
    Refused(&'static str),
    /// Loaded; its call traps or breaks a limit.
    Trapped(&'static str),
    /// Loaded; its call is stopped.
    Deadline,
    /// Loaded; it says itself that it failed.
    Failed(&'static str),
    /// Loaded; it answers.
    Harmless,
    /// Anything, within the bounds that hold for all.
    Bounded,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Refused(String),
    Trapped(String),
    Deadline,
    Failed(String),
    Fine,
}

impl Outcome {
    /// Of a call.
    pub fn of<T>(result: Result<T, CallFailure>) -> Self {
        match result {
            Ok(_) => Self::Fine,
            Err(CallFailure::Trapped(why)) => Self::Trapped(why),
            Err(CallFailure::Deadline(_)) => Self::Deadline,
            Err(CallFailure::Rejected(why) | CallFailure::Internal(why) | CallFailure::Unavailable(why)) => Self::Failed(why),
            Err(off @ CallFailure::SwitchedOff(_)) => Self::Failed(off.to_string()),
        }
    }

    /// Its class, for counts.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Trapped(_) => "trapped",
            Self::Deadline => "deadline",
            Self::Failed(_) => "failed",
            Self::Fine => "harmless",
        }
    }

    /// The words that people read.
    pub fn words(&self) -> &str {
        match self {
            Self::Refused(words) | Self::Trapped(words) | Self::Failed(words) => words,
            Self::Deadline | Self::Fine => "",
        }
    }

    /// Whether it is what was expected.
    pub fn is(&self, expect: Expect) -> bool {
        match (expect, self) {
            (Expect::Refused(part), Self::Refused(words))
            | (Expect::Trapped(part), Self::Trapped(words))
            | (Expect::Failed(part), Self::Failed(words)) => words.contains(part),
            (Expect::Deadline, Self::Deadline) | (Expect::Harmless, Self::Fine) | (Expect::Bounded, _) => true,
            _ => false,
        }
    }
}

/// One hostile plugin.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    /// `plugin.wasm`, whatever that is.
    pub bytes: Vec<u8>,
    pub stage: Stage,
    /// Further lines of `plugin.toml`.
    pub manifest: String,
    pub expect: Expect,
    /// The case itself is written wrong.
    pub broken: Option<String>,
}

impl Case {
    /// A filter without further lines in its manifest.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>, expect: Expect) -> Self {
        Self { name: name.into(), bytes, stage: Stage::Filter, manifest: String::new(), expect, broken: None }
    }

    /// [`Case::new`] of what may have gone wrong while it was built.
    pub fn built(name: impl Into<String>, bytes: anyhow::Result<Vec<u8>>, expect: Expect) -> Self {
        match bytes {
            Ok(bytes) => Self::new(name, bytes, expect),
            Err(error) => Self { broken: Some(format!("{error:#}")), ..Self::new(name, Vec::new(), expect) },
        }
    }

    /// With these lines in its manifest.
    pub fn asking(mut self, manifest: &str) -> Self {
        manifest.clone_into(&mut self.manifest);
        self
    }

    /// At another hook.
    pub fn at(mut self, stage: Stage) -> Self {
        self.stage = stage;
        self
    }
}
