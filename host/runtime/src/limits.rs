//! How much memory an instance may have. A guest that asks for more is trapped in words, because a failed allocation would look like any
//! other crash.

use wasmtime::{Result, bail};

/// Core modules of one component.
const CORE_INSTANCES: usize = 16;

/// The ceiling of one store, and how high it stands.
#[derive(Debug)]
pub(crate) struct Ceiling {
    memory_bytes: usize,
    table_elements: usize,
    held_bytes: usize,
}

impl Ceiling {
    pub(crate) fn new(memory_bytes: usize, table_elements: usize) -> Self {
        Self { memory_bytes, table_elements, held_bytes: 0 }
    }

    /// How much the guest's memory has grown to; it never shrinks.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }
}

impl wasmtime::ResourceLimiter for Ceiling {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        if desired > self.memory_bytes {
            bail!("needs {} KiB of memory, and plugin.toml's limits.memory is {} KiB", desired / 1024, self.memory_bytes / 1024);
        }
        self.held_bytes = self.held_bytes.max(desired);
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        if desired > self.table_elements {
            bail!("needs a table of {desired} elements, and the host allows {}", self.table_elements);
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        2
    }

    fn memories(&self) -> usize {
        1
    }
}
