//! The one place where it is decided who may do what. A route cannot be registered without a permission, and a request reaches no handler
//! that the permission does not admit.

use crate::app::{App, BODY_LIMIT_BYTES};
use crate::parts::LinkFailure;
use crate::principal::{Action, Principal, Teams, Way, read_only};
use crate::problem::Problem;
use crate::secret::Secret;
use crate::{csrf, extract, pages};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequestParts as _, RawPathParams, Request, State};
use axum::http::{HeaderMap, header, request};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::MethodRouter;
use domain::id::{DeadLetterId, IncidentId};
use domain::incident::Incident;
use ports::store::{Credential, CredentialKind, DeadLetter};
use std::net::SocketAddr;
use std::sync::Arc;
use utoipa::openapi::{OpenApi, OpenApiBuilder, Paths, RefOr, Schema};

/// A token or session that was used notes so at most this often, in milliseconds.
const USED_EVERY_MS: i64 = 60_000;

/// Whom a route admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Everybody, and why that is right.
    Everybody(&'static str),
    /// Whoever holds the page link named by `{token}` in the path.
    PageLink,
    /// Monitoring on this machine, or anybody who may read.
    Monitoring,
    /// Anybody signed in or with a token; what they get is theirs alone, or the handler limits it to teams they see.
    Known,
    /// Anybody known who may change something of some team; the handler asks [`Principal::require`] of which.
    Responder,
    /// Who may do that to the incident named by `{id}` in the path.
    Incident(Action),
    /// Who may do that to the dead letter named by `{id}` in the path.
    DeadLetter(Action),
    /// Administrators.
    Admin,
}

impl Permission {
    /// How the OpenAPI document names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Everybody(_) => "everybody",
            Self::PageLink => "page-link",
            Self::Monitoring => "monitoring",
            Self::Known => "known",
            Self::Responder => "responder",
            Self::Incident(Action::See) => "see-incident",
            Self::Incident(Action::Change) => "change-incident",
            Self::DeadLetter(Action::See) => "see-dead-letter",
            Self::DeadLetter(Action::Change) => "change-dead-letter",
            Self::Admin => "admin",
        }
    }
}

/// What `utoipa_axum::routes!` makes of a handler.
pub type Described = (Vec<(String, RefOr<Schema>)>, Paths, MethodRouter<App>);

/// The table of routes: the only way into the router.
pub struct Routes {
    app: App,
    router: Router<App>,
    document: OpenApi,
}

impl Routes {
    /// An empty table.
    pub fn new(app: App) -> Self {
        let document = OpenApiBuilder::new()
            .info(utoipa::openapi::InfoBuilder::new().title("Reveille").version(env!("CARGO_PKG_VERSION")).build())
            .build();
        Self { app, router: Router::new(), document }
    }

