//! What sort of message a page is: the word in brackets that a reader sees first.

use reveille_sdk::Incident;
use reveille_sdk::types::{Purpose, Severity, Status};

/// What sort of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something is broken, so badly.
    Firing(Severity),
    /// Somebody has taken it.
    Acknowledged,
    /// It is over.
    Resolved,
    /// An action waits for a yes or no.
    Approval,
    /// About a shift: nothing is broken.
    Reminder,
    /// Begins a thread in a tracker or a channel.
    Thread,
    /// Proves that the contact works.
    Test,
}

impl Kind {
    /// The sort of a page for this purpose about these incidents.
    pub fn of(purpose: &Purpose, incidents: &[Incident]) -> Self {
        match purpose {
            Purpose::Escalation(_) => Self::Firing(worst(incidents)),
            Purpose::Update(_) => Self::standing(incidents),
            Purpose::Approval(_) => Self::Approval,
            Purpose::Reminder(_) => Self::Reminder,
            Purpose::OpenTicket(_) | Purpose::OpenChannel(_) => Self::Thread,
            Purpose::Test(_) => Self::Test,
        }
    }

    /// Where all of the incidents together stand: the least settled one counts.
    fn standing(incidents: &[Incident]) -> Self {
        if incidents.iter().any(|i| i.status() == Status::Firing) {
            Self::Firing(worst(incidents))
        } else if incidents.iter().any(|i| i.status() == Status::Acknowledged) {
            Self::Acknowledged
        } else if incidents.is_empty() {
            Self::Firing(Severity::Info)
        } else {
            Self::Resolved
        }
    }

    /// The word in brackets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Firing(Severity::Critical) => "CRITICAL",
            Self::Firing(Severity::Error) => "ERROR",
            Self::Firing(Severity::Warning) => "WARNING",
            Self::Firing(Severity::Info) => "INFO",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Resolved => "RESOLVED",
            Self::Approval => "APPROVE?",
            Self::Reminder => "ON CALL",
            Self::Thread => "INCIDENT",
            Self::Test => "TEST",
        }
    }
}

/// The worst severity; `critical` where there is no incident to ask, for it is read as a page.
fn worst(incidents: &[Incident]) -> Severity {
    incidents.iter().map(Incident::severity).max_by_key(|s| rank(*s)).unwrap_or(Severity::Critical)
}

/// Least first.
pub(crate) fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 0,
        Severity::Warning => 1,
        Severity::Error => 2,
        Severity::Critical => 3,
    }
}
