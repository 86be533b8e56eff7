//! Takes connections in: so many at once, each within time-outs, and ends them in order.

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::Service as _;

/// How long a sender may take for the head of a request; an idle connection is closed after it too. In real time.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of a request's head, at most.
const HEAD_BYTES: usize = 64 * 1024;
/// How long no connection is taken in after one could not be, because the system is out of something.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is told to stop and every connection has ended. Beyond `most` connections at once, further ones wait.
pub async fn serve(listener: TcpListener, app: Router, mut stopping: watch::Receiver<bool>, most: u32) -> Result<()> {
    let places = Arc::new(Semaphore::new(most as usize));
    metrics::gauge!("reveille_queue_limit", "queue" => "connections").set(f64::from(most));
    loop {
        // The semaphore is never closed.
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place?,
            () = told(&mut stopping) => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = told(&mut stopping) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken in");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        metrics::gauge!("reveille_queue_depth", "queue" => "connections").increment(1.0);
        let (app, stopping) = (app.clone(), stopping.clone());
        tokio::spawn(async move {
            converse(stream, peer, app, stopping).await;
            metrics::gauge!("reveille_queue_depth", "queue" => "connections").decrement(1.0);
            drop(place);
        });
    }
    drop(listener);
    let _all = places.acquire_many(most).await?;
    Ok(())
}

/// Returns once the server has to stop.
async fn told(stopping: &mut watch::Receiver<bool>) {
    // Without a sender everything has ended already.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// One connection, to its end.
async fn converse(stream: TcpStream, peer: SocketAddr, app: Router, mut stopping: watch::Receiver<bool>) {
    // A page's small answers must not wait for each other.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
