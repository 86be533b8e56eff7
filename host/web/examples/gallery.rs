//! The pages on loopback with fixture data, to look at: `cargo run -p web --example gallery [PORT] [empty]`. Alice is signed in by the
//! link that it prints; nothing of it is durable.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a tool for looking at pages: it shares the tests' fixtures")]

#[path = "../tests/web/house/mod.rs"]
mod house;

use house::doubles::{DoubleClock, link};
use house::{NOW, Parts, credential, fixtures};
use ports::store::CredentialKind;
use std::net::{Ipv4Addr, SocketAddr};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(8080);
    let empty = arguments.next().is_some_and(|word| word == "empty");
    let public_url = format!("http://127.0.0.1:{port}");
    let parts = Parts::new(&public_url, DoubleClock::at(NOW));
    if empty {
        parts.web.live.publish(fixtures::nothing());
    } else {
        fixtures::fill(&parts.web.store, NOW).await;
    }
    for (secret, user) in [("alice-session", "alice"), ("root-session", "root")] {
        let session =
            credential(&web::Secret::presented(secret), CredentialKind::Session, Some(user), "", "000102030405060708090a0b0c0d0e0f");
        parts.web.store.write(move |tx| tx.put_credential(&session)).await.unwrap();
    }
    for (secret, user) in [("alice-link", "alice"), ("root-link", "root")] {
        let entry = credential(&web::Secret::presented(secret), CredentialKind::SignInLink, Some(user), "", "");
        parts.web.store.write(move |tx| tx.put_credential(&entry)).await.unwrap();
    }
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    eprintln!("{public_url}/sign-in/alice-link\n{public_url}/l/{}", link(1, "alice", NOW.plus_seconds(3600)));
    let router = web::router(parts.web).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, router).await.unwrap();
}
