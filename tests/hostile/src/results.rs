//! What is given back: too much, out of bounds, misaligned, no text, no such case, more than a list may hold, in the hook and in `configure`.

use crate::case::{Case, Expect};
use crate::guest::{Guest, RESULT};
use domain::decision::Stage;

/// Bytes from the result's beginning, written one field after the other, each a `(offset, 32-bit value)`.
fn gives(fields: &[(u32, u32)]) -> String {
    let store = |(offset, value): &(u32, u32)| format!("(i32.store (i32.const {}) (i32.const {}))", RESULT + offset, *value as i32);
    let stores = fields.iter().map(store).collect::<Vec<_>>().join(" ");
    format!("(memory.fill (i32.const {RESULT}) (i32.const 0) (i32.const 64)) {stores} (i32.const {RESULT})")
}

/// A filter that drops with the text at `at`, `length` bytes.
fn says(at: u32, length: u32) -> String {
    gives(&[(8, 2), (16, at), (20, length)])
}

/// Fills a heap of so many pages with `byte`, and says `length` bytes of it.
fn says_much(byte: u8, length: u32) -> String {
    let pages = length / 65536 + 1;
    format!(
        "(if (i32.lt_u (memory.size) (i32.const {most})) (then (drop (memory.grow (i32.const {pages}))))) (memory.fill (i32.const 65536) (i32.const {byte}) (i32.const {length})) {}",
        says(65536, length),
        most = pages + 1,
    )
}

/// A filter that drops with these bytes as its reason.
fn utters(name: &str, bytes: &[u8], expect: Expect) -> Case {
    let text = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<Vec<_>>().concat();
    Guest::new(format!("text/{name}"))
        .fields(format!("(data (i32.const 1024) \"{text}\")"))
        .run(says(1024, bytes.len() as u32))
        .case(expect)
}

/// One case each.
pub fn cases() -> Vec<Case> {
    let mut cases = texts();
    cases.extend(filters());
    cases.extend(patches());
    cases.extend(other_hooks());
    cases.extend(configurations());
    cases
}

fn texts() -> Vec<Case> {
    let not_text = Expect::Trapped("utf-8");
    vec![
        utters("a_lone_continuation", b"\x80", not_text),
        utters("cut_short", b"caf\xc3", not_text),
        utters("overlong", b"\xc0\xaf", not_text),
        utters("overlong_of_three", b"\xe0\x80\xaf", not_text),
        utters("a_surrogate", b"\xed\xa0\x80", not_text),
        utters("beyond_unicode", b"\xf4\x90\x80\x80", not_text),
        utters("of_ones", b"\xff\xff\xff\xff", not_text),
        utters("in_utf_16", b"\xff\xfeh\x00i\x00", not_text),
        utters("with_zeros", b"a\0b\0c", Expect::Harmless),
        utters("with_orders_for_a_terminal", b"\x1b[2J\x1b]0;owned\x07\r\n", Expect::Harmless),
        utters("from_right_to_left", "\u{202e}gnp.exe\u{2066}".as_bytes(), Expect::Harmless),
        utters("empty", b"", Expect::Harmless),
        Guest::new("text/of_1_mib_of_no_text").run(says_much(0xfe, 1 << 20)).case(Expect::Trapped("")),
    ]
}

