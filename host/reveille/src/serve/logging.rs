//! What the server says about itself: log lines, readable or JSON, and metrics in Prometheus' text format.

use anyhow::{Context, Result};
use documents::server::LogFormat;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// How often the metrics' samples are folded, in real time.
const UPKEEP: Duration = Duration::from_secs(5);

/// Renders all metrics.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Starts logging to standard error and the metrics' recorder. `RUST_LOG` says what is logged; default: `info`.
pub fn start(format: LogFormat) -> Result<Metrics> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.init(),
    }
    let handle = PrometheusBuilder::new().install_recorder().context("cannot record metrics")?;
    let kept_up = handle.clone();
    // Samples are folded into histograms whether or not anybody reads them, so that they do not pile up.
    std::thread::Builder::new()
        .name("metrics".into())
        .spawn(move || {
            loop {
                std::thread::sleep(UPKEEP);
                kept_up.run_upkeep();
            }
        })
        .context("cannot start the metrics' thread")?;
    Ok(Arc::new(move || {
        handle.run_upkeep();
        handle.render()
    }))
}
