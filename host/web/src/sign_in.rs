//! Getting in and out of the pages: by password or one-time link, into a session that the store keeps.

use crate::app::{App, audit_row};
use crate::cookie::Theme;
use crate::extract::{Asked, Caller, Filled, Named};
use crate::guard::{Permission, Routes};
use crate::pages::{Frame, render};
use crate::principal::Way;
use crate::problem::Problem;
use crate::secret::Secret;
use crate::{csrf, password};
use askama::Template;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use domain::id::UserId;
use domain::time::Millis;
use ports::store::{Credential, CredentialKind};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};

/// How long a session lasts, in seconds: 30 days.
const SESSION_SECONDS: u32 = 30 * 86_400;
/// How long a sign-in link waits to be used, in seconds.
const LINK_SECONDS: u32 = 86_400;

pub fn register(routes: &mut Routes) {
    let entrance = Permission::Everybody("nobody is signed in before they sign in");
    routes.page("/sign-in", entrance, get(form).post(by_password));
    routes.page("/sign-in/{token}", entrance, get(link_form).post(by_link));
    routes.page("/sign-out", Permission::Known, post(sign_out));
    routes.page("/theme", Permission::Everybody("it sets a cookie with one of three words"), post(set_theme));
}

/// What is stored for a link that signs `user` in once. Its address is `/sign-in/` and the secret.
pub fn link_credential(secret: &Secret, user: &UserId, now: Millis) -> Credential {
    Credential {
        id: secret.id(),
        kind: CredentialKind::SignInLink,
        user: Some(user.clone()),
        integration: None,
        label: String::new(),
        scope: String::new(),
        detail: String::new(),
        created_at: now,
        expires_at: Some(now.plus_seconds(LINK_SECONDS)),
        last_used_at: None,
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    user: String,
    /// What went wrong with the last try.
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

/// An address of this server, or the first page: never elsewhere.
fn local(next: &str) -> &str {
    let local = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') && !next.chars().any(char::is_control);
    if local { next } else { "/" }
}

async fn form(State(app): State<App>, headers: HeaderMap, Asked(query): Asked<Next>) -> Result<Response, Problem> {
    let page =
        SignInPage { frame: Frame::bare(&app, &headers, "Sign in"), next: local(&query.next).to_owned(), user: String::new(), error: None };
    render(&page)
}

#[derive(Deserialize)]
struct Entry {
    user: String,
    password: String,
    #[serde(default)]
    next: String,
}

fn from_here(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    if csrf::same_origin(headers, &app.parts.public_url) {
        return Ok(());
    }
    Err(Problem::forbidden("This form was sent from another site. Nothing was changed.", "Open the page here and repeat it."))
}

/// Whom a try is counted for: the peer, or what the proxy on this machine says of it.
fn sender(peer: Option<&ConnectInfo<SocketAddr>>, headers: &HeaderMap) -> Option<IpAddr> {
    let peer = peer?.0.ip();
    let said =
        headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()).and_then(|list| list.rsplit(',').next()?.trim().parse().ok());
    Some(if peer.is_loopback() { said.unwrap_or(peer) } else { peer })
}

async fn by_password(
    State(app): State<App>,
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Filled(entry): Filled<Entry>,
) -> Result<Response, Problem> {
    from_here(&app, &headers)?;
    let user = UserId::from(entry.user.trim());
    let sender = sender(peer.as_ref().map(|peer| &peer.0), &headers);
    app.throttle.count(&user.0, sender, app.now()).map_err(Problem::too_many)?;
    let id = format!("password/{user}");
    let stored = app.parts.store.view(move |view| view.credential(&id)).await?;
    let known = app.parts.live.load().installation.users.contains_key(&user);
    let hash = stored.filter(|found| known && found.kind == CredentialKind::Password).map(|found| found.detail);
    if password::check(entry.password, hash).await {
        return begin(&app, user, "password", None, local(&entry.next)).await;
    }
    metrics::counter!("reveille_web_sign_in_failures_total").increment(1);
    tracing::info!(user = %user, "somebody failed to sign in");
    let page = SignInPage {
        frame: Frame::bare(&app, &headers, "Sign in"),
        next: local(&entry.next).to_owned(),
        user: user.0,
        error: Some("The name or the password is not right.".into()),
    };
    let mut response = render(&page)?;
    *response.status_mut() = axum::http::StatusCode::FORBIDDEN;
    Ok(response)
}

#[derive(Template)]
#[template(path = "sign_in_link.html")]
struct LinkPage {
    frame: Frame,
    name: String,
    token: String,
}

fn used_up() -> Problem {
    Problem::gone(
        "A sign-in link works once and for a limited time; this one was used, has expired, or was never ours.",
        "Ask an administrator for a new one, or sign in with your password.",
    )
}

async fn link_of(app: &App, token: &str) -> Result<UserId, Problem> {
    let id = Secret::presented(token).id();
    let now = app.now();
    let found = app.parts.store.view(move |view| view.credential(&id)).await?;
    let user = found.filter(|found| is_live_link(found, now)).and_then(|found| found.user).ok_or_else(used_up)?;
    if app.parts.live.load().installation.users.contains_key(&user) { Ok(user) } else { Err(used_up()) }
}

fn is_live_link(credential: &Credential, now: Millis) -> bool {
    credential.kind == CredentialKind::SignInLink && credential.expires_at.is_some_and(|end| end > now)
}

/// Shows the button; mail scanners follow links, so looking signs nobody in.
async fn link_form(State(app): State<App>, headers: HeaderMap, Named(token): Named<String>) -> Result<Response, Problem> {
    let user = link_of(&app, &token).await?;
    let name = app.parts.live.load().installation.users.get(&user).map(|user| user.name.clone()).unwrap_or_default();
    render(&LinkPage { frame: Frame::bare(&app, &headers, "Sign in"), name, token })
}

async fn by_link(State(app): State<App>, Named(token): Named<String>) -> Result<Response, Problem> {
    let user = link_of(&app, &token).await?;
    begin(&app, user, "link", Some(Secret::presented(&token).id()), "/").await
}

/// Begins a session; a link is used up in the same transaction, so it can begin one only.
async fn begin(app: &App, user: UserId, how: &str, link: Option<String>, next: &str) -> Result<Response, Problem> {
    let now = app.now();
    let secret = Secret::generate("")?;
    let session = Credential {
        id: secret.id(),
        kind: CredentialKind::Session,
        user: Some(user.clone()),
        integration: None,
        label: how.to_owned(),
        scope: String::new(),
        detail: csrf::generate()?,
        created_at: now,
        expires_at: Some(now.plus_seconds(SESSION_SECONDS)),
        last_used_at: Some(now),
    };
    let row = audit_row(now, format!("user {user}"), "session.begin", format!("user {user}"), format!("by {how}"));
    let begun = app
        .parts
        .store
        .write(move |tx| {
            if let Some(id) = &link {
                if !tx.credential(id)?.is_some_and(|found| is_live_link(&found, now)) {
                    return Ok(false);
                }
                tx.delete_credential(id)?;
            }
            for old in tx.credentials(CredentialKind::Session)? {
                if old.expires_at.is_some_and(|end| end <= now) {
                    tx.delete_credential(&old.id)?;
                }
            }
            tx.put_credential(&session)?;
            tx.add_audit(&row)?;
            Ok(true)
        })
        .await?;
    if !begun {
        return Err(used_up());
    }
    let cookie = app.jar.set_session(secret.reveal(), i64::from(SESSION_SECONDS));
    Ok(with_cookie(Redirect::to(next).into_response(), cookie))
}

async fn sign_out(State(app): State<App>, Caller(caller): Caller) -> Result<Response, Problem> {
    if let Way::Session { credential, .. } = &caller.way {
        let id = credential.clone();
        let row = audit_row(app.now(), caller.audit_name(), "session.end", String::new(), String::new());
        app.parts
            .store
            .write(move |tx| {
                tx.delete_credential(&id)?;
                tx.add_audit(&row)
            })
            .await?;
    }
    Ok(with_cookie(Redirect::to("/sign-in").into_response(), app.jar.set_session("", 0)))
}

#[derive(Deserialize)]
struct ThemeForm {
    theme: String,
    #[serde(default)]
    next: String,
}

async fn set_theme(State(app): State<App>, headers: HeaderMap, Filled(form): Filled<ThemeForm>) -> Result<Response, Problem> {
    from_here(&app, &headers)?;
    Ok(with_cookie(Redirect::to(local(&form.next)).into_response(), app.jar.set_theme(Theme::parse(&form.theme))))
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_never_sent_elsewhere() {
        for (next, expected) in [
            ("/incidents/7?x=1", "/incidents/7?x=1"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: b", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(next), expected);
        }
    }

    #[test]
    fn only_a_proxy_on_this_machine_may_name_the_sender() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.1, 198.51.100.2"));
        let peer = |text: &str| ConnectInfo(text.parse::<SocketAddr>().unwrap());
        assert_eq!(sender(Some(&peer("127.0.0.1:1")), &headers), Some("198.51.100.2".parse().unwrap()));
        assert_eq!(sender(Some(&peer("203.0.113.9:1")), &headers), Some("203.0.113.9".parse().unwrap()));
        assert_eq!(sender(None, &headers), None);
    }
}
