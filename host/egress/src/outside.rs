//! The egress itself: holds what was set up at start, bounds every exchange in time and counts it.

use crate::certificates::{self, CertificateError};
use crate::gate::Gate;
use crate::mail::{MailError, Relay};
use crate::push::PushKey;
use crate::resolve::{Resolve, SystemResolver};
use crate::settings::{Allow, EgressSettings, Secret};
use crate::{http, mail};
use domain::page::{HttpRequest, HttpResponse, Mail};
use ports::egress::OnBehalf;
use ports::{BoxFuture, Clock, Egress, EgressError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Why the way out cannot be set up.
#[derive(Debug, Error)]
pub enum BuildError {
    #[error("cannot set up TLS for what goes out")]
    Certificates(#[from] CertificateError),
    #[error("cannot set up mail")]
    Mail(#[from] MailError),
}

/// The only way out.
pub struct Outside(Arc<Parts>);

/// What exchanges share.
pub(crate) struct Parts {
    pub allow: Vec<Allow>,
    pub secrets: BTreeMap<String, Secret>,
    pub relay: Option<Relay>,
    pub push: Option<Arc<PushKey>>,
    pub tls: Arc<rustls::ClientConfig>,
    pub resolver: Arc<dyn Resolve>,
    pub gate: Gate,
    pub total_time: Duration,
    pub clock: Arc<dyn Clock>,
}

impl Outside {
    /// Sets up with the machine's own resolver. The clock dates mails and measures.
    pub fn new(settings: EgressSettings, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        Self::with_resolver(settings, clock, Arc::new(SystemResolver))
    }

    /// The same with another resolver.
    pub fn with_resolver(settings: EgressSettings, clock: Arc<dyn Clock>, resolver: Arc<dyn Resolve>) -> Result<Self, BuildError> {
        let further = certificates::further(&settings.further_roots_pem)?;
        let relay = settings.smtp.map(|smtp| Relay::new(smtp, &further)).transpose()?;
        Ok(Self(Arc::new(Parts {
            allow: settings.allow,
            secrets: settings.secrets,
            relay,
            push: settings.push,
            tls: certificates::client(&further)?,
            resolver,
            gate: Gate::new(settings.in_flight, settings.per_host),
            total_time: settings.total_time,
            clock,
        })))
    }
}

/// A mail has several steps, each as long as an HTTP exchange at most; all together so many times that.
const MAIL_TIMES: u32 = 3;

impl Egress for Outside {
    fn http(&self, request: HttpRequest, on_behalf: OnBehalf) -> BoxFuture<'static, Result<HttpResponse, EgressError>> {
        let parts = Arc::clone(&self.0);
        Box::pin(async move {
            let (began, plugin) = (parts.clock.elapsed(), on_behalf.plugin.clone());
            let result = within(parts.total_time, http::exchange(&parts, request, on_behalf)).await;
            let outcome = result.as_ref().map(|response| response.status);
            count("http", &plugin, parts.clock.elapsed().saturating_sub(began), outcome);
            result
        })
    }

    fn mail(&self, mail: Mail, id: String, on_behalf: OnBehalf) -> BoxFuture<'static, Result<(u16, String), EgressError>> {
        let parts = Arc::clone(&self.0);
        Box::pin(async move {
            let (began, now) = (parts.clock.elapsed(), parts.clock.now());
            let result = within(parts.total_time * MAIL_TIMES, mail::send(&parts, mail, &id, now)).await;
            let outcome = result.as_ref().map(|(code, _)| *code);
            count("mail", &on_behalf.plugin, parts.clock.elapsed().saturating_sub(began), outcome);
            result
        })
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, EgressError>>) -> Result<T, EgressError> {
    let late = |_| EgressError::Unreachable(format!("no answer within {} s", time.as_secs_f32()));
    tokio::time::timeout(time, work).await.map_err(late)?
}

fn count(kind: &'static str, plugin: &str, took: Duration, outcome: Result<u16, &EgressError>) {
    let word = match outcome {
        Ok(_) => "answered",
        Err(EgressError::Refused(_)) => "refused",
        Err(EgressError::Unreachable(_)) => "unreachable",
    };
    metrics::counter!("reveille_egress_requests_total", "kind" => kind, "outcome" => word).increment(1);
    metrics::histogram!("reveille_egress_request_seconds", "kind" => kind).record(took.as_secs_f64());
    match outcome {
        Ok(status) => tracing::debug!(kind, plugin, status, "sent"),
        // Neither holds a secret: see `http` and `mail`.
        Err(error) => tracing::warn!(kind, plugin, %error, "not sent"),
    }
}
