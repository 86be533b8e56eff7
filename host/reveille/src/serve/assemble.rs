//! What the house stands on: files, sandbox, the configuration in force. `init` and `serve` open the same ground.

use super::configure::Configuration;
use anyhow::{Context, Result};
use documents::server::{self as toml, SecretSection};
use documents::{Bundle, ServerFile};
use domain::installation::Installation;
use egress::{EgressSettings, Outside, PushKey};
use ports::{Clock, Egress, Journal, Live, LoadError, Snapshot, Store, Wakes};
use runtime::{KeyRing, LateAlarm, RuntimeSettings, Sandbox};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::{Arc, Mutex};

/// What the key pair for messages to browsers is called among the host's secrets.
const PUSH_KEY: &str = "web-push";

/// Everything that is opened before anything is started.
pub struct Ground {
    pub file: ServerFile,
    pub clock: Arc<dyn Clock>,
    pub store: Arc<dyn Store>,
    pub journal: Arc<dyn Journal>,
    pub sandbox: Arc<Sandbox>,
    /// Where the sandbox reports trouble, once somebody listens.
    pub alarm: LateAlarm,
    /// Plugins of the configuration in force that could not be loaded at the start.
    pub broken: Mutex<Vec<LoadError>>,
    pub live: Arc<Live>,
    pub wakes: Arc<Wakes>,
    /// One change of the configuration at a time.
    gate: Arc<tokio::sync::Mutex<()>>,
}

impl Ground {
    /// Opens (or makes) the data folder and the sandbox.
    pub fn open(file: ServerFile, clock: Arc<dyn Clock>) -> Result<Self> {
        // Addresses and alerts of people are in it: for its owner alone.
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&file.data_dir);
        made.with_context(|| format!("cannot make the data folder {}", file.data_dir.display()))?;
        let (store, journal) = super::storage::open(&file, &clock)?;
        let mut settings = RuntimeSettings::new(&file.plugins_dir, file.data_dir.join("native-cache"));
        if let Some(dir) = &file.native_cache_dir {
            // Only what can be compiled again: the versions that are kept stay with the data.
            settings.cache_dir.clone_from(dir);
        }
        settings.keys = Arc::new(key_ring(&file)?);
        let alarm = LateAlarm::default();
        let sandbox = Sandbox::new(settings, Arc::clone(&clock), Arc::clone(&alarm)).context("cannot start the sandbox")?;
        Ok(Self {
            file,
            clock,
            store,
            journal,
            sandbox: Arc::new(sandbox),
            alarm,
            broken: Mutex::default(),
            live: Arc::new(Live::default()),
            wakes: Arc::new(Wakes::default()),
            gate: Arc::default(),
        })
    }

    /// Puts the newest stored configuration in force; `false`: there is none.
    pub async fn put_stored_configuration_in_force(&self) -> Result<bool> {
        let Some((revision, document)) = self.store.view(|view| view.configuration()).await? else { return Ok(false) };
        let bundle = Bundle::from_json(&document);
        let mut installation = bundle.check().map_err(|problems| {
            let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("the stored configuration (revision {revision}) does not fit this version:\n{}", list.join("\n"))
        })?;
        installation.revision = revision;
        let host = Arc::clone(&self.sandbox);
        let (snapshot, broken) = tokio::task::spawn_blocking(move || with_what_loads(installation, &host)).await?;
        // Alerts must come in whatever became of a plugin's file since it was applied.
        for error in &broken {
            tracing::error!(plugin = %error.plugin, "cannot be loaded, so its stage fails at every call: {}", error.reason);
        }
        self.broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(broken);
        self.live.publish(snapshot);
        Ok(true)
    }

    /// What plans, applies and exports configurations.
    pub fn configuration(&self) -> Configuration {
        Configuration {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            live: Arc::clone(&self.live),
            wakes: Arc::clone(&self.wakes),
            journal: Arc::clone(&self.journal),
            sandbox: Arc::clone(&self.sandbox),
            alarm: Arc::clone(&self.alarm),
            gate: Arc::clone(&self.gate),
            reach: self.file.egress.allow.clone(),
            mails: self.file.smtp.is_some(),
            secrets: self.file.secrets.keys().cloned().collect(),
            keys: self.file.keys.keys().cloned().collect(),
        }
    }

    /// The only way out, for what is signed with this key too.
    pub fn egress(&self, push: Arc<PushKey>) -> Result<Arc<dyn Egress>> {
        let settings = EgressSettings { push: Some(push), ..egress_settings(&self.file)? };
        Ok(Arc::new(Outside::new(settings, Arc::clone(&self.clock)).context("cannot set up the egress")?))
    }

    /// The key pair by which push services know this server, made at its first start.
    pub async fn push_key(&self) -> Result<Arc<PushKey>> {
        let fresh = PushKey::generate().context("cannot make what messages to browsers are signed with")?;
        let kept = self
            .store
            .write(move |tx| match tx.host_secret(PUSH_KEY)? {
                Some(kept) => Ok(kept),
                None => tx.put_host_secret(PUSH_KEY, &fresh).map(|()| fresh),
            })
            .await?;
        Ok(Arc::new(PushKey::new(&kept, &self.file.public_url).context("cannot sign messages to browsers")?))
    }

    /// A secret of 256 bit that the host made at its first start.
    pub async fn host_secret(&self, name: &'static str) -> Result<[u8; 32]> {
        let mut fresh = [0u8; 32];
        getrandom::fill(&mut fresh).map_err(|e| anyhow::anyhow!("the system gives no random bytes: {e}"))?;
        let kept = self
            .store
            .write(move |tx| match tx.host_secret(name)? {
                Some(kept) => Ok(kept),
                None => tx.put_host_secret(name, &fresh).map(|()| fresh.to_vec()),
            })
            .await?;
        kept.try_into().map_err(|_| anyhow::anyhow!("the stored secret {name} has not 32 bytes"))
    }
}

