//! The floor: the least that a server could do and still keep its word. axum, JSON parsed, one row a post, group-committed with an fsync.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

type Waiting = (Vec<u8>, oneshot::Sender<()>);

/// Starts the floor server in a thread of its own; it ends with the process. `file` is its database.
pub fn start(dir: &Path, file: &str) -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (queue, waiting) = mpsc::channel::<Waiting>(65_536);
    let connection = rusqlite::Connection::open(dir.join(file))?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE rows(id INTEGER PRIMARY KEY, body BLOB NOT NULL);",
    )?;
    std::thread::spawn(move || write_all(connection, waiting));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("a runtime")?;
        runtime.block_on(async move {
            let app = Router::new().route("/api/v2/alerts", post(take)).with_state(queue);
            axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await?;
            anyhow::Ok(())
        })
    });
    Ok(address)
}

async fn take(State(queue): State<mpsc::Sender<Waiting>>, body: Bytes) -> StatusCode {
    if serde_json::from_slice::<serde_json::Value>(&body).is_err() {
        return StatusCode::BAD_REQUEST;
    }
    let (told, wait) = oneshot::channel();
    if queue.send((body.to_vec(), told)).await.is_err() || wait.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::OK
}

fn write_all(mut connection: rusqlite::Connection, mut waiting: mpsc::Receiver<Waiting>) -> Result<()> {
    let mut group = Vec::new();
    while let Some(first) = waiting.blocking_recv() {
        group.push(first);
        while group.len() < 512 {
            let Ok(next) = waiting.try_recv() else { break };
            group.push(next);
        }
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO rows(body) VALUES (?1)")?;
            for (body, _) in &group {
                insert.execute([body])?;
            }
        }
        transaction.commit()?;
        for (_, told) in group.drain(..) {
            let _ = told.send(());
        }
    }
    Ok(())
}

/// The median of appending 4 KiB and syncing it, in milliseconds.
pub fn fdatasync_4k_ms(dir: &Path) -> Result<f64> {
    let mut file = std::fs::File::create(dir.join("floor.sync"))?;
    let block = [7u8; 4096];
    let mut times = Vec::with_capacity(200);
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
