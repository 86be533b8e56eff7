//! What never ends, wherever the host lets the guest run: in the hook, while values are passed, when its result was read, in `configure`,
//! when it starts.

use crate::case::{Case, Expect};
use crate::guest::Guest;
use domain::decision::Stage;

const FOREVER: &str = "(loop $l (br $l))";
const STOPPED: Expect = Expect::Refused("cannot be configured: took longer than its deadline");

/// One case each.
pub fn cases() -> Vec<Case> {
    let in_hook = [
        ("plain", FOREVER, ""),
        ("counting", "(loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $l))", ""),
        (
            "writing",
            "(loop $l (i32.store (i32.and (local.get $i) (i32.const 65528)) (local.get $i)) (local.set $i (i32.add (local.get $i) (i32.const 8))) (br $l))",
            "",
        ),
        ("dividing", "(loop $l (local.set $n (i64.div_s (i64.const -9223372036854775807) (i64.const 3))) (br $l))", ""),
        ("floating", "(loop $l (drop (f64.sqrt (f64.div (f64.const 1) (f64.const 3)))) (br $l))", ""),
        ("vectors", "(loop $l (drop (i32x4.mul (v128.const i32x4 1 2 3 4) (v128.const i32x4 5 6 7 8))) (br $l))", ""),
        ("br_table", "(block $out (loop $l (br_table $l $l $l (local.get $i))))", ""),
        ("nested", "(loop $a (loop $b (loop $c (br_if $c (i32.eqz (i32.const 0))) (br $b)) (br $a)) (br $a))", ""),
        ("calling", "(loop $l (call $nothing) (br $l))", "(func $nothing)"),
        (
            "calling_indirectly",
            "(loop $l (call_indirect (type $t) (i32.const 0)) (br $l))",
            "(type $t (func)) (table 1 1 funcref) (elem (i32.const 0) $nothing) (func $nothing)",
        ),
        (
            "fibonacci",
            "(drop (call $fib (i64.const 90)))",
            "(func $fib (param $n i64) (result i64) (if (result i64) (i64.lt_u (local.get $n) (i64.const 2)) (then (local.get $n)) (else (i64.add (call $fib (i64.sub (local.get $n) (i64.const 1))) (call $fib (i64.sub (local.get $n) (i64.const 2)))))))",
        ),
        (
            "ping_pong",
            "(call $ping (i64.const 0))",
            "(func $ping (param i64) (loop $l (call $pong) (br $l))) (func $pong (local i32) (local.set 0 (i32.const 1)))",
        ),
        (
            "memory_fill",
            "(drop (memory.grow (i32.const 128))) (loop $l (memory.fill (i32.const 4096) (i32.const 7) (i32.const 8000000)) (br $l))",
            "",
        ),
        (
            "memory_copy",
            "(drop (memory.grow (i32.const 128))) (loop $l (memory.copy (i32.const 4096) (i32.const 4000000) (i32.const 4000000)) (br $l))",
            "",
        ),
        ("memory_grow_by_nothing", "(loop $l (drop (memory.grow (i32.const 0))) (br $l))", ""),
        ("table_fill", "(loop $l (table.fill (i32.const 0) (ref.null func) (i32.const 10000)) (br $l))", "(table 10000 10000 funcref)"),
        ("table_grow_by_nothing", "(loop $l (drop (table.grow (ref.null func) (i32.const 0))) (br $l))", "(table 1 funcref)"),
        ("memory_init", "(loop $l (memory.init $d (i32.const 4096) (i32.const 0) (i32.const 5)) (br $l))", "(data $d \"hello\")"),
        ("own_realloc", "(loop $l (drop (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0))) (br $l))", ""),
        ("from_the_second_call", "(if (i32.gt_u (global.get $calls) (i32.const 1)) (then (loop $l (br $l))))", ""),
    ];
    let mut cases: Vec<Case> = in_hook
        .iter()
        .map(|(name, body, fields)| Guest::new(format!("loop/{name}")).fields(*fields).then_keep(body).case(Expect::Deadline))
        .collect();
    let fault = |name: &str| Guest::new(format!("loop/{name}"));
    cases.extend([
        fault("in_realloc").realloc(format!("{FOREVER} (i32.const 0)")).case(STOPPED),
        fault("in_realloc_from_the_first_call")
            .realloc("(if (i32.gt_u (global.get $next) (i32.const 4200)) (then (loop $l (br $l)))) (global.set $next (i32.add (global.get $next) (i32.const 128))) (i32.sub (global.get $next) (i32.const 128))")
            .asking("reads = [\"summary\", \"labels.*\"]")
            .case(Expect::Deadline),
        fault("in_post_return").post(FOREVER).case(Expect::Deadline),
        fault("in_configure").configure(FOREVER).case(STOPPED),
        fault("in_configures_post_return").post_configure(FOREVER).case(STOPPED),
        fault("at_start").fields("(start $forever) (func $forever (loop $l (br $l)))").case(STOPPED),
        fault("at_start_by_calls").fields("(start $forever) (func $one) (func $forever (loop $l (call $one) (br $l)))").case(STOPPED),
        fault("in_enrich").at(Stage::Enrich).run(format!("{FOREVER} (i32.const 128)")).case(Expect::Deadline),
        fault("in_normalize").at(Stage::Normalize).run(format!("{FOREVER} (i32.const 128)")).case(Expect::Deadline),
        fault("in_dedupe").at(Stage::Dedupe).run(format!("{FOREVER} (i32.const 128)")).case(Expect::Deadline),
        fault("per_call").asking("isolation = \"per-call\"").then_keep(FOREVER).case(Expect::Deadline),
    ]);
    cases
}
