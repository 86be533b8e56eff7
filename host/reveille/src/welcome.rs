//! The first lines that an operator reads: addresses to paste and a link that signs in.

use crate::cli::output::say;
use crate::init::{credential, first_admin};
use crate::serve::assemble::Ground;
use anyhow::Result;
use ports::store::{Credential, CredentialKind};
use std::path::Path;
use web::Secret;

/// How long the sign-in link works, in seconds.
const LINK_SECONDS: u32 = 3600;

/// Prints them. Keys are read from the files that `init` wrote; without them the lines say how to make one.
pub async fn print(ground: &Ground, folder: &Path) -> Result<()> {
    let snapshot = ground.live.load();
    let admin = first_admin(&snapshot.installation)?;
    let secret = Secret::generate("rvl_").map_err(|e| anyhow::anyhow!("the system gives no random bytes: {e}"))?;
    let mut link = credential(&secret, CredentialKind::SignInLink, "welcome", &*ground.clock);
    link = Credential { user: Some(admin.clone()), expires_at: Some(ground.clock.now().plus_seconds(LINK_SECONDS)), ..link };
    ground.store.write(move |tx| tx.put_credential(&link)).await?;
    let url = &ground.file.public_url;
    say(format!("\nReveille is ready.\n\nPages, signed in as {admin} (works once, for an hour):\n  {url}/sign-in/{}", secret.reveal()));
    for integration in snapshot.installation.integrations.values() {
        let file = folder.join("keys").join(format!("{}.key", integration.id));
        let Ok(key) = std::fs::read_to_string(&file) else {
            say(format!("\nIntegration {}: `reveille access key {}` makes a key.", integration.id, integration.id));
            continue;
        };
        say(format!("\nIntegration {} (team {}):", integration.id, integration.team));
        for line in compat::snippets(url, &integration.door.used().plugin, key.trim()) {
            say(line);
        }
    }
    say("");
    Ok(())
}
