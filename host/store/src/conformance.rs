//! The suite that every implementation of the ports has to pass, whatever the database. Expected results come from the ports' docs.
//!
//! A case gets a fresh [`Subject`] and opens, drops and opens again what it stores. Cases panic where the subject is wrong.

mod actions;
mod alerts;
mod faults;
mod incidents;
mod installation;
mod jobs;
mod journal;
mod objects;
mod pages;
pub(crate) mod samples;
mod state;

use ports::store::{StoreError, Tx, View};
use ports::{Journal, Store};
use std::sync::mpsc;
use std::time::Duration;

pub use faults::{FAULTS, Fault};
pub use samples::{alert_state, decision_row, record};

/// One installation's data: empty at first, kept between openings.
pub trait Subject {
    /// Opens the store; an earlier handle has been dropped.
    fn store(&self) -> Box<dyn Store>;
    /// Opens the journal with room for 20 waiting records and 1 MiB of them; an earlier handle has been dropped.
    fn journal(&self) -> Box<dyn Journal>;
    /// Plants a fault for the next commit of the store or of the journal, or takes it back; `false`: there is no such fault here.
    fn plant(&self, _fault: Option<Fault>, _of_the_journal: bool) -> bool {
        false
    }
}

/// One case.
pub type Case = (&'static str, fn(&dyn Subject));

/// All cases.
pub fn cases() -> Vec<Case> {
    [
        alerts::CASES,
        incidents::CASES,
        pages::CASES,
        actions::CASES,
        objects::CASES,
        installation::CASES,
        jobs::CASES,
        journal::CASES,
        state::CASES,
    ]
    .concat()
}

/// The cases for a subject that can plant faults.
pub fn fault_cases() -> Vec<Case> {
    faults::CASES.to_vec()
}

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a job and waits for its commit.
fn try_write<R: Send + 'static>(
    store: &dyn Store,
    job: impl FnOnce(&mut dyn Tx) -> Result<R, StoreError> + Send + 'static,
) -> Result<R, StoreError> {
    let (value, values) = mpsc::channel();
    let (told, wait) = mpsc::channel();
    store.submit(
        Box::new(move |tx| {
            let made = job(tx)?;
            drop(value.send(made));
            Ok(())
        }),
        Box::new(move |result| drop(told.send(result))),
    );
    wait.recv_timeout(PATIENCE).expect("the store calls done")?;
    Ok(values.recv_timeout(PATIENCE).expect("the job ran"))
}

/// Runs a job that must not fail.
fn write<R: Send + 'static>(store: &dyn Store, job: impl FnOnce(&mut dyn Tx) -> Result<R, StoreError> + Send + 'static) -> R {
    try_write(store, job).expect("the job commits")
}

/// Reads what must be readable.
fn view<R: Send + 'static>(store: &dyn Store, job: impl FnOnce(&dyn View) -> Result<R, StoreError> + Send + 'static) -> R {
    let (value, values) = mpsc::channel();
    let (told, wait) = mpsc::channel();
    store.read(
        Box::new(move |view| {
            let found = job(view)?;
            drop(value.send(found));
            Ok(())
        }),
        Box::new(move |result| drop(told.send(result))),
    );
    wait.recv_timeout(PATIENCE).expect("the store calls done").expect("the view reads");
    values.recv_timeout(PATIENCE).expect("the job ran")
}
