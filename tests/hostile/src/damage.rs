//! Bytes that are no component any more, or never were.

use crate::case::{Case, Expect};
use crate::guest::Guest;
use crate::surface::leb;

const REFUSED: Expect = Expect::Refused("");
/// At so many places the good component is cut off, and a byte of it is changed.
const CUTS: usize = 24;
const FLIPS: usize = 48;

/// One case each.
pub fn cases() -> Vec<Case> {
    let good = Guest::new("good").encode().expect("the guest that behaves is written right");
    let damaged = |name: String, bytes: Vec<u8>, expect: Expect| Case::new(format!("damage/{name}"), bytes, expect);
    let mut cases: Vec<Case> = whole(&good).into_iter().map(|(name, bytes)| damaged(name.to_owned(), bytes, REFUSED)).collect();
    for cut in 1..CUTS {
        cases.push(damaged(format!("cut_at_{cut}_of_{CUTS}"), good[..good.len() * cut / CUTS].to_vec(), REFUSED));
    }
    for flip in 0..FLIPS {
        let mut bytes = good.clone();
        let at = 8 + (bytes.len() - 9) * flip / FLIPS;
        bytes[at] ^= [0x01, 0x80, 0xff, 0x40][flip % 4];
        cases.push(damaged(format!("byte_{at}_changed"), bytes, Expect::Bounded));
    }
    cases.push(damaged("nothing_at_all".into(), good.clone(), Expect::Harmless));
    cases.push(damaged(
        "a_custom_section_of_8_mib".into(),
        with_section(&good, 0, &[b"\x04note".as_slice(), &vec![0; 8 << 20]].concat()),
        Expect::Harmless,
    ));
    cases.push(damaged("a_custom_section_of_no_text".into(), with_section(&good, 0, b"\x03\xff\xfe\xfdx"), Expect::Bounded));
    cases
}

fn whole(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let head = |bytes: &[u8]| [bytes, &good[bytes.len().min(8)..]].concat();
    vec![
        ("empty", Vec::new()),
        ("one_byte", vec![0]),
        ("only_magic", b"\0asm".to_vec()),
        ("no_magic", head(b"\0ASM\x0d\0\x01\0")),
        ("version_of_a_module", head(b"\0asm\x01\0\0\0")),
        ("a_core_module", b"\0asm\x01\0\0\0".to_vec()),
        ("version_of_another_time", head(b"\0asm\xff\0\x01\0")),
        ("another_layer", head(b"\0asm\x0d\0\x07\0")),
        ("a_script", b"#!/bin/sh\nrm -rf /\n".to_vec()),
        ("a_program", [b"\x7fELF\x02\x01\x01\0".as_slice(), &[0; 512]].concat()),
        ("a_text", b"(component)".to_vec()),
        ("zeros", vec![0; 1 << 20]),
        ("ones", vec![0xff; 1 << 20]),
        ("twice", [good, good].concat()),
        ("over_the_size_limit", vec![0; (32 << 20) + 1]),
        ("a_section_of_4_gib", [&good[..8], b"\x01\xff\xff\xff\xff\x0f"].concat()),
        ("a_size_without_end", [&good[..8], b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff"].concat()),
        ("no_such_section", with_section(good, 77, b"x")),
        ("a_count_of_4_gi", with_section(good, 10, b"\xff\xff\xff\xff\x0f")),
        ("components_20000_deep", deep(20_000)),
    ]
}

/// The component with one more section.
fn with_section(good: &[u8], id: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    bytes.push(id);
    leb(&mut bytes, content.len());
    bytes.extend_from_slice(content);
    bytes
}

/// Components inside of components; written from the inside.
fn deep(depth: usize) -> Vec<u8> {
    let head = b"\0asm\x0d\0\x01\0";
    // Sections are written backwards, as the length of each stands before it.
    let mut backwards: Vec<u8> = head.iter().rev().copied().collect();
    for _ in 0..depth {
        let mut before = vec![4];
        leb(&mut before, backwards.len());
        backwards.extend(before.iter().rev());
        backwards.extend(head.iter().rev());
    }
    backwards.reverse();
    backwards
}
