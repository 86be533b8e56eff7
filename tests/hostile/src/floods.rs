//! What calls the host again and again, or with too much at once: log lines, tables, assets, keys, print, clocks, handles.

use crate::case::{Case, Expect};
use crate::guest::Guest;
use domain::decision::Stage;

const LOOKUPS: &str = "lookups = [\"hosts\"]";
const WASI: &str = "
package wasi:io@0.2.6 {
  interface error { resource error; }
  interface poll { resource pollable { ready: func() -> bool; block: func(); } poll: func(in: list<borrow<pollable>>) -> list<u32>; }
  interface streams {
    use error.{error}; use poll.{pollable};
    variant stream-error { last-operation-failed(error), closed }
    resource output-stream { write: func(contents: list<u8>) -> result<_, stream-error>; check-write: func() -> result<u64, stream-error>; subscribe: func() -> pollable; }
  }
}
package wasi:clocks@0.2.6 { interface monotonic-clock { use wasi:io/poll@0.2.6.{pollable}; now: func() -> u64; subscribe-duration: func(when: u64) -> pollable; } }
package wasi:random@0.2.6 { interface random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; } }
package wasi:cli@0.2.6 {
  interface stdout { use wasi:io/streams@0.2.6.{output-stream}; get-stdout: func() -> output-stream; }
  interface exit { exit: func(status: result); }
  interface environment { get-arguments: func() -> list<string>; }
}
package wasi:filesystem@0.2.6 {
  interface types { resource descriptor { read: func(length: u64, offset: u64) -> result<tuple<list<u8>, bool>, u8>; } remove: func(path: string) -> bool; }
  interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }
}";

/// A guest with an import of WASI: interface, function, core signature; called `$wasi`.
fn wasi(name: &str, interfaces: &[&str], imports: &[(&str, &str, &str, &str)]) -> Guest {
    let world = interfaces.iter().map(|interface| format!("import wasi:{interface}@0.2.6;")).collect::<Vec<_>>().join(" ");
    let import = |(interface, function, id, signature): &(&str, &str, &str, &str)| {
        format!("(import \"wasi:{interface}@0.2.6\" \"{function}\" (func ${id} {signature}))")
    };
    let imports = imports.iter().map(import).collect::<Vec<_>>().join("\n");
    Guest::new(format!("flood/{name}")).imports_from(WASI, &world, &imports)
}

/// One case each.
pub fn cases() -> Vec<Case> {
    let mut cases = logs();
    cases.extend(tables_and_keys());
    cases.extend(runtimes());
    cases.extend(handles());
    cases
}

fn logs() -> Vec<Case> {
    let fault = |name: &str| Guest::new(format!("log/{name}")).imports("log", "write", "log", "(param i32 i32 i32 i32 i32)");
    let write = |level: i64, at: i64, length: i64, fields: i64, count: i64| {
        format!("(call $log (i32.const {level}) (i32.const {at}) (i32.const {length}) (i32.const {fields}) (i32.const {count}))")
    };
    let forever = |what: &str| format!("(loop $l {what} (br $l))");
    let grow = "(if (i32.lt_u (memory.size) (i32.const 120)) (then (drop (memory.grow (i32.const 120))) (memory.fill (i32.const 65536) (i32.const 97) (i32.const 7000000))))";
    vec![
        fault("without_end").then_keep(forever(&write(1, 512, 9, 0, 0))).case(Expect::Deadline),
        fault("of_long_lines_without_end").then_keep(format!("{grow} {}", forever(&write(3, 65536, 500_000, 0, 0)))).case(Expect::Bounded),
        fault("of_40_lines").then_keep(write(1, 512, 9, 0, 0).repeat(40)).case(Expect::Harmless),
        fault("of_a_line_of_7_mib").then_keep(format!("{grow} {}", write(1, 65536, 7_000_000, 0, 0))).case(Expect::Bounded),
        fault("of_a_line_of_100_kib").then_keep(format!("{grow} {}", write(1, 65536, 100_000, 0, 0))).case(Expect::Harmless),
        fault("beyond_memory").then_keep(write(1, -16, 64, 0, 0)).case(Expect::Trapped("")),
        fault("of_no_text")
            .fields("(data (i32.const 512) \"\\ff\\fe\\fd\")")
            .then_keep(write(1, 512, 3, 0, 0))
            .case(Expect::Trapped("utf-8")),
        fault("at_no_such_level").then_keep(write(9, 512, 3, 0, 0)).case(Expect::Trapped("")),
        fault("with_a_million_fields")
            .then_keep(format!("(drop (memory.grow (i32.const 250))) {}", write(1, 512, 3, 65536, 1_000_000)))
            .case(Expect::Trapped("")),
        fault("with_fields_beyond_memory").then_keep(write(1, 512, 3, -64, 40)).case(Expect::Trapped("")),
        fault("with_fields_misaligned").then_keep(write(1, 512, 3, 513, 1)).case(Expect::Trapped("align")),
        fault("in_configure").configure(forever(&write(1, 512, 9, 0, 0))).case(Expect::Refused("took longer than its deadline")),
        fault("before_a_trap").then_keep(format!("{} unreachable", write(3, 512, 9, 0, 0).repeat(40))).case(Expect::Trapped("unreachable")),
    ]
}

