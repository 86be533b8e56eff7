//! The sandbox: verify, compile, cache, instantiate and call plugins through wasmtime.
