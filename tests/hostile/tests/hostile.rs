//! P5: a hostile plugin harms nobody else. Every case is loaded and called in the real sandbox; it has to come out as expected, in words
//! that are fit to be read, within its time and memory, and the plugin beside it has to stay right. Nothing here may panic the host.
//!
//! Seen to fail against these planted bugs: the ceiling of memory is not applied (`limits.rs`), a call's deadline is 1.7 s longer (the epoch in
//! `warm.rs`), the size of a result is not bounded (`lift.rs` and the fuel of host calls). And before `Shape::read` refused instances of components inside of components, `many/instances_that_double`, a few kilobytes,
//! kept the compiler's thread busy past its minute, and the next case waited for it in vain.

use reveille_hostile::{Case, Expect, House, Outcome, Seen, generated, reset_peak, resident_kib, written};
use std::collections::BTreeMap;
use std::time::Duration;

/// Modules and components that are generated in a short run.
const GENERATED: (u64, u64) = (90, 40);
/// Longest reason that an operator has to read, in bytes.
const REASON_LIMIT_BYTES: usize = 4096;
/// Compiling is bounded by a minute in the product; none of these is worth so much of it.
const LOADED_WITHIN: Duration = Duration::from_secs(20);
/// A call's deadline and that of `configure` before it, and what a busy machine adds.
const CALLED_WITHIN: Duration = Duration::from_millis(20 + 50 + 1500);
/// The guest's 16 MiB and 5 %, and what may cross the wall at once (three times the result's limit, 15 MiB for a normalizer).
const RISE_KIB: u64 = 16 * 1024 * 105 / 100 + 2 * 1024;
const NORMALIZE_RISE_KIB: u64 = RISE_KIB + 16 * 1024;
/// What the process may hold more after all of them than before, in KiB.
const LEFT_KIB: u64 = 384 * 1024;

#[test]
fn hostile_plugins_harm_nobody_else() {
    let mut house = House::open().expect("open the sandbox");
    let rounds: u64 = std::env::var("REVEILLE_SOAK").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    let cases: Vec<Case> = written().into_iter().chain(generated(0, GENERATED.0 * rounds, GENERATED.1 * rounds)).collect();
    assert!(cases.len() >= 200, "only {} cases", cases.len());
    let before = resident_kib();
    let (mut classes, mut wrong, mut most) = (BTreeMap::<&str, usize>::new(), Vec::new(), (0, String::new()));
    for case in &cases {
        if let Some(why) = &case.broken {
            wrong.push(format!("{}: is written wrong: {why:.1500}", case.name));
            continue;
        }
        let seen = match run(&mut house, case) {
            Ok(seen) => seen,
            Err(why) => {
                wrong.push(format!("{}: {why:#}", case.name));
                continue;
            }
        };
        *classes.entry(seen.outcome.class()).or_default() += 1;
        let words = seen.outcome.words();
        if std::env::var_os("REVEILLE_HOSTILE_SHOW").is_some() {
            println!(
                "{:<50} {:<9} {:>7.1} ms {:>6.1} ms {:>6} KiB  {:.120}",
                case.name,
                seen.outcome.class(),
                seen.loaded_in.as_secs_f64() * 1e3,
                seen.longest.as_secs_f64() * 1e3,
                seen.risen_kib,
                words.replace('\n', "⏎")
            );
        }
        let mut fault = |what: String| {
            println!("WRONG {}: {what}", case.name);
            wrong.push(format!("{}: {what}", case.name));
        };
        if !seen.outcome.is(case.expect) {
            fault(format!("expected {:?}, and it came out as {:.300?}", case.expect, seen.outcome));
        }
        if words.len() > REASON_LIMIT_BYTES {
            fault(format!("its reason is {} bytes long", words.len()));
        }
        if words.chars().any(char::is_control) && matches!(seen.outcome, reveille_hostile::Outcome::Refused(_)) {
            fault(format!("its refusal holds control characters: {words:.200?}"));
        }
        if seen.loaded_in > LOADED_WITHIN || seen.longest > CALLED_WITHIN {
            fault(format!("took {:?} to load and {:?} for its longest call", seen.loaded_in, seen.longest));
        }
        let rise = if case.stage == domain::decision::Stage::Normalize { NORMALIZE_RISE_KIB } else { RISE_KIB };
        if seen.risen_kib > rise {
            fault(format!("memory rose by {} KiB, and {rise} are its share", seen.risen_kib));
        }
        if seen.risen_kib > most.0 {
            most = (seen.risen_kib, case.name.clone());
        }
    }
    reset_peak();
    let left = resident_kib().saturating_sub(before);
    let bounded = cases.iter().filter(|case| case.expect == Expect::Bounded).count();
    println!(
        "P5: {} hostile components ({bounded} with any outcome within bounds), {classes:?}; the most that memory rose by: {} KiB by {}; {left} KiB left behind",
        cases.len(),
        most.0,
        most.1
    );
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(left < LEFT_KIB, "{left} KiB are left behind");
}

/// Runs a case. One that is late although it has no reason to be may have been preempted by other work on the machine: it has three tries.
fn run(house: &mut House, case: &Case) -> anyhow::Result<Seen> {
    let mut seen = house.run(case)?;
    for _ in 0..2 {
        if seen.outcome != Outcome::Deadline || seen.outcome.is(case.expect) {
            break;
        }
        seen = house.run(case)?;
    }
    Ok(seen)
}

/// Names are the way to a case in a report: each has one of its own.
#[test]
fn every_case_has_a_name_of_its_own() {
    let cases = written();
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    let twice: Vec<&&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
