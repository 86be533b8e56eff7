//! `reveille init`: a folder with a configuration, keys and a token, so that `serve` has something to serve.
//!
//! Files that are there are kept: running it again on the same folder is safe.

use crate::cli::output::say;
use crate::serve::{self, assemble};
use anyhow::{Context, Result, bail};
use clap::Args;
use domain::id::UserId;
use domain::installation::Installation;
use ports::store::{Credential, CredentialKind};
use ports::{Clock, Store};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use web::Secret;

/// What to set up, and where.
#[derive(Args)]
pub struct InitArgs {
    /// The folder; made if it is not there.
    dir: PathBuf,
    /// Folder of the plugins, each in a folder of its own.
    #[arg(long, default_value = "plugins/dist")]
    plugins: PathBuf,
    /// Write a demonstration: a team of two whose phones answer at `--phones`.
    #[arg(long)]
    demo: bool,
    /// Address of the pretend phones, for `--demo`.
    #[arg(long, default_value = "http://127.0.0.1:8081", requires = "demo")]
    phones: String,
}

/// Writes what is missing, applies the documents, makes keys and a token.
pub fn run(args: &InitArgs) -> Result<()> {
    fs::create_dir_all(args.dir.join("config")).with_context(|| format!("cannot make {}", args.dir.display()))?;
    fs::create_dir_all(args.dir.join("keys"))?;
    write_server_file(args)?;
    write_documents(args)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(set_up(&args.dir))
}

fn write_server_file(args: &InitArgs) -> Result<()> {
    let plugins = fs::canonicalize(&args.plugins).unwrap_or_else(|_| args.plugins.clone());
    let mut text = format!(
        "# The server's own file; people, policies and pipelines are documents in config/.\nlisten = \"127.0.0.1:8080\"\npublic_url = \"http://127.0.0.1:8080\"\ndata_dir = \"store\"\nplugins_dir = {:?}\n",
        plugins.display().to_string()
    );
    if args.demo {
        let phones = args.phones.strip_prefix("http://").context("--phones must be an http:// address on this machine")?;
        let (host, port) = phones.trim_end_matches('/').rsplit_once(':').context("--phones needs a port, as in http://127.0.0.1:8081")?;
        text.push_str(&format!(
            "\n# The pretend phones, and nothing else.\n[[egress.allow]]\nhost = {host:?}\nports = [{port}]\nprivate = true\n"
        ));
    }
    write_new(&args.dir.join("reveille.toml"), &text, 0o644)
}

fn write_documents(args: &InitArgs) -> Result<()> {
    let config = args.dir.join("config");
    let has_documents =
        fs::read_dir(&config)?.filter_map(Result::ok).any(|e| e.path().extension().is_some_and(|x| x == "yaml" || x == "yml"));
    if has_documents {
        return Ok(());
    }
    if !args.demo {
        bail!(
            "{} has no documents yet: write them (docs/configuration.md has a team of two in 40 lines), or try `reveille init --demo {}`",
            config.display(),
            args.dir.display()
        );
    }
    let documents = [
        ("people.yaml", include_str!("../demo/people.yaml")),
        ("services.yaml", include_str!("../demo/services.yaml")),
        ("alerts.yaml", include_str!("../demo/alerts.yaml")),
    ];
    for (name, text) in documents {
        write_new(&config.join(name), &text.replace("PHONES", args.phones.trim_end_matches('/')), 0o644)?;
    }
    Ok(())
}

async fn set_up(dir: &Path) -> Result<()> {
    let file = serve::read_server_file(&dir.join("reveille.toml"))?;
    let ground = assemble::Ground::open(file, serve::clock()?)?;
    let files = documents_in(&dir.join("config"))?;
    let store: Arc<dyn Store> = Arc::clone(&ground.store);
    let applied = ground.configuration().apply_documents(files, None, "host (init)".into()).await;
    let applied = applied.map_err(|error| anyhow::anyhow!("{}", serve::configure::in_words(&error)))?;
    say(format!("configuration revision {} is in force", applied.revision.0));
    for warning in &applied.warnings {
        say(format!("warning: {warning}"));
    }
    let installation = Arc::clone(&ground.live.load().installation);
    for integration in installation.integrations.keys() {
        let path = dir.join("keys").join(format!("{integration}.key"));
        if !path.exists() {
            let key = Secret::generate("rvi_")?;
            let credential = Credential {
                integration: Some(integration.clone()),
                ..credential(&key, CredentialKind::IntegrationKey, "init", &*ground.clock)
            };
            store.write(move |tx| tx.put_credential(&credential)).await?;
            write_new(&path, &format!("{}\n", key.reveal()), 0o600)?;
        }
    }
    let token_path = dir.join("cli.token");
    if !token_path.exists() {
        let admin = first_admin(&installation)?;
        let token = Secret::generate("rvt_")?;
        let credential = Credential {
            user: Some(admin),
            scope: "admin".into(),
            ..credential(&token, CredentialKind::ApiToken, "command line (init)", &*ground.clock)
        };
        store.write(move |tx| tx.put_credential(&credential)).await?;
        write_new(&token_path, &format!("{}\n", token.reveal()), 0o600)?;
    }
    say(format!("{} is set up; start it with: reveille serve --config {}", dir.display(), dir.join("reveille.toml").display()));
    Ok(())
}

/// The user whom the command line acts as.
pub fn first_admin(installation: &Installation) -> Result<UserId> {
    installation
        .users
        .values()
        .find(|u| u.admin)
        .map(|u| u.id.clone())
        .context("no user has `admin: true`: somebody has to be able to change the configuration")
}

/// A credential for a secret, stored by its SHA-256.
pub fn credential(secret: &Secret, kind: CredentialKind, label: &str, clock: &dyn Clock) -> Credential {
    Credential {
        id: secret.id(),
        kind,
        user: None,
        integration: None,
        label: label.to_owned(),
        scope: String::new(),
        detail: String::new(),
        created_at: clock.now(),
        expires_at: None,
        last_used_at: None,
    }
}

/// The documents of a folder, by name.
pub fn documents_in(dir: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|x| x == "yaml" || x == "yml" || x == "json") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?));
        }
    }
    files.sort();
    Ok(files)
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<()> {
    let mut file = match fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot write {}", path.display())),
    };
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
