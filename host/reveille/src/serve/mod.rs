//! `reveille serve`: opens what the house stands on, starts its rooms, listens, and drains at the end.

pub mod adapters;
pub mod assemble;
pub mod configure;
mod foresight;
mod heat;
mod listener;
mod logging;
mod running;
pub mod storage;
pub mod versions;
mod watching;

pub use assemble::egress_of;
pub use running::Running;

use crate::clock::SystemClock;
use crate::welcome;
use anyhow::{Context, Result, bail};
use assemble::Ground;
use clap::Args;
use documents::ServerFile;
use ports::Clock;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long open connections may take to end, in real time.
const CONNECTIONS_LIMIT: Duration = Duration::from_secs(10);

/// What to serve.
#[derive(Args)]
pub struct ServeArgs {
    /// The server's own file.
    #[arg(long, default_value = "data/reveille.toml")]
    config: PathBuf,
    /// Print addresses to paste and a link that signs you in.
    #[arg(long)]
    welcome: bool,
    /// For authors of plugins: put what changes in the plugins' folder in force at once.
    #[arg(long)]
    watch: bool,
}

/// Runs until it is told to stop.
pub fn run(args: &ServeArgs) -> Result<()> {
    let file = read_server_file(&args.config)?;
    let metrics = logging::start(file.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the async runtime")?;
    runtime.block_on(serve(args, file, metrics))
}

async fn serve(args: &ServeArgs, file: ServerFile, metrics: logging::Metrics) -> Result<()> {
    #[cfg(feature = "sim")]
    let simulated = crate::sim::SimClock::from_environment()?;
    #[cfg(feature = "sim")]
    let clock = or_system(simulated.clone());
    #[cfg(not(feature = "sim"))]
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let ground = Ground::open(file, clock)?;
    if !ground.put_stored_configuration_in_force().await? {
        bail!("there is no configuration yet: run `reveille init {}`", folder_of(&args.config).display());
    }
    let socket = listen(ground.file.listen).await?;
    let (stop, stopping) = watch::channel(false);
    let running = Arc::new(Running::start(&ground).await?);
    let app = running.router(&ground, metrics, stopping.clone());
    #[cfg(feature = "sim")]
    if let Ok(path) = std::env::var(crate::sim::SOCKET_VARIABLE) {
        crate::sim::listen(Path::new(&path), simulated, Arc::clone(&running))?;
    }
    tracing::info!(listen = %ground.file.listen, revision = ground.live.load().revision.0, "serving");
    if args.welcome {
        welcome::print(&ground, folder_of(&args.config)).await?;
    }
    if args.watch {
        tokio::spawn(watching::watch(ground.configuration(), stopping.clone()));
    }
    let mut served = tokio::spawn(listener::serve(socket, app, stopping, ground.file.connections));
    tokio::select! {
        ended = &mut served => bail!("the listener ended: {ended:?}"),
        () = told_to_stop() => tracing::info!("draining: new work is refused, what was taken in is finished"),
    }
    // Without receivers everything has ended already.
    let _ = stop.send(true);
    running.drain().await;
    if tokio::time::timeout(CONNECTIONS_LIMIT, served).await.is_err() {
        tracing::warn!("connections were still open; they are cut");
    }
    tracing::info!("stopped");
    Ok(())
}

/// The clock of this process: the system's, unless a story asked for another.
#[cfg_attr(not(feature = "sim"), allow(clippy::unnecessary_wraps))] // What a story asks for can be wrong.
pub fn clock() -> Result<Arc<dyn Clock>> {
    #[cfg(feature = "sim")]
    return Ok(or_system(crate::sim::SimClock::from_environment()?));
    #[cfg(not(feature = "sim"))]
    Ok(Arc::new(SystemClock::new()))
}

#[cfg(feature = "sim")]
fn or_system(simulated: Option<Arc<crate::sim::SimClock>>) -> Arc<dyn Clock> {
    match simulated {
        Some(clock) => clock,
        None => Arc::new(SystemClock::new()),
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: is another server running there? `listen` in reveille.toml says where"))
}

async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::error!("signals cannot be watched: only a kill will end this server");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Reads and checks `reveille.toml`; relative folders are taken from where the file lies.
pub fn read_server_file(path: &Path) -> Result<ServerFile> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}: run `reveille init {}` first", path.display(), folder_of(path).display()))?;
    let mut file = ServerFile::parse(&path.display().to_string(), &text)
        .map_err(|problems| anyhow::anyhow!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let folder = folder_of(path);
    file.data_dir = folder.join(&file.data_dir);
    file.plugins_dir = folder.join(&file.plugins_dir);
    file.native_cache_dir = file.native_cache_dir.map(|dir| folder.join(dir));
    Ok(file)
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
