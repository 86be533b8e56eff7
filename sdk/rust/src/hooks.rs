//! What a plugin implements: one trait per hook. `#[plugin]` on the `impl` connects it to the host.

use serde::de::DeserializeOwned;

use crate::alert::Alert;
use crate::error::Result;
use crate::inbound::Inbound;
use crate::incident::{Incident, IncidentEvent};
use crate::page::Page;
use crate::types::{
    Action, CommandResult, Destination, Grouping, Interaction, Normalized, Outcome, Patch, Refusal, Reply, Request, Response, Verdict,
};

/// What all hooks of a plugin share: its settings.
///
/// Nobody implements this by hand: `#[plugin]` takes `Settings`, `new` and `reads` out of the `impl` of the hook. A plugin with several
/// hooks has one `impl` with them, and further ones (also marked `#[plugin]`) with nothing but the hook's functions.
///
/// ```
/// use reveille_sdk::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Settings { floor: Severity }
///
/// struct Floor(Settings);
///
/// #[plugin(manifest = "examples/floor.toml")]
/// impl Filter for Floor {
///     type Settings = Settings;
///     fn new(settings: Settings) -> Result<Self> { Ok(Self(settings)) }
///     fn filter(&self, alert: &Alert) -> Result<Verdict> {
///         if alert.severity() >= self.0.floor { Ok(Verdict::Keep) } else { Ok(Verdict::suppress("below the floor")) }
///     }
/// }
///
/// #[plugin(manifest = "examples/floor.toml")]
/// impl Enrich for Floor {
///     fn enrich(&self, _: &Alert) -> Result<Patch> {
///         Ok(Patch::because("for the record").annotation("floor", self.0.floor.as_str()))
///     }
/// }
///
/// let floor = mock::Instance::<Floor>::configure(&serde_json::json!({ "floor": "error" })).unwrap();
/// let alert = Report::firing(Severity::Warning);
/// assert_eq!(floor.filter(alert.clone()), Ok(Verdict::suppress("below the floor")));
/// assert_eq!(floor.enrich(alert).unwrap().edits.len(), 1);
/// ```
pub trait Plugin: Sized + 'static {
    /// What the operator sets: JSON that fits the manifest's schema. `serde_json::Value` takes anything, `()` is not among the choices:
    /// use an empty struct.
    type Settings: DeserializeOwned;

    /// Takes the settings, once per instance, before any hook. Compile expressions and sort tables here.
    ///
    /// # Errors
    /// [`Error::setting`](crate::Error::setting) names what is wrong; it refuses the swap and the operator reads it.
    fn new(settings: Self::Settings) -> Result<Self>;

    /// The fields that these settings read, a subset of the manifest's `reads`. Empty: all of the manifest's.
    fn reads(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What happened, in our words?
pub trait Normalize: Plugin {
    /// Makes events of a request or a mail, and the answer to its sender.
    ///
    /// # Errors
    /// A body that cannot be understood. Reading a header that is not declared traps.
    fn normalize(&self, request: &Inbound) -> Result<Normalized, Refusal>;
}

/// What else do we know?
pub trait Enrich: Plugin {
    /// Gives at most 64 edits, with the reason for them; [`Patch::none`] is no opinion.
    ///
    /// # Errors
    /// The stage's failure policy applies.
    fn enrich(&self, alert: &Alert) -> Result<Patch>;
}

/// Does a human need it?
pub trait Filter: Plugin {
    /// Keep, suppress or drop.
    ///
    /// # Errors
    /// The stage's failure policy applies.
    fn filter(&self, alert: &Alert) -> Result<Verdict>;
}

/// Which incident does it belong to?
pub trait Dedupe: Plugin {
    /// `None` is no opinion: the next plugin is asked, and in the end the entity is the key.
    ///
    /// # Errors
    /// The stage's failure policy applies.
    fn dedupe(&self, alert: &Alert) -> Result<Option<Grouping>>;
}

/// Who has to know?
pub trait Route: Plugin {
    /// At most 16. Empty is no opinion: the next plugin is asked, and in the end the default escalation policy is paged.
    ///
    /// # Errors
    /// The stage's failure policy applies.
    fn route(&self, incident: &Incident) -> Result<Vec<Destination>>;
}

/// What should be done?
pub trait Automate: Plugin {
    /// At most 32 actions, begun in order.
    ///
    /// # Errors
    /// The stage's failure policy applies.
    fn automate(&self, event: &IncidentEvent) -> Result<Vec<Action>>;
}

/// What does the message look like, and did it arrive?
pub trait Notify: Plugin {
    /// The message.
    ///
    /// # Errors
    /// The host sends its own plain text instead.
    fn render(&self, page: &Page) -> Result<Request>;

    /// How it went; `step` is 0 for what [`render`](Notify::render) gave, and counts the requests of [`Outcome::Proceed`].
    ///
    /// # Errors
    /// The delivery counts as failed.
    fn interpret(&self, page: &Page, step: u32, response: &Response) -> Result<Outcome>;
}

/// What did the person just say?
pub trait Interact: Plugin {
    /// What the request asks for; empty for a handshake, which only wants an answer.
    ///
    /// # Errors
    /// Nothing is done.
    fn read(&self, request: &Inbound) -> Result<Interaction>;

    /// The answer to what came of it; the results stand in the order of the commands. `None` is an empty 200.
    ///
    /// # Errors
    /// The sender gets the host's plain answer.
    fn answer(&self, request: &Inbound, results: &[CommandResult]) -> Result<Option<Reply>>;
}
