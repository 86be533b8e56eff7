//! The values of the contract as JSON, for folders of examples: what comes in is read, what goes out is written.

mod read;
mod write;

pub(super) use read::{AlertJson, IncidentJson, PageJson, RequestJson, ResponseJson};
pub(super) use write::{destination, grouping, normalized, outcome, patch, refusal, request, verdict};