fn tables_and_keys() -> Vec<Case> {
    let find = |name: &str| {
        Guest::new(format!("lookup/{name}"))
            .imports("lookup", "find", "find", "(param i32 i32 i32 i32 i32)")
            .fields("(data (i32.const 512) \"hosts\") (data (i32.const 600) \"salaries\")")
            .asking(LOOKUPS)
    };
    let ask = "(call $find (i32.const 512) (i32.const 5) (i32.const 512) (i32.const 5) (i32.const 256))";
    let sign = |name: &str| {
        Guest::new(format!("keys/{name}"))
            .at(Stage::Normalize)
            .imports("keys", "sign", "sign", "(param i32 i32 i32 i32 i32 i32 i32)")
            .fields("(data (i32.const 512) \"hook\") (data (i32.const 600) \"other\") (data (i32.const 700) \"hmac-sha256\")")
            .asking("keys = [\"*\"]")
    };
    let asset = |name: &str| Guest::new(format!("assets/{name}")).imports("assets", "read", "read", "(param i32 i32 i32 i32 i32)");
    vec![
        find("without_end").then_keep(format!("(loop $l {ask} (br $l))")).case(Expect::Deadline),
        find("of_another_table").then_keep("(call $find (i32.const 600) (i32.const 8) (i32.const 512) (i32.const 5) (i32.const 256))").case(Expect::Trapped("not declared")),
        find("of_a_key_of_10_mib").then_keep("(drop (memory.grow (i32.const 200))) (call $find (i32.const 512) (i32.const 5) (i32.const 65536) (i32.const 10000000) (i32.const 256))").case(Expect::Trapped("")),
        find("answered_beyond_memory").then_keep("(call $find (i32.const 512) (i32.const 5) (i32.const 512) (i32.const 5) (i32.const -4))").case(Expect::Trapped("")),
        find("answered_misaligned").then_keep("(call $find (i32.const 512) (i32.const 5) (i32.const 512) (i32.const 5) (i32.const 257))").case(Expect::Trapped("align")),
        sign("without_end").then_keep("(loop $l (call $sign (i32.const 512) (i32.const 4) (i32.const 700) (i32.const 11) (i32.const 0) (i32.const 65000) (i32.const 256)) (global.set $next (i32.const 4096)) (br $l))").case(Expect::Deadline),
        sign("of_14_mib_without_end").then_keep("(drop (memory.grow (i32.const 230))) (loop $l (call $sign (i32.const 512) (i32.const 4) (i32.const 700) (i32.const 11) (i32.const 0) (i32.const 14000000) (i32.const 256)) (global.set $next (i32.const 4096)) (br $l))").case(Expect::Deadline),
        sign("with_another_key").then_keep("(call $sign (i32.const 600) (i32.const 5) (i32.const 700) (i32.const 11) (i32.const 0) (i32.const 9) (i32.const 256))").case(Expect::Trapped("not granted")),
        sign("with_no_such_algorithm").then_keep("(call $sign (i32.const 512) (i32.const 4) (i32.const 600) (i32.const 5) (i32.const 0) (i32.const 9) (i32.const 256))").case(Expect::Harmless),
        asset("without_end").then_keep("(loop $l (call $read (i32.const 512) (i32.const 5) (i32.const 0) (i32.const -1) (i32.const 256)) (br $l))").case(Expect::Deadline),
        asset("named_upwards").fields("(data (i32.const 512) \"../../../etc/passwd\")").then_keep("(call $read (i32.const 512) (i32.const 19) (i32.const 0) (i32.const 99) (i32.const 256)) (if (i32.load8_u (i32.const 256)) (then unreachable))").case(Expect::Harmless),
    ]
}

