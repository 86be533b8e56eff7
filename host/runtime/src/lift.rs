//! What comes out: results as the rest of the house knows them. A list or a result over its limit is the plugin's failure; text over its limit
//! is cut and marked.

use crate::bindings::v1_0::exports::reveille::plugin::{dedupe, enrich, filter, notify};
use crate::bindings::v1_0::reveille::plugin::types;
use domain::alert::{
    DETAILS_LIMIT_BYTES, ENTITY_LIMIT_BYTES, Edit, LABEL_NAME_LIMIT_BYTES, LABEL_VALUE_LIMIT_BYTES, LINKS_LIMIT, Label, Link,
    SUMMARY_LIMIT_BYTES, Severity, Status, cut,
};
use domain::command::Priority;
use domain::contact::Contact;
use domain::decision::{Grouping, Patch, Threshold, Verdict};
use domain::escalation::{Destination, Target, Urgency};
use domain::inbound::Method;
use domain::page::{Authorization, Delivery, HttpRequest, Mail, Request};
use domain::time::Millis;
use ports::CallFailure;
use sha2::{Digest, Sha256};

/// Longest reason, in bytes.
pub(crate) const REASON_LIMIT_BYTES: usize = 1024;
/// Longest address, in bytes.
pub(crate) const URL_LIMIT_BYTES: usize = 2048;
const EDITS_LIMIT: usize = 64;
const DESTINATIONS_LIMIT: usize = 16;
const RELATED_LIMIT: usize = 8;
const REQUEST_BODY_LIMIT_BYTES: usize = 128 * 1024;
const REQUEST_HEADERS_LIMIT: usize = 64;
const MAIL_RECIPIENTS_LIMIT: usize = 16;
/// What names of labels begin with that only the host may set.
const RESERVED: &str = "reveille.";

/// Reads a result and counts its bytes.
pub(crate) struct Lift {
    left_bytes: usize,
    limit_bytes: usize,
}

type Lifted<T> = Result<T, CallFailure>;

