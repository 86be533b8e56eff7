//! How much the engine takes on at once.

use domain::expiry::GRACE_SECONDS;

/// Bounds of the engine; the defaults suit two to eight cores.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Threads that run the stages; they share the 64 partitions.
    pub partition_threads: usize,
    /// Threads that run normalizers.
    pub normalizer_threads: usize,
    /// Bodies that may wait for a normalizer; one more is answered 503.
    pub normalizer_queue: usize,
    /// Bodies that may be at the front door at once, from admission to answer; an integration may hold half, a team three quarters of them.
    pub door_bodies: usize,
    /// Bytes of bodies that may be at the front door at once, with the same shares.
    pub door_bytes: usize,
    /// Records that may wait to be written to the journal; one more is answered 503.
    pub journal_depth_limit: usize,
    /// Durable records that may wait to be decided; beyond, senders are answered 503.
    pub backlog_limit: u64,
    /// Events between feeder and commit at once.
    pub in_flight_events: usize,
    /// Estimated bytes of records between feeder and commit at once.
    pub in_flight_bytes: usize,
    /// Items of one commit; a body is never split, so one commit may hold one body more.
    pub batch_items: usize,
    /// What a sender is told to wait when it is answered 503, in seconds.
    pub retry_after_seconds: u32,
    /// How long after its own end an alert is kept firing, in seconds.
    pub expiry_grace_seconds: u32,
    /// How long a command waits for its commit before its sender is told that it is still under way, in milliseconds.
    pub command_wait_ms: u64,
    /// How long a drain waits for the backlog, in milliseconds.
    pub drain_wait_ms: u64,
}

impl Default for EngineSettings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            partition_threads: cores,
            normalizer_threads: cores,
            normalizer_queue: 1024,
            door_bodies: 2048,
            door_bytes: 128 * 1024 * 1024,
            journal_depth_limit: 8192,
            backlog_limit: 200_000,
            in_flight_events: 16_384,
            in_flight_bytes: 64 * 1024 * 1024,
            batch_items: 2048,
            retry_after_seconds: 5,
            expiry_grace_seconds: GRACE_SECONDS,
            command_wait_ms: 10_000,
            drain_wait_ms: 10_000,
        }
    }
}
