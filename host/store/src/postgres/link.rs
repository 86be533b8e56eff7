//! One connection with its prepared statements, used by one thread that waits for each answer; independent statements travel together.

use super::server::{PostgresServer, words};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use ports::StoreError;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

/// A parameter of a statement.
pub(crate) type Param<'a> = &'a (dyn ToSql + Sync);
/// Parameters that their holder owns.
pub(crate) type Owned<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// A connection.
pub(crate) struct Link {
    /// Drives the connection while somebody waits for an answer. Never used from another thread.
    runtime: Runtime,
    client: Client,
    statements: RefCell<HashMap<Box<str>, Statement>>,
    /// The connection cannot be used any more.
    lost: Cell<bool>,
    /// A statement failed: the transaction takes no further one until it is rolled back.
    failed: Cell<bool>,
    answer_within: Duration,
}

/// How a session is set up. `synchronous_commit` is what "done" stands on.
const SESSION: &str = "SET synchronous_commit = on; SET standard_conforming_strings = on; SET TIME ZONE 'UTC'; \
                       SET idle_in_transaction_session_timeout = 60000; SET client_min_messages = warning; SET search_path = ";

impl Link {
    /// Connects. Must not be called from a thread of an async runtime.
    pub fn connect(server: &PostgresServer, role: &str) -> Result<Self, StoreError> {
        const DOING: &str = "connect to the database";
        let failed = |why| StoreError::Unavailable { doing: DOING, why };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(error.to_string()))?;
        let mut config = server.config.clone();
        config.application_name(format!("reveille {role}"));
        let made = runtime.block_on(async {
            let connecting = config.connect(server.tls.clone());
            let (client, connection) = tokio::time::timeout(server.answer_within, connecting)
                .await
                .map_err(|_| format!("no answer within {:?}", server.answer_within))?
                .map_err(|error| words(&error))?;
            // Its end shows in the client, which is asked.
            tokio::spawn(connection.map(drop));
            Ok::<_, String>(client)
        });
        let link = Self {
            runtime,
            client: made.map_err(failed)?,
            statements: RefCell::default(),
            lost: Cell::new(false),
            failed: Cell::new(false),
            answer_within: server.answer_within,
        };
        link.batch(DOING, &format!("{SESSION}\"{}\"", server.schema))?;
        Ok(link)
    }

    /// Whether it can be used: also notices a connection that ended while nobody asked.
    pub fn lives(&self) -> bool {
        if !self.lost.get() {
            self.runtime.block_on(async {
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            });
        }
        !self.lost.get() && !self.client.is_closed()
    }

    /// Whether the last answer left it usable; asks nobody.
    pub fn usable(&self) -> bool {
        !self.lost.get() && !self.client.is_closed()
    }

    /// A statement failed since [`Self::forgive`].
    pub fn failed(&self) -> bool {
        self.failed.get()
    }

    /// The transaction was rolled back as far as it takes.
    pub fn forgive(&self) {
        self.failed.set(false);
    }

    /// Runs statements without parameters.
    pub fn batch(&self, doing: &'static str, sql: &str) -> Result<(), StoreError> {
        let answered = self.wait(self.client.batch_execute(sql));
        self.judge(doing, answered)
    }

    /// Reads rows; `first`, if it is not empty, travels ahead.
    pub fn query(&self, doing: &'static str, first: &str, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(doing, sql)?;
        let answered = self.wait(async {
            if first.is_empty() {
                return self.client.query(&statement, params).await;
            }
            let (begun, rows) = futures_util::future::join(self.client.batch_execute(first), self.client.query(&statement, params)).await;
            begun.and(rows)
        });
        self.judge(doing, answered)
    }

    /// Runs several statements in order, all on their way before the first answer; how many rows each changed.
    pub fn execute_all(&self, doing: &'static str, first: &str, all: &[(&str, Owned<'_>)]) -> Result<Vec<u64>, StoreError> {
        let mut prepared = Vec::with_capacity(all.len());
        for (sql, params) in all {
            prepared.push((self.statement(doing, sql)?, params.iter().map(|param| &**param as Param<'_>).collect::<Vec<_>>()));
        }
        let answered = self.wait(async {
            let mut running: Vec<BoxFuture<'_, Result<u64, Error>>> = Vec::with_capacity(all.len() + 1);
            if !first.is_empty() {
                running.push(Box::pin(self.client.batch_execute(first).map(|done| done.map(|()| 0))));
            }
            for (statement, params) in &prepared {
                running.push(Box::pin(self.client.execute(statement, params)));
            }
            // The first that failed is the reason; those after it only say that the transaction is over.
            join_all(running).await.into_iter().collect::<Result<Vec<u64>, Error>>()
        });
        let mut counts = self.judge(doing, answered)?;
        Ok(counts.split_off(counts.len() - all.len()))
    }

    /// Runs one statement.
    pub fn execute(&self, doing: &'static str, first: &str, sql: &str, params: Owned<'_>) -> Result<u64, StoreError> {
        Ok(self.execute_all(doing, first, &[(sql, params)])?.first().copied().unwrap_or(0))
    }

    /// Commits. `Err(None)`: it is not known whether it happened.
    pub fn commit(&self) -> Result<(), Option<StoreError>> {
        if self.failed.get() {
            // The server would answer such a COMMIT with a rollback that looks like success.
            return Err(Some(StoreError::Unavailable { doing: "commit", why: "a statement of the transaction failed".into() }));
        }
        match self.wait(self.client.batch_execute("COMMIT")) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) if error.as_db_error().is_some() && !ends_session(&error) => {
                Err(Some(self.judge::<()>("commit", Some(Err(error))).err().unwrap_or_else(unknown)))
            }
            _ => {
                self.lost.set(true);
                Err(None)
            }
        }
    }

    fn statement(&self, doing: &'static str, sql: &str) -> Result<Statement, StoreError> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let prepared = self.wait(self.client.prepare(sql));
        let statement = self.judge(doing, prepared)?;
        self.statements.borrow_mut().insert(sql.into(), statement.clone());
        Ok(statement)
    }

    /// Waits; `None`: no answer in time.
    fn wait<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Option<Result<T, Error>> {
        if self.lost.get() {
            return None;
        }
        self.runtime.block_on(async { tokio::time::timeout(self.answer_within, answer).await.ok() })
    }

    fn judge<T>(&self, doing: &'static str, answered: Option<Result<T, Error>>) -> Result<T, StoreError> {
        match answered {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => {
                self.failed.set(true);
                if ends_session(&error) {
                    self.lost.set(true);
                }
                Err(store_error(doing, &error))
            }
            None => {
                self.failed.set(true);
                let why = if self.lost.replace(true) {
                    "the connection to the database was lost".to_owned()
                } else {
                    format!("the database did not answer within {:?}", self.answer_within)
                };
                Err(StoreError::Unavailable { doing, why })
            }
        }
    }
}

fn unknown() -> StoreError {
    StoreError::Unavailable { doing: "commit", why: "the database refused".into() }
}

/// Whether nothing more can be asked on this connection.
fn ends_session(error: &Error) -> bool {
    match error.as_db_error() {
        Some(said) => matches!(said.severity(), "FATAL" | "PANIC") || said.code().code().starts_with("57P"),
        None => error.is_closed() || is_io(error),
    }
}

fn is_io(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error + 'static>::is::<std::io::Error>)
}

/// Says a database error in the words of the port.
pub(super) fn store_error(doing: &'static str, error: &Error) -> StoreError {
    let why = words(error);
    let Some(code) = error.code() else { return StoreError::Unavailable { doing, why } };
    match (&code.code()[..2], code) {
        (_, &(SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED)) => StoreError::Corrupt { doing, why },
        // A rule of the tables (append-only, unique) was broken, or a value cannot be stored: the job's mistake, not the database's.
        ("22" | "23" | "P0", _) => StoreError::Abandoned(format!("cannot {doing}: {why}")),
        _ => StoreError::Unavailable { doing, why },
    }
}