    /// Adds an operation of the REST API, with its description.
    pub fn api(&mut self, permission: Permission, (schemas, mut paths, handler): Described) {
        for (path, item) in &mut paths.paths {
            for operation in
                [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().filter_map(Option::as_mut)
            {
                crate::api::describe(operation, permission);
            }
            let guarded = handler.clone().route_layer(from_fn_with_state((self.app.clone(), permission), guard));
            self.router = std::mem::take(&mut self.router).route(path, guarded);
        }
        self.document.components.get_or_insert_default().schemas.extend(schemas);
        self.document.merge(OpenApiBuilder::new().paths(paths).build());
    }

    /// Adds an address for people: its problems are shown as pages, and who is not signed in is asked to.
    pub fn page(&mut self, path: &str, permission: Permission, handler: MethodRouter<App>) {
        let guarded = handler
            .route_layer(from_fn_with_state((self.app.clone(), permission), guard))
            .route_layer(from_fn_with_state(self.app.clone(), dressed));
        self.router = std::mem::take(&mut self.router).route(path, guarded);
    }

    /// Adds an address for programs that is no part of the REST API.
    pub fn plain(&mut self, path: &str, permission: Permission, handler: MethodRouter<App>) {
        let guarded = handler.route_layer(from_fn_with_state((self.app.clone(), permission), guard));
        self.router = std::mem::take(&mut self.router).route(path, guarded);
    }

    /// The router, and the description of its API.
    pub fn finish(mut self) -> (Router<App>, OpenApi) {
        crate::api::complete(&mut self.document);
        (self.router, self.document)
    }
}

async fn dressed(State(app): State<App>, request: Request, next: Next) -> Response {
    let (headers, uri) = (request.headers().clone(), request.uri().clone());
    let safe = request.method().is_safe();
    let response = next.run(request).await;
    if response.status() == 401 && safe { pages::to_sign_in(&uri) } else { pages::dress(&app, &headers, response) }
}

async fn guard(State((app, permission)): State<(App, Permission)>, request: Request, next: Next) -> Response {
    match admit(&app, permission, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => {
            metrics::counter!("reveille_web_refused_total", "permission" => permission.as_str()).increment(1);
            problem.into_response()
        }
    }
}

/// The request with its principal (and incident or dead letter), or why not.
async fn admit(app: &App, permission: Permission, request: Request) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    if let Permission::Everybody(_) = permission {
        return Ok(Request::from_parts(parts, body));
    }
    if permission == Permission::PageLink {
        let (principal, incident, link) = by_link(app, &mut parts).await?;
        parts.extensions.insert(Arc::new(principal));
        parts.extensions.insert(Arc::new(incident));
        parts.extensions.insert(link);
        return Ok(Request::from_parts(parts, body));
    }
    if permission == Permission::Monitoring && is_local(&parts) {
        return Ok(Request::from_parts(parts, body));
    }
    let principal = authenticate(app, &parts.headers).await?;
    let body = match &principal.way {
        Way::Session { csrf, .. } if !parts.method.is_safe() => meant(app, csrf, &parts, body).await?,
        _ => body,
    };
    match permission {
        Permission::Everybody(_) | Permission::PageLink | Permission::Monitoring | Permission::Known => {}
        Permission::Responder => {
            if principal.changes == Teams::none() {
                return Err(read_only());
            }
        }
        Permission::Admin => {
            if !principal.admin {
                return Err(Problem::forbidden("Only administrators may do this.", "Ask an administrator of this installation."));
            }
        }
        Permission::Incident(action) => {
            let incident = incident_of(app, &principal, action, &mut parts).await?;
            parts.extensions.insert(Arc::new(incident));
        }
        Permission::DeadLetter(action) => {
            let letter = dead_letter_of(app, &principal, action, &mut parts).await?;
            parts.extensions.insert(Arc::new(letter));
        }
    }
    parts.extensions.insert(Arc::new(principal));
    Ok(Request::from_parts(parts, body))
}

/// Who sent this, by API token or by session.
pub async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Principal, Problem> {
    let (secret, kind) = if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        (token.ok_or_else(|| Problem::unauthorized("The Authorization header is no bearer token."))?, CredentialKind::ApiToken)
    } else if let Some(session) = app.jar.session(headers) {
        (session, CredentialKind::Session)
    } else {
        return Err(Problem::unauthorized("Nobody is signed in, and no API token was sent."));
    };
    let id = Secret::presented(secret).id();
    let now = app.now();
    let found = app.parts.store.view(move |view| view.credential(&id)).await?;
    let credential = found
        .filter(|credential| credential.kind == kind && credential.expires_at.is_none_or(|end| end > now))
        .ok_or_else(|| Problem::unauthorized("The session or token is unknown, was withdrawn or has expired."))?;
    let installation = app.parts.live.load().installation.clone();
    let principal = match kind {
        CredentialKind::Session => credential.user.as_ref().and_then(|id| installation.users.get(id)).map(|user| {
            let way = Way::Session { credential: credential.id.clone(), csrf: credential.detail.clone() };
            Principal::of_user(user, &installation, way)
        }),
        _ => Principal::of_token(&credential, &installation),
    };
    let principal = principal.ok_or_else(|| Problem::unauthorized("Its user is no longer a member of this installation."))?;
    note_use(app, credential);
    Ok(principal)
}

fn note_use(app: &App, mut credential: Credential) {
    let now = app.now();
    if credential.last_used_at.is_some_and(|at| now.since(at) < USED_EVERY_MS) {
        return;
    }
    credential.last_used_at = Some(now);
    let job = move |tx: &mut dyn ports::Tx| {
        // It may have been withdrawn since: never bring it back.
        if tx.credential(&credential.id)?.is_some() { tx.put_credential(&credential) } else { Ok(()) }
    };
    app.parts.store.submit(Box::new(job), Box::new(|_| ()));
}

