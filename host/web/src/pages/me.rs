//! How the viewer is reached: their contacts and whether these work, and the browsers that ring for them.

use crate::app::{App, audit_row};
use crate::extract::{Caller, Filled, Named, Sent};
use crate::pages::moment::Moment;
use crate::pages::view::Lens;
use crate::pages::{Frame, Here, render};
use crate::principal::Principal;
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::installation::User;
use domain::page::PushReceiver;
use oncall::browsers::{self, BROWSERS_LIMIT, Browser, rings_browsers};
use oncall::contacts::{Proof, proof};
use serde::Deserialize;

/// Longest name of a browser, in characters.
const NAME_LIMIT: usize = 60;
/// Longest address of a push service, in bytes.
const ENDPOINT_LIMIT_BYTES: usize = 2_048;

/// A contact of the configuration.
struct ContactView {
    kind: String,
    address: String,
    failing: Option<String>,
    verified: bool,
}

/// A subscribed browser.
struct BrowserView {
    id: String,
    name: String,
    since: Moment,
    worked: Option<Moment>,
    failing: Option<String>,
    gone: Option<Moment>,
}

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    frame: Frame,
    contacts: Vec<ContactView>,
    browsers: Vec<BrowserView>,
    /// Whether a contact of the configuration rings them.
    rung: bool,
    /// Whether browsers let this page subscribe: they do over HTTPS, and on this machine.
    insecure: bool,
    push_key: String,
    limit: usize,
}

/// The person who asks; a token of the installation is nobody.
fn person(app: &App, caller: &Principal) -> Result<User, Problem> {
    let installation = app.parts.live.load().installation.clone();
    let user = caller.user.as_ref().and_then(|id| installation.users.get(id));
    user.cloned().ok_or_else(|| Problem::not_found("person: this is a token of the installation"))
}

pub async fn show(State(app): State<App>, headers: HeaderMap, Caller(caller): Caller) -> Result<Response, Problem> {
    let user = person(&app, &caller)?;
    let lens = Lens::of(&app, caller.user.as_ref());
    let asked = user.clone();
    let (proofs, known) = app
        .parts
        .store
        .view(move |view| {
            let proofs = asked.contacts.iter().map(|method| proof(view, &asked.id, &method.contact)).collect::<Result<Vec<Proof>, _>>()?;
            Ok((proofs, browsers::of(view, &asked.id)?))
        })
        .await?;
    let contact = |known: Proof| ContactView {
        kind: known.contact.kind,
        address: known.contact.address,
        failing: known.failing,
        verified: known.verified_at.is_some(),
    };
    let browser = |known: &Browser| BrowserView {
        id: known.short_id(),
        name: known.name.clone(),
        since: lens.moment(known.subscribed_at),
        worked: known.worked_at.map(|at| lens.moment(at)),
        failing: known.failing.clone(),
        gone: known.gone_at.map(|at| lens.moment(at)),
    };
    render(&MePage {
        frame: Frame::of(&app, &headers, &caller, Here::Outside, "How you are reached", "/me"),
        rung: user.contacts.iter().any(|method| rings_browsers(&method.contact)),
        contacts: proofs.into_iter().map(contact).collect(),
        browsers: known.iter().map(browser).collect(),
        insecure: !is_trusted(&app.parts.public_url),
        push_key: app.parts.push_key.clone(),
        limit: BROWSERS_LIMIT,
    })
}

/// Whether browsers count an address as safe enough for service workers.
fn is_trusted(public_url: &str) -> bool {
    let host = public_url.strip_prefix("http://").map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    host.is_none_or(|host| matches!(host, "localhost" | "127.0.0.1"))
}

/// A subscription as the Push API writes it, and what its owner calls the browser.
#[derive(Debug, Deserialize)]
pub struct Subscribing {
    name: String,
    subscription: Subscription,
}

#[derive(Debug, Deserialize)]
struct Subscription {
    endpoint: String,
    keys: Keys,
}

