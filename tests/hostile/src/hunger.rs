//! What wants more than its share: memory, tables, instances, and everything of which a module can have many.

use crate::case::{Case, Expect};
use crate::guest::Guest;
use domain::decision::Stage;

/// Grows by pages of 64 KiB until it is refused, and writes to each page.
const DEVOUR: &str = "(loop $more
    (local.set $i (memory.grow (i32.const 1)))
    (if (i32.ne (local.get $i) (i32.const -1)) (then
      (i32.store (i32.mul (local.get $i) (i32.const 65536)) (i32.const 1)) (br $more))))";
/// Writes to each page up to so many.
fn touch(pages: u32) -> String {
    format!(
        "(drop (memory.grow (i32.sub (i32.const {pages}) (memory.size)))) (local.set $i (i32.const 1))
         (loop $next (memory.fill (i32.mul (local.get $i) (i32.const 65536)) (i32.const 255) (i32.const 65536))
           (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $next (i32.lt_u (local.get $i) (i32.const {pages}))))"
    )
}

/// One case each.
pub fn cases() -> Vec<Case> {
    let mut cases = memory();
    cases.extend(tables());
    cases.extend(many());
    cases
}

fn memory() -> Vec<Case> {
    let fault = |name: &str| Guest::new(format!("memory/{name}"));
    let over = Expect::Trapped("limits.memory is 16384 KiB");
    let refused = Expect::Refused("limits.memory is 16384 KiB");
    vec![
        fault("devoured").then_keep(DEVOUR).case(over),
        fault("grown_at_once").then_keep("(drop (memory.grow (i32.const 1000)))").case(over),
        fault("grown_by_4_gib").memory("1").then_keep("(drop (memory.grow (i32.const 65535)))").case(Expect::Bounded),
        fault("one_page_over").then_keep("(drop (memory.grow (i32.const 256)))").case(over),
        fault("to_the_last_page").then_keep(touch(256)).case(Expect::Harmless),
        fault("to_the_last_page_per_call").asking("isolation = \"per-call\"").then_keep(touch(256)).case(Expect::Harmless),
        fault("to_the_last_page_and_a_trap").run(format!("{} unreachable", touch(256))).case(Expect::Trapped("unreachable")),
        fault("to_the_last_page_and_a_loop").run(format!("{} (loop $l (br $l)) (i32.const 0)", touch(256))).case(Expect::Deadline),
        fault("hoarded")
            .then_keep("(drop (memory.grow (i32.const 30))) (memory.fill (i32.const 65536) (i32.const 3) (i32.const 1900000))")
            .case(Expect::Harmless),
        fault("grown_in_configure").configure(DEVOUR).case(refused),
        fault("grown_at_start").fields("(start $grow) (func $grow (drop (memory.grow (i32.const 512))))").case(refused),
        fault("large_from_the_start").memory("257 1024").case(refused),
        fault("4_gib_from_the_start").memory("65536 65536").case(Expect::Refused("")),
        fault("its_own_maximum")
            .memory("1 2")
            .then_keep("(if (i32.ne (memory.grow (i32.const 2)) (i32.const -1)) (then unreachable))")
            .case(Expect::Harmless),
        fault("through_realloc")
            .imports("assets", "names", "names", "(param i32)")
            .realloc("(drop (memory.grow (i32.const 300))) (i32.const 4096)")
            .then_keep("(call $names (i32.const 512))")
            .case(refused),
        fault("small_limit")
            .asking("limits = { memory = \"1MiB\" }")
            .then_keep("(drop (memory.grow (i32.const 20)))")
            .case(Expect::Bounded),
        fault("two_memories").fields("(memory $second 1)").case(Expect::Refused("multi")),
        fault("64_bit")
            .fields("(func (drop (i64.const 1))) ")
            .with_definitions("(core module $m (memory i64 1))", Expect::Refused("memory64")),
        fault("shared").with_definitions("(core module $m (memory 1 2 shared))", Expect::Refused("threads")),
        fault("in_a_second_module")
            .with_definitions("(core module $m (memory 1)) (core instance (instantiate $m))", Expect::Refused("memor")),
        fault("in_enrich").at(Stage::Enrich).then_keep(DEVOUR).case(over),
        fault("in_normalize").at(Stage::Normalize).then_keep(DEVOUR).case(over),
        fault("of_10_mib_of_data").memory("200 256").fields(data(10 << 20)).case(Expect::Harmless),
        fault("of_data_far_apart")
            .memory("250 256")
            .fields("(data (i32.const 5000) \"a\") (data (i32.const 16000000) \"z\")")
            .case(Expect::Harmless),
    ]
}

