//! What a plugin may remember, used to harm: floods of keys, of bytes, of calls, and keys that are no text.

use crate::case::{Case, Expect};
use crate::guest::Guest;

/// Operations over the limit of a call answer an error and do no more, so a flood ends at the deadline.
const FLOOD: Expect = Expect::Deadline;

/// One case each.
pub fn cases() -> Vec<Case> {
    let fault = |name: &str| Guest::new(format!("state/{name}")).asking("state = true");
    let set = |name: &str| fault(name).imports("state", "set", "set", "(param i32 i32 i32 i32 i32 i32)");
    let add = |name: &str| fault(name).imports("state", "add", "add", "(param i32 i32 i32 i32 i32)");
    let get = |name: &str| fault(name).imports("state", "get", "get", "(param i32 i32 i32)");
    // The key is four bytes at 512 that count up over all calls; the value lies at 1024.
    let put = |value: u32| {
        format!(
            "(global.set $key (i32.add (global.get $key) (i32.const 1)))
             (i32.store (i32.const 512) (i32.and (global.get $key) (i32.const 0x7f7f7f7f)))
             (call $set (i32.const 512) (i32.const 4) (i32.const 1024) (i32.const {}) (i32.const 60) (i32.const 256))",
            value as i32
        )
    };
    let key = "(global $key (mut i32) (i32.const 0))";
    let calls = |count: usize, what: &str| what.repeat(count);
    vec![
        set("of_keys_without_end").fields(key).then_keep(format!("(loop $l {} (br $l))", put(1))).case(FLOOD),
        set("of_bytes_without_end").fields(key).then_keep(format!("(loop $l {} (br $l))", put(16_384))).case(FLOOD),
        set("of_all_that_a_call_may").fields(key).then_keep(calls(128, &put(16_384))).case(Expect::Harmless),
        set("of_more_than_a_call_may").fields(key).then_keep(calls(300, &put(1))).case(Expect::Harmless),
        set("of_a_value_of_60_kib").fields(key).then_keep(put(60_000)).case(Expect::Harmless),
        set("of_a_value_of_4_gib").fields(key).then_keep(put(u32::MAX)).case(Expect::Trapped("")),
        set("of_a_key_of_60_kib")
            .then_keep("(memory.fill (i32.const 4096) (i32.const 97) (i32.const 60000)) (call $set (i32.const 4096) (i32.const 60000) (i32.const 0) (i32.const 1) (i32.const 60) (i32.const 256))")
            .case(Expect::Harmless),
        set("of_a_key_that_is_no_text")
            .fields("(data (i32.const 512) \"\\ff\\fe\")")
            .then_keep("(call $set (i32.const 512) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 60) (i32.const 256))")
            .case(Expect::Trapped("utf-8")),
        set("of_an_empty_key")
            .then_keep("(call $set (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 60) (i32.const 256))")
            .case(Expect::Harmless),
        set("for_ever")
            .then_keep("(call $set (i32.const 512) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const -1) (i32.const 256))")
            .case(Expect::Harmless),
        set("for_no_time")
            .then_keep("(call $set (i32.const 512) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 256))")
            .case(Expect::Harmless),
        set("answered_beyond_memory")
            .then_keep("(call $set (i32.const 512) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 60) (i32.const -8))")
            .case(Expect::Trapped("out of bounds")),
        set("in_configure")
            .configure("(call $set (i32.const 512) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 60) (i32.const 256))")
            .case(Expect::Harmless),
        set("before_a_trap").fields(key).then_keep(format!("{} unreachable", calls(64, &put(16_000)))).case(Expect::Trapped("unreachable")),
        add("of_one_without_end")
            .then_keep("(loop $l (call $add (i32.const 512) (i32.const 2) (i32.const 2147483647) (i32.const 60) (i32.const 256)) (br $l))")
            .case(FLOOD),
        get("without_end").then_keep("(loop $l (call $get (i32.const 512) (i32.const 2) (i32.const 256)) (br $l))").case(FLOOD),
        get("undeclared").asking("").then_keep("(call $get (i32.const 512) (i32.const 2) (i32.const 256))").case(Expect::Trapped("not declared")),
    ]
}
