//! Why a call gave no result, in the two kinds that the host treats differently, plus problems with settings.

use crate::wire::{lifecycle::Problem, types};

/// The result of a hook.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a hook or [`new`](crate::Plugin::new) gave no result.
///
/// Any [`std::error::Error`] becomes an *internal* error through `?`; a table or a state that is unavailable becomes that. What the sender or the operator got wrong is said with
/// [`Error::rejected`] and [`Error::setting`].
///
/// ```
/// use reveille_sdk::Error;
///
/// fn port(text: &str) -> reveille_sdk::Result<u16> {
///     if text.is_empty() {
///         return Err(Error::rejected("the alert names no port"));
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(port("").unwrap_err().to_string(), "the alert names no port");
/// assert_eq!(port("x").unwrap_err().to_string(), "invalid digit found in string");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Error(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Rejected(String),
    Internal(String),
    Unavailable(String),
    Settings(Vec<Problem>),
}

impl Error {
    /// The input cannot be handled, and the plugin is not at fault: the stage's failure policy applies, the breaker does not count it.
    pub fn rejected(message: impl Into<String>) -> Self {
        Self(Kind::Rejected(message.into()))
    }

    /// The plugin is at fault; this counts towards its breaker.
    pub fn internal(message: impl Into<String>) -> Self {
        Self(Kind::Internal(message.into()))
    }

    /// Something that the plugin cannot do without is not to be had now: the stage's failure policy applies, the breaker does not count it.
    /// `?` on a table or a state that is unavailable makes this.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self(Kind::Unavailable(message.into()))
    }

    /// A setting that fits the schema and still cannot be used; `pointer` is a JSON pointer into the settings such as `/rules/3/when`.
    pub fn setting(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Kind::Settings(vec![Problem { pointer: pointer.into(), message: message.into() }]))
    }

    /// Several problems at once, as [`Error::setting`] makes them. Other kinds count as a problem of the whole.
    pub fn settings(problems: impl IntoIterator<Item = Error>) -> Self {
        Self(Kind::Settings(problems.into_iter().flat_map(Self::into_problems).collect()))
    }

    /// Puts `prefix` before the pointer of every settings problem: for checks that know only their own corner.
    ///
    /// ```
    /// use reveille_sdk::Error;
    ///
    /// let error = Error::setting("/key", "is empty").within("/rules/0");
    /// assert_eq!(error.to_string(), "/rules/0/key: is empty");
    /// ```
    pub fn within(self, prefix: &str) -> Self {
        let problems = self.into_problems();
        let moved = problems.into_iter().map(|problem| Problem { pointer: format!("{prefix}{}", problem.pointer), ..problem });
        Self(Kind::Settings(moved.collect()))
    }

    /// Only the mocks see the error from outside.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn from_wire(error: types::Error) -> Self {
        match error {
            types::Error::Rejected(message) => Self::rejected(message),
            types::Error::Internal(message) => Self::internal(message),
            types::Error::Unavailable(message) => Self::unavailable(message),
        }
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        match self.0 {
            Kind::Settings(problems) => problems,
            Kind::Rejected(message) | Kind::Internal(message) | Kind::Unavailable(message) => {
                vec![Problem { pointer: String::new(), message }]
            }
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Kind::Rejected(message) | Kind::Internal(message) | Kind::Unavailable(message) => f.write_str(message),
            Kind::Settings(problems) => {
                for (i, problem) in problems.iter().enumerate() {
                    let gap = if i == 0 { "" } else { "; " };
                    write!(f, "{gap}{}: {}", problem.pointer, problem.message)?;
                }
                Ok(())
            }
        }
    }
}

/// So that `?` works on every library's error. For the same reason [`Error`] is not itself a `std::error::Error`.
impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        if is_nobodys_fault(&error) { Self::unavailable(message) } else { Self::internal(message) }
    }
}

/// Whether the host said that something is not to be had now.
fn is_nobodys_fault(error: &dyn std::any::Any) -> bool {
    error.is::<crate::lookup::Unavailable>() || error.downcast_ref() == Some(&crate::state::StateError::Unavailable)
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error.0 {
            Kind::Rejected(message) => Self::Rejected(message),
            Kind::Internal(message) => Self::Internal(message),
            Kind::Unavailable(message) => Self::Unavailable(message),
            kind @ Kind::Settings(_) => Self::Internal(Error(kind).to_string()),
        }
    }
}