/// Checks that the person at a browser meant this change; gives the body back, since a form's token is in it.
async fn meant(app: &App, token: &str, parts: &request::Parts, body: Body) -> Result<Body, Problem> {
    let refused = || {
        Problem::forbidden(
            "This change did not come from a page of this server. Nothing was changed.",
            "Open the page again and repeat it there.",
        )
    };
    if !csrf::same_origin(&parts.headers, &app.parts.public_url) {
        return Err(refused());
    }
    if let Some(masked) = parts.headers.get("x-csrf-token") {
        return masked.to_str().is_ok_and(|masked| csrf::fits(masked, token)).then_some(body).ok_or_else(refused);
    }
    let bytes = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await.map_err(|_| Problem::too_large(BODY_LIMIT_BYTES))?;
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(&bytes).unwrap_or_default();
    let fits = fields.iter().any(|(name, value)| name == "csrf" && csrf::fits(value, token));
    if fits { Ok(Body::from(bytes)) } else { Err(refused()) }
}

fn is_local(parts: &request::Parts) -> bool {
    let forwarded = parts.headers.contains_key("x-forwarded-for") || parts.headers.contains_key(header::FORWARDED);
    !forwarded && parts.extensions.get::<ConnectInfo<SocketAddr>>().is_some_and(|peer| peer.0.ip().is_loopback())
}

async fn path_value(parts: &mut request::Parts, name: &str) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

async fn incident_of(app: &App, principal: &Principal, action: Action, parts: &mut request::Parts) -> Result<Incident, Problem> {
    let missing = || Problem::not_found("incident");
    let id: u64 = path_value(parts, "id").await.and_then(|id| id.parse().ok()).ok_or_else(missing)?;
    incident_by(app, principal, action, IncidentId(id)).await
}

/// An incident to which the caller may do that; for handlers that name more of them than the one in the path.
pub async fn incident_by(app: &App, principal: &Principal, action: Action, id: IncidentId) -> Result<Incident, Problem> {
    let missing = || Problem::not_found("incident");
    // Whoever was paged may see and answer, also when a route crossed the border of teams; a token stays within its scope.
    let paged = principal.user.clone().filter(|_| matches!(principal.way, Way::Session { .. }));
    let found = app
        .parts
        .store
        .view(move |view| {
            let Some(incident) = view.incident(id)? else { return Ok(None) };
            let asked = match &paged {
                Some(user) => {
                    incident.responders.contains(user) || view.outbox_of(incident.id)?.iter().any(|row| row.user.as_ref() == Some(user))
                }
                None => false,
            };
            Ok(Some((incident, asked)))
        })
        .await?;
    let (incident, asked) = found.ok_or_else(missing)?;
    if !asked {
        principal.require(action, &incident.team, "incident")?;
    }
    Ok(incident)
}

async fn dead_letter_of(app: &App, principal: &Principal, action: Action, parts: &mut request::Parts) -> Result<DeadLetter, Problem> {
    let missing = || Problem::not_found("dead letter");
    let id: u64 = path_value(parts, "id").await.and_then(|id| id.parse().ok()).ok_or_else(missing)?;
    let letter = app.parts.store.view(move |view| view.dead_letter(DeadLetterId(id))).await?.ok_or_else(missing)?;
    let team = extract::team_of(&letter, &app.parts.live.load().installation);
    principal.require(action, &team, "dead letter")?;
    Ok(letter)
}

async fn by_link(app: &App, parts: &mut request::Parts) -> Result<(Principal, Incident, extract::ByLink), Problem> {
    let token = path_value(parts, "token").await.unwrap_or_default();
    let remedy = "Sign in to see the incident, or take the link in your newest page.";
    let link = app.parts.links.verify(&token, app.now()).map_err(|failure| match failure {
        LinkFailure::Expired => {
            Problem::gone("The link in a page works for a limited time, and that has passed. Nothing was changed.", remedy)
        }
        LinkFailure::Broken => Problem::not_a_link(),
    })?;
    let installation = app.parts.live.load().installation.clone();
    if !installation.users.contains_key(&link.user) {
        return Err(Problem::gone("The link was sent to somebody who is no longer a member. Nothing was changed.", remedy));
    }
    let id = link.incident;
    let incident = app.parts.store.view(move |view| view.incident(id)).await?.ok_or_else(|| Problem::not_found("incident"))?;
    let principal = Principal {
        user: Some(link.user.clone()),
        way: Way::PageLink,
        admin: false,
        sees: Teams::none(),
        changes: Teams::none(),
        roster: Teams::none(),
    };
    Ok((principal, incident, extract::ByLink { token, message: link.message }))
}