impl Lift {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { left_bytes: limit_bytes, limit_bytes }
    }

    fn spend(&mut self, bytes: usize) -> Lifted<()> {
        let left = self.left_bytes.checked_sub(bytes);
        let over = || CallFailure::Trapped(format!("its result is over {} KiB", self.limit_bytes / 1024));
        self.left_bytes = left.ok_or_else(over)?;
        Ok(())
    }

    /// Text, cut at its limit.
    pub(crate) fn text(&mut self, text: String, limit_bytes: usize) -> Lifted<String> {
        self.spend(text.len())?;
        Ok(if text.len() <= limit_bytes { text } else { cut(&text, limit_bytes) })
    }

    /// Text that says nothing when it is empty.
    pub(crate) fn optional(&mut self, text: Option<String>, limit_bytes: usize) -> Lifted<Option<String>> {
        text.filter(|text| !text.is_empty()).map(|text| self.text(text, limit_bytes)).transpose()
    }

    /// An entity or a key: a long one ends in its digest, so that two of them stay apart.
    pub(crate) fn entity(&mut self, text: String) -> Lifted<String> {
        self.spend(text.len())?;
        Ok(short_entity(text))
    }

    /// Bytes, refused over their limit.
    pub(crate) fn bytes(&mut self, bytes: Vec<u8>, limit_bytes: usize, what: &str) -> Lifted<Vec<u8>> {
        self.spend(bytes.len())?;
        if bytes.len() > limit_bytes {
            return Err(CallFailure::Trapped(format!("{what} is {} bytes, and {limit_bytes} are the most", bytes.len())));
        }
        Ok(bytes)
    }

    /// A list, refused over its limit.
    pub(crate) fn list<A, B>(
        &mut self,
        list: Vec<A>,
        limit: usize,
        what: &str,
        mut lift: impl FnMut(&mut Self, A) -> Lifted<B>,
    ) -> Lifted<Vec<B>> {
        if list.len() > limit {
            return Err(CallFailure::Trapped(format!("gave {} {what}, and {limit} are the most", list.len())));
        }
        self.spend(list.len() * size_of::<A>())?;
        list.into_iter().map(|item| lift(self, item)).collect()
    }

    /// A name and its value.
    pub(crate) fn label(&mut self, (name, value): types::LabelResult) -> Lifted<Label> {
        Ok((self.text(name, LABEL_NAME_LIMIT_BYTES)?, self.text(value, LABEL_VALUE_LIMIT_BYTES)?))
    }

    /// Links that lead to the web; others are left out, as a page must not carry them.
    pub(crate) fn links(&mut self, links: Vec<types::LinkResult>) -> Lifted<Vec<Link>> {
        let links = self.list(links, LINKS_LIMIT, "links", Self::link)?;
        Ok(links.into_iter().flatten().collect())
    }

    fn link(&mut self, link: types::LinkResult) -> Lifted<Option<Link>> {
        self.spend(link.url.len())?;
        let web = link.url.starts_with("https://") || link.url.starts_with("http://");
        if !web || link.url.len() > URL_LIMIT_BYTES {
            tracing::debug!(url = cut(&link.url, URL_LIMIT_BYTES), "a link of a plugin that is no address on the web is left out");
            return Ok(None);
        }
        Ok(Some(Link { text: self.text(link.text, LABEL_VALUE_LIMIT_BYTES)?, url: link.url, image: link.image }))
    }

    /// Edits and their reason.
    pub(crate) fn patch(&mut self, patch: enrich::Patch) -> Lifted<Patch> {
        let edits = self.list(patch.edits, EDITS_LIMIT, "edits", Self::edit)?;
        Ok(Patch { edits: edits.into_iter().flatten().collect(), reason: self.text(patch.reason, REASON_LIMIT_BYTES)? })
    }

    fn edit(&mut self, edit: types::Edit) -> Lifted<Option<Edit>> {
        Ok(Some(match edit {
            types::Edit::SetLabel((name, _)) | types::Edit::SetAnnotation((name, _)) if is_reserved(&name) => return Ok(None),
            types::Edit::RemoveLabel(name) | types::Edit::RemoveAnnotation(name) if is_reserved(&name) => return Ok(None),
            types::Edit::SetLabel(label) => {
                let (name, value) = self.label(label)?;
                Edit::SetLabel(name, value)
            }
            types::Edit::RemoveLabel(name) => Edit::RemoveLabel(self.text(name, LABEL_NAME_LIMIT_BYTES)?),
            types::Edit::SetAnnotation(label) => {
                let (name, value) = self.label(label)?;
                Edit::SetAnnotation(name, value)
            }
            types::Edit::RemoveAnnotation(name) => Edit::RemoveAnnotation(self.text(name, LABEL_NAME_LIMIT_BYTES)?),
            types::Edit::AddLink(link) => return Ok(self.link(link)?.map(Edit::AddLink)),
            types::Edit::SetSeverity(value) => Edit::SetSeverity(severity(value)),
            types::Edit::SetStatus(value) => Edit::SetStatus(status(value)),
            types::Edit::SetSummary(text) => Edit::SetSummary(self.text(text, SUMMARY_LIMIT_BYTES)?),
            types::Edit::SetDetails(text) => Edit::SetDetails(self.text(text, DETAILS_LIMIT_BYTES)?),
            types::Edit::SetService(text) => Edit::SetService(self.text(text, LABEL_VALUE_LIMIT_BYTES)?),
            types::Edit::SetRoutingKey(text) => Edit::SetRoutingKey(self.text(text, LABEL_VALUE_LIMIT_BYTES)?),
            types::Edit::SetGroup(text) => Edit::SetGroup(self.text(text, LABEL_VALUE_LIMIT_BYTES)?),
            types::Edit::SetEntity(text) => Edit::SetEntity(self.entity(text)?),
        }))
    }

    /// Whether a human needs it.
    pub(crate) fn verdict(&mut self, verdict: filter::Verdict) -> Lifted<Verdict> {
        Ok(match verdict {
            filter::Verdict::Keep => Verdict::Keep,
            filter::Verdict::Suppress(suppression) => {
                Verdict::Suppress { reason: self.text(suppression.reason, REASON_LIMIT_BYTES)?, until: suppression.until.map(Millis) }
            }
            filter::Verdict::Drop(reason) => Verdict::Drop { reason: self.text(reason, REASON_LIMIT_BYTES)? },
        })
    }

    /// Which incident it belongs to.
    pub(crate) fn grouping(&mut self, grouping: Option<dedupe::Grouping>) -> Lifted<Option<Grouping>> {
        let Some(grouping) = grouping else { return Ok(None) };
        if grouping.incident_key.is_empty() {
            return Err(CallFailure::Internal("grouped under an empty key, which would be every such alert's".into()));
        }
        let threshold = grouping.threshold.map(|t| Threshold { count: t.count, within_seconds: t.within_seconds });
        Ok(Some(Grouping {
            incident_key: self.entity(grouping.incident_key)?,
            entity: grouping.entity.filter(|entity| !entity.is_empty()).map(|entity| self.entity(entity)).transpose()?,
            window_seconds: grouping.window_seconds,
            threshold,
            title: self.optional(grouping.title, SUMMARY_LIMIT_BYTES)?,
            related: self.list(grouping.related, RELATED_LIMIT, "related keys", Self::entity)?,
            reason: self.text(grouping.reason, REASON_LIMIT_BYTES)?,
        }))
    }

    /// Who has to know.
    pub(crate) fn destinations(&mut self, list: Vec<types::Destination>) -> Lifted<Vec<Destination>> {
        self.list(list, DESTINATIONS_LIMIT, "destinations", Self::destination)
    }

    /// Where an incident goes, and why.
    pub(crate) fn destination(&mut self, destination: types::Destination) -> Lifted<Destination> {
        let urgency = match destination.urgency {
            types::Urgency::Page => Urgency::Page,
            types::Urgency::Ticket => Urgency::Ticket,
            types::Urgency::Quiet => Urgency::Quiet,
        };
        let target = self.target(destination.target)?;
        Ok(Destination { target, urgency, reason: self.text(destination.reason, REASON_LIMIT_BYTES)? })
    }

    /// Who or what is meant.
    pub(crate) fn target(&mut self, target: types::Target) -> Lifted<Target> {
        let mut id = |id: String| self.text(id, LABEL_NAME_LIMIT_BYTES);
        Ok(match target {
            types::Target::EscalationPolicy(name) => Target::Policy(id(name)?.into()),
            types::Target::Rotation(name) => Target::Rotation(id(name)?.into()),
            types::Target::Team(name) => Target::Team(id(name)?.into()),
            types::Target::User(name) => Target::User(id(name)?.into()),
        })
    }

    /// How somebody is known outside.
    pub(crate) fn contact(&mut self, contact: types::ContactResult) -> Lifted<Contact> {
        Ok(Contact {
            kind: self.text(contact.kind, LABEL_NAME_LIMIT_BYTES)?,
            address: self.text(contact.address, LABEL_VALUE_LIMIT_BYTES)?,
        })
    }

    /// What to send.
    pub(crate) fn request(&mut self, request: notify::Request) -> Lifted<Request> {
        match request {
            notify::Request::Http(http) => Ok(Request::Http(self.http(http)?)),
            notify::Request::Mail(mail) => {
                let whole = usize::MAX;
                Ok(Request::Mail(Mail {
                    to: self.list(mail.to, MAIL_RECIPIENTS_LIMIT, "recipients", |lift, to| lift.text(to, whole))?,
                    subject: self.text(mail.subject, SUMMARY_LIMIT_BYTES)?,
                    text: self.text(mail.text, whole)?,
                    html: mail.html.map(|html| self.text(html, whole)).transpose()?,
                    in_reply_to: mail.in_reply_to.map(|id| self.text(id, whole)).transpose()?,
                }))
            }
        }
    }

    /// A request for the egress.
    pub(crate) fn http(&mut self, http: types::HttpRequest) -> Lifted<HttpRequest> {
        // An address or a header that was cut would be another one: only the whole result is bounded.
        let whole = usize::MAX;
        let authorization = http.authorization.map(|authorization| self.authorization(authorization)).transpose()?;
        Ok(HttpRequest {
            method: match http.method {
                types::Method::Get => Method::Get,
                types::Method::Head => Method::Head,
                types::Method::Post => Method::Post,
                types::Method::Put => Method::Put,
                types::Method::Patch => Method::Patch,
                types::Method::Delete => Method::Delete,
            },
            url: self.text(http.url, whole)?,
            headers: self.list(http.headers, REQUEST_HEADERS_LIMIT, "headers", |lift, (name, value)| {
                Ok((lift.text(name, whole)?, lift.text(value, whole)?))
            })?,
            body: self.bytes(http.body, REQUEST_BODY_LIMIT_BYTES, "the body of its request")?,
            authorization,
        })
    }

    fn authorization(&mut self, from: types::Authorization) -> Lifted<Authorization> {
        let whole = usize::MAX;
        let secret = self.text(from.secret, whole)?;
        match (from.scheme.as_str(), from.user) {
            ("bearer", None) => Ok(Authorization::Bearer(secret)),
            ("basic", Some(user)) => Ok(Authorization::Basic(self.text(user, whole)?, secret)),
            ("bearer", Some(_)) => Err(CallFailure::Internal("gave a user with the authorization `bearer`, which has none".into())),
            ("basic", None) => Err(CallFailure::Internal("gave no user with the authorization `basic`".into())),
            (scheme, _) => {
                let scheme = cut(scheme, LABEL_NAME_LIMIT_BYTES);
                Err(CallFailure::Internal(format!("gave the authorization `{scheme}`, and this host knows bearer and basic")))
            }
        }
    }

    /// How it went.
    pub(crate) fn delivery(&mut self, outcome: notify::Outcome) -> Lifted<Delivery> {
        Ok(match outcome {
            notify::Outcome::Accepted(reference) => Delivery::Accepted(self.optional(reference, LABEL_VALUE_LIMIT_BYTES)?),
            notify::Outcome::Delivered(reference) => Delivery::Delivered(self.optional(reference, LABEL_VALUE_LIMIT_BYTES)?),
            notify::Outcome::Proceed(request) => Delivery::Proceed(Box::new(self.request(request)?)),
            notify::Outcome::RetrySeconds((seconds, reason)) => Delivery::Retry(seconds, self.text(reason, REASON_LIMIT_BYTES)?),
            notify::Outcome::Failed(reason) => Delivery::Failed(self.text(reason, REASON_LIMIT_BYTES)?),
        })
    }
}

