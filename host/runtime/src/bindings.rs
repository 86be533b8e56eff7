//! Generated.
wasmtime::component::bindgen!({
    path: "../../wit/v0.1",
    world: "plugin",
    ownership: Borrowing { duplicate_if_necessary: true },
    imports: { default: trappable },
    debug: true,
});
