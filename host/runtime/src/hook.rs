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
    Automate,
    Notify,
    Interact,
}

impl Hook {
    /// All of them.
    pub(crate) const ALL: [Self; 8] =
        [Self::Normalize, Self::Enrich, Self::Filter, Self::Dedupe, Self::Route, Self::Automate, Self::Notify, Self::Interact];

    /// As in the manifest and in the component's exports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Normalize => "normalize",
            Self::Enrich => "enrich",
            Self::Filter => "filter",
            Self::Dedupe => "dedupe",
            Self::Route => "route",
            Self::Automate => "automate",
            Self::Notify => "notify",
            Self::Interact => "interact",
        }
    }

    /// The hook of this name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// The interfaces that it may import besides `log` and `assets`.
    pub(crate) fn imports(self) -> &'static [&'static str] {
        match self {
            Self::Normalize | Self::Notify | Self::Interact => &["keys"],
            Self::Enrich | Self::Route => &["lookup"],
            Self::Filter | Self::Dedupe | Self::Automate => &["lookup", "state"],
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
            Self::Normalize | Self::Interact => 100,
            _ => 50,
        }
    }
}

impl From<Stage> for Hook {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Normalize => Self::Normalize,
            Stage::Enrich => Self::Enrich,
            Stage::Filter => Self::Filter,
            Stage::Dedupe => Self::Dedupe,
            Stage::Route => Self::Route,
            Stage::Automate => Self::Automate,
            Stage::Notify => Self::Notify,
            Stage::Interact => Self::Interact,
        }
    }
}