/// Whether a label of this name is the host's alone.
pub(crate) fn is_reserved(name: &str) -> bool {
    let reserved = name.starts_with(RESERVED);
    if reserved {
        tracing::debug!(name = cut(name, LABEL_NAME_LIMIT_BYTES), "a label of a plugin whose name is the host's is left out");
    }
    reserved
}

/// The entity, or its beginning and its digest.
pub(crate) fn short_entity(entity: String) -> String {
    if entity.len() <= ENTITY_LIMIT_BYTES {
        return entity;
    }
    let digest = hex::encode(Sha256::digest(&entity));
    format!("{}{digest}", cut(&entity, ENTITY_LIMIT_BYTES - digest.len()))
}

pub(crate) fn severity(severity: types::Severity) -> Severity {
    match severity {
        types::Severity::Info => Severity::Info,
        types::Severity::Warning => Severity::Warning,
        types::Severity::Error => Severity::Error,
        types::Severity::Critical => Severity::Critical,
    }
}

pub(crate) fn priority(priority: types::Priority) -> Priority {
    match priority {
        types::Priority::P1 => Priority::P1,
        types::Priority::P2 => Priority::P2,
        types::Priority::P3 => Priority::P3,
        types::Priority::P4 => Priority::P4,
        types::Priority::P5 => Priority::P5,
    }
}

