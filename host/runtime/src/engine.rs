//! The one engine, and the thread that tells it how time goes by: every call sets a deadline in ticks and traps when they have passed.

use crate::error::RuntimeError;
use crate::settings::SandboxLimits;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Kept in place when a slot is given back, so that the next instance need not fault it in again.
const KEEP_RESIDENT_BYTES: usize = 256 * 1024;
/// Core modules of one component: the guest, its adapters and shims.
const CORE_INSTANCES_PER_COMPONENT: u32 = 16;
/// The guest's stack.
const STACK_BYTES: usize = 512 * 1024;

/// Makes the engine: no proposals that plugins have no use for, and room for so many instances set aside from the start.
pub(crate) fn start(limits: &SandboxLimits) -> Result<Engine, RuntimeError> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits.instances)
        .total_core_instances(limits.instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(limits.instances)
        .total_tables(limits.instances.saturating_mul(2))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(1)
        .max_tables_per_component(2)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        // Replays have to come out the same on every machine.
        .cranelift_nan_canonicalization(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config).map_err(|error| RuntimeError::Engine { instances: limits.instances, source: error.into() })
}

/// Advances the engine's epoch until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts the thread: one wake per `tick_ms`.
    pub(crate) fn start(engine: &Engine, tick_ms: u64) -> Result<Self, RuntimeError> {
        let over = Arc::new(AtomicBool::new(false));
        let (engine, seen) = (engine.weak(), Arc::clone(&over));
        let tick = Duration::from_millis(tick_ms.max(1));
        let run = move || {
            while !seen.load(Ordering::Relaxed) {
                std::thread::sleep(tick);
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        };
        let thread = std::thread::Builder::new().name("plugin-ticker".into()).spawn(run).map_err(RuntimeError::Ticker)?;
        Ok(Self { over, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that tells plugins' deadlines panicked");
        }
    }
}
