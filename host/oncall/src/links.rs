//! Links that act as their recipient without sign-in: for one incident, one person and 24 hours.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::{IncidentId, UserId};
use domain::time::Millis;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// How long a page's link works, in seconds.
pub const LINK_SECONDS: u32 = 24 * 3600;
/// How long the button for it in a message snoozes, in minutes.
pub const SNOOZE_MINUTES: u32 = 30;

/// Sets these signatures apart from whatever else might be signed with the same key.
const PURPOSE: &[u8] = b"reveille page link 1\0";
const CHOICE_PURPOSE: &[u8] = b"reveille choice 1\0";
/// Of links in messages about several incidents, and of the choice that answers all of them.
const ALL_PURPOSE: &[u8] = b"reveille page link for all 1\0";
const CHOICE_OF_ALL_PURPOSE: &[u8] = b"reveille choice for all 1\0";
/// Message and expiry.
const CHOICE_OF_ALL_BYTES: usize = 12;
/// Incident, answer and expiry.
const CHOICE_BYTES: usize = 13;
/// Longest token of a choice, in bytes.
const CHOICE_LIMIT_BYTES: usize = 40;
/// 128 bits of HMAC-SHA256.
const MAC_BYTES: usize = 16;
/// Incident and expiry.
const HEAD_BYTES: usize = 16;
/// Longest token that is looked at, in bytes. Those of users with ids of up to 100 bytes are at most 180.
const TOKEN_LIMIT_BYTES: usize = 400;

/// What a link allows: to see the incident and to answer for it as the user; with a message, for all that this message stood for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub incident: IncidentId,
    pub user: UserId,
    /// First instant at which it does not work any more.
    pub expires_at: Millis,
    /// The number of the message about several incidents that it stands in: see [`crate::told`].
    pub message: Option<u64>,
}

/// What a person can answer to a page with one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Answer {
    Acknowledge = 1,
    Resolve = 2,
    /// For [`SNOOZE_MINUTES`].
    Snooze = 3,
}

impl Answer {
    const ALL: [Self; 3] = [Self::Acknowledge, Self::Resolve, Self::Snooze];
}

/// What the token of a choice stands for: one answer about one incident. Who gives it has to be known by other means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    pub incident: IncidentId,
    pub answer: Answer,
    /// First instant at which it does not work any more; whole seconds.
    pub expires_at: Millis,
}

/// Why a link does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LinkError {
    /// Cut, changed, made up, or signed by another installation.
    #[error("this link is not valid: open the incident after signing in, or use the newest message")]
    Invalid,
    #[error("this link has expired: open the incident after signing in, or use a newer message")]
    Expired,
}

/// Signs and verifies page links.
pub struct LinkSigner {
    key: [u8; 32],
}

impl std::fmt::Debug for LinkSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkSigner(…)")
    }
}

