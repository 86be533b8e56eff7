//! What the gateway posts: a text that somebody sent, a digit that somebody pressed, or what became of a message or call.

use reveille_sdk::inbound::Http;
use reveille_sdk::types::{Command, CommandResult, Interaction, Operation, Receipt, Reply, Subject};
use reveille_sdk::{Error, Result};
use wording::{form, result, said, short};

use crate::settings::Settings;
use crate::twiml;

/// The keys of a call.
const ACKNOWLEDGE: &str = "4";
const RESOLVE: &str = "6";
const INCIDENTS_MAX: usize = 16;
const STRANGER: &str = "Nothing was changed: Reveille knows nobody by this number. Ask for it to be added to your contacts";

/// What was posted.
#[derive(Debug)]
pub enum Heard {
    /// A text; the contact kind and address of who sent it.
    Text { kind: &'static str, address: String, text: String },
    /// A key pressed in a call to this number about these incidents.
    Digits { number: String, digits: String, incidents: Vec<String> },
    /// What became of the page.
    Status { page: String, delivered: bool, reason: Option<String> },
    /// On its way: nothing to do.
    Nothing,
}

impl Heard {
    /// What is in the request, whose signature was checked.
    pub fn in_request(request: &Http) -> Result<Self> {
        let fields = form::fields(request.body());
        let field = |name: &str| form::field(&fields, name);
        let needed = |name: &str| field(name).ok_or_else(|| Error::rejected(format!("the field {name} is missing")));
        match request.path() {
            [] => {
                let from = needed("From")?;
                let (kind, number) = from.strip_prefix("whatsapp:").map_or(("sms", from), |number| ("whatsapp", number));
                Ok(Self::Text { kind, address: number.to_owned(), text: needed("Body")?.to_owned() })
            }
            [one] if one == "digits" => {
                let incidents = request.query_value("incidents").unwrap_or_default();
                let incidents = incidents.split(' ').filter(|id| !id.is_empty()).take(INCIDENTS_MAX).map(str::to_owned).collect();
                // We called them: the person is whom the call went to.
                Ok(Self::Digits { number: needed("To")?.to_owned(), digits: field("Digits").unwrap_or_default().to_owned(), incidents })
            }
            [one] if one == "status" => Ok(Self::status(request.query_value("page").unwrap_or_default(), &fields)),
            _ => {
                Err(Error::rejected("there is nothing at this address: the gateway posts to the integration's, to /digits and to /status"))
            }
        }
    }

    /// <https://www.twilio.com/docs/messaging/guides/track-outbound-message-status> and
    /// <https://www.twilio.com/docs/voice/api/call-resource#statuscallbackevent>.
    fn status(page: &str, fields: &[(String, String)]) -> Self {
        let sid = form::field(fields, "MessageSid").or_else(|| form::field(fields, "CallSid")).unwrap_or_default();
        let status = form::field(fields, "MessageStatus").or_else(|| form::field(fields, "CallStatus")).unwrap_or_default();
        let delivered = match status {
            "delivered" | "read" | "completed" => true,
            "failed" | "undelivered" | "busy" | "no-answer" | "canceled" => false,
            _ => return Self::Nothing,
        };
        let code = form::field(fields, "ErrorCode").filter(|code| !code.is_empty() && *code != "0");
        let reason = (!delivered)
            .then(|| format!("the gateway says {status}{}", code.map(|c| format!(" ({})", message::line(c, 16))).unwrap_or_default()));
        let page = if page.is_empty() { sid } else { page };
        if page.is_empty() { Self::Nothing } else { Self::Status { page: page.to_owned(), delivered, reason } }
    }

    /// What is to be done.
    pub fn interaction(self) -> Interaction {
        match self {
            Self::Text { kind, address, text } => Interaction::commands(said::read(&text, kind, &address)),
            Self::Digits { number, digits, incidents } => {
                let operation = match digits.as_str() {
                    ACKNOWLEDGE => Operation::Acknowledge,
                    RESOLVE => Operation::Resolve,
                    _ => return Interaction::nothing(),
                };
                let command = |id| Command::new(Subject::Incident(id), operation.clone()).by("voice", &number);
                Interaction::commands(incidents.into_iter().map(command))
            }
            Self::Status { page, delivered, reason } => Interaction::receipts([Receipt { page, delivered, reason }]),
            Self::Nothing => Interaction::nothing(),
        }
    }

    /// What the person hears or reads.
    pub fn reply(&self, results: &[CommandResult], request: &Http, settings: &Settings) -> Option<Reply> {
        match self {
            Self::Text { .. } if results.is_empty() => Some(twiml::reply(twiml::message(&short::reply(said::HELP)))),
            Self::Text { .. } => Some(twiml::reply(twiml::message(&short::reply(&result::words(results, STRANGER))))),
            Self::Digits { .. } if results.is_empty() => {
                let incidents = request.query_value("incidents").unwrap_or_default();
                let action = settings.back(&format!("/digits?incidents={}", form::in_query(incidents)))?;
                Some(twiml::reply(twiml::again(&action, &settings.language)))
            }
            Self::Digits { .. } => {
                Some(twiml::reply(twiml::ending(&format!("{}. Goodbye.", result::words(results, STRANGER)), &settings.language)))
            }
            Self::Status { .. } | Self::Nothing => Some(twiml::reply(twiml::nothing())),
        }
    }
}
