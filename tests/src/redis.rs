//! A real Redis on loopback that a story kills, stops, empties and starts again.

use crate::peers::Peer;
use crate::place::free_port;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// A server that keeps nothing on disk.
pub struct Redis {
    pub port: u16,
    running: Option<Peer>,
}

impl Redis {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let mut redis = Self { port: free_port(), running: None };
        redis.up();
        redis
    }

    /// What `reveille.toml` needs to use it.
    pub fn toml(&self) -> String {
        format!("\n[redis]\naddresses = [\"redis://127.0.0.1:{}\"]\n", self.port)
    }

    /// Starts it again, empty.
    pub fn up(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        self.running = Some(Peer::start("redis-server", command, self.port));
    }

    /// Kills it.
    pub fn down(&mut self) {
        self.running = None;
    }

    /// Forgets everything.
    pub fn flush(&self) {
        assert!(self.say("FLUSHALL\r\n").starts_with("+OK"), "Redis takes FLUSHALL");
    }

    /// How many keys it holds.
    pub fn keys(&self) -> u64 {
        self.say("DBSIZE\r\n").trim_start_matches(':').trim().parse().expect("a number of keys")
    }

    /// Lets it hang: it takes connections and answers nothing.
    pub fn stall(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.running.as_ref().expect("Redis runs").id();
        assert!(Command::new("kill").args([name, &id.to_string()]).status().is_ok_and(|status| status.success()), "kill {name}");
    }

    fn say(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("Redis takes a connection");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        stream.write_all(command.as_bytes()).expect("Redis reads");
        let mut answer = [0; 128];
        let length = stream.read(&mut answer).expect("Redis answers");
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }
}
