//! The store as hot state asks it: from threads that may wait, for so long and no longer.

use domain::state::{StateEntry, StateSpace};
use ports::{Store, StoreError, Tx, View};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// The store, and how long it is waited for.
pub(crate) struct Source {
    pub store: Arc<dyn Store>,
    pub limit: Duration,
}

impl Source {
    /// Everything that is committed of a name space.
    pub fn space(&self, space: &Arc<StateSpace>) -> Result<Vec<(String, StateEntry)>, StoreError> {
        let space = Arc::clone(space);
        self.view(move |view| Ok(view.plugin_state(&space)?.into_iter().map(|row| (row.key, row.entry)).collect()))
    }

    /// An epoch of which nothing was numbered before.
    pub fn next_epoch(&self) -> Result<u64, StoreError> {
        let (told, wait) = mpsc::sync_channel(1);
        let (give, given) = mpsc::sync_channel(1);
        let job = move |tx: &mut dyn Tx| {
            let epoch = tx.next_epoch()?;
            let _ = give.try_send(epoch); // Whoever asked may have given up.
            Ok(())
        };
        self.store.submit(Box::new(job), Box::new(move |result| drop(told.try_send(result))));
        self.answer(&wait)??;
        self.answer(&given)
    }

    fn view<R: Send + 'static>(&self, job: impl FnOnce(&dyn View) -> Result<R, StoreError> + Send + 'static) -> Result<R, StoreError> {
        let (told, wait) = mpsc::sync_channel(1);
        let (give, given) = mpsc::sync_channel(1);
        let job = move |view: &dyn View| {
            let value = job(view)?;
            let _ = give.try_send(value); // Whoever asked may have given up.
            Ok(())
        };
        self.store.read(Box::new(job), Box::new(move |result| drop(told.try_send(result))));
        self.answer(&wait)??;
        self.answer(&given)
    }

    fn answer<R>(&self, wait: &Receiver<R>) -> Result<R, StoreError> {
        wait.recv_timeout(self.limit)
            .map_err(|_| StoreError::Unavailable { doing: "answer hot state", why: format!("it took longer than {:?}", self.limit) })
    }
}
