//! Hot state as `reveille.toml` asks for it.

use super::assemble::{Ground, read};
use anyhow::{Context, Result};
use documents::ServerFile;
use documents::server::{RedisKind, RedisSection};
use state::{Hot, HotParts, HotSettings, Login, Password, RedisMode, RedisSettings, Tls};
use std::sync::Arc;
use std::time::Duration;

/// Begins an epoch; Redis is connected to in the background.
pub async fn open(ground: &Ground) -> Result<Arc<Hot>> {
    let redis = ground.file.redis.as_ref().map(|section| redis_settings(section, &ground.file)).transpose()?;
    let settings = HotSettings { redis, ..HotSettings::default() };
    Hot::open(HotParts { store: Arc::clone(&ground.store), settings }).await.context("cannot open hot state")
}

fn redis_settings(section: &RedisSection, file: &ServerFile) -> Result<RedisSettings> {
    let mut settings = RedisSettings::new(section.addresses.clone());
    settings.mode = match section.mode {
        RedisKind::Single => RedisMode::Single,
        RedisKind::Sentinel => RedisMode::Sentinel { master: section.master.clone().unwrap_or_default(), login: None },
        RedisKind::Cluster => RedisMode::Cluster,
    };
    if section.tls {
        let pem = |path: &std::path::PathBuf| std::fs::read(path).with_context(|| format!("cannot read redis.ca_file {}", path.display()));
        settings.tls = Some(Tls { roots_pem: section.ca_file.as_ref().map(pem).transpose()? });
    }
    if let Some((user, secret)) = &section.login {
        let kept = file.secrets.get(secret).with_context(|| format!("there is no [secrets.{secret}]"))?;
        settings.login = Some(Login { user: user.clone(), password: Password::new(read(secret, kept)?) });
    }
    settings.prefix.clone_from(&section.prefix);
    settings.read_limit = Duration::from_millis(u64::from(section.timeout_ms));
    Ok(settings)
}
