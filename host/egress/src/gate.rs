//! So many exchanges at a time and no more: one slow receiver must not hold up the others.

use ports::EgressError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets exchanges through, a few per host.
pub(crate) struct Gate {
    all: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
    per_host: usize,
}

/// The right to make one exchange; given back when dropped.
pub(crate) struct Pass {
    _all: OwnedSemaphorePermit,
    _host: OwnedSemaphorePermit,
}

impl Gate {
    pub fn new(in_flight: usize, per_host: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(in_flight)), hosts: Mutex::default(), per_host }
    }

    /// Waits for a place with this host; turned away at once where too many wait already.
    pub async fn enter(&self, host: &str) -> Result<Pass, EgressError> {
        let busy = || EgressError::Unreachable("too many requests wait to go out: this one was turned away".to_owned());
        let all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| busy())?;
        let semaphore = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            // Hosts with nobody in them are forgotten, so there are never more than exchanges.
            hosts.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
            Arc::clone(hosts.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))))
        };
        let place = semaphore.acquire_owned().await.map_err(|_| busy())?;
        Ok(Pass { _all: all, _host: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn one_host_waits_and_another_does_not() {
        let gate = Gate::new(3, 1);
        let first = gate.enter("a").await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), gate.enter("a")).await.is_err(), "a is full");
        let other = gate.enter("b").await.unwrap();
        let third = gate.enter("c").await.unwrap();
        assert!(gate.enter("d").await.is_err(), "all places are taken");
        drop((first, other, third));
        assert!(gate.enter("a").await.is_ok());
        assert_eq!(gate.hosts.lock().unwrap().len(), 1, "empty hosts are forgotten");
    }
}
