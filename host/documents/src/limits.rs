//! How much configuration may be: everything has a limit.

/// Most bytes of all files of one configuration together.
pub const BYTES_LIMIT: usize = 8 * 1024 * 1024;
/// Most documents of one configuration.
pub const DOCUMENTS_LIMIT: usize = 50_000;
/// Longest id, in bytes.
pub const ID_LIMIT_BYTES: usize = 64;
/// Longest delay that configuration can name: 30 days, in seconds.
pub const DELAY_LIMIT_SECONDS: u32 = 30 * 24 * 60 * 60;
/// Most repeats of a policy.
pub const REPEAT_LIMIT: u32 = 100;
/// Most steps of a policy.
pub const STEPS_LIMIT: usize = 64;
/// Least time for a provider to report that a page arrived, in seconds.
pub const RECEIPT_SECONDS_MIN: u32 = 10;