fn filters() -> Vec<Case> {
    let fault = |name: &str| Guest::new(format!("result/{name}"));
    let over = Expect::Trapped("its result is over 256 KiB");
    let beyond = Expect::Trapped("out of bounds");
    vec![
        fault("of_300_kib").run(says_much(b'x', 300 << 10)).case(over),
        fault("of_1_mib").run(says_much(b'x', 1 << 20)).case(over),
        fault("of_10_mib").run(says_much(b'x', 10 << 20)).case(over),
        fault("of_4_gib").run(says(0, u32::MAX)).case(Expect::Trapped("")),
        fault("of_250_kib").run(says_much(b'x', 250 << 10)).case(Expect::Harmless),
        fault("of_control_characters").run(says_much(7, 200 << 10)).case(Expect::Harmless),
        fault("beyond_memory").run(says(0xffff_0000, 4)).case(beyond),
        fault("past_the_end_by_one").run(says(65535, 2)).case(beyond),
        fault("at_the_very_end").run(says(65535, 1)).case(Expect::Harmless),
        fault("that_wraps").run(says(0xffff_fff0, 0x20)).case(beyond),
        fault("at_null").run(says(0, 3)).case(Expect::Harmless),
        fault("pointer_beyond").run("(i32.const -8)").case(beyond),
        fault("pointer_at_the_end").run("(i32.const 65528)").case(beyond),
        fault("pointer_misaligned").run("(i32.const 129)").case(Expect::Trapped("align")),
        fault("with_no_such_case").run(gives(&[(0, 7)])).case(Expect::Trapped("discriminant")),
        fault("with_no_such_verdict").run(gives(&[(8, 9)])).case(Expect::Trapped("discriminant")),
        fault("with_no_such_option").run(gives(&[(8, 1), (24, 200)])).case(Expect::Trapped("discriminant")),
        fault("with_no_such_error").run(gives(&[(0, 1), (8, 99)])).case(Expect::Trapped("discriminant")),
        fault("suppresses_until_the_end_of_time").run(gives(&[(8, 1), (24, 1), (32, u32::MAX), (36, 0x7fff_ffff)])).case(Expect::Harmless),
        fault("suppresses_until_before_time").run(gives(&[(8, 1), (24, 1), (32, 0), (36, 0x8000_0000)])).case(Expect::Harmless),
        fault("rejects").run(gives(&[(0, 1), (8, 0), (12, 0), (16, 4)])).case(Expect::Failed("")),
        fault("fails_at_length").run(format!("(if (i32.lt_u (memory.size) (i32.const 5)) (then (drop (memory.grow (i32.const 4))))) (memory.fill (i32.const 4096) (i32.const 97) (i32.const 200000)) {}", gives(&[(0, 1), (8, 1), (12, 4096), (16, 200_000)]))).case(Expect::Failed("aaa")),
        fault("fails_beyond_memory").run(gives(&[(0, 1), (8, 1), (12, 0xffff_0000), (16, 9)])).case(beyond),
    ]
}

fn patches() -> Vec<Case> {
    let fault = |name: &str| Guest::new(format!("patch/{name}")).at(Stage::Enrich);
    // ok · edits at 65536, so many · reason at 0, empty
    let edits = |count: u32| gives(&[(4, 65536), (8, count)]);
    let filled = |kind: u32, count: u32| {
        format!(
            "(if (i32.lt_u (memory.size) (i32.const 30)) (then (drop (memory.grow (i32.const 30))))) (loop $l
               (i32.store (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 24))) (i32.const {kind}))
               (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const {count})))) {}",
            edits(count)
        )
    };
    vec![
        fault("of_64_edits").run(filled(1, 64)).case(Expect::Harmless),
        fault("of_65_edits").run(filled(1, 65)).case(Expect::Trapped("gave 65 edits, and 64 are the most")),
        fault("of_20000_edits").run(filled(1, 20_000)).case(Expect::Trapped("")),
        fault("of_4_gi_edits").run(edits(u32::MAX)).case(Expect::Trapped("")),
        fault("of_edits_beyond_memory").run(gives(&[(4, 0xffff_0000), (8, 3)])).case(Expect::Trapped("out of bounds")),
        fault("of_edits_misaligned").run(gives(&[(4, 4097), (8, 1)])).case(Expect::Trapped("align")),
        fault("with_no_such_edit").run(filled(99, 1)).case(Expect::Trapped("discriminant")),
        fault("with_no_such_severity")
            .run(format!("(i32.store (i32.const 65540) (i32.const 77)) {}", filled(5, 1)))
            .case(Expect::Trapped("")),
        fault("with_a_link_nowhere")
            .run(format!("(i32.store (i32.const 65540) (i32.const -9)) (i32.store (i32.const 65544) (i32.const 9)) {}", filled(4, 1)))
            .case(Expect::Trapped("out of bounds")),
        fault("that_removes_everything").run(filled(7, 64)).case(Expect::Harmless),
        fault("that_takes_the_entity").run(filled(12, 1)).case(Expect::Harmless),
    ]
}

