//! The control socket through which stories steer the real program: its clock and its fail points. Only under the feature `sim`.
//!
//! One JSON object a line, one answer a line. `{"advance_ms": 1800000}` moves the clock and waits until everything that fell due is
//! done; `{"settle": true}` waits for that alone; `{"fail": "journal.before.commit", "action": "return"}` sets a fail point.

use crate::serve::Running;
use domain::time::Millis;
use ports::{BoxFuture, Clock};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// The environment variables that stories set.
pub const SOCKET_VARIABLE: &str = "REVEILLE_SIM_SOCKET";
const NOW_VARIABLE: &str = "REVEILLE_SIM_NOW_MS";
const HITS_VARIABLE: &str = "REVEILLE_SIM_HITS";
/// How long a settle may take in real time before it is an error.
const SETTLE_LIMIT: Duration = Duration::from_secs(20);

/// A clock that stands still until a story moves it.
#[derive(Debug)]
pub struct SimClock {
    now: watch::Sender<Millis>,
    began: Instant,
}

impl SimClock {
    /// A simulated clock if the story asked for one.
    #[allow(clippy::disallowed_methods)] // Real elapsed time is measured from here.
    pub fn from_environment() -> anyhow::Result<Option<Arc<Self>>> {
        let Ok(text) = std::env::var(NOW_VARIABLE) else { return Ok(None) };
        let start: i64 = text.parse().map_err(|_| anyhow::anyhow!("{NOW_VARIABLE} must be milliseconds since 1970, not {text:?}"))?;
        Ok(Some(Arc::new(Self { now: watch::Sender::new(Millis(start)), began: Instant::now() })))
    }

    fn set(&self, now: Millis) {
        self.now.send_replace(now);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Millis {
        *self.now.borrow()
    }

    fn wait_until(&self, due: Millis) -> BoxFuture<'static, ()> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // The sender lives as long as the program; if it ends, so does the wait.
            let _ = now.wait_for(|now| *now >= due).await;
        })
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Serves the control socket until the program ends.
pub fn listen(path: &Path, clock: Option<Arc<SimClock>>, running: Arc<Running>) -> anyhow::Result<()> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, clock.clone(), Arc::clone(&running)));
        }
    });
    Ok(())
}

async fn converse(stream: UnixStream, clock: Option<Arc<SimClock>>, running: Arc<Running>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match serde_json::from_str::<Value>(&line) {
            Ok(command) => obey(&command, clock.as_deref(), &running).await.unwrap_or_else(|error| json!({ "error": error.to_string() })),
            Err(error) => json!({ "error": error.to_string() }),
        };
        if write.write_all(format!("{answer}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn obey(command: &Value, clock: Option<&SimClock>, running: &Running) -> anyhow::Result<Value> {
    if let Some(millis) = command["advance_ms"].as_i64() {
        let clock = clock.ok_or_else(|| anyhow::anyhow!("this server runs on real time"))?;
        advance(clock, running, clock.now().plus_millis(millis)).await?;
        return Ok(json!({ "now_ms": clock.now().0 }));
    }
    if command["settle"].as_bool() == Some(true) {
        settle(running).await?;
        return Ok(json!({ "now_ms": running.clock.now().0 }));
    }
    if let Some(name) = command["fail"].as_str() {
        let action = command["action"].as_str().unwrap_or("off");
        if action == "kill" {
            return kill_at(name, command["after"].as_u64().unwrap_or(0));
        }
        fail::cfg(name, action).map_err(|error| anyhow::anyhow!("fail point {name}: {error}"))?;
        return Ok(json!({ "fail": name, "action": action }));
    }
    anyhow::bail!("unknown command {command}")
}

/// Ends the program without any tidying up when `name` is reached after it was passed `after` times, and leaves a note that it was.
fn kill_at(name: &str, after: u64) -> anyhow::Result<Value> {
    let passed = AtomicU64::new(0);
    let noted = name.to_owned();
    let ended = move || {
        if passed.fetch_add(1, Ordering::SeqCst) == after {
            note_hit(&noted);
            std::process::abort();
        }
    };
    fail::cfg_callback(name, ended).map_err(|error| anyhow::anyhow!("fail point {name}: {error}"))?;
    Ok(json!({ "fail": name, "action": "kill" }))
}

fn note_hit(name: &str) {
    let Ok(path) = std::env::var(HITS_VARIABLE) else { return };
    if let Ok(mut file) = std::fs::File::options().create(true).append(true).open(path) {
        // The test that reads it fails if it is not there.
        let _ = writeln!(file, "{name}");
    }
}

/// Moves the clock from due time to due time, so that what happens at each has happened before the next.
async fn advance(clock: &SimClock, running: &Running, until: Millis) -> anyhow::Result<()> {
    settle(running).await?;
    loop {
        let next = running.next_due().await?.filter(|due| *due > clock.now() && *due < until).unwrap_or(until);
        clock.set(next);
        settle(running).await?;
        if next >= until {
            return Ok(());
        }
    }
}

/// Waits until nothing is left to do at the present simulated time.
async fn settle(running: &Running) -> anyhow::Result<()> {
    // Of real time, which a simulated clock does not stretch.
    let began = running.clock.elapsed();
    let mut calm = 0;
    while calm < 3 {
        calm = if running.settled().await { calm + 1 } else { 0 };
        let took = running.clock.elapsed().saturating_sub(began);
        anyhow::ensure!(took < SETTLE_LIMIT, "not settled after {} s: {}", SETTLE_LIMIT.as_secs(), running.unsettled().await);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
