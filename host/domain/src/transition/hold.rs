//! What keeps an alert quiet from outside the stages (a silence, an inhibition) and what its end does.

use super::{Change, Ground, Moment, wake};
use crate::alert::Status;
use crate::time::Millis;

/// What the host knows of an alert that it looks at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// A silence or an inhibition suppressed it, and not a plugin.
    pub by_host: bool,
    /// Until when silences and inhibitions keep it quiet as things are now; `None`: they do not.
    pub until: Option<Millis>,
}

/// [`wake`] of an alert that is suppressed: what the host keeps quiet stays so as long as something does, and goes on at once when nothing
/// does. What a plugin suppressed stays so until the plugin's time is over.
pub fn wake_held(ground: &mut Ground, held: Held, moment: Moment<'_>) -> Change {
    let mut changed = false;
    if let Some(state) = ground.alert.as_mut().filter(|state| state.status != Status::Resolved)
        && let Some(until) = state.suppressed_until
    {
        let due = until <= moment.at;
        let now_until = match held.until {
            Some(longer) if held.by_host || due => Some(longer.max(moment.at.plus_millis(1))),
            None if held.by_host => Some(moment.at),
            _ => Some(until),
        };
        changed = state.suppressed_until != now_until;
        state.suppressed_until = now_until;
    }
    let mut change = wake(ground, moment);
    change.alert |= changed;
    change
}
