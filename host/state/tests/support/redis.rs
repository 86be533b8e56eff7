//! Redis servers on free loopback ports, ended by their process id.

use state::RedisSettings;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Server {
    pub port: u16,
    pub folder: tempfile::TempDir,
    arguments: Vec<String>,
    child: Child,
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What most tests begin with: fast to give up, fast to come back.
pub fn quick(port: u16) -> RedisSettings {
    let mut settings = RedisSettings::new(vec![("127.0.0.1".into(), port)]);
    settings.connect_limit = Duration::from_millis(500);
    settings.read_limit = Duration::from_millis(50);
    settings.write_limit = Duration::from_millis(500);
    settings.retry = (Duration::from_millis(2), Duration::from_millis(20));
    settings
}

impl Server {
    pub fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let port = free_port();
        let child = spawn(port, folder.path(), &arguments);
        let server = Self { port, folder, arguments, child };
        server.wait();
        server
    }

    fn wait(&self) {
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not listen");
    }

    pub fn dump(&self) -> PathBuf {
        self.folder.path().join("dump.rdb")
    }

    /// kill -9; what it had in memory is lost.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn restart(&mut self) {
        self.child = spawn(self.port, self.folder.path(), &self.arguments);
        self.wait();
    }

    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Inline commands on one connection; the last answer, as far as it has come.
    pub fn say(&self, commands: &[&str]) -> String {
        say(self.port, commands)
    }
}

pub fn say(port: u16, commands: &[&str]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answer = String::new();
    for command in commands {
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut buffer = vec![0; 65_536];
        let read = stream.read(&mut buffer).unwrap();
        answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
    }
    answer
}

fn spawn(port: u16, folder: &Path, arguments: &[String]) -> Child {
    let port = port.to_string();
    let mut command = Command::new("redis-server");
    // A configuration file of its own: with `--sentinel` the server writes into it.
    let file = folder.join("redis.conf");
    if !file.exists() {
        std::fs::write(&file, "").unwrap();
    }
    command.arg(&file).args(["--port", &port, "--bind", "127.0.0.1"]).args(arguments).current_dir(folder);
    command.args(["--dir", &folder.display().to_string()]);
    if !arguments.iter().any(|argument| argument == "--sentinel") {
        command.args(["--save", "", "--appendonly", "no"]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
