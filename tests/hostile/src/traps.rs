//! What ends badly: each kind of trap, wherever the guest can be when it happens, and recursion of every shape.

use crate::case::{Case, Expect};
use crate::guest::Guest;
use domain::decision::Stage;

/// One case each.
pub fn cases() -> Vec<Case> {
    let in_hook = [
        ("unreachable", "unreachable", "unreachable", ""),
        ("divide_by_zero", "(drop (i32.div_s (i32.const 1) (i32.const 0)))", "divide by zero", ""),
        ("remainder_by_zero", "(drop (i64.rem_u (i64.const 1) (i64.const 0)))", "divide by zero", ""),
        ("overflow", "(drop (i32.div_s (i32.const -2147483648) (i32.const -1)))", "overflow", ""),
        ("not_a_number", "(drop (i32.trunc_f64_s (f64.const nan)))", "conversion", ""),
        ("too_large_a_number", "(drop (i32.trunc_f64_s (f64.const 1e300)))", "overflow", ""),
        ("load_beyond", "(drop (i32.load (i32.const -4)))", "out of bounds", ""),
        ("load_with_a_far_offset", "(drop (i64.load offset=4294967295 (i32.const -1)))", "out of bounds", ""),
        ("store_beyond", "(i64.store (i32.const 2147483647) (i64.const 1))", "out of bounds", ""),
        ("fill_beyond", "(memory.fill (i32.const 0) (i32.const 1) (i32.const -1))", "out of bounds", ""),
        ("copy_beyond", "(memory.copy (i32.const 0) (i32.const 65000) (i32.const 65000))", "out of bounds", ""),
        ("init_beyond", "(memory.init $d (i32.const 0) (i32.const 3) (i32.const 9))", "out of bounds", "(data $d \"abc\")"),
        (
            "init_after_drop",
            "(data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))",
            "out of bounds",
            "(data $d \"abc\")",
        ),
        ("call_of_nothing", "(call_indirect (type $t) (i32.const 0))", "uninitialized", "(type $t (func)) (table 1 1 funcref)"),
        ("call_beyond_the_table", "(call_indirect (type $t) (i32.const 99))", "out of bounds", "(type $t (func)) (table 1 1 funcref)"),
        (
            "call_of_another_type",
            "(drop (call_indirect (type $t) (i32.const 0)))",
            "mismatch",
            "(type $t (func (result i32))) (table 1 1 funcref) (elem (i32.const 0) $f) (func $f)",
        ),
        ("table_get_beyond", "(drop (table.get 0 (i32.const 7)))", "out of bounds", "(table 1 1 funcref)"),
        (
            "table_init_beyond",
            "(table.init $e (i32.const 0) (i32.const 0) (i32.const 5))",
            "out of bounds",
            "(table 9 9 funcref) (elem $e func $f) (func $f)",
        ),
        ("recursion", "(call $down)", "stack", "(func $down (call $down))"),
        (
            "recursion_that_returns",
            "(drop (call $down (i32.const 1)))",
            "stack",
            "(func $down (param i32) (result i32) (i32.add (call $down (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))",
        ),
        ("mutual_recursion", "(call $a)", "stack", "(func $a (call $b)) (func $b (call $a))"),
        (
            "recursion_through_a_table",
            "(call_indirect (type $t) (i32.const 0))",
            "stack",
            "(type $t (func)) (table 1 1 funcref) (elem (i32.const 0) $f) (func $f (call_indirect (type $t) (i32.const 0)))",
        ),
        ("recursion_of_the_hook", "(drop (call $run (i32.const 0)))", "stack", ""),
        ("recursion_of_configure", "(drop (call $configure (i32.const 0) (i32.const 0))) (drop (call $run (i32.const 0)))", "stack", ""),
    ];
    let mut cases: Vec<Case> = in_hook
        .iter()
        .map(|(name, body, words, fields)| Guest::new(format!("trap/{name}")).fields(*fields).then_keep(body).case(Expect::Trapped(words)))
        .collect();
    let fault = |name: &str| Guest::new(format!("trap/{name}"));
    // So many locals that live across the call make a frame of 16 KB.
    let wide = " i64".repeat(2000);
    let each = |what: fn(usize) -> String| (0..2000).map(what).collect::<Vec<_>>().join(" ");
    let used = each(|at| format!("(local.set {at} (i64.add (local.get {at}) (i64.const {at})))"));
    let kept = each(|at| format!("(drop (local.get {at}))"));
    let refused = Expect::Refused("cannot be configured: trapped");
    let logs = |guest: Guest| guest.imports("log", "write", "log", "(param i32 i32 i32 i32 i32)");
    cases.extend([
        fault("recursion_of_wide_frames")
            .fields(format!("(func $down (local{wide}) {used} (call $down) {kept})"))
            .then_keep("(call $down)")
            .case(Expect::Trapped("stack")),
        fault("in_configure").configure("unreachable").case(refused),
        fault("recursion_in_configure").fields("(func $down (call $down))").configure("(call $down)").case(refused),
        fault("in_configures_post_return").post_configure("unreachable").case(refused),
        fault("at_start").fields("(start $trap) (func $trap unreachable)").case(refused),
        fault("recursion_at_start").fields("(start $down) (func $down (call $down))").case(refused),
        fault("a_data_segment_beyond").fields("(data (i32.const 65530) \"too far away\")").case(refused),
        fault("an_element_segment_beyond").fields("(table 1 1 funcref) (elem (i32.const 3) $f) (func $f)").case(refused),
        fault("in_realloc").realloc("unreachable").case(refused),
        fault("in_post_return").post("unreachable").case(Expect::Trapped("unreachable")),
        fault("from_the_second_call")
            .then_keep("(if (i32.gt_u (global.get $calls) (i32.const 1)) (then unreachable))")
            .case(Expect::Trapped("unreachable")),
        fault("per_call").asking("isolation = \"per-call\"").then_keep("unreachable").case(Expect::Trapped("unreachable")),
        fault("in_enrich").at(Stage::Enrich).run("unreachable").case(Expect::Trapped("unreachable")),
        fault("in_normalize").at(Stage::Normalize).run("unreachable").case(Expect::Trapped("unreachable")),
        logs(fault("after_a_host_call"))
            .fields("(data (i32.const 512) \"help\")")
            .then_keep("(call $log (i32.const 1) (i32.const 512) (i32.const 4) (i32.const 0) (i32.const 0)) unreachable")
            .case(Expect::Trapped("unreachable")),
        logs(fault("calls_out_while_values_are_passed"))
            .realloc("(call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 4096)")
            .case(Expect::Refused("cannot leave")),
        logs(fault("calls_out_when_its_result_was_read"))
            .post("(call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))")
            .case(Expect::Trapped("cannot leave")),
        logs(fault("calls_out_at_start"))
            .fields("(start $go) (func $go (call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))")
            .case(Expect::Bounded),
    ]);
    cases
}
