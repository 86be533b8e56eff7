//! The pages. Each is whole without JavaScript; each reads rows, shows them, and posts forms that come back here.

mod alert;
mod bulk;
mod excerpt;
mod incident;
mod incidents;
mod link;
mod link_all;
mod me;
mod moment;
mod on_call;
mod own;
mod pipeline;
mod respond;
mod silence_form;
mod silences;
mod swaps;
mod view;

pub use excerpt::web_address;

use crate::app::App;
use crate::cookie::{Jar, Theme};
use crate::guard::{Permission, Routes};
use crate::principal::{Action, Principal, Way};
use crate::problem::Problem;
use crate::{csrf, statics};
use askama::Template;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};

pub fn register(routes: &mut Routes) {
    routes.page("/", Permission::Known, get(incidents::list));
    routes.page("/incidents/{id}", Permission::Incident(Action::See), get(incident::show));
    routes.page("/incidents/{id}/alerts/{alert}", Permission::Incident(Action::See), get(alert::show));
    routes.page("/incidents/{id}/acknowledge", Permission::Incident(Action::Change), post(incident::acknowledge));
    routes.page("/incidents/{id}/unacknowledge", Permission::Incident(Action::Change), post(incident::unacknowledge));
    routes.page("/incidents/{id}/resolve", Permission::Incident(Action::Change), post(incident::resolve));
    routes.page("/incidents/{id}/respond", Permission::Incident(Action::Change), post(respond::respond));
    routes.page("/incidents/actions", Permission::Responder, post(bulk::many));
    routes.page("/incidents/{id}/note", Permission::Incident(Action::Change), post(incident::note));
    routes.page("/incidents/{id}/priority", Permission::Incident(Action::Change), post(incident::priority));

    routes.page("/incidents/{id}/actions/{action}/approve", Permission::Incident(Action::Change), post(incident::approve));
    routes.page("/incidents/{id}/actions/{action}/refuse", Permission::Incident(Action::Change), post(incident::refuse));

    routes.page("/l/{token}", Permission::PageLink, get(link::show));
    routes.page("/l/{token}/acknowledge", Permission::PageLink, get(link::show).post(link::acknowledge));
    routes.page("/l/{token}/resolve", Permission::PageLink, get(link::show).post(link::resolve));
    routes.page("/l/{token}/snooze", Permission::PageLink, get(link::show).post(link::snooze));
    routes.page("/l/{token}/decline", Permission::PageLink, get(link::show).post(link::decline));
    routes.page("/l/{token}/note", Permission::PageLink, post(link::note));

    routes.page("/on-call", Permission::Known, get(on_call::show));
    routes.page("/on-call/overrides", Permission::Responder, post(on_call::add));
    routes.page("/on-call/overrides/{id}/delete", Permission::Responder, post(on_call::delete));
    routes.page("/on-call/overrides/{id}/assign", Permission::Responder, post(on_call::give));
    routes.page("/on-call/take", Permission::Responder, post(on_call::take));
    routes.page("/on-call/swaps", Permission::Responder, post(swaps::ask));
    routes.page("/on-call/swaps/{id}/{step}", Permission::Responder, post(swaps::go_on));

    routes.page("/silences", Permission::Known, get(silences::list));
    routes.page("/silences/new", Permission::Responder, get(silence_form::new).post(silence_form::send));
    routes.page("/silences/{id}/end", Permission::Responder, post(silences::end));
    routes.page("/me", Permission::Known, get(me::show));
    routes.plain("/me/browsers", Permission::Known, post(me::subscribe));
    routes.page("/me/browsers/{id}/forget", Permission::Known, post(me::forget));

    routes.page("/pipeline", Permission::Known, get(pipeline::show));
    routes.page("/dead-letters/{id}", Permission::DeadLetter(Action::See), get(pipeline::letter));
    routes.page("/dead-letters/{id}/replay", Permission::DeadLetter(Action::Change), post(pipeline::replay));
    routes.page("/dead-letters/{id}/discard", Permission::DeadLetter(Action::Change), post(pipeline::discard));
}

/// Which of the places in the navigation a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    Incidents,
    OnCall,
    Silences,
    Pipeline,
    /// No navigation: nobody is signed in.
    Outside,
}

impl Here {
    /// By its name in the layout.
    pub fn is(self, name: &str) -> bool {
        let own = match self {
            Self::Incidents => "incidents",
            Self::OnCall => "on-call",
            Self::Silences => "silences",
            Self::Pipeline => "pipeline",
            Self::Outside => return false,
        };
        own == name
    }
}

/// What every page has around it.
pub struct Frame {
    pub title: String,
    pub theme: Theme,
    /// Of the static files.
    pub digest: &'static str,
    pub here: Here,
    /// The person's name, when signed in.
    pub name: Option<String>,
    /// For forms.
    pub csrf: String,
    /// The page itself, to come back to.
    pub path: String,
}

impl Frame {
    /// For somebody who is signed in.
    pub fn of(app: &App, headers: &HeaderMap, caller: &Principal, here: Here, title: impl Into<String>, path: impl Into<String>) -> Self {
        let installation = app.parts.live.load().installation.clone();
        let name = caller.user.as_ref().map(|id| installation.users.get(id).map_or_else(|| id.0.clone(), |user| user.name.clone()));
        let csrf = if let Way::Session { csrf, .. } = &caller.way { csrf::mask(csrf) } else { String::new() };
        Self { title: title.into(), theme: Jar::theme(headers), digest: statics::digest(), here, name, csrf, path: path.into() }
    }

    /// For somebody who is not.
    pub fn bare(_: &App, headers: &HeaderMap, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            theme: Jar::theme(headers),
            digest: statics::digest(),
            here: Here::Outside,
            name: None,
            csrf: String::new(),
            path: "/".into(),
        }
    }
}

/// The zone in which the caller writes times.
pub fn zone_of(app: &App, caller: &Principal) -> jiff::tz::TimeZone {
    view::Lens::of(app, caller.user.as_ref()).zone
}

/// A page as an answer.
pub fn render(page: &impl Template) -> Result<Response, Problem> {
    let html = page.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be rendered");
        Problem::internal("The page cannot be rendered.")
    })?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], html).into_response())
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    problem: Problem,
}

/// A problem as a page; everything else as it is.
pub fn dress(app: &App, headers: &HeaderMap, response: Response) -> Response {
    let Some(problem) = response.extensions().get::<Problem>().cloned() else { return response };
    let mut frame = Frame::bare(app, headers, problem.title);
    frame.path = "/".into();
    let status = response.status();
    let Ok(mut dressed) = render(&ProblemPage { frame, problem }) else { return response };
    *dressed.status_mut() = status;
    if let Some(after) = response.headers().get(header::RETRY_AFTER) {
        dressed.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    dressed
}

/// To the sign-in page, and back afterwards.
pub fn to_sign_in(uri: &Uri) -> Response {
    let next = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    let query = serde_urlencoded::to_string([("next", next)]).unwrap_or_default();
    Redirect::to(&format!("/sign-in?{query}")).into_response()
}
