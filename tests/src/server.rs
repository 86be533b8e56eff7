//! The real program in a folder of its own: set up, started, killed, started again.

use crate::place::{free_port, native_cache, plugins, program};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Simulated time, in milliseconds since 1970; `None`: real time.
    pub now_ms: Option<i64>,
    /// Further environment, such as a layer under its writes.
    pub environment: Vec<(String, String)>,
    /// Another folder of plugins than the bundled one.
    pub plugins: Option<PathBuf>,
    /// Further arguments of `serve`.
    pub serve: Vec<String>,
}

/// A server and its folder.
pub struct Server {
    pub port: u16,
    pub dir: PathBuf,
    options: Options,
    child: Option<Child>,
    sim_now_ms: Option<i64>,
}

impl Server {
    /// Writes `reveille.toml` and the documents of `config` into `dir`, and runs `reveille init`. `extra` is appended to the TOML.
    pub fn set_up(dir: &Path, config: &[(String, String)], extra: &str, options: Options) -> Self {
        let port = free_port();
        let plugins = options.plugins.clone().unwrap_or_else(plugins);
        std::fs::create_dir_all(dir.join("config")).expect("a folder for the configuration");
        let toml = format!(
            "listen = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\ndata_dir = \"store\"\nplugins_dir = {:?}\nnative_cache_dir = {:?}\n{extra}\n",
            plugins.display().to_string(),
            native_cache().display().to_string()
        );
        std::fs::write(dir.join("reveille.toml"), toml).expect("reveille.toml");
        for (name, text) in config {
            std::fs::write(dir.join("config").join(name), text).expect("a document");
        }
        let server = Self { port, dir: dir.to_owned(), sim_now_ms: options.now_ms, options, child: None };
        let mut init = server.command();
        init.arg("init").arg(dir);
        let out = init.output().expect("reveille init runs");
        assert!(
            out.status.success(),
            "reveille init failed:\n{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        server
    }

    /// Sets further environment for the starts to come.
    pub fn preload(&mut self, environment: &[(&str, &str)]) {
        self.options.environment.extend(environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    }

    fn command(&self) -> Command {
        let mut command = Command::new(program("reveille"));
        command.current_dir(&self.dir).stdin(Stdio::null());
        command.env("REVEILLE_SIM_SOCKET", self.socket()).env("REVEILLE_SIM_HITS", self.dir.join("hits"));
        if let Some(now) = self.sim_now_ms {
            command.env("REVEILLE_SIM_NOW_MS", now.to_string());
        }
        command.envs(self.options.environment.iter().map(|(k, v)| (k, v)));
        command
    }

    /// Starts the server and waits until it is ready.
    pub fn start(&mut self) {
        self.try_start().unwrap_or_else(|why| panic!("{why}"));
    }

    /// [`Server::start`]; the error holds the log.
    #[allow(clippy::disallowed_methods)] // Starting takes real time.
    pub fn try_start(&mut self) -> Result<(), String> {
        assert!(self.child.is_none(), "the server runs already");
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log file");
        let mut serve = self.command();
        serve.arg("serve").arg("--config").arg(self.dir.join("reveille.toml"));
        serve.args(&self.options.serve);
        serve.stdout(log.try_clone().expect("a log file")).stderr(log);
        let mut child = serve.spawn().expect("reveille serve starts");
        let began = Instant::now();
        while !self.answers("/readyz") {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("the server ended with {status}:\n{}", self.log()));
            }
            if began.elapsed() > Duration::from_secs(60) {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("the server is not ready after 60 s:\n{}", self.log()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.child = Some(child);
        Ok(())
    }

    fn answers(&self, path: &str) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        let mut first = String::new();
        stream.write_all(request.as_bytes()).is_ok() && BufReader::new(stream).read_line(&mut first).is_ok() && first.contains(" 200 ")
    }

    /// Ends the server as a power cut to its process would: no chance to tidy up.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to stop and waits; gives whether it ended well.
    pub fn stop(&mut self) -> bool {
        let Some(mut child) = self.child.take() else { return true };
        let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().is_ok_and(|s| s.success());
        asked && child.wait().is_ok_and(|status| status.success())
    }

    /// Whether it ended by itself.
    pub fn has_ended(&mut self) -> bool {
        let ended = self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_))));
        if ended {
            self.child = None;
        }
        ended
    }

    /// Its process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Kills it and starts it again.
    pub fn kill_and_start(&mut self) {
        self.kill();
        self.start();
    }

    /// Kills it and starts it again so much later on the simulated clock: an outage.
    pub fn outage_of_seconds(&mut self, seconds: i64) {
        self.kill();
        self.sim_now_ms = self.sim_now_ms.map(|now| now + seconds * 1000);
        self.start();
    }

    /// An address of the server.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The integration key that `init` made.
    pub fn key(&self, integration: &str) -> String {
        let path = self.dir.join("keys").join(format!("{integration}.key"));
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).trim().to_owned()
    }

    /// The administrator's token that `init` made.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.dir.join("cli.token")).expect("the administrator's token").trim().to_owned()
    }

    /// Runs the command line against the server; gives what it printed and whether it succeeded.
    pub fn cli(&self, args: &[&str]) -> (String, bool) {
        let mut command = self.command();
        command.args(args).env("REVEILLE_SERVER", self.url("")).env("REVEILLE_TOKEN", self.token());
        let out = command.output().expect("the command line runs");
        (format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)), out.status.success())
    }

    /// Says one thing on the control socket.
    pub fn sim(&mut self, command: &Value) -> Value {
        self.try_sim(command).unwrap_or_else(|why| panic!("{why}\n{}", self.log()))
    }

    /// [`Server::sim`], where the server may die of it.
    pub fn try_sim(&mut self, command: &Value) -> Result<Value, String> {
        let failed = |what: &str| format!("the control socket {what} after {command}");
        let mut stream = UnixStream::connect(self.socket()).map_err(|e| failed(&format!("cannot be reached ({e})")))?;
        let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
        stream.write_all(format!("{command}\n").as_bytes()).map_err(|_| failed("broke"))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).map_err(|_| failed("broke"))?;
        let answer: Value = serde_json::from_str(&line).map_err(|_| failed("closed"))?;
        if let Some(error) = answer["error"].as_str() {
            return Err(failed(&format!("says {error}")));
        }
        if let Some(now) = answer["now_ms"].as_i64().filter(|_| self.sim_now_ms.is_some()) {
            self.sim_now_ms = Some(now);
        }
        Ok(answer)
    }

    /// Waits until nothing is left to do at the present time.
    pub fn settle(&mut self) {
        self.sim(&json!({ "settle": true }));
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("sim.sock")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
