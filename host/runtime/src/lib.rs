//! x
#[allow(unsafe_code, missing_docs, clippy::all, clippy::pedantic)]
mod bindings;
