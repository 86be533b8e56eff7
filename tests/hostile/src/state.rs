//! What a plugin may remember, used to harm: floods of keys, of bytes, of calls, and keys that are no text.

use crate::case::{Case, Expect};
use crate::guest::Guest;

/// Whether this host keeps state for plugins; until it does, asking for it is refused.
const KEPT: bool = false;
const ASKING: &str = "state = true";

/// One case each.
pub fn cases() -> Vec<Case> {
    let when_kept = |expect: Expect| if KEPT { expect } else { Expect::Refused("state") };
    let fault = |name: &str| Guest::new(format!("state/{name}")).asking(ASKING);
    let set = |name: &str| fault(name).imports("state", "set", "set", "(param i32 i32 i32 i32 i32 i32)");
    let add = |name: &str| fault(name).imports("state", "add", "add", "(param i32 i32 i32 i32 i32)");
    let get = |name: &str| fault(name).imports("state", "get", "get", "(param i32 i32 i32)");
    // The key is four bytes at 512 that count up; the value lies at 1024.
    let put = |value: u32| {
        format!(
            "(i32.store (i32.const 512) (i32.and (local.get $i) (i32.const 0x7f7f7f7f))) (call $set (i32.const 512) (i32.const 4) (i32.const 1024) (i32.const {value}) (i32.const 60) (i32.const 256)) (local.set $i (i32.add (local.get $i) (i32.const 1)))"
        )
    };
    vec![
        set("of_keys_without_end").then_keep(format!("(loop $l {} (br $l))", put(1))).case(when_kept(Expect::Bounded)),
        set("of_bytes_without_end").then_keep(format!("(loop $l {} (br $l))", put(16_384))).case(when_kept(Expect::Bounded)),
        set("of_a_value_of_60_kib").then_keep(put(60_000)).case(when_kept(Expect::Harmless)),
        set("of_a_value_of_4_gib").then_keep(put(u32::MAX)).case(when_kept(Expect::Trapped(""))),
        set("of_a_key_of_60_kib")
            .then_keep("(call $set (i32.const 4096) (i32.const 60000) (i32.const 0) (i32.const 1) (i32.const 60) (i32.const 256))")
            .case(when_kept(Expect::Harmless)),
        set("of_a_key_that_is_no_text")
            .fields("(data (i32.const 512) \"\\ff\\fe\")")
            .then_keep("(call $set (i32.const 512) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 60) (i32.const 256))")
            .case(when_kept(Expect::Trapped(""))),
        set("for_ever")
            .then_keep("(call $set (i32.const 512) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const -1) (i32.const 256))")
            .case(when_kept(Expect::Bounded)),
        set("in_configure")
            .configure("(call $set (i32.const 512) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 60) (i32.const 256))")
            .case(when_kept(Expect::Bounded)),
        add("of_one_without_end")
            .then_keep("(loop $l (call $add (i32.const 512) (i32.const 2) (i32.const 2147483647) (i32.const 60) (i32.const 256)) (br $l))")
            .case(when_kept(Expect::Bounded)),
        get("without_end")
            .then_keep("(loop $l (call $get (i32.const 512) (i32.const 2) (i32.const 256)) (br $l))")
            .case(when_kept(Expect::Bounded)),
        fault("undeclared")
            .asking("")
            .imports("state", "get", "get", "(param i32 i32 i32)")
            .then_keep("(call $get (i32.const 512) (i32.const 2) (i32.const 256))")
            .case(Expect::Refused("state")),
    ]
}
