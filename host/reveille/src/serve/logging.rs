//! What the server says about itself: log lines, readable or JSON, and metrics in Prometheus' text format.

use anyhow::{Context, Result};
use documents::server::LogFormat;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::io::IsTerminal as _;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

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
    Ok(Arc::new(move || {
        handle.run_upkeep();
        handle.render()
    }))
}
