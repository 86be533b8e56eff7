//! The few files that pages load, embedded. Their addresses hold a digest, so browsers keep them for good.

use crate::app::App;
use crate::extract::Named;
use crate::guard::{Permission, Routes};
use crate::problem::Problem;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

struct File {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const FILES: [File; 8] = [
    File { name: "app.css", content_type: "text/css; charset=utf-8", text: include_str!("../static/app.css") },
    File { name: "app.js", content_type: "text/javascript; charset=utf-8", text: include_str!("../static/app.js") },
    File { name: "push.js", content_type: "text/javascript; charset=utf-8", text: include_str!("../static/push.js") },
    File { name: "manifest.webmanifest", content_type: "application/manifest+json", text: include_str!("../static/manifest.webmanifest") },
    File { name: "htmx.js", content_type: "text/javascript; charset=utf-8", text: include_str!("../static/htmx.min.js") },
    File { name: "htmx-sse.js", content_type: "text/javascript; charset=utf-8", text: include_str!("../static/htmx-sse.min.js") },
    File { name: "icon.svg", content_type: "image/svg+xml", text: include_str!("../static/icon.svg") },
    File { name: "LICENSE-htmx.txt", content_type: "text/plain; charset=utf-8", text: include_str!("../static/LICENSE-htmx.txt") },
];

static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for file in &FILES {
        digest.update(file.text.as_bytes());
    }
    hex::encode(&digest.finalize()[..6])
});

/// The part of the addresses that changes with the files' content.
pub fn digest() -> &'static str {
    &DIGEST
}

pub fn register(routes: &mut Routes) {
    routes.plain("/static/{digest}/{name}", Permission::Everybody("styles and scripts hold nothing of the installation"), get(file));
    // What it may look after is the folder of its address, and its address must not change.
    routes.plain("/sw.js", Permission::Everybody("the service worker holds nothing of the installation"), get(worker));
    // Where the home screen looks for it, by the manifest.
    routes.plain("/icon.svg", Permission::Everybody("the icon holds nothing of the installation"), get(icon));
}

async fn worker(_: axum::extract::State<App>) -> Response {
    let kind = HeaderValue::from_static("text/javascript; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], include_str!("../static/sw.js")).into_response()
}

async fn icon(_: axum::extract::State<App>) -> Response {
    let kind = HeaderValue::from_static("image/svg+xml");
    ([(header::CONTENT_TYPE, kind)], include_str!("../static/icon.svg")).into_response()
}

async fn file(_: axum::extract::State<App>, Named((digest, name)): Named<(String, String)>) -> Result<Response, Problem> {
    let file = FILES.iter().find(|file| file.name == name).ok_or_else(|| Problem::not_found("file"))?;
    // An address from before an update gets the file, but must not keep it.
    let kept = if digest == *DIGEST { "public, max-age=31536000, immutable" } else { "no-store" };
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type)), (header::CACHE_CONTROL, HeaderValue::from_static(kept))];
    Ok((headers, file.text).into_response())
}