/// The way out that a file allows.
pub fn egress_of(file: &ServerFile, clock: Arc<dyn Clock>) -> Result<Arc<dyn Egress>> {
    Ok(Arc::new(Outside::new(egress_settings(file)?, clock).context("cannot set up the egress")?))
}

/// The versions of the revision. One that cannot be loaded is taken from the plugins' folder, where it came from, unless it is pinned.
fn with_what_loads(installation: Installation, host: &Sandbox) -> (Snapshot, Vec<LoadError>) {
    let (snapshot, broken) = pipeline::snapshot::build_with_what_loads(installation.clone(), host);
    let mut elsewhere = installation;
    let lost: BTreeSet<&String> = broken.iter().map(|error| &error.plugin).collect();
    let before = elsewhere.plugins.len();
    elsewhere.plugins.retain(|name, version| version.pinned || !lost.contains(name));
    if elsewhere.plugins.len() == before {
        return (snapshot, broken);
    }
    for error in &broken {
        tracing::error!(plugin = %error.plugin, "the version of this revision cannot be loaded, and what lies in the folder is tried: {}", error.reason);
    }
    pipeline::snapshot::build_with_what_loads(elsewhere, host)
}

fn key_ring(file: &ServerFile) -> Result<KeyRing> {
    let mut keys = Vec::new();
    for (name, section) in &file.keys {
        let value = section.source.read().with_context(|| format!("cannot use [keys.{name}]"))?;
        let algorithms = section.algorithms.iter().map(|a| algorithm(*a)).collect();
        keys.push((name.clone(), runtime::Key { new: value.expose().as_bytes().to_vec(), old: None, algorithms }));
    }
    Ok(KeyRing::new(keys))
}

fn algorithm(algorithm: toml::Algorithm) -> runtime::Algorithm {
    match algorithm {
        toml::Algorithm::HmacSha1 => runtime::Algorithm::HmacSha1,
        toml::Algorithm::HmacSha256 => runtime::Algorithm::HmacSha256,
        toml::Algorithm::HmacSha512 => runtime::Algorithm::HmacSha512,
        toml::Algorithm::Ed25519 => runtime::Algorithm::Ed25519,
        toml::Algorithm::Es256 => runtime::Algorithm::Es256,
        toml::Algorithm::Rs256 => runtime::Algorithm::Rs256,
    }
}

fn egress_settings(file: &ServerFile) -> Result<EgressSettings> {
    let mut secrets = BTreeMap::new();
    for (name, section) in &file.secrets {
        secrets.insert(name.clone(), egress::Secret::new(read(name, section)?, section.hosts.clone()));
    }
    let allow = file
        .egress
        .allow
        .iter()
        .map(|a| egress::Allow { host: a.host.clone(), ports: a.ports.clone(), private: a.private, plugins: a.plugins.clone() })
        .collect();
    let further_roots_pem = match &file.egress.ca_file {
        Some(path) => std::fs::read(path).with_context(|| format!("cannot read egress.ca_file {}", path.display()))?,
        None => Vec::new(),
    };
    let smtp = file.smtp.as_ref().map(|smtp| smtp_settings(smtp, file)).transpose()?;
    Ok(EgressSettings { allow, secrets, smtp, further_roots_pem, ..EgressSettings::default() })
}

fn smtp_settings(smtp: &toml::SmtpSection, file: &ServerFile) -> Result<egress::Smtp> {
    let login = match &smtp.login {
        Some((user, secret)) => {
            let section = file.secrets.get(secret).with_context(|| format!("there is no [secrets.{secret}]"))?;
            Some((user.clone(), egress::Password::new(read(secret, section)?)))
        }
        None => None,
    };
    let tls = match smtp.tls {
        toml::SmtpTls::Starttls => egress::SmtpTls::Starttls,
        toml::SmtpTls::Implicit => egress::SmtpTls::Implicit,
        toml::SmtpTls::None => egress::SmtpTls::None,
    };
    Ok(egress::Smtp { host: smtp.host.clone(), port: smtp.port, tls, login, from: smtp.from.clone() })
}

pub(super) fn read(name: &str, section: &SecretSection) -> Result<String> {
    Ok(section.source.read().with_context(|| format!("cannot use [secrets.{name}]"))?.expose().to_owned())
}
