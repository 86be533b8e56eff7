//! Secrets on their way out: who may use which, for which host, and taking them out of answers again.

use crate::allow::matches;
use crate::settings::Secret;
use crate::template::{Piece, Place, pieces};
use ports::EgressError;
use ports::egress::OnBehalf;
use std::collections::BTreeMap;

/// Values shorter than this are not looked for in answers: they would be found everywhere.
const REDACTED_AT_LEAST_BYTES: usize = 6;

fn refused(message: String) -> EgressError {
    EgressError::Refused(message)
}

/// Fills in the secrets of one request and remembers which.
pub(crate) struct Filler<'a> {
    secrets: &'a BTreeMap<String, Secret>,
    on_behalf: &'a OnBehalf,
    used: BTreeMap<String, Vec<String>>,
}

impl<'a> Filler<'a> {
    pub fn new(secrets: &'a BTreeMap<String, Secret>, on_behalf: &'a OnBehalf) -> Self {
        Self { secrets, on_behalf, used: BTreeMap::new() }
    }

    /// The value of a secret that the plugin was granted.
    pub fn value(&mut self, name: &str) -> Result<&'a str, EgressError> {
        let plugin = &self.on_behalf.plugin;
        if !self.on_behalf.secrets.iter().any(|granted| granted == name) {
            return Err(refused(format!(
                "plugin {plugin} may not use secret `{name}`: add it to `secrets` of the document `kind: Grant`, `id: {plugin}`"
            )));
        }
        let Some(secret) = self.secrets.get(name) else {
            return Err(refused(format!("there is no secret `{name}`: add [secrets.{name}] to reveille.toml")));
        };
        let forms = self.used.entry(name.to_owned()).or_default();
        forms.push(secret.expose().to_owned());
        Ok(secret.expose())
    }

    /// The text with its placeholders filled in. `what` names the place in messages, such as `the URL`.
    pub fn fill(&mut self, text: &str, place: Place, what: &str) -> Result<String, EgressError> {
        let mut filled = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Secret(name) => {
                    let value = self.value(name)?;
                    let escaped =
                        place.escape(value).map_err(|why| refused(format!("secret `{name}` cannot stand in {what}: it {why}")))?;
                    filled.push_str(&escaped);
                    self.used.entry(name.to_owned()).or_default().push(escaped);
                }
            }
        }
        Ok(filled)
    }

    /// Which secrets were filled in; their hosts must allow where it goes. `clear`: it goes out unencrypted.
    pub fn check_host(&self, host: &str, shown: &str, clear: bool) -> Result<(), EgressError> {
        for name in self.used.keys() {
            let allowed = self.secrets.get(name).is_some_and(|secret| secret.hosts().iter().any(|pattern| matches(pattern, host)));
            if !allowed {
                return Err(refused(format!(
                    "secret `{name}` may not be sent to {shown}: add the host to `hosts` of [secrets.{name}] in reveille.toml"
                )));
            }
            if clear {
                return Err(refused(format!("secret `{name}` may not be sent to {shown} unencrypted: use https")));
            }
        }
        Ok(())
    }

    /// What takes the values out of an answer.
    pub fn redactor(self) -> Redactor {
        let mut forms: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for (name, mut values) in self.used {
            if let Some(value) = values.first().cloned() {
                // A receiver may echo what it got in a form of its own.
                values.extend([Place::Json, Place::Url, Place::Xml].iter().filter_map(|place| place.escape(&value).ok()));
            }
            values.sort_unstable();
            values.dedup();
            let hidden = format!("{{{{secret:{name}}}}}");
            let long = values.into_iter().filter(|value| value.len() >= REDACTED_AT_LEAST_BYTES);
            forms.extend(long.map(|value| (value.into_bytes(), hidden.clone().into_bytes())));
        }
        // The longest first, so that no form leaves a part of a longer one behind.
        forms.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        Redactor(forms)
    }
}

/// Takes the values of secrets out of answers: what a receiver echoes must not reach the plugin.
pub(crate) struct Redactor(Vec<(Vec<u8>, Vec<u8>)>);

impl Redactor {
    /// The longest value, in bytes: so much more must be read before an answer may be cut.
    pub fn longest(&self) -> usize {
        self.0.first().map_or(0, |(value, _)| value.len())
    }

    /// Adds a further form of a value, such as an encoded `Authorization`.
    pub fn add(&mut self, value: &str, hidden: &str) {
        if value.len() >= REDACTED_AT_LEAST_BYTES {
            self.0.push((value.as_bytes().to_vec(), hidden.as_bytes().to_vec()));
            self.0.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        }
    }

    /// The bytes without the values.
    pub fn bytes(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for (value, hidden) in &self.0 {
            if bytes.len() < value.len() || !bytes.windows(value.len()).any(|window| window == value.as_slice()) {
                continue;
            }
            let mut clean = Vec::with_capacity(bytes.len());
            let mut at = 0;
            while at < bytes.len() {
                if bytes[at..].starts_with(value) {
                    clean.extend_from_slice(hidden);
                    at += value.len();
                } else {
                    clean.push(bytes[at]);
                    at += 1;
                }
            }
            bytes = clean;
        }
        bytes
    }

    /// The text without the values.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes().to_vec())).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> BTreeMap<String, Secret> {
        BTreeMap::from([("token".to_owned(), Secret::new("s3cr\"et/1", vec!["a.org".into()]))])
    }

    #[test]
    fn a_secret_needs_a_grant_a_definition_and_a_host() {
        let secrets = secrets();
        let granted = OnBehalf { plugin: "ntfy".into(), secrets: vec!["token".into(), "other".into()] };
        let mut filler = Filler::new(&secrets, &granted);
        assert_eq!(filler.fill("x={{secret:token}}", Place::Url, "the URL").unwrap(), "x=s3cr%22et%2F1");
        assert!(filler.check_host("a.org", "a.org", false).is_ok());
        let told = filler.check_host("b.org", "b.org", false).unwrap_err().to_string();
        assert!(told.contains("[secrets.token]"), "{told}");
        assert!(filler.check_host("a.org", "a.org", true).is_err(), "in clear");
        let told = filler.fill("{{secret:other}}", Place::Plain, "the body").unwrap_err().to_string();
        assert!(told.contains("add [secrets.other] to reveille.toml"), "{told}");
        let nobody = OnBehalf { plugin: "ntfy".into(), secrets: Vec::new() };
        let told = Filler::new(&secrets, &nobody).value("token").unwrap_err().to_string();
        assert!(told.contains("`id: ntfy`") && !told.contains("s3cr"), "{told}");
    }

    #[test]
    fn answers_lose_the_values_in_every_form() {
        let secrets = secrets();
        let granted = OnBehalf { plugin: "ntfy".into(), secrets: vec!["token".into()] };
        let mut filler = Filler::new(&secrets, &granted);
        filler.fill("{{secret:token}}", Place::Header, "a header").unwrap();
        let redactor = filler.redactor();
        let answer = r#"{"plain": "s3cr"et/1", "json": "s3cr\"et/1", "url": "s3cr%22et%2F1"}"#;
        let clean = redactor.text(answer);
        assert!(!clean.contains("s3cr"), "{clean}");
        assert_eq!(clean.matches("{{secret:token}}").count(), 3, "{clean}");
    }
}
