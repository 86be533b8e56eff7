//! The load: posts over kept-alive connections on loopback, closed loop, bounded in count; it counts its own CPU time.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a round of load gave.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    pub posts: usize,
    pub seconds: f64,
    /// 99th percentile of a post, in milliseconds.
    pub p99_ms: f64,
    /// CPU time of the generator itself, in seconds.
    pub own_cpu_seconds: f64,
}

impl Round {
    /// Posts a second.
    pub fn per_second(&self) -> f64 {
        self.posts as f64 / self.seconds
    }
}

/// Posts every body once to `path`, over `connections` connections; each must be answered 2xx.
pub fn post_all(address: SocketAddr, path: &str, bodies: &[Vec<u8>], connections: usize) -> Result<Round> {
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(bodies.iter().map(|body| request(path, body)).collect());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cpu_before = own_cpu_seconds();
    let began = Instant::now();
    let mut latencies = runtime.block_on(async {
        let next = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..connections).map(|_| tokio::spawn(connection(address, Arc::clone(&requests), Arc::clone(&next)))).collect();
        let mut all = Vec::with_capacity(requests.len());
        for task in tasks {
            all.extend(task.await??);
        }
        anyhow::Ok(all)
    })?;
    let seconds = began.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let p99 = latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default();
    Ok(Round { posts: latencies.len(), seconds, p99_ms: p99.as_secs_f64() * 1000.0, own_cpu_seconds: own_cpu_seconds() - cpu_before })
}

fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len())
            .into_bytes();
    request.extend_from_slice(body);
    request
}

async fn connection(address: SocketAddr, requests: Arc<Vec<Vec<u8>>>, next: Arc<AtomicUsize>) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    let mut latencies = Vec::new();
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = requests.get(at) else { return Ok(latencies) };
        let sent = Instant::now();
        stream.write_all(request).await?;
        answer(&mut stream, &mut buffer).await.with_context(|| format!("post {at}"))?;
        latencies.push(sent.elapsed());
    }
}

/// Reads one answer whole; anything but 2xx is an error.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!("the connection was closed");
        }
        filled += read;
        let Some(head) = buffer[..filled].windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
        let length: usize = text.lines().find_map(|l| l.strip_prefix("content-length:")).and_then(|v| v.trim().parse().ok()).unwrap_or(0);
        if filled < head + 4 + length {
            continue;
        }
        if !text.starts_with("http/1.1 2") {
            bail!("answered {}", String::from_utf8_lossy(&buffer[..filled.min(400)]));
        }
        return Ok(());
    }
}

/// The body of an answer on loopback, whatever its status.
pub fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("the answer has no body")?;
    Ok(body.to_owned())
}

/// CPU time of this process so far, in seconds.
#[allow(unsafe_code)]
pub fn own_cpu_seconds() -> f64 {
    // SAFETY: getrusage only writes into the struct that it is given.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
