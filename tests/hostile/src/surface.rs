//! What a component says that it needs and offers: what no plugin gets, what was not granted, other versions, types that are not the
//! contract's, names that are none.

use crate::case::{Case, Expect};
use crate::guest::{CONTRACT, Guest};
use domain::decision::Stage;

/// A guest that imports a function of another package, and calls it.
fn asks(name: &str, package: &str, interface: &str, body: &str, signature: &str) -> Guest {
    let (space, version) = package.split_once('@').expect("a package has a version");
    let packages = format!("package {package} {{ interface {interface} {{ {body} }} }}");
    let world = format!("import {space}/{interface}@{version};");
    let function = body.rsplit_once(": func").map_or("x", |(before, _)| before.rsplit(' ').next().unwrap_or("x"));
    let import = format!("(import \"{space}/{interface}@{version}\" \"{function}\" (func $other {signature}))");
    Guest::new(format!("surface/{name}")).imports_from(&packages, &world, &import).then_keep("(call $other)")
}

/// One case each.
pub fn cases() -> Vec<Case> {
    let mut cases = outside();
    cases.extend(lies());
    cases.extend(contract());
    cases.extend(names());
    cases
}

fn outside() -> Vec<Case> {
    let refused = Expect::Refused("which no plugin gets");
    let asked = |name: &str, package: &str, interface: &str| asks(name, package, interface, "go: func();", "").case(refused);
    vec![
        asked("sockets_tcp", "wasi:sockets@0.2.6", "tcp"),
        asked("sockets_udp", "wasi:sockets@0.2.6", "udp"),
        asked("sockets_names", "wasi:sockets@0.2.6", "ip-name-lookup"),
        asked("http_out", "wasi:http@0.2.6", "outgoing-handler"),
        asked("http_types", "wasi:http@0.2.6", "types"),
        asked("key_value", "wasi:keyvalue@0.2.0", "store"),
        asked("neural", "wasi:nn@0.2.0", "inference"),
        asked("threads", "wasi:threads@0.1.0", "spawn"),
        asked("somebody_elses", "evil:tools@1.0.0", "shell"),
        asked("nearly_ours", "reveille:plugins@1.0.0", "log"),
        asked("nearly_wasi", "wasi:clis@0.2.6", "run"),
        asks("an_unknown_function_of_wasi", "wasi:cli@0.2.6", "evil", "go: func();", "")
            .case(Expect::Trapped("a plugin has no files, sockets or programs")),
        asks("a_file_by_name", "wasi:filesystem@0.2.6", "types", "open: func(path: string) -> u32;", "(param i32 i32) (result i32)")
            .then_keep("(drop (call $other (i32.const 0) (i32.const 0)))")
            .case(Expect::Trapped("no files")),
    ]
}

/// Functions of WASI with types that WASI never had: the host answers them by their declared types.
fn lies() -> Vec<Case> {
    let lie = |name: &str, package: &str, interface: &str, body: &str, signature: &str, call: &str| {
        asks(&format!("lie_{name}"), package, interface, body, signature).then_keep(call).case(Expect::Trapped(""))
    };
    let (random, cli, clocks, io) = ("wasi:random@0.2.6", "wasi:cli@0.2.6", "wasi:clocks@0.2.6", "wasi:io@0.2.6");
    let deep = format!("insecure-seed: func(x: {}u8{}) -> u8;", "list<".repeat(80), ">".repeat(80));
    vec![
        lie("seed_as_text", random, "insecure-seed", "insecure-seed: func() -> string;", "(param i32)", "(call $other (i32.const 256))"),
        lie("seed_as_number", random, "insecure-seed", "insecure-seed: func() -> u8;", "(result i32)", "(drop (call $other))"),
        lie("seed_as_nothing", random, "insecure-seed", "insecure-seed: func();", "", "(call $other)"),
        lie("time_as_list", clocks, "monotonic-clock", "now: func() -> list<u64>;", "(param i32)", "(call $other (i32.const 256))"),
        lie("wall_as_number", clocks, "wall-clock", "now: func() -> u64;", "(result i64)", "(drop (call $other))"),
        lie(
            "arguments_as_record",
            cli,
            "environment",
            "record r { a: u32 } get-arguments: func() -> r;",
            "(result i32)",
            "(drop (call $other))",
        ),
        lie("stdout_as_number", cli, "stdout", "get-stdout: func() -> u32;", "(result i32)", "(drop (call $other))"),
        lie(
            "terminal_as_flags",
            cli,
            "terminal-stdin",
            "flags f { a, b } get-terminal-stdin: func() -> f;",
            "(result i32)",
            "(drop (call $other))",
        ),
        lie(
            "bytes_of_a_text",
            random,
            "random",
            "get-random-bytes: func(many: string) -> list<u8>;",
            "(param i32 i32 i32)",
            "(call $other (i32.const 0) (i32.const 0) (i32.const 256))",
        ),
        lie("bytes_of_nothing", random, "random", "get-random-bytes: func() -> list<u8>;", "(param i32)", "(call $other (i32.const 256))"),
        lie(
            "preopens_as_text",
            "wasi:filesystem@0.2.6",
            "preopens",
            "get-directories: func() -> string;",
            "(param i32)",
            "(call $other (i32.const 256))",
        ),
        lie("poll_as_number", io, "poll", "poll: func(x: u64) -> u64;", "(param i64) (result i64)", "(drop (call $other (i64.const 1)))"),
        lie(
            "deep_parameters",
            random,
            "insecure-seed",
            &deep,
            "(param i32 i32) (result i32)",
            "(drop (call $other (i32.const 0) (i32.const 0)))",
        ),
        lie(
            "wide_parameters",
            random,
            "insecure-seed",
            "insecure-seed: func(x: list<tuple<u8, u8, u8, u8, u8, u8, u8, u8>>) -> u8;",
            "(param i32 i32) (result i32)",
            "(drop (memory.grow (i32.const 150))) (drop (call $other (i32.const 0) (i32.const 1000000)))",
        ),
        lie(
            "list_of_lists",
            random,
            "insecure-seed",
            "insecure-seed: func(x: list<list<list<string>>>) -> u8;",
            "(param i32 i32) (result i32)",
            "(drop (memory.grow (i32.const 150))) (drop (call $other (i32.const 4096) (i32.const 900000)))",
        ),
    ]
}

