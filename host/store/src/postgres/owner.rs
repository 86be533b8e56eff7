//! Who may write. A session lock keeps a second server out while the first is there; an epoch keeps the first out once it was taken over,
//! however long it was paused; a count of commits tells what became of one whose answer was lost.

use super::link::{Link, Owned};
use super::server::PostgresServer;
use crate::error::OpenError;
use ports::{Clock, StoreError};
use std::time::Duration;

/// Which of the two writers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Store,
    Journal,
}

impl Role {
    /// As the table `owner` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Journal => "journal",
        }
    }

    fn lock(self) -> i32 {
        match self {
            Self::Store => 0x5256_5354,
            Self::Journal => 0x5256_4a4c,
        }
    }
}

/// How long a session that is on its way out may keep the lock.
const GRACE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Our claim.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub role: Role,
    pub epoch: i64,
    /// How many commits there were.
    pub commits: i64,
    /// The database's process behind the connection.
    process: i32,
}

/// What the row says.
pub(crate) struct Found {
    pub epoch: i64,
    pub commits: i64,
    pub head: i64,
}

impl Owner {
    /// Takes the lock and begins the next epoch; gives the claim and the journal's last id.
    pub fn take(link: &Link, server: &PostgresServer, role: Role, clock: &dyn Clock) -> Result<(Self, i64), OpenError> {
        let failed = |source: StoreError| OpenError::Postgres { place: server.place(), source };
        let begun = clock.elapsed();
        while !try_lock(link, server, role).map_err(failed)? {
            if clock.elapsed().saturating_sub(begun) > GRACE {
                let holder = holder(link, server, role).map_err(failed)?;
                return Err(OpenError::SchemaInUse { place: server.place(), holder });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let unfinished = super::rows::read::int(link, "check the schema", "SELECT unfinished FROM reveille_schema").map_err(failed)?;
        if unfinished != 0 {
            return Err(OpenError::Unfinished { place: server.place() });
        }
        // Waits for a commit of the former owner that is under way, and fences all later ones.
        let sql = "UPDATE owner SET epoch = epoch + 1 WHERE name = $1 RETURNING epoch, commits, head, pg_backend_pid()";
        let rows = link.query("take the store over", "", sql, &[&role.name()]).map_err(failed)?;
        let row = rows.first().ok_or_else(|| OpenError::ForeignSchema { place: server.place() })?;
        Ok((Self { role, epoch: row.get(0), commits: row.get(1), process: row.get(3) }, row.get(2)))
    }

    /// After a lost connection: waits until the old session has ended, so that what it did is settled; gives what it left.
    pub fn take_again(&mut self, link: &Link, server: &PostgresServer, clock: &dyn Clock) -> Result<Found, StoreError> {
        const DOING: &str = "take the store again";
        let begun = clock.elapsed();
        while !try_lock(link, server, self.role)? {
            // Ends a session that the server still takes for alive; one of somebody else is not touched.
            let ours = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                        WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.pid = $1 \
                        AND l.classid = $2::int8::oid";
            link.query(DOING, "", ours, &[&self.process, &i64::from(self.role.lock())])?;
            if clock.elapsed().saturating_sub(begun) > GRACE {
                return Err(StoreError::Unavailable { doing: DOING, why: holder(link, server, self.role)? + " has it" });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let sql = "SELECT epoch, commits, head, pg_backend_pid() FROM owner WHERE name = $1";
        let rows = link.query(DOING, "", sql, &[&self.role.name()])?;
        let row = rows.first().ok_or_else(|| StoreError::Corrupt { doing: DOING, why: "the owner's row is missing".into() })?;
        let found = Found { epoch: row.get(0), commits: row.get(1), head: row.get(2) };
        self.process = row.get(3);
        if found.epoch != self.epoch {
            return Err(fenced());
        }
        Ok(found)
    }

    /// The statement that belongs into every transaction: changes one row, or none if somebody took over.
    pub fn check(&self, head_grows: i64) -> (&'static str, Owned<'static>) {
        let sql = "UPDATE owner SET commits = $3, head = head + $4 WHERE name = $1 AND epoch = $2";
        (sql, vec![Box::new(self.role.name()), Box::new(self.epoch), Box::new(self.commits + 1), Box::new(head_grows)])
    }
}

/// Somebody else writes now.
pub(crate) fn fenced() -> StoreError {
    StoreError::Unavailable { doing: "write", why: "another server has taken the store over".into() }
}

fn try_lock(link: &Link, server: &PostgresServer, role: Role) -> Result<bool, StoreError> {
    let sql = "SELECT pg_try_advisory_lock($1, hashtext($2))";
    let rows = link.query("lock the store", "", sql, &[&role.lock(), &server.schema])?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

fn holder(link: &Link, server: &PostgresServer, role: Role) -> Result<String, StoreError> {
    let sql = "SELECT a.application_name, host(a.client_addr), a.pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
               JOIN pg_database d ON d.oid = l.database WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() \
               AND l.classid = $1::int8::oid AND l.objid = (hashtext($2)::int8 & 4294967295)::oid";
    let rows = link.query("find who has the store", "", sql, &[&i64::from(role.lock()), &server.schema])?;
    Ok(rows.first().map_or_else(
        || "it has just gone".into(),
        |row| {
            let name: &str = row.try_get(0).unwrap_or("unknown");
            let host: Option<&str> = row.try_get(1).unwrap_or(None);
            format!("{name} from {}, database process {}", host.unwrap_or("this machine"), row.get::<_, i32>(2))
        },
    ))
}
