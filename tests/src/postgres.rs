//! A database server of a test's own: a cluster in a temporary folder, on a loopback port; and a proxy that cuts.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

/// What to install where there is no server.
const INSTALL: &str = "these tests need PostgreSQL 15 or newer: install the package `postgresql` (apt-get install postgresql)";
/// How long the server may take to come up.
const PATIENCE_TRIES: u32 = 600;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running server, or one that can be started again on the same data; ends when dropped.
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    /// Whether it syncs what it commits.
    fsync: &'static str,
    server: Option<Child>,
}

impl Cluster {
    /// Makes a cluster and starts it.
    ///
    /// # Panics
    /// Where PostgreSQL is not installed or does not start: says what to install.
    pub fn start() -> Self {
        Self::make("on")
    }

    /// One that does not sync: faster, for what never stops the server.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn start_unsynced() -> Self {
        Self::make("off")
    }

    fn make(fsync: &'static str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let programs = programs().expect(INSTALL);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("reveille-postgres-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        if is_root() {
            let owned = Command::new("chown").arg("postgres:").arg(&folder).status().expect("chown runs");
            assert!(owned.success(), "the user postgres is missing: {INSTALL}");
        }
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).expect("a free port").port();
        let mut cluster = Self { folder, programs, port, fsync, server: None };
        let made = cluster
            .command("initdb")
            .args(["-A", "trust", "-U", "reveille", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(cluster.folder.join("data"))
            .stdout(Stdio::null())
            .status()
            .expect("initdb runs");
        assert!(made.success(), "initdb failed: {INSTALL}");
        cluster.go();
        cluster
    }

    /// Starts the server, which is not running.
    pub fn go(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("log")).expect("the log");
        let server = self
            .command("postgres")
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(["-c", "listen_addresses=127.0.0.1", "-c", &format!("fsync={}", self.fsync), "-c", "max_connections=60"])
            .args(["-p", &self.port.to_string(), "-k"])
            .arg(&self.folder)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("postgres runs");
        self.server = Some(server);
        for _ in 0..PATIENCE_TRIES {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-U", "reveille", "-d", "postgres", "-p", &self.port.to_string()])
                .status()
                .is_ok_and(|status| status.success());
            if ready {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("the server does not come up: {}", std::fs::read_to_string(self.folder.join("log")).unwrap_or_default());
    }

    /// Stops it with a signal: `INT` ends its sessions and stops in order, `QUIT` at once and without a checkpoint.
    pub fn stop(&mut self, signal: &str) {
        let Some(mut server) = self.server.take() else { return };
        let _ = Command::new("kill").arg(format!("-{signal}")).arg(server.id().to_string()).status();
        let _ = server.wait();
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of its database, by way of `port`.
    pub fn url_at(port: u16) -> String {
        format!("postgres://reveille@127.0.0.1:{port}/postgres")
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        Self::url_at(self.port)
    }

    /// Runs a statement with the server's own client; what it printed.
    ///
    /// # Panics
    /// If the statement fails.
    pub fn sql(&self, statement: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "reveille", "-d", "postgres"])
            .args(["-p", &self.port.to_string(), "-c", statement])
            .output()
            .expect("psql runs");
        assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A program of the server, run as somebody whom the server accepts: it refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.folder).stdin(Stdio::null()).env("LC_ALL", "C");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop("QUIT");
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0)
}

/// Where the newest server's programs are.
fn programs() -> Option<PathBuf> {
    let mut places: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
    places.sort();
    places.into_iter().rfind(|place| place.join("initdb").exists()).or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|place: &PathBuf| Path::new(place).join("initdb").exists())
    })
}

/// What the proxy does with the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cut {
    Nothing = 0,
    /// The connection ends before the commit reaches the server.
    BeforeCommit = 1,
    /// The commit reaches the server, its answer reaches nobody.
    AfterCommit = 2,
}

/// A way to the server that can be cut.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    cut: AtomicU8,
    cuts: AtomicUsize,
    closed: AtomicBool,
}

impl Proxy {
    /// Listens on a port of its own and passes on to `to`.
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared::default());
        let at = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if at.closed.load(Ordering::Acquire) {
                    return;
                }
                let at = Arc::clone(&at);
                std::thread::spawn(move || pass(client, to, &at));
            }
        });
        Self { port, shared }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts the connection of the next commit.
    pub fn cut(&self, cut: Cut) {
        self.shared.cut.store(cut as u8, Ordering::Release);
    }

    /// How often it cut.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// A commit as the protocol has it: the kind of message, its length, its text.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

fn pass(mut client: TcpStream, to: u16, shared: &Arc<Shared>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let muted = Arc::new(AtomicBool::new(false));
    let (Ok(mut from), Ok(mut back)) = (server.try_clone(), client.try_clone()) else { return };
    let mute = Arc::clone(&muted);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if mute.load(Ordering::Acquire) || back.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        let sent = &buffer[..read];
        let commits = sent.windows(COMMIT.len()).any(|window| window == COMMIT);
        let cut = if commits { shared.cut.swap(Cut::Nothing as u8, Ordering::AcqRel) } else { 0 };
        if cut != 0 {
            shared.cuts.fetch_add(1, Ordering::AcqRel);
        }
        if cut == Cut::BeforeCommit as u8 {
            break;
        }
        muted.fetch_or(cut == Cut::AfterCommit as u8, Ordering::AcqRel);
        if server.write_all(sent).is_err() {
            break;
        }
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}