fn contract() -> Vec<Case> {
    let fault = |name: &str| Guest::new(format!("contract/{name}"));
    let elsewhere = |name: &str, package: &str, interface: &str, body: &str, signature: &str| {
        asks(name, package, interface, body, signature).then_keep("")
    };
    let interface = |name: &str| format!("reveille:plugin/{name}@{CONTRACT}");
    vec![
        elsewhere("another_version", "reveille:plugin@9.0.0", "log", "go: func();", "")
            .case(Expect::Refused("was built for another contract")),
        fault("keys_for_a_filter")
            .imports_from(
                "",
                &format!("import {};", interface("keys")),
                &format!("(import \"{}\" \"sign\" (func $s (param i32 i32 i32 i32 i32 i32 i32)))", interface("keys")),
            )
            .asking("keys = [\"*\"]")
            .case(Expect::Refused("may not have")),
        fault("lookup_undeclared").imports("lookup", "find", "find", "(param i32 i32 i32 i32 i32)").case(Expect::Refused("names none")),
        fault("lookup_not_granted")
            .imports("lookup", "find", "find", "(param i32 i32 i32 i32 i32)")
            .asking("lookups = [\"salaries\"]")
            .case(Expect::Refused("salaries")),
        fault("keys_not_granted")
            .at(Stage::Normalize)
            .imports("keys", "sign", "sign", "(param i32 i32 i32 i32 i32 i32 i32)")
            .asking("keys = [\"root\"]")
            .case(Expect::Refused("root")),
        fault("more_memory_than_the_host_gives").asking("limits = { memory = \"4GiB\" }").case(Expect::Refused("memory")),
        fault("more_time_than_the_host_gives").asking("limits = { deadline = \"3600s\" }").case(Expect::Refused("deadline")),
        fault("another_hook_than_it_says")
            .at(Stage::Enrich)
            .case(Expect::Refused("exports only enrich"))
            .at(Stage::Filter)
            .asking("hooks = [\"filter\"]"),
        text("without_lifecycle", "(component (core module $m))", Expect::Refused("does not export `lifecycle`")),
        text(
            "with_a_lifecycle_that_is_none",
            &format!(
                "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) (func $f (canon lift (core func $i \"f\"))) (instance $l (export \"configure\" (func $f))) (export \"{}\" (instance $l)) (export \"{}\" (instance $l)))",
                interface("lifecycle"),
                interface("filter")
            ),
            Expect::Refused("does not fit"),
        ),
        text(
            "with_functions_for_interfaces",
            &format!(
                "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) (func $f (canon lift (core func $i \"f\"))) (export \"{}\" (func $f)) (export \"{}\" (func $f)))",
                interface("lifecycle"),
                interface("filter")
            ),
            Expect::Refused(""),
        ),
        text("imports_a_component", "(component (import \"wasi:cli/x@0.2.0\" (component)))", Expect::Refused("")),
        text("imports_a_module", "(component (import \"m\" (core module)))", Expect::Refused("")),
        text("imports_a_function", "(component (import \"f\" (func)))", Expect::Refused("")),
        text("imports_a_type", "(component (import \"t\" (type (sub resource))))", Expect::Refused("")),
    ]
}

/// A component in text.
fn text(name: &str, text: &str, expect: Expect) -> Case {
    Case::built(format!("contract/{name}"), wat::parse_str(text).map_err(Into::into), expect)
}

/// Names are read before anything is checked: a component of one import with this name.
fn named(name: &str, import: &[u8]) -> Case {
    // component · type section: one function type without parameters and results · import section
    let mut bytes = b"\0asm\x0d\0\x01\0\x07\x05\x01\x40\0\x01\0".to_vec();
    let mut section = vec![1, 0];
    leb(&mut section, import.len());
    section.extend_from_slice(import);
    section.extend_from_slice(&[1, 0]);
    bytes.push(10);
    leb(&mut bytes, section.len());
    bytes.extend(section);
    Case::new(format!("name/{name}"), bytes, Expect::Refused(""))
}

/// An unsigned number as WebAssembly writes it.
pub fn leb(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn names() -> Vec<Case> {
    vec![
        named("of_no_text", b"\xff\xfe"),
        named("empty", b""),
        named("with_orders_for_a_terminal", b"\x1b[2J\x1b]0;owned\x07"),
        named("with_line_ends", b"fine\nlevel=error msg=\"all is lost\""),
        named("of_90_kb", &[b'a'; 90_000]),
        named("of_200_kb", &[b'a'; 200_000]),
        named("of_a_version_of_90_kb", &[b"reveille:plugin/log@".as_slice(), &[b'9'; 90_000]].concat()),
        named("upwards", b"../../../../etc/passwd"),
    ]
}
