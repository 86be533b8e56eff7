//! Programs of others that a story starts: ended by their own process id when the story is over.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running program.
pub struct Peer {
    pub name: String,
    child: Child,
}

impl Peer {
    /// Starts it and waits until it listens on `port`.
    #[allow(clippy::disallowed_methods)] // Real peers run on real time.
    pub fn start(name: &str, mut command: Command, port: u16) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|e| panic!("cannot start {name}: {e}; `cargo xtask test` installs it"));
        let mut peer = Self { name: name.to_owned(), child };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = peer.child.try_wait() {
                panic!("{name} ended with {status} before it listened");
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{name} does not listen on {port} after 30 s");
            std::thread::sleep(Duration::from_millis(20));
        }
        peer
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `seen` gives something; panics with `what` after `seconds` of real time.
#[allow(clippy::disallowed_methods)] // Real peers run on real time.
pub fn wait_for<T>(what: &str, seconds: u64, mut seen: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = seen() {
            return value;
        }
        assert!(began.elapsed() < Duration::from_secs(seconds), "waited {seconds} s in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