fn runtimes() -> Vec<Case> {
    let io: &[&str] = &["io/poll", "io/streams", "cli/stdout"];
    let out = ("cli/stdout", "get-stdout", "out", "(result i32)");
    let write = ("io/streams", "[method]output-stream.write", "write", "(param i32 i32 i32 i32)");
    let grow = "(drop (memory.grow (i32.const 130)))";
    vec![
        wasi("print_without_end", io, &[out, write]).then_keep("(local.set $i (call $out)) (loop $l (call $write (local.get $i) (i32.const 4096) (i32.const 4096) (i32.const 256)) (br $l))").case(Expect::Deadline),
        wasi("print_of_8_mib", io, &[out, write]).then_keep(format!("{grow} (call $write (call $out) (i32.const 65536) (i32.const 8000000) (i32.const 256))")).case(Expect::Trapped("")),
        wasi("print_of_200_kib", io, &[out, write]).then_keep(format!("{grow} (call $write (call $out) (i32.const 65536) (i32.const 200000) (i32.const 256))")).case(Expect::Bounded),
        wasi("print_to_no_stream", io, &[out, write]).then_keep("(call $write (i32.const 12345) (i32.const 0) (i32.const 9) (i32.const 256))").case(Expect::Trapped("")),
        wasi("exit", &["cli/exit"], &[("cli/exit", "exit", "exit", "(param i32)")]).then_keep("(call $exit (i32.const 0))").case(Expect::Trapped("called exit")),
        wasi("sleep", &["io/poll", "clocks/monotonic-clock"], &[("clocks/monotonic-clock", "subscribe-duration", "in", "(param i64) (result i32)"), ("io/poll", "[method]pollable.block", "block", "(param i32)")]).then_keep("(call $block (call $in (i64.const 3600000000000)))").case(Expect::Trapped("waited")),
        wasi("sleep_in_configure", &["io/poll", "clocks/monotonic-clock"], &[("clocks/monotonic-clock", "subscribe-duration", "in", "(param i64) (result i32)"), ("io/poll", "[method]pollable.block", "block", "(param i32)")]).configure("(call $block (call $in (i64.const 3600000000000)))").case(Expect::Refused("waited")),
        wasi("poll_of_nothing", &["io/poll"], &[("io/poll", "poll", "poll", "(param i32 i32 i32)")]).then_keep("(call $poll (i32.const 0) (i32.const 0) (i32.const 256))").case(Expect::Trapped("waited")),
        wasi("ready_without_end", &["io/poll", "clocks/monotonic-clock"], &[("clocks/monotonic-clock", "subscribe-duration", "in", "(param i64) (result i32)"), ("io/poll", "[method]pollable.ready", "ready", "(param i32) (result i32)")]).then_keep("(local.set $i (call $in (i64.const 1))) (loop $l (drop (call $ready (local.get $i))) (br $l))").case(Expect::Deadline),
        wasi("clock_without_end", &["clocks/monotonic-clock"], &[("clocks/monotonic-clock", "now", "now", "(result i64)")]).then_keep("(loop $l (drop (call $now)) (br $l))").case(Expect::Deadline),
        wasi("random_when_warm", &["random/random"], &[("random/random", "get-random-u64", "draw", "(result i64)")]).then_keep("(drop (call $draw))").case(Expect::Trapped("per-call")),
        wasi("random_without_end", &["random/random"], &[("random/random", "get-random-u64", "draw", "(result i64)")]).asking("isolation = \"per-call\"").then_keep("(loop $l (drop (call $draw)) (br $l))").case(Expect::Deadline),
        wasi("random_of_4_gib", &["random/random"], &[("random/random", "get-random-bytes", "draw", "(param i64 i32)")]).asking("isolation = \"per-call\"").then_keep("(call $draw (i64.const -1) (i32.const 256))").case(Expect::Trapped("are the most")),
        wasi("file", &["filesystem/types"], &[("filesystem/types", "remove", "remove", "(param i32 i32) (result i32)")]).then_keep("(drop (call $remove (i32.const 0) (i32.const 4)))").case(Expect::Trapped("no files")),
        wasi("arguments_without_end", &["cli/environment"], &[("cli/environment", "get-arguments", "args", "(param i32)")]).then_keep("(loop $l (call $args (i32.const 256)) (br $l))").case(Expect::Deadline),
    ]
}

/// What a handle costs lies outside of the guest's memory.
fn handles() -> Vec<Case> {
    let own = "(import \"[export]hostile:guest/things\" \"[resource-new]thing\" (func $make (param i32) (result i32)))\n";
    let drop = "(import \"[export]hostile:guest/things\" \"[resource-drop]thing\" (func $let_go (param i32)))\n";
    let things = |name: &str, imports: &str| {
        Guest::new(format!("handles/{name}")).imports_from("interface things { resource thing { } }", "export things;", imports)
    };
    let so_many = |count: u32, what: &str| {
        format!(
            "(loop $l {what} (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const {count}))))"
        )
    };
    let out = |name: &str| wasi(name, &["io/poll", "io/streams", "cli/stdout"], &[("cli/stdout", "get-stdout", "out", "(result i32)")]);
    vec![
        things("of_its_own_without_end", own).then_keep("(loop $l (drop (call $make (i32.const 1))) (br $l))").case(Expect::Bounded),
        things("of_its_own_kept", own).then_keep(so_many(20_000, "(drop (call $make (i32.const 1)))")).case(Expect::Trapped("handle")),
        things("of_its_own_given_back", &format!("{own}{drop}"))
            .then_keep("(loop $l (call $let_go (call $make (i32.const 1))) (br $l))")
            .case(Expect::Deadline),
        things("given_back_twice", &format!("{own}{drop}"))
            .then_keep("(local.set $i (call $make (i32.const 1))) (call $let_go (local.get $i)) (call $let_go (local.get $i))")
            .case(Expect::Trapped("")),
        out("streams_without_end").then_keep("(loop $l (drop (call $out)) (br $l))").case(Expect::Bounded),
        out("streams_kept").then_keep(so_many(20_000, "(drop (call $out))")).case(Expect::Trapped("handle")),
    ]
}
