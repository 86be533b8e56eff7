//! What a person is told: the view of an incident that plugins get, the page to render, and the host's own plain text.

use crate::links::{Answer, Chosen, LINK_SECONDS, Link, LinkSigner, SNOOZE_MINUTES};
use domain::alert::{Status, cut};
use domain::id::IncidentId;
use domain::inbound::Method;
use domain::incident::Incident;
use domain::installation::{Installation, User};
use domain::page::{Choice, HttpRequest, Mail, Outbox, OutboxState, Purpose, Request};
use domain::time::Millis;
use ports::plugin::{IncidentView, Page};
use ports::{StoreError, View};
use std::sync::Arc;

/// Alerts shown with an incident.
const ALERTS_LIMIT: u32 = 20;
/// Incidents of one message.
const BUNDLED_LIMIT: usize = 20;
/// Longest plain text, in bytes.
const PLAIN_LIMIT_BYTES: usize = 4096;
/// Longest plain text to a browser, in bytes: with all its quotes escaped it still fits what push services take.
const PUSHED_LIMIT_BYTES: usize = 1024;
/// How long a push service keeps it for a browser that is not there, in seconds.
const PUSHED_SECONDS: &str = "3600";

/// Everything about one message that does not come from a plugin.
pub struct Context<'a> {
    pub installation: &'a Installation,
    pub links: &'a LinkSigner,
    pub public_url: &'a str,
    pub now: Millis,
}

/// The page of an incident for people who sign in.
pub fn incident_url(public_url: &str, incident: IncidentId) -> String {
    format!("{public_url}/incidents/{incident}")
}

/// An incident as plugins see it.
pub fn incident_view(
    view: &dyn View,
    incident: Incident,
    installation: &Installation,
    public_url: &str,
) -> Result<IncidentView, StoreError> {
    let alerts = view.alerts_of(incident.id, ALERTS_LIMIT)?.into_iter().map(|state| Arc::unwrap_or_clone(state.alert)).collect();
    let responders = incident.responders.iter().filter_map(|id| installation.users.get(id).cloned()).collect();
    Ok(IncidentView { url: Some(incident_url(public_url, incident.id)), incident, responders, alerts })
}

/// The page of an outbox row, with the incident as it is now.
pub fn page(view: &dyn View, row: &Outbox, context: &Context<'_>) -> Result<Page, StoreError> {
    let mut incidents = Vec::new();
    let mut previous = None;
    if let Some(id) = row.incident {
        if let Some(incident) = view.incident(id)? {
            incidents.push(incident_view(view, incident, context.installation, context.public_url)?);
        }
        let sent =
            view.outbox_of(id)?.into_iter().filter(|o| o.id < row.id && o.contact == row.contact && o.state == OutboxState::Accepted);
        previous = sent.max_by_key(|o| o.id).and_then(|o| o.reference);
    }
    Ok(Page { incidents, previous, ..bare_page(row, context) })
}

/// [`page`] for a message that stands for several incidents: those of `more` that still fire stand beside its own, at most
/// [`BUNDLED_LIMIT`] in all, and its choice acknowledges all that the message with this number stands for.
pub fn page_about(view: &dyn View, row: &Outbox, bundle: &About, context: &Context<'_>) -> Result<Page, StoreError> {
    let mut page = page(view, row, context)?;
    let mut count = page.incidents.len();
    for id in bundle.incidents.iter().filter(|id| Some(**id) != row.incident) {
        if let Some(incident) = view.incident(*id)?.filter(|incident| incident.status == Status::Firing) {
            count += 1;
            if page.incidents.len() < BUNDLED_LIMIT {
                page.incidents.push(incident_view(view, incident, context.installation, context.public_url)?);
            }
        }
    }
    if let Some(message) = bundle.message.filter(|_| count > 1) {
        page.choices = choice_of_all(row, message, count, context).into_iter().collect();
    }
    Ok(page)
}

/// What a message stands for besides its own incident.
#[derive(Debug, Clone, Default)]
pub struct About {
    pub incidents: Vec<IncidentId>,
    /// The number by which answers name the message: see [`crate::told`].
    pub message: Option<u64>,
}

/// The page of a row without its incident.
pub fn bare_page(row: &Outbox, context: &Context<'_>) -> Page {
    Page {
        id: row.key.clone(),
        at: context.now,
        purpose: row.purpose.clone(),
        contact: row.contact.clone(),
        recipient: row.user.as_ref().and_then(|id| context.installation.users.get(id)).cloned(),
        incidents: Vec::new(),
        choices: choices(row, context),
        previous: None,
    }
}

