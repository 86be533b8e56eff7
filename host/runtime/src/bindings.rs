//! The contract as Rust types: one module per minor version. The newest is what the rest of the crate speaks; an older one is converted.

pub(crate) mod v1_0;
