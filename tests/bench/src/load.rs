//! The load: posts over kept-alive connections on loopback, bounded in count, its own CPU time counted. Closed loop: each connection sends
//! when it was answered. Open loop: posts are due by a schedule, and time counts from when a post was due, not from when it could be sent.

use crate::latency::Latencies;
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// How often the schedule is looked at. A post is sent up to so much after it was due; that counts against the server.
const PACE: Duration = Duration::from_micros(100);
/// How long a sender waits that was told 503 before it sends the same post again.
const PAUSE: Duration = Duration::from_millis(20);
/// Waits of one post before it counts as lost.
const PAUSES: usize = 3000;

/// What a round of load gave.
#[derive(Debug, Clone)]
pub struct Round {
    pub posts: usize,
    pub seconds: f64,
    pub latencies: Latencies,
    /// CPU time of the generator itself, in seconds.
    pub own_cpu_seconds: f64,
    /// How often a post was told to come back later.
    pub refused: usize,
}

impl Round {
    /// Posts a second.
    pub fn per_second(&self) -> f64 {
        self.posts as f64 / self.seconds
    }
}

/// Where posts go.
#[derive(Clone)]
pub struct Door {
    pub address: SocketAddr,
    pub path: String,
}

/// What the connections share.
struct Shared {
    requests: Vec<Vec<u8>>,
    next: AtomicUsize,
    refused: AtomicUsize,
    /// When the first post was due, and how many are due a second; `None`: closed loop.
    schedule: Option<(Instant, f64)>,
    due: Semaphore,
}

impl Shared {
    fn due_at(&self, at: usize) -> Option<Instant> {
        self.schedule.map(|(began, rate)| began + Duration::from_secs_f64(at as f64 / rate))
    }
}

/// Posts every body once, over `connections` connections, each as fast as it is answered; each must be answered 2xx in the end.
pub fn post_all(door: &Door, bodies: &[Vec<u8>], connections: usize) -> Result<Round> {
    post(door, bodies, connections, None)
}

/// Posts every body once, `rate` a second; a post that is due while all connections are busy waits, and its time runs.
pub fn post_on_schedule(door: &Door, bodies: &[Vec<u8>], connections: usize, rate: f64) -> Result<Round> {
    post(door, bodies, connections, Some(rate))
}

fn post(door: &Door, bodies: &[Vec<u8>], connections: usize, rate: Option<f64>) -> Result<Round> {
    let requests = bodies.iter().map(|body| request(&door.path, body)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cpu_before = own_cpu_seconds();
    let began = Instant::now();
    let shared = Arc::new(Shared {
        requests,
        next: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
        schedule: rate.map(|rate| (began, rate)),
        due: Semaphore::new(0),
    });
    let pacer = rate.map(|rate| pace(Arc::clone(&shared), rate, connections));
    let latencies = runtime.block_on(async {
        let tasks: Vec<_> = (0..connections).map(|_| tokio::spawn(connection(door.address, Arc::clone(&shared)))).collect();
        let mut all = Vec::with_capacity(shared.requests.len());
        for task in tasks {
            all.extend(task.await??);
        }
        anyhow::Ok(all)
    });
    // Ends the schedule, also where a connection failed.
    shared.due.close();
    if let Some(pacer) = pacer {
        pacer.join().map_err(|_| anyhow::anyhow!("the schedule's thread panicked"))?;
    }
    Ok(Round {
        posts: shared.requests.len(),
        seconds: began.elapsed().as_secs_f64(),
        latencies: Latencies::new(latencies?),
        own_cpu_seconds: own_cpu_seconds() - cpu_before,
        refused: shared.refused.load(Ordering::Relaxed),
    })
}

/// Lets posts go as they become due, from a thread of its own: the runtime's timers tell only milliseconds.
fn pace(shared: Arc<Shared>, rate: f64, connections: usize) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let (began, mut let_go) = (Instant::now(), 0);
        while let_go < shared.requests.len() && !shared.due.is_closed() {
            let due = ((began.elapsed().as_secs_f64() * rate) as usize + 1).min(shared.requests.len());
            shared.due.add_permits(due - let_go);
            let_go = due;
            std::thread::sleep(PACE);
        }
        // Lets each connection see that there is nothing more.
        if !shared.due.is_closed() {
            shared.due.add_permits(connections);
        }
    })
}

fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len())
            .into_bytes();
    request.extend_from_slice(body);
    request
}

async fn connection(address: SocketAddr, shared: Arc<Shared>) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    let mut latencies = Vec::new();
    loop {
        if shared.schedule.is_some() {
            let Ok(permit) = shared.due.acquire().await else { return Ok(latencies) };
            permit.forget();
        }
        let at = shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = shared.requests.get(at) else { return Ok(latencies) };
        let from = shared.due_at(at).unwrap_or_else(Instant::now);
        let mut pauses = 0;
        loop {
            stream.write_all(request).await?;
            if answer(&mut stream, &mut buffer).await.with_context(|| format!("post {at}"))? {
                break;
            }
            shared.refused.fetch_add(1, Ordering::Relaxed);
            pauses += 1;
            anyhow::ensure!(pauses < PAUSES, "post {at} was refused {pauses} times");
            tokio::time::sleep(PAUSE).await;
        }
        latencies.push(Instant::now().saturating_duration_since(from));
    }
}

/// Reads one answer whole: whether it is 2xx. 503 is the server's way to say later; anything else is an error.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<bool> {
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
        if text.starts_with("http/1.1 503") {
            return Ok(false);
        }
        if !text.starts_with("http/1.1 2") {
            bail!("answered {}", String::from_utf8_lossy(&buffer[..filled.min(400)]));
        }
        return Ok(true);
    }
}

/// The body of an answer on loopback, whatever its status; with a token where one is needed.
pub fn get(port: u16, path: &str, token: Option<&str>) -> Result<String> {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    let authorization = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}Connection: close\r\n\r\n").as_bytes())?;
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
