//! What a server is measured on: SQLite or a PostgreSQL cluster of its own, with or without a Redis of its own. The difference is a few
//! lines of `reveille.toml`.

use anyhow::{Context, Result, bail, ensure};
use reveille_tests::peers::Peer;
use reveille_tests::place::free_port;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the truth lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Store {
    Sqlite,
    Postgres,
}

/// What the command line asks for.
#[derive(Debug, Clone, Copy)]
pub struct Backing {
    pub store: Store,
    pub redis: bool,
}

impl Backing {
    /// In words.
    pub fn words(self) -> String {
        let store = match self.store {
            Store::Sqlite => "SQLite, synchronous=FULL",
            Store::Postgres => "PostgreSQL on loopback, fsync and synchronous_commit on",
        };
        format!("{store}; {}", if self.redis { "Redis on loopback behind the memory, no persistence" } else { "hot state in memory only" })
    }

    /// Starts what is needed below `dir`.
    pub fn start(self, dir: &Path) -> Result<Started> {
        let postgres = if self.store == Store::Postgres { Some(Postgres::start(&dir.join("postgres"))?) } else { None };
        let redis = if self.redis { Some(start_redis(dir)) } else { None };
        Ok(Started { postgres, redis })
    }
}

/// Ends with the value.
pub struct Started {
    postgres: Option<Postgres>,
    redis: Option<(Peer, u16)>,
}

impl Started {
    /// The lines of `reveille.toml`.
    pub fn toml(&self) -> String {
        let store = self.postgres.as_ref().map_or_else(String::new, |pg| format!("[store]\nkind = \"postgres\"\nurl = {:?}\n", pg.url()));
        let redis =
            self.redis.as_ref().map_or_else(String::new, |(_, port)| format!("[redis]\naddresses = [\"redis://127.0.0.1:{port}\"]\n"));
        format!("{store}{redis}")
    }

    /// A number that the store tells, from SQLite's file or PostgreSQL.
    pub fn count(&self, folder: &Path, sql: &str) -> Result<usize> {
        let count = match &self.postgres {
            Some(postgres) => postgres.query(sql)?,
            None => {
                let path = folder.join("store/store.db");
                let store = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                store.query_row(sql, [], |row| row.get(0))?
            }
        };
        Ok(usize::try_from(count)?)
    }

    /// A column of texts without line breaks.
    pub fn texts(&self, folder: &Path, sql: &str) -> Result<Vec<String>> {
        if let Some(postgres) = &self.postgres {
            return Ok(postgres.psql("reveille", sql)?.lines().map(str::to_owned).collect());
        }
        let path = folder.join("store/store.db");
        let store = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut statement = store.prepare(sql)?;
        let texts = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        Ok(texts)
    }
}

/// A cluster of its own.
struct Postgres {
    peer: Peer,
    port: u16,
    programs: PathBuf,
}

impl Postgres {
    fn start(dir: &Path) -> Result<Self> {
        let programs = std::fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is not installed: `cargo xtask bench` installs it")?;
        let newest = programs.filter_map(Result::ok).map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max();
        let programs = newest.context("PostgreSQL has no initdb")?;
        std::fs::create_dir_all(dir)?;
        // PostgreSQL does not run as root.
        let root = Command::new("id").arg("-u").output()?.stdout.trim_ascii() == b"0";
        if root {
            std::fs::set_permissions(dir.parent().context("a folder above")?, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
            ensure!(Command::new("chown").arg("postgres").arg(dir).status()?.success(), "cannot give {} to postgres", dir.display());
        }
        let program = |name: &str| {
            let path = programs.join(name);
            if root {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path).current_dir(dir);
                command
            } else {
                Command::new(path)
            }
        };
        let data = dir.join("data");
        let made =
            program("initdb").args(["--auth=trust", "--username=reveille", "--encoding=UTF8", "--locale=C", "-D"]).arg(&data).output()?;
        if !made.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&made.stderr));
        }
        let port = free_port();
        let mut serve = program("postgres");
        serve.arg("-D").arg(&data).arg("-p").arg(port.to_string()).arg("-k").arg(dir);
        for setting in ["listen_addresses=127.0.0.1", "shared_buffers=256MB", "max_wal_size=4GB", "max_connections=60"] {
            serve.args(["-c", setting]);
        }
        let peer = Peer::start("postgres", serve, port);
        let postgres = Self { peer, port, programs };
        for _ in 0..100 {
            // It listens before it takes sessions.
            if postgres.psql("postgres", "CREATE DATABASE reveille").is_ok() {
                return Ok(postgres);
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        bail!("PostgreSQL (process {}) takes no sessions", postgres.peer.id())
    }

    fn url(&self) -> String {
        format!("postgres://reveille@127.0.0.1:{}/reveille", self.port)
    }

    fn psql(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        // The server's own schema first.
        psql.env("PGOPTIONS", "-c search_path=reveille,public");
        psql.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "reveille", "-d", database, "-At", "-c", sql]);
        let out = psql.output()?;
        ensure!(out.status.success(), "psql: {}", String::from_utf8_lossy(&out.stderr));
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    fn query(&self, sql: &str) -> Result<i64> {
        Ok(self.psql("reveille", sql)?.parse()?)
    }
}

fn start_redis(dir: &Path) -> (Peer, u16) {
    let port = free_port();
    let mut redis = Command::new("redis-server");
    redis.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string(), "--dir"]).arg(dir);
    (Peer::start("redis-server", redis, port), port)
}