/// One data segment of so many bytes, above the heap's beginning.
fn data(bytes: usize) -> String {
    format!("(data (i32.const 65536) \"{}\")", "x".repeat(bytes))
}

fn tables() -> Vec<Case> {
    let fault = |name: &str| Guest::new(format!("table/{name}"));
    let over = Expect::Trapped("the host allows 20000");
    vec![
        fault("grown").fields("(table 1 funcref)").then_keep("(drop (table.grow (ref.null func) (i32.const 20000)))").case(over),
        fault("grown_to_4_gi_elements")
            .fields("(table 1 funcref)")
            .then_keep("(drop (table.grow (ref.null func) (i32.const -2)))")
            .case(Expect::Bounded),
        fault("grown_step_by_step")
            .fields("(table 1 funcref)")
            .then_keep("(loop $l (br_if $l (i32.ne (table.grow (ref.null func) (i32.const 100)) (i32.const -1))))")
            .case(over),
        fault("full")
            .fields("(table 20000 funcref)")
            .then_keep("(table.fill (i32.const 0) (ref.func $run) (i32.const 20000))")
            .fields("(elem declare func $run)")
            .case(Expect::Harmless),
        fault("large_from_the_start").fields("(table 20001 funcref)").case(Expect::Refused("20000")),
        fault("grown_in_configure")
            .fields("(table 1 funcref)")
            .configure("(drop (table.grow (ref.null func) (i32.const 30000)))")
            .case(Expect::Refused("the host allows 20000")),
        fault("many").fields("(table 1 funcref) (table 1 funcref) (table 1 funcref)").case(Expect::Refused("table")),
    ]
}

