//! The fail points of this crate, and the errors that they plant.

/// Every fail point here, so that a harness can see each one hit. `*.commit` take `return(full)` (the disk is full) or `return(io)` (the
/// fsync failed); `store.checkpoint` and `journal.checkpoint` the same; the others mark an edge and take what the `fail` crate offers.
/// A panic at an edge ends the process.
pub const FAIL_POINTS: &[&str] = &[
    "journal.before.commit",
    "journal.commit",
    "journal.after.commit",
    "journal.checkpoint",
    "store.before.commit",
    "store.commit",
    "store.after.commit",
    "store.checkpoint",
    "postgres.store.commit",
    "postgres.journal.commit",
];

/// The error that `return(…)` of a fail point names.
#[cfg(feature = "failpoints")]
pub(crate) fn planted(argument: Option<&str>) -> rusqlite::Error {
    let code = match argument {
        Some("io") => rusqlite::ffi::SQLITE_IOERR_FSYNC,
        _ => rusqlite::ffi::SQLITE_FULL,
    };
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
}

/// Defines a function that fails where its fail point says so.
macro_rules! fault {
    ($name:ident, $point:literal) => {
        #[allow(clippy::unnecessary_wraps, reason = "fails only where fail points are compiled in")]
        fn $name() -> rusqlite::Result<()> {
            #[cfg(feature = "failpoints")]
            fail::fail_point!($point, |argument| Err($crate::fault::planted(argument.as_deref())));
            Ok(())
        }
    };
}
pub(crate) use fault;
