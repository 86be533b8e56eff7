//! Generated cases: core modules by `wasm-smith` behind the filter world's surface, with the imports of the contract, and whole components.

use crate::case::{Case, Expect};
use crate::guest::{CONTRACT, Guest};
use anyhow::{Context, Result};
use arbitrary::Unstructured;
use wasm_smith::{Component, Config, Module};

/// Bytes that a generator decides by.
const ENTROPY_BYTES: usize = 24 * 1024;

/// From `first` on.
pub fn cases(first: u64, modules: u64, components: u64) -> Vec<Case> {
    let modules = (first..first + modules).map(|seed| Case::built(format!("smith/module_{seed}"), module(seed), Expect::Bounded));
    let components =
        (first..first + components).map(|seed| Case::new(format!("smith/component_{seed}"), component(seed), Expect::Refused("")));
    modules.chain(components).collect()
}

/// The same bytes for the same seed (splitmix64).
fn entropy(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    std::iter::repeat_with(next).flat_map(u64::to_le_bytes).take(ENTROPY_BYTES).collect()
}

/// What the sandbox's engine knows; every fifth seed takes all proposals, which it refuses.
fn config(seed: u64) -> Config {
    let mut config =
        Config { max_instructions: 400, max_funcs: 30, max_memories: 1, max_tables: 1, max_memory32_bytes: 1 << 26, ..Config::default() };
    if seed % 5 != 4 {
        config.gc_enabled = false;
        config.exceptions_enabled = false;
        config.memory64_enabled = false;
        config.threads_enabled = false;
        config.tail_call_enabled = false;
        config.relaxed_simd_enabled = false;
        config.wide_arithmetic_enabled = false;
        config.compact_imports_enabled = false;
        config.max_tags = 0;
    }
    config
}

/// Random code behind `run` and `cabi_realloc`; `configure` is ours, so that the random part is reached.
fn module(seed: u64) -> Result<Vec<u8>> {
    let package = |interface: &str| format!("reveille:plugin/{interface}@{CONTRACT}");
    let shape = format!(
        "(module (memory (export \"memory\") 1 512)
           (func (export \"{}#run\") (param i32) (result i32) unreachable)
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable))",
        package("filter")
    );
    let imports = format!(
        "(module (import \"{0}\" \"write\" (func (param i32 i32 i32 i32 i32)))
           (import \"{1}\" \"names\" (func (param i32))) (import \"{1}\" \"read\" (func (param i32 i32 i32 i32 i32))))",
        package("log"),
        package("assets")
    );
    let mut config = config(seed);
    config.exports = Some(wat::parse_str(shape)?);
    config.available_imports = Some(wat::parse_str(imports)?);
    let entropy = entropy(seed);
    let random = Module::new(config, &mut Unstructured::new(&entropy)).context("make a module")?.to_bytes();
    let printed = wasmprinter::print_bytes(random)?;
    let end = printed.trim_end().strip_suffix(')').context("a module's text ends with `)`")?;
    let configure = format!(
        "(func (export \"{}#configure\") (param i32 i32) (result i32)
           (memory.fill (i32.const 64) (i32.const 0) (i32.const 16)) (i32.const 64))",
        package("lifecycle")
    );
    // The text passes to `configure` through a `cabi_realloc` that decides at random, so most are refused there: ours stands in its place
    // on even seeds.
    let (end, realloc) = if seed.is_multiple_of(2) {
        let ours = "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 4096))";
        (end.replace("(export \"cabi_realloc\"", "(export \"their_realloc\""), ours)
    } else {
        (end.to_owned(), "")
    };
    let text = format!("{end}\n{configure}\n{realloc})");
    let bytes = wat::parse_str(&text)?;
    Guest::new(format!("smith/{seed}")).wrap(bytes)
}

fn component(seed: u64) -> Vec<u8> {
    let entropy = entropy(seed);
    Component::new(config(seed), &mut Unstructured::new(&entropy)).expect("a component from so much entropy").to_bytes()
}
