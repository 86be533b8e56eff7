//! The contract 1.0 as Rust types, generated from `wit/v1.0`. Parameters borrow, so that lowering an alert copies nothing on this side.
#![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
#![allow(clippy::all, clippy::pedantic)]

wasmtime::component::bindgen!({
    path: "../../wit/v1.0",
    world: "plugin",
    ownership: Borrowing { duplicate_if_necessary: true },
    imports: { default: trappable },
});
