//! Whose key it is. Only digests are compared and kept.

use domain::id::IntegrationId;
use domain::time::Millis;
use parking_lot::Mutex;
use ports::store::{Credential, CredentialKind};
use ports::{Clock, Store, StoreError};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// How long a valid key is taken without asking the store, in seconds: so long a revoked key may still be taken.
const TRUST_SECONDS: u32 = 10;
/// Valid keys in memory.
const KNOWN_LIMIT: usize = 10_000;
/// Longest key; a longer one is nobody's.
const KEY_LIMIT_BYTES: usize = 256;
/// Wrong keys are noted once in so many seconds, with their number.
const NOTE_SECONDS: u32 = 10;

/// Looks keys up.
pub struct Keys {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<[u8; 32], Known>>,
    wrong: Mutex<Wrong>,
}

struct Known {
    integration: IntegrationId,
    until: Millis,
}

#[derive(Default)]
struct Wrong {
    count: u64,
    noted: Option<Millis>,
}

impl Keys {
    pub fn of(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, known: Mutex::default(), wrong: Mutex::default() }
    }

    /// The integration that a key belongs to.
    pub async fn integration(&self, key: &str) -> Result<Option<IntegrationId>, StoreError> {
        if key.is_empty() || key.len() > KEY_LIMIT_BYTES {
            self.note_wrong();
            return Ok(None);
        }
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let now = self.clock.now();
        if let Some(known) = self.known.lock().get(&digest).filter(|known| known.until > now) {
            return Ok(Some(known.integration.clone()));
        }
        let id = hex::encode(digest);
        let found = self.store.view(move |view| view.credential(&id)).await?;
        let Some((integration, until)) = found.and_then(|credential| valid(credential, now)) else {
            self.known.lock().remove(&digest);
            self.note_wrong();
            return Ok(None);
        };
        let mut known = self.known.lock();
        if known.len() >= KNOWN_LIMIT {
            known.retain(|_, known| known.until > now);
        }
        if known.len() < KNOWN_LIMIT {
            known.insert(digest, Known { integration: integration.clone(), until });
        }
        Ok(Some(integration))
    }

    /// The credential that a secret opens, asked of the store each time.
    pub async fn credential(&self, secret: &str) -> Result<Option<Credential>, StoreError> {
        if secret.is_empty() || secret.len() > KEY_LIMIT_BYTES {
            return Ok(None);
        }
        let id = hex::encode(Sha256::digest(secret.as_bytes()));
        self.store.view(move |view| view.credential(&id)).await
    }

    /// Counts a wrong key; the log hears of it now and then, without the key.
    pub fn note_wrong(&self) {
        metrics::counter!("reveille_compat_wrong_keys_total").increment(1);
        let now = self.clock.now();
        let mut wrong = self.wrong.lock();
        wrong.count += 1;
        if wrong.noted.is_none_or(|then| now >= then.plus_seconds(NOTE_SECONDS)) {
            tracing::warn!(requests = wrong.count, "requests with a key that is no integration's were refused");
            *wrong = Wrong { count: 0, noted: Some(now) };
        }
    }
}

/// Whose it is and until when that may be believed.
fn valid(credential: Credential, now: Millis) -> Option<(IntegrationId, Millis)> {
    let trusted = now.plus_seconds(TRUST_SECONDS);
    let until = credential.expires_at.map_or(trusted, |end| end.min(trusted));
    (credential.kind == CredentialKind::IntegrationKey && until > now).then_some((credential.integration?, until))
}
