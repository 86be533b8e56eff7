//! A page to render: what a `notify` plugin is asked to send.

use std::rc::Rc;

use crate::incident::Incident;
use crate::reads::{Ceiling, page_bit as bit};
use crate::types::{Choice, Contact, Purpose, User};
use crate::wire::notify as wire;

/// One message to one contact.
///
/// As with [`Alert`](crate::Alert), reading a field that the manifest does not declare as `page.<field>` makes the call an error.
#[derive(Debug, Clone)]
pub struct Page {
    wire: wire::Page,
    incidents: Vec<Incident>,
    ceiling: Option<Rc<Ceiling>>,
}

impl Page {
    pub(crate) fn new(mut wire: wire::Page, ceiling: Option<Rc<Ceiling>>) -> Self {
        let incidents = std::mem::take(&mut wire.incidents);
        let incidents = incidents.into_iter().map(|incident| Incident::new(incident, ceiling.clone())).collect();
        Self { wire, incidents, ceiling }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn into_wire(self) -> wire::Page {
        wire::Page { incidents: self.incidents.into_iter().map(Incident::into_wire).collect(), ..self.wire }
    }

    #[inline]
    fn check(&self, bit: u32, name: &str) {
        if let Some(ceiling) = &self.ceiling
            && ceiling.reads.page & bit == 0
        {
            ceiling.refuse(&format!("page.{name}"), |declared| declared.page & bit != 0);
        }
    }

    /// Idempotency key of this delivery, at most 64 bytes: pass it on where a provider takes one. Always there.
    pub fn id(&self) -> &str {
        &self.wire.id
    }

    /// The time to reckon with, in milliseconds since 1970. Always there.
    pub fn at(&self) -> i64 {
        self.wire.at
    }

    /// Why it is sent. Always there.
    pub fn purpose(&self) -> &Purpose {
        &self.wire.purpose
    }

    /// Where it goes. Always there.
    pub fn contact(&self) -> &Contact {
        &self.wire.contact
    }

    /// Several when pages are bundled; empty for a test or a reminder. Always there, with the fields declared as `incident.<field>`.
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    /// `None` for a shared contact, such as a channel.
    pub fn recipient(&self) -> Option<&User> {
        self.check(bit::RECIPIENT, "recipient");
        self.wire.recipient.as_ref()
    }

    /// What the recipient can answer, most likely first, at most 9: the place in the list is the digit to press.
    pub fn choices(&self) -> &[Choice] {
        self.check(bit::CHOICES, "choices");
        &self.wire.choices
    }

    /// The reference of what was sent there before about this.
    pub fn previous(&self) -> Option<&str> {
        self.check(bit::PREVIOUS, "previous");
        self.wire.previous.as_deref()
    }
}