pub(crate) fn status(status: types::Status) -> Status {
    match status {
        types::Status::Firing => Status::Firing,
        types::Status::Acknowledged => Status::Acknowledged,
        types::Status::Resolved => Status::Resolved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_entities_stay_apart() {
        let long = |end: &str| short_entity(format!("{}{end}", "é".repeat(400)));
        assert!(long("a").len() <= ENTITY_LIMIT_BYTES);
        assert_ne!(long("a"), long("b"));
        assert_eq!(short_entity("e".repeat(512)), "e".repeat(512));
    }

    #[test]
    fn a_result_is_bounded_as_a_whole() {
        let mut lift = Lift::new(10);
        assert_eq!(lift.text("12345".into(), 4), Ok("1…".into()));
        assert_eq!(lift.text("123456".into(), 9), Err(CallFailure::Trapped("its result is over 0 KiB".into())));
    }

    #[test]
    fn labels_of_the_host_are_left_out() {
        let label = |name: &str| (name.to_owned(), "x".to_owned());
        let edits = vec![
            types::Edit::SetLabel(label("reveille.team")),
            types::Edit::RemoveLabel("reveille.team".into()),
            types::Edit::SetAnnotation(label("reveille.a")),
            types::Edit::SetLabel(label("reveille")),
        ];
        let patch = Lift::new(10_000).patch(enrich::Patch { edits, reason: String::new() }).unwrap();
        assert_eq!(patch.edits, [Edit::SetLabel("reveille".into(), "x".into())]);
    }

    #[test]
    fn an_authorization_is_one_that_the_egress_knows() {
        let made = |scheme: &str, user: Option<&str>| {
            let authorization = types::Authorization { scheme: scheme.into(), user: user.map(Into::into), secret: "token".into() };
            Lift::new(10_000).authorization(authorization)
        };
        assert_eq!(made("bearer", None), Ok(Authorization::Bearer("token".into())));
        assert_eq!(made("basic", Some("bot")), Ok(Authorization::Basic("bot".into(), "token".into())));
        assert!(made("bearer", Some("bot")).is_err() && made("basic", None).is_err());
        let why = CallFailure::Internal("gave the authorization `vapid`, and this host knows bearer and basic".into());
        assert_eq!(made("vapid", None), Err(why));
    }

    #[test]
    fn links_that_do_not_lead_to_the_web_are_left_out() {
        let link = |url: &str| types::LinkResult { url: url.into(), text: String::new(), image: false };
        let links = Lift::new(10_000).links(vec![link("javascript:alert(1)"), link("https://a.example/")]).unwrap();
        assert_eq!(links.iter().map(|link| link.url.as_str()).collect::<Vec<_>>(), ["https://a.example/"]);
    }
}