#[derive(Debug, Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// Keeps a browser of the person who asks, and lets it ring once.
pub async fn subscribe(State(app): State<App>, Caller(caller): Caller, Sent(asked): Sent<Subscribing>) -> Result<StatusCode, Problem> {
    let user = person(&app, &caller)?;
    let name: String = asked.name.chars().filter(|c| !c.is_control()).take(NAME_LIMIT).collect();
    let name = Some(name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "A browser".to_owned());
    let Subscription { endpoint, keys } = asked.subscription;
    let receiver = PushReceiver { endpoint, p256dh: keys.p256dh, auth: keys.auth };
    check(&receiver)
        .map_err(|why| Problem::invalid(format!("The subscription cannot be used: {why}."), "Subscribe again in this browser."))?;
    let now = app.now();
    let contact = user.contacts.iter().map(|method| &method.contact).find(|contact| rings_browsers(contact)).cloned();
    let row = audit_row(now, caller.audit_name(), "browser.subscribe", format!("user {}", user.id), name.clone());
    let browser = Browser::new(user.id, name, receiver, now);
    let kept = app
        .parts
        .store
        .write(move |tx| {
            let kept = browsers::subscribe(tx, &browser)?;
            if kept {
                tx.add_audit(&row)?;
                if let Some(contact) = &contact {
                    browsers::greet(tx, &browser, contact, now)?;
                }
            }
            Ok(kept)
        })
        .await?;
    if !kept {
        return Err(Problem::conflict(format!("{BROWSERS_LIMIT} browsers ring for you already: remove one of them first.")));
    }
    app.parts.wakes.delivery.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// What is wrong with a subscription. Where it may lead is the egress' business; it is asked at every message.
fn check(receiver: &PushReceiver) -> Result<(), String> {
    let endpoint = receiver.endpoint.as_str();
    let address: Option<Uri> = endpoint.parse().ok().filter(|_| endpoint.len() <= ENDPOINT_LIMIT_BYTES);
    let Some(address) = address else { return Err(format!("`endpoint` is no address of at most {ENDPOINT_LIMIT_BYTES} bytes")) };
    if address.scheme_str() != Some("https") {
        return Err("`endpoint` must begin with https://".to_owned());
    }
    if address.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err("`endpoint` may not hold a user or password".to_owned());
    }
    // The egress fills secrets in where braces stand: they are nobody's to ask for.
    if endpoint.contains(['{', '}']) {
        return Err("`endpoint` may not hold braces".to_owned());
    }
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).unwrap_or_default();
    let point = bytes(&receiver.p256dh);
    if point.len() != 65 || point.first() != Some(&4) {
        return Err("`p256dh` must be an uncompressed point of P-256, 65 bytes in base64url".to_owned());
    }
    if bytes(&receiver.auth).len() == 16 { Ok(()) } else { Err("`auth` must be 16 bytes in base64url".to_owned()) }
}

/// Nothing is asked.
#[derive(Debug, Deserialize)]
pub struct ForgetForm {}

/// Takes a browser away: it does not ring any more.
pub async fn forget(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(id): Named<String>,
    Filled(ForgetForm {}): Filled<ForgetForm>,
) -> Result<Response, Problem> {
    let user = person(&app, &caller)?;
    let now = app.now();
    let actor = caller.audit_name();
    let forgotten = app
        .parts
        .store
        .write(move |tx| {
            let name = browsers::forget(tx, &user.id, &id)?;
            if let Some(name) = &name {
                tx.add_audit(&audit_row(now, actor, "browser.forget", format!("user {}", user.id), name.clone()))?;
            }
            Ok(name)
        })
        .await?;
    forgotten.map(|_| Redirect::to("/me").into_response()).ok_or_else(|| Problem::not_found("browser"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(endpoint: &str) -> Result<(), String> {
        let p256dh = URL_SAFE_NO_PAD.encode([&[4u8][..], &[1; 64]].concat());
        check(&PushReceiver { endpoint: endpoint.into(), p256dh, auth: URL_SAFE_NO_PAD.encode([7; 16]) })
    }

    /// Planted bug that this finds: braces let through, by which a subscription could have a secret of the plugin's filled in.
    #[test]
    fn a_subscription_leads_to_a_push_service_and_nowhere_else() {
        assert_eq!(with("https://push.example/send/1?x=y"), Ok(()));
        for (endpoint, why) in [
            ("http://push.example/1", "https://"),
            ("push.example/1", "no address"),
            ("https://me:pass@push.example/1", "user or password"),
            ("https://push.example/{{secret:token}}", "braces"),
            ("https://push example/", "no address"),
        ] {
            assert!(with(endpoint).is_err_and(|said| said.contains(why)), "{endpoint}: {:?}", with(endpoint));
        }
        let long = format!("https://push.example/{}", "x".repeat(2_100));
        assert!(with(&long).is_err_and(|said| said.contains("2048 bytes")));
    }

    #[test]
    fn browsers_subscribe_over_https_and_on_this_machine() {
        for (url, trusted) in [
            ("https://reveille.example", true),
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080", true),
            ("http://reveille.example", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(is_trusted(url), trusted, "{url}");
        }
    }
}
