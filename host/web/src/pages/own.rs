//! What to do about an incident that Reveille opened about itself: where to look, and the command that helps.

use crate::api::dead_letters::letters;
use crate::app::App;
use crate::pages::view::Lens;
use crate::principal::Principal;
use crate::problem::Problem;
use domain::incident::Incident;
use ports::store::DeadLetterState;

/// Dead letters that are linked one by one; the others are on the page Pipeline.
const LETTERS: usize = 5;
/// Dead letters looked at.
const LETTERS_LOOKED_AT: u32 = 200;

/// Of an incident of the host's own, in place of its alerts.
#[derive(Debug, Default)]
pub struct Own {
    /// What it means and how it ends.
    pub says: &'static str,
    /// The way back, to be typed.
    pub command: Option<String>,
    /// Addresses of this house and what is there.
    pub links: Vec<(String, String)>,
}

/// What helps; `None`: it is no incident of the host's own.
pub async fn own(app: &App, caller: &Principal, incident: &Incident, lens: &Lens) -> Result<Option<Own>, Problem> {
    if !incident.own {
        return Ok(None);
    }
    let cause = incident.key.strip_prefix("reveille/").unwrap_or_default();
    let pipeline = || ("/pipeline".to_owned(), "Pipeline".to_owned());
    Ok(Some(match cause.split_once('/') {
        Some(("dead-letters", name)) => {
            let mut links = letter_links(app, caller, name, lens).await?;
            links.push(pipeline());
            Own {
                says: "What came is kept. Look at it, mend the sender or the plugin, then replay it, or discard it. When none waits any more, \
                    this incident resolves by itself.",
                command: None,
                links,
            }
        }
        Some(("breaker", name)) => Own {
            says: "Alerts go on without it. One call tries it again from time to time: when it works, this incident resolves by itself. \
                Install a mended version, or go back to the one before:",
            command: Some(format!("reveille plugin rollback {name}")),
            links: vec![pipeline()],
        },
        Some(("plugin", name)) => Own {
            says: "Alerts go on without it. Put its files right in the plugins’ folder, or go back to the version before:",
            command: Some(format!("reveille plugin rollback {name}")),
            links: vec![pipeline()],
        },
        _ => Own {
            says: "Reveille opened it about itself, without an alert from outside. It resolves by itself when its cause is over.",
            ..Own::default()
        },
    }))
}

/// Those of an integration that wait and that the caller may see, newest first.
async fn letter_links(app: &App, caller: &Principal, name: &str, lens: &Lens) -> Result<Vec<(String, String)>, Problem> {
    let (waiting, _) = letters(app, caller, Some(DeadLetterState::Waiting), None, LETTERS_LOOKED_AT).await?;
    let of_it = waiting.iter().filter(|letter| letter.integration.as_ref().map_or("reveille", |id| id.as_str()) == name);
    let link = |letter: &ports::store::DeadLetter| {
        (format!("/dead-letters/{}", letter.id), format!("Dead letter {}, {} ago", letter.id, lens.moment(letter.at).span))
    };
    Ok(of_it.take(LETTERS).map(link).collect())
}
