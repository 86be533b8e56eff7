//! The closed world: what the runtimes of languages ask of WASI, answered with nothing. No environment, no arguments, no files, no sockets;
//! what is printed goes to the plugin's log; the clock tells the time of the call; whoever waits is trapped, because a sleeping guest would
//! outlive its deadline.

use crate::bindings::v1_0::reveille::plugin::{assets, keys, log, lookup, state};
use crate::cell::Cell;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Linker, LinkerInstance, Resource, ResourceAny, ResourceType, Val};
use wasmtime::{Engine, Result, StoreContextMut, bail};

/// Where printed text goes.
struct Output;
/// Any other resource: there to be named, never to be used.
struct Nothing;

/// How much a guest may print at once, in bytes.
const PRINT_LIMIT_BYTES: u64 = 4096;
/// What Rust's hash maps are seeded with.
const SEED: (u64, u64) = (0x5265_7665_696c_6c65, 0x646f_2073_6f6c_6569);

/// Everything that a component of this contract can import.
pub(crate) fn link(engine: &Engine, component: &Component) -> Result<Linker<Cell>> {
    let mut linker = Linker::new(engine);
    linker.instance("reveille:plugin/types@1.0.0")?;
    log::add_to_linker::<Cell, HasSelf<Cell>>(&mut linker, |cell| cell)?;
    assets::add_to_linker::<Cell, HasSelf<Cell>>(&mut linker, |cell| cell)?;
    lookup::add_to_linker::<Cell, HasSelf<Cell>>(&mut linker, |cell| cell)?;
    keys::add_to_linker::<Cell, HasSelf<Cell>>(&mut linker, |cell| cell)?;
    state::add_to_linker::<Cell, HasSelf<Cell>>(&mut linker, |cell| cell)?;
    for (name, import) in component.component_type().imports(engine) {
        let Some(interface) = name.strip_prefix("wasi:") else { continue };
        let ComponentItem::ComponentInstance(instance) = &import.ty else { continue };
        let interface = interface.split('@').next().unwrap_or(interface);
        let mut closed = linker.instance(name)?;
        for (item, export) in instance.exports(engine) {
            match export.ty {
                ComponentItem::ComponentFunc(_) => answer(&mut closed, interface, item)?,
                ComponentItem::Resource(_) => {
                    let output = item == "output-stream";
                    let kind = if output { ResourceType::host::<Output>() } else { ResourceType::host::<Nothing>() };
                    closed.resource(item, kind, |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(linker)
}

/// The answer to one function of WASI, whatever its version.
fn answer(world: &mut LinkerInstance<'_, Cell>, interface: &str, function: &str) -> Result<()> {
    match (interface, function) {
        ("cli/environment", "initial-cwd") | ("cli/terminal-stdin" | "cli/terminal-stdout" | "cli/terminal-stderr", _) => {
            constant(world, function, || Val::Option(None))
        }
        ("cli/environment", _) | ("filesystem/preopens", "get-directories") => constant(world, function, || Val::List(Vec::new())),
        ("cli/stdin", _) => resource(world, function, own::<Nothing>),
        ("cli/stdout" | "cli/stderr", _) => resource(world, function, own::<Output>),
        ("clocks/monotonic-clock", "subscribe-instant" | "subscribe-duration") | ("io/streams", "[method]output-stream.subscribe") => {
            resource(world, function, own::<Nothing>)
        }
        ("io/streams", "[method]output-stream.check-write") => {
            constant(world, function, || Val::Result(Ok(Some(Box::new(Val::U64(PRINT_LIMIT_BYTES))))))
        }
        ("io/streams", "[method]output-stream.flush" | "[method]output-stream.blocking-flush") => {
            constant(world, function, || Val::Result(Ok(None)))
        }
        ("io/streams", "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush") => print(world, function),
        ("io/streams", "[method]input-stream.read" | "[method]input-stream.blocking-read") => {
            constant(world, function, || Val::Result(Err(Some(Box::new(Val::Variant("closed".into(), None))))))
        }
        ("io/poll", "[method]pollable.ready") => constant(world, function, || Val::Bool(true)),
        ("io/poll", _) => denied(world, function, "waited, and a plugin may not: it would outlive its deadline".into()),
        ("clocks/monotonic-clock", "now") => from_cell(world, function, |cell| Ok(Val::U64(nanoseconds(cell)))),
        ("clocks/monotonic-clock", "resolution") => constant(world, function, || Val::U64(1_000_000)),
        ("clocks/wall-clock", "now") => from_cell(world, function, |cell| Ok(instant(nanoseconds(cell)))),
        ("clocks/wall-clock", "resolution") => constant(world, function, || instant(1_000_000)),
        ("random/insecure-seed", _) => constant(world, function, || Val::Tuple(vec![Val::U64(SEED.0), Val::U64(SEED.1)])),
        ("random/random" | "random/insecure", "get-random-u64" | "get-insecure-random-u64") => from_cell(world, function, |cell| {
            let drawn = cell.draw()?;
            Ok(Val::U64(drawn[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))))
        }),
        ("random/random" | "random/insecure", _) => random_bytes(world, function),
        ("cli/exit", _) => denied(world, function, "called exit".into()),
        _ => denied(world, function, format!("called wasi:{interface}#{function}: a plugin has no files, sockets or programs")),
    }
}

fn constant(world: &mut LinkerInstance<'_, Cell>, function: &str, value: fn() -> Val) -> Result<()> {
    world.func_new(function, move |mut store, _, parameters, results| {
        release(&mut store, parameters)?;
        set(results, value())
    })
}

fn from_cell(world: &mut LinkerInstance<'_, Cell>, function: &str, value: fn(&mut Cell) -> Result<Val>) -> Result<()> {
    world.func_new(function, move |mut store, _, _, results| {
        let value = value(store.data_mut())?;
        set(results, value)
    })
}

fn resource(
    world: &mut LinkerInstance<'_, Cell>,
    function: &str,
    make: fn(&mut StoreContextMut<'_, Cell>) -> Result<ResourceAny>,
) -> Result<()> {
    world.func_new(function, move |mut store, _, parameters, results| {
        release(&mut store, parameters)?;
        let made = make(&mut store)?;
        set(results, Val::Resource(made))
    })
}

fn own<T: 'static>(store: &mut StoreContextMut<'_, Cell>) -> Result<ResourceAny> {
    ResourceAny::try_from_resource(Resource::<T>::new_own(0), store)
}

fn denied(world: &mut LinkerInstance<'_, Cell>, function: &str, why: String) -> Result<()> {
    world.func_new(function, move |_, _, _, _| bail!("{why}"))
}

fn print(world: &mut LinkerInstance<'_, Cell>, function: &str) -> Result<()> {
    world.func_new(function, |mut store, _, parameters, results| {
        if let Some(Val::List(bytes)) = parameters.get(1) {
            let bytes: Vec<u8> = bytes.iter().map(|byte| if let Val::U8(byte) = byte { *byte } else { b'?' }).collect();
            store.data_mut().print(&bytes);
        }
        release(&mut store, parameters)?;
        set(results, Val::Result(Ok(None)))
    })
}

fn random_bytes(world: &mut LinkerInstance<'_, Cell>, function: &str) -> Result<()> {
    world.func_new(function, |mut store, _, parameters, results| {
        let Some(Val::U64(length)) = parameters.first() else { bail!("asked for random bytes without saying how many") };
        if *length > PRINT_LIMIT_BYTES {
            bail!("asked for {length} random bytes at once; {PRINT_LIMIT_BYTES} are the most");
        }
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < *length {
            bytes.extend(store.data_mut().draw()?.map(Val::U8));
        }
        bytes.truncate(*length as usize);
        set(results, Val::List(bytes))
    })
}

/// Gives back the handles that came with a call: those of dynamic calls are not given back by themselves.
fn release(store: &mut StoreContextMut<'_, Cell>, parameters: &[Val]) -> Result<()> {
    for parameter in parameters {
        if let Val::Resource(handle) = parameter {
            handle.resource_drop(&mut *store)?;
        }
    }
    Ok(())
}

fn set(results: &mut [Val], value: Val) -> Result<()> {
    match results {
        [result] => *result = value,
        _ => bail!("a function of WASI has {} results where the closed world knows of one", results.len()),
    }
    Ok(())
}

fn nanoseconds(cell: &Cell) -> u64 {
    u64::try_from(cell.now().0).unwrap_or(0).saturating_mul(1_000_000)
}

fn instant(nanoseconds: u64) -> Val {
    let seconds = Val::U64(nanoseconds / 1_000_000_000);
    Val::Record(vec![("seconds".into(), seconds), ("nanoseconds".into(), Val::U32((nanoseconds % 1_000_000_000) as u32))])
}
