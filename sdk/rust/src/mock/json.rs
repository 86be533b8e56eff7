//! The values of the contract as JSON, for folders of examples: what comes in is read, what goes out is written.

mod read;
mod write;

pub(super) use read::{AlertJson, CommandResultJson, EventJson, IncidentJson, PageJson, RequestJson, ResponseJson};
pub(super) use write::{action, destination, grouping, interaction, normalized, outcome, patch, refusal, reply, request, verdict};
