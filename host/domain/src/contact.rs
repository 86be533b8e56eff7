//! Ways to reach people.

use serde::{Deserialize, Serialize};

/// The kind of contact that stands for the browsers that a person subscribed. The host knows which these are, and seals what they get.
pub const WEB_PUSH: &str = "web-push";

/// A way to reach somebody or something outside: also how somebody outside is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contact {
    /// The kind, as a notify plugin's manifest declares it, such as `mail`.
    pub kind: String,
    /// Phone number, mail address, topic address.
    pub address: String,
}