fn other_hooks() -> Vec<Case> {
    let normalizer = |name: &str| Guest::new(format!("normalize/{name}")).at(Stage::Normalize);
    let grow = "(drop (memory.grow (i32.const 100)))";
    vec![
        normalizer("nothing").run(gives(&[])).case(Expect::Harmless),
        normalizer("of_10000_alerts")
            .run(format!("{grow} {}", gives(&[(4, 65536), (8, 10_000)])))
            .case(Expect::Trapped("1000 are the most")),
        normalizer("of_4_gi_alerts").run(gives(&[(4, 65536), (8, u32::MAX)])).case(Expect::Trapped("")),
        normalizer("replies_with_no_such_status").run(gives(&[(12, 1), (16, 65_535)])).case(Expect::Bounded),
        normalizer("replies_at_length")
            .run(format!("{grow} {}", gives(&[(12, 1), (16, 200), (28, 65536), (32, 6_000_000)])))
            .case(Expect::Trapped("")),
        normalizer("refuses_beyond_memory").run(gives(&[(0, 1), (4, 0xffff_ff00), (8, 9)])).case(Expect::Trapped("out of bounds")),
        Guest::new("dedupe/with_no_such_option").at(Stage::Dedupe).run(gives(&[(4, 250), (8, 250)])).case(Expect::Trapped("discriminant")),
        Guest::new("dedupe/with_an_empty_key").at(Stage::Dedupe).run(gives(&[(4, 1)])).case(Expect::Bounded),
        Guest::new("route/of_4_gi_destinations").at(Stage::Route).run(gives(&[(4, 4096), (8, u32::MAX)])).case(Expect::Bounded),
    ]
}

/// `configure` writes its result at 64: the case at 64, a list at 68.
fn configurations() -> Vec<Case> {
    let fault = |name: &str| Guest::new(format!("configure/{name}"));
    let answer = |case: u32, at: u32, count: u32| {
        format!(
            "(i32.store (i32.const 64) (i32.const {case})) (i32.store (i32.const 68) (i32.const {})) (i32.store (i32.const 72) (i32.const {})) (i32.const 64)",
            at as i32, count as i32
        )
    };
    let list = |text: u32, length: u32| {
        format!("(i32.store (i32.const 4096) (i32.const {text})) (i32.store (i32.const 4100) (i32.const {length}))")
    };
    let grow = "(drop (memory.grow (i32.const 120)))";
    vec![
        fault("narrows_to_a_million_names")
            .configures(format!("{grow} {}", answer(0, 65536, 900_000)))
            .case(Expect::Refused("over 256 KiB")),
        fault("narrows_to_no_field")
            .fields("(data (i32.const 512) \"salary\")")
            .configures(format!("{} {}", list(512, 6), answer(0, 4096, 1)))
            .case(Expect::Refused("which is no field")),
        fault("narrows_to_a_long_name")
            .configures(format!(
                "{grow} (memory.fill (i32.const 65536) (i32.const 120) (i32.const 200000)) {} {}",
                list(65536, 200_000),
                answer(0, 4096, 1)
            ))
            .case(Expect::Refused("")),
        fault("narrows_to_orders_for_a_terminal")
            .fields("(data (i32.const 512) \"\\1b[2J\\0d\")")
            .configures(format!("{} {}", list(512, 5), answer(0, 4096, 1)))
            .case(Expect::Refused("which is no field")),
        fault("narrows_to_what_it_did_not_declare")
            .fields("(data (i32.const 512) \"summary\")")
            .configures(format!("{} {}", list(512, 7), answer(0, 4096, 1)))
            .case(Expect::Refused("does not declare")),
        fault("narrows_to_no_text")
            .fields("(data (i32.const 512) \"\\ff\\fe\")")
            .configures(format!("{} {}", list(512, 2), answer(0, 4096, 1)))
            .case(Expect::Refused("utf-8")),
        fault("has_a_million_problems").configures(format!("{grow} {}", answer(1, 65536, 400_000))).case(Expect::Refused("")),
        fault("has_a_problem").configures(answer(1, 4096, 1)).case(Expect::Refused("does not take its settings")),
        fault("answers_beyond_memory").configures("(i32.const -4)").case(Expect::Refused("out of bounds")),
        fault("answers_misaligned").configures("(i32.const 65)").case(Expect::Refused("align")),
        fault("answers_with_no_such_case").configures(answer(9, 0, 0)).case(Expect::Refused("discriminant")),
        fault("is_slow_each_time")
            .configure(
                "(loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 3000000))))",
            )
            .then_keep("unreachable")
            .case(Expect::Trapped("")),
    ]
}
