//! The hooks of the contract that this host asks, and what each may import.

use domain::decision::Stage;

/// A question that a plugin answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    Normalize,
    Enrich,
    Filter,
    Dedupe,
    Route,
    Notify,
}

impl Hook {
    /// All that this host asks.
    pub(crate) const ALL: [Self; 6] = [Self::Normalize, Self::Enrich, Self::Filter, Self::Dedupe, Self::Route, Self::Notify];
    /// Those of the contract that this host does not ask yet.
    pub(crate) const LATER: [&str; 2] = ["automate", "interact"];

    /// As in the manifest and in the component's exports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Normalize => "normalize",
            Self::Enrich => "enrich",
            Self::Filter => "filter",
            Self::Dedupe => "dedupe",
            Self::Route => "route",
            Self::Notify => "notify",
        }
    }

    /// The hook of this name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// The interfaces that it may import besides `log` and `assets`.
    pub(crate) fn imports(self) -> &'static [&'static str] {
        match self {
            Self::Normalize | Self::Notify => &["keys"],
            Self::Enrich | Self::Route => &["lookup"],
            Self::Filter | Self::Dedupe => &["lookup", "state"],
        }
    }

    /// The longest result, in bytes.
    pub(crate) fn result_limit_bytes(self) -> usize {
        match self {
            Self::Normalize => 5 << 20,
            _ => 256 << 10,
        }
    }

    /// How long a call may take where the manifest says nothing, in milliseconds.
    pub(crate) fn default_deadline_ms(self) -> u64 {
        match self {
            Self::Normalize => 100,
            _ => 50,
        }
    }
}

impl TryFrom<Stage> for Hook {
    type Error = String;

    fn try_from(stage: Stage) -> Result<Self, String> {
        Ok(match stage {
            Stage::Normalize => Self::Normalize,
            Stage::Enrich => Self::Enrich,
            Stage::Filter => Self::Filter,
            Stage::Dedupe => Self::Dedupe,
            Stage::Route => Self::Route,
            Stage::Notify => Self::Notify,
            Stage::Automate | Stage::Interact => return Err(format!("this host does not ask `{}` yet", stage.as_str())),
        })
    }
}
