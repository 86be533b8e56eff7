//! A real SMTP server for the stories: Debian's aiosmtpd, which keeps each mail in a Maildir.

use crate::peers::Peer;
use crate::place::free_port;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// The server and its mailbox.
pub struct MailServer {
    pub port: u16,
    dir: TempDir,
    _process: Peer,
}

/// A mail as it lies in the mailbox.
#[derive(Debug, Clone)]
pub struct Received {
    pub raw: String,
}

impl Received {
    /// A header's value, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.raw.replace("\r\n", "\n");
        let head = head.split("\n\n").next()?.replace("\n ", " ").replace("\n\t", " ");
        let prefix = format!("{}:", name.to_lowercase());
        head.lines().find(|l| l.to_lowercase().starts_with(&prefix)).map(|l| l[prefix.len()..].trim().to_owned())
    }

    /// The whole with quoted-printable's soft line breaks and `=3D` undone, for looking for words and links.
    pub fn readable(&self) -> String {
        self.raw.replace("\r\n", "\n").replace("=\n", "").replace("=3D", "=")
    }
}

impl MailServer {
    /// Starts it on a free port.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder for mail");
        let port = free_port();
        let mut command = Command::new("aiosmtpd");
        command.args(["-n", "-l", &format!("127.0.0.1:{port}"), "-c", "aiosmtpd.handlers.Mailbox"]).arg(dir.path().join("box"));
        let process = Peer::start("aiosmtpd", command, port);
        Self { port, dir, _process: process }
    }

    /// All mails, in the order they came.
    pub fn mails(&self) -> Vec<Received> {
        let Ok(entries) = std::fs::read_dir(self.dir.path().join("box/new")) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
        paths.sort_by_key(|p| p.metadata().and_then(|m| m.modified()).ok());
        paths.iter().map(|p| Received { raw: String::from_utf8_lossy(&std::fs::read(p).unwrap_or_default()).into_owned() }).collect()
    }

    /// Mails to an address.
    pub fn to(&self, address: &str) -> Vec<Received> {
        self.mails()
            .into_iter()
            .filter(|m| {
                m.header("To").is_some_and(|to| to.contains(address)) || m.header("X-RcptTo").is_some_and(|to| to.contains(address))
            })
            .collect()
    }
}