fn many() -> Vec<Case> {
    let fault = |name: &str| Guest::new(format!("many/{name}"));
    let repeat = |count: usize, what: &str| what.repeat(count);
    let numbered = |count: usize, what: &dyn Fn(usize) -> String| (0..count).map(what).collect::<Vec<_>>().join(" ");
    vec![
        fault("functions").fields(repeat(5_000, "(func (param i32) (result i32) local.get 0)")).case(Expect::Harmless),
        fault("a_lot_of_functions").fields(repeat(10_000, "(func)")).case(Expect::Bounded),
        fault("types").fields(numbered(20_000, &|at| format!("(type (func (param{})))", " i32".repeat(at % 60)))).case(Expect::Bounded),
        fault("globals").fields(repeat(2_000, "(global (mut i64) (i64.const 1))")).case(Expect::Harmless),
        fault("globals_past_an_instances_room").fields(repeat(200_000, "(global (mut i64) (i64.const 1))")).case(Expect::Refused("")),
        fault("data_segments").fields(repeat(3_000, "(data \"x\")")).case(Expect::Harmless),
        fault("a_lot_of_data_segments").fields(repeat(20_000, "(data \"\")")).case(Expect::Bounded),
        fault("element_segments").fields(repeat(3_000, "(elem func)")).case(Expect::Harmless),
        fault("exports").fields(numbered(3_000, &|at| format!("(export \"e{at}\" (func $run))"))).case(Expect::Bounded),
        fault("locals").fields(format!("(func (local{}))", repeat(49_000, " i64"))).case(Expect::Harmless),
        fault("more_locals_than_a_function_may_have").fields(format!("(func (local{}))", repeat(50_001, " i64"))).case(Expect::Refused("")),
        fault("parameters").fields(format!("(func (param{}))", repeat(999, " i64"))).case(Expect::Bounded),
        fault("blocks_inside_blocks")
            .fields(format!("(func {} {})", repeat(20_000, "block "), repeat(20_000, "end ")))
            .case(Expect::Bounded),
        fault("branches")
            .fields(format!("(func (param i32) (block $b (br_table {} $b (local.get 0))))", repeat(60_000, "$b ")))
            .case(Expect::Bounded),
        fault("instructions")
            .fields(format!("(func (param i32) (result i32) local.get 0 {})", repeat(20_000, "i32.const 7 i32.add ")))
            .case(Expect::Bounded),
        fault("core_instances")
            .with_definitions(&format!("(core module $m) {}", repeat(40, "(core instance (instantiate $m))")), Expect::Refused("")),
        fault("core_modules").with_definitions(&repeat(900, "(core module (func))"), Expect::Bounded),
        fault("more_core_modules_than_a_component_may_have").with_definitions(&repeat(1_001, "(core module)"), Expect::Refused("")),
        fault("components_inside").with_definitions(&repeat(900, "(component (core module (func)))"), Expect::Bounded),
        fault("component_instances")
            .with_definitions(&format!("(component $c) {}", repeat(999, "(instance (instantiate $c))")), Expect::Bounded),
        fault("component_types")
            .with_definitions(&repeat(5_000, "(type (record (field \"a\" u32) (field \"b\" string)))"), Expect::Bounded),
        fault("components_inside_components").with_definitions(&nested(20), Expect::Bounded),
        fault("components_deep_inside").with_definitions(&nested(40), Expect::Bounded),
        fault("types_deep_inside").with_definitions(&deep_type(90), Expect::Bounded),
        fault("types_too_deep_inside").with_definitions(&deep_type(2_000), Expect::Refused("")),
        fault("types_that_double").with_definitions(&doubling(60), Expect::Refused("")),
        fault("instances_that_double").with_definitions(&doubling_instances(40), Expect::Refused("inside of its components")),
        fault("fields_of_a_record")
            .with_definitions(&format!("(type (record {}))", numbered(5_000, &|at| format!("(field \"f{at}\" u8) "))), Expect::Bounded),
        fault("cases_of_a_variant")
            .with_definitions(&format!("(type (variant {}))", numbered(5_000, &|at| format!("(case \"c{at}\" string) "))), Expect::Bounded),
        fault("flags").with_definitions(&format!("(type (flags {}))", numbered(33, &|at| format!("\"f{at}\" "))), Expect::Refused("")),
        fault("custom_sections").with_definitions("(@custom \"note\" \"x\")", Expect::Harmless),
    ]
}

fn nested(depth: usize) -> String {
    format!("{}{}", "(component ".repeat(depth), ")".repeat(depth))
}

/// A list of lists of lists.
fn deep_type(depth: usize) -> String {
    let mut text = "(type $t0 (list u8))".to_owned();
    for at in 1..depth {
        text.push_str(&format!("(type $t{at} (list $t{}))", at - 1));
    }
    text
}

/// Each tuple holds the one before it twice: 2^depth fields.
fn doubling(depth: usize) -> String {
    let mut text = "(type $t0 (tuple u8 u8))".to_owned();
    for at in 1..depth {
        text.push_str(&format!("(type $t{at} (tuple $t{0} $t{0}))", at - 1));
    }
    text
}

/// Each component makes two instances of the one before it: 2^depth instances from a few hundred bytes.
fn doubling_instances(depth: usize) -> String {
    let mut text = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for at in 1..depth {
        text.push_str(&format!(
            "(component $c{at} (alias outer 1 $c{0} (component $c)) (instance (instantiate $c)) (instance (instantiate $c)))",
            at - 1
        ));
    }
    format!("{text} (instance (instantiate $c{}))", depth - 1)
}
