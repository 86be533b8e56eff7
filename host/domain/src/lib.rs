//! Pure types and decisions: `(state, input, now) → outcome`. Nothing here waits, reads a clock, opens a file or speaks a wire format.
//!
//! Records that the store keeps derive serde so that the journal, the store and replay read one definition; they are versioned by
//! [`journal::RECORD_VERSION`] and the store's migrations. Wire formats (REST, YAML, WIT) convert at their own edge.

pub mod action;
pub mod alert;
pub mod automation;
pub mod care;
pub mod claim;
pub mod command;
pub mod contact;
pub mod daytime;
pub mod decision;
pub mod escalation;
pub mod expiry;
pub mod heartbeat;
pub mod id;
pub mod inbound;
pub mod incident;
pub mod inhibition;
pub mod installation;
pub mod interaction;
pub mod journal;
pub mod matcher;
pub mod page;
pub mod paging;
pub mod recurrence;
pub mod schedule;
pub mod silence;
pub mod simulation;
pub mod state;
pub mod time;
pub mod timeline;
pub mod transition;
pub mod when;
