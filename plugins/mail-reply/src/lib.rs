//! Hears what people answer to a mail: `ack` or `resolve` in the first line.
//!
//! Whose name stands in a mail's sender is anybody's word. What counts is the token that the mail to them carried and that their reply
//! quotes: nobody else has it.

mod letter;

use reveille_sdk::prelude::*;
use reveille_sdk::types::{CommandResult, Interaction};

use crate::letter::{Letter, Unheard};

/// The contact kind that people are known by.
const KIND: &str = "mail";
const STRANGER: &str = "Nothing was changed: Reveille knows nobody by this mail address";

/// What the operator sets: nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

/// The plugin.
#[derive(Debug)]
pub struct MailReply;

#[plugin]
impl Interact for MailReply {
    type Settings = Settings;

    fn new(_: Settings) -> Result<Self> {
        Ok(Self)
    }

    fn read(&self, request: &Inbound) -> Result<Interaction> {
        let http = request.http().map_err(|refusal| Error::rejected(refusal.reason))?;
        let letter =
            Letter::read(http.body()).ok_or_else(|| Error::rejected("the body is no mail: post it as it came, as message/rfc822"))?;
        Ok(match letter.command(KIND) {
            Ok(command) => Interaction::commands([command]),
            Err(why) => {
                log::info(why.words());
                Interaction::nothing()
            }
        })
    }

    /// A plain text: whoever posts mails here may send it back.
    fn answer(&self, request: &Inbound, results: &[CommandResult]) -> Result<Option<Reply>> {
        let http = request.http().map_err(|refusal| Error::rejected(refusal.reason))?;
        let words = match Letter::read(http.body()).map(|letter| letter.command(KIND)) {
            Some(Err(Unheard::Machine)) | None => return Ok(None),
            Some(Err(why)) => why.words().to_owned(),
            Some(Ok(_)) => wording::result::words(results, STRANGER),
        };
        Ok(Some(Reply::text(200, words)))
    }
}
