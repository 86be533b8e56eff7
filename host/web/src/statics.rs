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

const FILES: [File; 6] = [
    File { name: "app.css", content_type: "text/css; charset=utf-8", text: include_str!("../static/app.css") },
    File { name: "app.js", content_type: "text/javascript; charset=utf-8", text: include_str!("../static/app.js") },
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
}

async fn file(_: axum::extract::State<App>, Named((digest, name)): Named<(String, String)>) -> Result<Response, Problem> {
    let file = FILES.iter().find(|file| file.name == name).ok_or_else(|| Problem::not_found("file"))?;
    // An address from before an update gets the file, but must not keep it.
    let kept = if digest == *DIGEST { "public, max-age=31536000, immutable" } else { "no-store" };
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type)), (header::CACHE_CONTROL, HeaderValue::from_static(kept))];
    Ok((headers, file.text).into_response())
}