/// What the recipient of an escalation can answer, by links that act as them: GET shows the page, POST does what the link's end says.
fn choices(row: &Outbox, context: &Context<'_>) -> Vec<Choice> {
    let (Some(incident), Some(user), Purpose::Escalation(_)) = (row.incident, &row.user, &row.purpose) else { return Vec::new() };
    let link = Link { incident, user: user.clone(), expires_at: context.now.plus_seconds(LINK_SECONDS), message: None };
    let url = format!("{}/l/{}", context.public_url, context.links.sign(&link));
    let token = |answer| context.links.sign_choice(&Chosen { incident, answer, expires_at: link.expires_at });
    let snooze = format!("Snooze {SNOOZE_MINUTES} min");
    [("Acknowledge", "acknowledge", Answer::Acknowledge), ("Resolve", "resolve", Answer::Resolve), (&*snooze, "snooze", Answer::Snooze)]
        .map(|(text, what, answer)| Choice { text: text.to_owned(), token: token(answer), url: format!("{url}/{what}") })
        .into()
}

/// Acknowledges everything that the message stands for: which is what whoever was woken by it wants first. Each for itself is answered
/// on the page behind it.
fn choice_of_all(row: &Outbox, message: u64, count: usize, context: &Context<'_>) -> Option<Choice> {
    let (Some(incident), Some(user)) = (row.incident, &row.user) else { return None };
    let expires_at = context.now.plus_seconds(LINK_SECONDS);
    let link = Link { incident, user: user.clone(), expires_at, message: Some(message) };
    Some(Choice {
        text: format!("Acknowledge all {count}"),
        token: context.links.sign_choice_of_all(message, expires_at),
        url: format!("{}/l/{}/acknowledge", context.public_url, context.links.sign(&link)),
    })
}

/// The page as the host itself puts it, for a contact that it can reach without a plugin: an http(s) address or a mail address.
pub fn plain(page: &Page) -> Option<Request> {
    let address = page.contact.address.as_str();
    let (subject, text) = plain_words(page);
    if address.starts_with("https://") || address.starts_with("http://") {
        let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
        let body = format!("{subject}\n\n{text}").into_bytes();
        return Some(Request::Http(HttpRequest { method: Method::Post, url: address.to_owned(), headers, body, authorization: None }));
    }
    let is_mail = address.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    is_mail.then(|| Request::Mail(Mail { to: vec![address.to_owned()], subject, text, html: None, in_reply_to: None }))
}

/// The page as the host itself puts it for a browser: what the pages' own service worker shows.
pub fn plain_push(page: &Page) -> Request {
    let (title, text) = plain_words(page);
    let url = page.choices.first().map(|choice| choice.url.as_str());
    let url = url.or_else(|| page.incidents.first().and_then(|view| view.url.as_deref()));
    let body = serde_json::json!({ "title": title, "body": cut(&text, PUSHED_LIMIT_BYTES), "url": url }).to_string();
    // What comes from alerts must not ask the egress for secrets.
    let body = body.replace("{{", "\\u007b\\u007b").into_bytes();
    let headers = [("ttl", PUSHED_SECONDS), ("urgency", "high")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Request::Http(HttpRequest { method: Method::Post, url: page.contact.address.clone(), headers, body, authorization: None })
}

fn plain_words(page: &Page) -> (String, String) {
    let mut subject = match &page.purpose {
        Purpose::Escalation(_) => "You are paged".to_owned(),
        Purpose::Update(text) | Purpose::Reminder(text) => cut(text, 200),
        Purpose::Test(code) => format!("Your code is {code}"),
    };
    let mut text = String::new();
    for view in &page.incidents {
        let incident = &view.incident;
        // One line: a mail's subject must not hold a line break.
        let title: String = incident.title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        subject = format!("[{}] {}", incident.severity.as_str(), cut(&title, 200));
        text += &format!("Incident {}: {title}\nSeverity: {}\n", incident.id, incident.severity.as_str());
        if let Some(service) = &incident.service {
            text += &format!("Service: {service}\n");
        }
        text += &format!("Open since {}, {} alerts so far.\n", incident.opened_at.rfc3339(), incident.alert_count);
        if let Some(details) = view.alerts.first().and_then(|alert| alert.details.as_deref()) {
            text += &format!("\n{}\n", cut(details, 1000));
        }
    }
    if let Purpose::Update(change) = &page.purpose {
        text = format!("{change}\n\n{text}");
    }
    text = cut(&text, PLAIN_LIMIT_BYTES);
    if let Some(choice) = page.choices.first() {
        let does = if page.incidents.len() > 1 { &choice.text } else { "Acknowledge or resolve" };
        text += &format!("\n{does}: {}\n", choice.url);
    } else if let Some(url) = page.incidents.first().and_then(|view| view.url.as_ref()) {
        text += &format!("\n{url}\n");
    }
    (subject, text)
}

/// The user of a row, or its address, for a line.
pub fn recipient(row: &Outbox, installation: &Installation) -> String {
    match &row.user {
        Some(user) => installation.users.get(user).map_or_else(|| user.0.clone(), |u: &User| u.id.0.clone()),
        None => row.contact.address.clone(),
    }
}
