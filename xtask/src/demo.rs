//! `cargo xtask run`: the first evening. One command builds everything, sets up a team of two with pretend phones, and starts.

use crate::plugins;
use crate::tools::{self, cargo, root, target_dir};
use anyhow::{Context, Result, bail};
use std::process::{Child, Command};

/// Where the pretend phones answer.
const PHONES: &str = "127.0.0.1:8081";

/// Builds, sets up `./data` if it is not there, and runs the server and the pretend phones until either ends.
pub fn run() -> Result<()> {
    let dist = plugins::build()?;
    eprintln!("xtask: building the host (the first time takes some minutes)");
    tools::run(&mut cargo(&["build", "--release", "--locked", "-p", "reveille", "-p", "reveille-sink"]))?;
    let programs = target_dir().join("release");
    let data = root().join("data");
    if !data.join("reveille.toml").exists() {
        let mut init = Command::new(programs.join("reveille"));
        init.current_dir(root()).arg("init").arg(&data).arg("--plugins").arg(&dist).args([
            "--demo",
            "--phones",
            &format!("http://{PHONES}"),
        ]);
        tools::run(&mut init)?;
    }
    let mut phones = Started(
        Command::new(programs.join("reveille-sink")).args(["--listen", PHONES]).spawn().context("cannot start the pretend phones")?,
    );
    eprintln!("xtask: the pretend phones are on http://{PHONES}");
    let mut serve = Command::new(programs.join("reveille"));
    serve.current_dir(root()).arg("serve").arg("--config").arg(data.join("reveille.toml")).arg("--welcome");
    let mut server = Started(serve.spawn().context("cannot start the server")?);
    loop {
        if let Some(status) = server.0.try_wait()? {
            if status.success() {
                return Ok(());
            }
            bail!("the server ended with {status}");
        }
        if let Some(status) = phones.0.try_wait()? {
            bail!("the pretend phones ended with {status}: is something else listening on {PHONES}?");
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

/// Ends with us.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