impl LinkSigner {
    /// Signs with `key`, which the store keeps as the host secret `links`.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// A url-safe token for the link.
    pub fn sign(&self, link: &Link) -> String {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + link.user.0.len() + MAC_BYTES);
        bytes.extend(link.incident.0.to_be_bytes());
        bytes.extend(link.expires_at.0.to_be_bytes());
        bytes.extend(link.message.map(u64::to_be_bytes).into_iter().flatten());
        bytes.extend(link.user.0.as_bytes());
        let purpose = if link.message.is_some() { ALL_PURPOSE } else { PURPOSE };
        let mac = self.mac_for(purpose, &bytes).finalize().into_bytes();
        bytes.extend(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token allows at `now`.
    pub fn verify(&self, token: &str, now: Millis) -> Result<Link, LinkError> {
        if token.len() > TOKEN_LIMIT_BYTES {
            return Err(LinkError::Invalid);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| LinkError::Invalid)?;
        let at = bytes.len().checked_sub(MAC_BYTES).filter(|at| *at > HEAD_BYTES).ok_or(LinkError::Invalid)?;
        let (signed, mac) = bytes.split_at(at);
        let of_all = self.mac_for(ALL_PURPOSE, signed).verify_truncated_left(mac).is_ok();
        if !of_all {
            self.mac_for(PURPOSE, signed).verify_truncated_left(mac).map_err(|_| LinkError::Invalid)?;
        }
        let (incident, rest) = number(signed)?;
        let (expires_at, rest) = number(rest)?;
        let (message, user) = if of_all { number(rest).map(|(message, user)| (Some(message), user))? } else { (None, rest) };
        let expires_at = Millis(expires_at.cast_signed());
        if now >= expires_at {
            return Err(LinkError::Expired);
        }
        let user = std::str::from_utf8(user).map_err(|_| LinkError::Invalid)?;
        Ok(Link { incident: IncidentId(incident), user: user.into(), expires_at, message })
    }

    /// The token of a choice: 39 characters that say what and for which incident.
    pub fn sign_choice(&self, choice: &Chosen) -> String {
        let mut bytes = Vec::with_capacity(CHOICE_BYTES + MAC_BYTES);
        bytes.extend(choice.incident.0.to_be_bytes());
        bytes.push(choice.answer as u8);
        bytes.extend(seconds(choice.expires_at).to_be_bytes());
        let mac = self.mac_for(CHOICE_PURPOSE, &bytes).finalize().into_bytes();
        bytes.extend(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What the token of a choice says at `now`.
    pub fn verify_choice(&self, token: &str, now: Millis) -> Result<Chosen, LinkError> {
        if token.len() > CHOICE_LIMIT_BYTES {
            return Err(LinkError::Invalid);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| LinkError::Invalid)?;
        let (signed, mac) = bytes.split_first_chunk::<CHOICE_BYTES>().ok_or(LinkError::Invalid)?;
        if mac.len() != MAC_BYTES {
            return Err(LinkError::Invalid);
        }
        self.mac_for(CHOICE_PURPOSE, signed).verify_truncated_left(mac).map_err(|_| LinkError::Invalid)?;
        let (incident, rest) = number(signed)?;
        let (answer, seconds) = rest.split_first().ok_or(LinkError::Invalid)?;
        let answer = Answer::ALL.into_iter().find(|known| *known as u8 == *answer).ok_or(LinkError::Invalid)?;
        let seconds = u32::from_be_bytes(seconds.try_into().map_err(|_| LinkError::Invalid)?);
        let expires_at = Millis(i64::from(seconds) * 1000);
        if now >= expires_at {
            return Err(LinkError::Expired);
        }
        Ok(Chosen { incident: IncidentId(incident), answer, expires_at })
    }

    /// The token that acknowledges all that a message stood for: 38 characters.
    pub fn sign_choice_of_all(&self, message: u64, expires_at: Millis) -> String {
        let mut bytes = Vec::with_capacity(CHOICE_OF_ALL_BYTES + MAC_BYTES);
        bytes.extend(message.to_be_bytes());
        bytes.extend(seconds(expires_at).to_be_bytes());
        let mac = self.mac_for(CHOICE_OF_ALL_PURPOSE, &bytes).finalize().into_bytes();
        bytes.extend(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The number of the message whose incidents such a token acknowledges at `now`.
    pub fn verify_choice_of_all(&self, token: &str, now: Millis) -> Result<u64, LinkError> {
        if token.len() > CHOICE_LIMIT_BYTES {
            return Err(LinkError::Invalid);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| LinkError::Invalid)?;
        let (signed, mac) = bytes.split_first_chunk::<CHOICE_OF_ALL_BYTES>().ok_or(LinkError::Invalid)?;
        if mac.len() != MAC_BYTES {
            return Err(LinkError::Invalid);
        }
        self.mac_for(CHOICE_OF_ALL_PURPOSE, signed).verify_truncated_left(mac).map_err(|_| LinkError::Invalid)?;
        let (message, rest) = number(signed)?;
        let seconds = u32::from_be_bytes(rest.try_into().map_err(|_| LinkError::Invalid)?);
        if now >= Millis(i64::from(seconds) * 1000) { Err(LinkError::Expired) } else { Ok(message) }
    }

    fn mac_for(&self, purpose: &[u8], signed: &[u8]) -> Hmac<Sha256> {
        // HMAC fills a short key up to its block with zeros; done here, no error is possible.
        let mut block = [0; 64];
        block[..self.key.len()].copy_from_slice(&self.key);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(purpose);
        mac.update(signed);
        mac
    }
}

/// Whole seconds since 1970, as a choice keeps its end.
fn seconds(at: Millis) -> u32 {
    u32::try_from(at.0.max(0) / 1000).unwrap_or(u32::MAX)
}

fn number(bytes: &[u8]) -> Result<(u64, &[u8]), LinkError> {
    let (number, rest) = bytes.split_first_chunk::<8>().ok_or(LinkError::Invalid)?;
    Ok((u64::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link { incident: IncidentId(42), user: "alice".into(), expires_at: Millis(1000), message: None }
    }

    #[test]
    fn a_link_allows_what_was_signed_until_it_expires() {
        let signer = LinkSigner::new([7; 32]);
        let token = signer.sign(&link());
        assert!(token.len() <= 200 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_eq!(signer.verify(&token, Millis(999)), Ok(link()));
        assert_eq!(signer.verify(&token, Millis(1000)), Err(LinkError::Expired));
        let long = Link { user: "u".repeat(100).into(), ..link() };
        assert!(signer.sign(&long).len() <= 200);
    }

    /// Planted bug that this finds: a signature over the incident alone.
    #[test]
    fn a_changed_link_is_refused_whatever_is_changed() {
        let signer = LinkSigner::new([7; 32]);
        let bytes = URL_SAFE_NO_PAD.decode(signer.sign(&link())).unwrap();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                assert_eq!(signer.verify(&URL_SAFE_NO_PAD.encode(&changed), Millis(0)), Err(LinkError::Invalid));
            }
        }
        for cut in 0..bytes.len() {
            assert_eq!(signer.verify(&URL_SAFE_NO_PAD.encode(&bytes[..cut]), Millis(0)), Err(LinkError::Invalid));
        }
        for odd in ["", "=", "a", "🙂", &"A".repeat(10_000)] {
            assert_eq!(signer.verify(odd, Millis(0)), Err(LinkError::Invalid));
        }
    }

    #[test]
    fn another_key_or_purpose_does_not_fit() {
        let token = LinkSigner::new([7; 32]).sign(&link());
        assert_eq!(LinkSigner::new([8; 32]).verify(&token, Millis(0)), Err(LinkError::Invalid));
        let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        let at = bytes.len() - MAC_BYTES;
        let mut other = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
        other.update(b"sign-in\0");
        other.update(&bytes[..at]);
        let mac = other.finalize().into_bytes();
        bytes[at..].copy_from_slice(&mac[..MAC_BYTES]);
        assert_eq!(LinkSigner::new([7; 32]).verify(&URL_SAFE_NO_PAD.encode(bytes), Millis(0)), Err(LinkError::Invalid));
    }

    fn chosen() -> Chosen {
        Chosen { incident: IncidentId(42), answer: Answer::Resolve, expires_at: Millis(5000) }
    }

    #[test]
    fn a_choice_is_short_and_says_what_was_signed_until_it_expires() {
        let signer = LinkSigner::new([7; 32]);
        let token = signer.sign_choice(&chosen());
        assert!(token.len() <= 40 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_eq!(signer.verify_choice(&token, Millis(4999)), Ok(chosen()));
        assert_eq!(signer.verify_choice(&token, Millis(5000)), Err(LinkError::Expired));
        let most = Chosen { incident: IncidentId(u64::MAX), ..chosen() };
        assert!(signer.sign_choice(&most).len() <= 40);
    }

    /// Planted bug that this finds: one purpose for all links, so that a user's name can be read as the number of a message.
    #[test]
    fn what_answers_all_is_no_link_or_choice_of_one() {
        let signer = LinkSigner::new([7; 32]);
        let all = Link { message: Some(7), ..link() };
        assert_eq!(signer.verify(&signer.sign(&all), Millis(999)), Ok(all.clone()));
        let named = Link { user: "12345678".into(), ..link() };
        assert_eq!(signer.verify(&signer.sign(&named), Millis(999)), Ok(named));
        assert!(signer.sign(&Link { user: "u".repeat(100).into(), ..all }).len() <= 200);
        let token = signer.sign_choice_of_all(9, Millis(5000));
        assert!(token.len() <= 40);
        assert_eq!(signer.verify_choice_of_all(&token, Millis(4999)), Ok(9));
        assert_eq!(signer.verify_choice_of_all(&token, Millis(5000)), Err(LinkError::Expired));
        assert_eq!(signer.verify_choice(&token, Millis(0)), Err(LinkError::Invalid));
        assert_eq!(signer.verify_choice_of_all(&signer.sign_choice(&chosen()), Millis(0)), Err(LinkError::Invalid));
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(signer.verify_choice_of_all(&URL_SAFE_NO_PAD.encode(&changed), Millis(0)), Err(LinkError::Invalid));
        }
    }

    /// An acknowledgement cannot be made a resolution, nor a link a choice.
    #[test]
    fn a_changed_choice_is_refused_whatever_is_changed() {
        let signer = LinkSigner::new([7; 32]);
        let bytes = URL_SAFE_NO_PAD.decode(signer.sign_choice(&chosen())).unwrap();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                assert_eq!(signer.verify_choice(&URL_SAFE_NO_PAD.encode(&changed), Millis(0)), Err(LinkError::Invalid));
            }
        }
        for cut in 0..bytes.len() {
            assert_eq!(signer.verify_choice(&URL_SAFE_NO_PAD.encode(&bytes[..cut]), Millis(0)), Err(LinkError::Invalid));
        }
        let link = signer.sign(&link());
        assert_eq!(signer.verify_choice(&link, Millis(0)), Err(LinkError::Invalid), "a link is no choice");
        assert_eq!(LinkSigner::new([8; 32]).verify_choice(&signer.sign_choice(&chosen()), Millis(0)), Err(LinkError::Invalid));
    }
}
