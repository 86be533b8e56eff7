//! What a page says, before a channel gives it its shape.
//!
//! Mail, push and chat plugins share the words: what is broken, since when, how bad, the runbook, what to tap. The reader was
//! asleep a minute ago and sees the first 160 characters on a locked phone, so these carry the facts. A channel takes a
//! [`Message`] and draws it.

mod incident;
mod kind;
mod message;
mod moment;
mod text;

pub use incident::{Fact, Place, Summary};
pub use kind::Kind;
pub use message::{Button, Message};
pub use moment::{Zone, span};
pub use text::{address, block, cut_bytes, html, json_without_placeholders, line};
