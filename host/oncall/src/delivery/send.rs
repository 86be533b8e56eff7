//! One message on its way: rendered by its plugin, or put by the host itself where that fails; sent; and its answer read.

use crate::house::{House, cause};
use crate::instances::Threads;
use crate::message::{plain, plain_push};
use domain::decision::Stage;
use domain::page::{Authorization, Delivery, HttpRequest, PushReceiver, Request, Response};
use domain::timeline::Cause;
use ports::egress::OnBehalf;
use ports::plugin::Page;
use ports::{CallFailure, EgressError, Plugin, Snapshot};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Further requests that a plugin may ask for.
const PROCEED_LIMIT: u32 = 3;
/// When an exchange counts as lost although the egress has not given up, in real time.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(12);

/// What came of a message.
#[derive(Debug)]
pub enum Came {
    /// The provider took it, and calls it so.
    Accepted(Option<String>),
    Delivered(Option<String>),
    /// Not before so many seconds.
    Retry(u32, String),
    Failed(String),
}

/// What came of a message, and what there is to say.
#[derive(Debug)]
pub struct Sent {
    pub came: Came,
    /// The plugin that rendered it.
    pub cause: Option<Cause>,
    /// What failed on the way, in words.
    pub failed: Vec<(String, Option<Cause>)>,
}

/// Sends one page.
pub struct Sender<'a> {
    house: &'a House,
    threads: &'a Threads,
    snapshot: &'a Arc<Snapshot>,
    page: Arc<Page>,
    /// The browser that it goes to; `None`: it goes elsewhere.
    browser: Option<PushReceiver>,
    /// The last status that came back.
    status: AtomicU16,
    failed: Vec<(String, Option<Cause>)>,
}

impl<'a> Sender<'a> {
    pub fn new(house: &'a House, threads: &'a Threads, snapshot: &'a Arc<Snapshot>, page: Page) -> Self {
        Self { house, threads, snapshot, page: Arc::new(page), browser: None, status: AtomicU16::new(0), failed: Vec::new() }
    }

    /// Sends it to one browser: what goes to its push service is sealed for it, whoever put the words.
    pub fn to_browser(house: &'a House, threads: &'a Threads, snapshot: &'a Arc<Snapshot>, mut page: Page, browser: PushReceiver) -> Self {
        page.contact.address.clone_from(&browser.endpoint);
        Self { browser: Some(browser), ..Self::new(house, threads, snapshot, page) }
    }

    /// Sends it. Bounded in time by what the plugin and the egress may take.
    pub async fn send(self) -> Sent {
        self.send_seen().await.0
    }

    /// [`Sender::send`], with the last status that came back over HTTP.
    pub async fn send_seen(mut self) -> (Sent, Option<u16>) {
        let kind = &self.page.contact.kind;
        let plugin = self.snapshot.notify.get(kind).cloned();
        let rendered = match &plugin {
            Some(plugin) => self.render(plugin).await,
            None => {
                self.failed.push((format!("No plugin serves the contact kind {kind}: sent as plain text"), None));
                None
            }
        };
        let (came, cause) = match (rendered, plugin) {
            (Some(request), Some(plugin)) => {
                let cause = self.cause(&plugin, "rendered the message");
                (self.exchange_by(&plugin, request).await, Some(cause))
            }
            _ => (self.exchange_plain().await, None),
        };
        let status = Some(self.status.into_inner()).filter(|status| *status > 0);
        (Sent { came, cause, failed: self.failed }, status)
    }

    async fn render(&mut self, plugin: &Arc<dyn Plugin>) -> Option<Request> {
        let (of_thread, page, revision) = (Arc::clone(plugin), Arc::clone(&self.page), self.snapshot.revision);
        let rendered = self.threads.run(move |instances| instances.of(revision, &of_thread).render(&page)).await;
        rendered.unwrap_or_else(no_thread).map_err(|failure| self.failure(plugin, "sent as plain text", &failure)).ok()
    }

    /// The host's own words, and its own reading of the answer.
    async fn exchange_plain(&self) -> Came {
        let Some(request) = self.browser.as_ref().map(|_| plain_push(&self.page)).or_else(|| plain(&self.page)) else {
            return Came::Failed(format!("the host cannot reach {} without a plugin", self.page.contact.address));
        };
        match self.exchange(request, 0, OnBehalf::default()).await {
            Ok(response) => by_status(&response),
            Err(came) => came,
        }
    }

    async fn exchange_by(&mut self, plugin: &Arc<dyn Plugin>, request: Request) -> Came {
        let name = plugin.cite().name.clone();
        let secrets = self.snapshot.installation.grants.get(&name).map(|grant| grant.secrets.clone()).unwrap_or_default();
        let on_behalf = OnBehalf { plugin: name, secrets };
        let mut request = request;
        for step in 0..=PROCEED_LIMIT {
            let response = match self.exchange(request, step, on_behalf.clone()).await {
                Ok(response) => response,
                Err(came) => return came,
            };
            match self.interpret(plugin, step, response).await {
                Ok(Delivery::Accepted(reference)) => return Came::Accepted(reference),
                Ok(Delivery::Delivered(reference)) => return Came::Delivered(reference),
                Ok(Delivery::Retry(seconds, why)) => return Came::Retry(seconds, why),
                Ok(Delivery::Failed(why)) => return Came::Failed(why),
                Ok(Delivery::Proceed(next)) => request = *next,
                Err(came) => return came,
            }
        }
        Came::Failed(format!("the plugin wants more than {PROCEED_LIMIT} further requests"))
    }

    /// The plugin's reading, or where it fails the host's own.
    async fn interpret(&mut self, plugin: &Arc<dyn Plugin>, step: u32, response: Response) -> Result<Delivery, Came> {
        let (of_thread, page, revision) = (Arc::clone(plugin), Arc::clone(&self.page), self.snapshot.revision);
        let came = by_status(&response);
        let read = self.threads.run(move |instances| instances.of(revision, &of_thread).interpret(&page, step, &response)).await;
        read.unwrap_or_else(no_thread).map_err(|failure| {
            self.failure(plugin, "its answer was read by its status", &failure);
            came
        })
    }

    async fn exchange(&self, request: Request, step: u32, on_behalf: OnBehalf) -> Result<Response, Came> {
        fail::fail_point!("delivery.before.send", |_| Err(Came::Retry(0, "fail point".into())));
        let egress = &self.house.parts.egress;
        let sent = async {
            match request {
                Request::Http(request) => egress.http(self.sealed(request), on_behalf).await.map(Response::Http),
                Request::Mail(mail) => {
                    let id = if step == 0 { self.page.id.clone() } else { format!("{}-{step}", self.page.id) };
                    egress.mail(mail, id, on_behalf).await.map(|(code, text)| Response::Mail(code, text))
                }
            }
        };
        match tokio::time::timeout(EXCHANGE_LIMIT, sent).await {
            Ok(Ok(response)) => {
                if let Response::Http(http) = &response {
                    self.status.store(http.status, Ordering::Relaxed);
                }
                Ok(response)
            }
            Ok(Err(EgressError::Refused(why))) => Err(Came::Failed(why)),
            Ok(Err(EgressError::Unreachable(why))) => Err(Came::Retry(0, why)),
            Err(_) => Err(Came::Retry(0, format!("no answer within {} s", EXCHANGE_LIMIT.as_secs()))),
        }
    }

    /// Nothing that goes to a browser's push service may be read there.
    fn sealed(&self, request: HttpRequest) -> HttpRequest {
        match &self.browser {
            Some(browser) if request.url == browser.endpoint => {
                HttpRequest { authorization: Some(Authorization::WebPush(browser.clone())), ..request }
            }
            _ => request,
        }
    }

    fn cause(&self, plugin: &Arc<dyn Plugin>, reason: impl Into<String>) -> Cause {
        cause(Stage::Notify, plugin.cite(), self.snapshot.revision, reason)
    }

    fn failure(&mut self, plugin: &Arc<dyn Plugin>, then: &str, failure: &CallFailure) {
        let text = format!("notify by {} failed ({failure}): {then}", plugin.cite().name);
        let cause = self.cause(plugin, failure.to_string());
        self.failed.push((text, Some(cause)));
    }
}

fn no_thread<T>() -> Result<T, CallFailure> {
    Err(CallFailure::Internal("no thread could run it".into()))
}

/// What a status says without a plugin to read it.
fn by_status(response: &Response) -> Came {
    match response {
        Response::Http(http) => match http.status {
            200..=299 => Came::Accepted(None),
            408 | 425 | 429 | 500..=599 => Came::Retry(0, format!("answered with status {}", http.status)),
            status => Came::Failed(format!("answered with status {status}")),
        },
        Response::Mail(code, text) => match code {
            200..=299 => Came::Accepted(None),
            400..=499 => Came::Retry(0, format!("the relay answered {code} {text}")),
            code => Came::Failed(format!("the relay answered {code} {text}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::page::HttpResponse;

    #[test]
    fn statuses_without_a_plugin() {
        let http = |status| by_status(&Response::Http(HttpResponse { status, headers: vec![], body: vec![] }));
        let mail = |code| by_status(&Response::Mail(code, String::new()));
        assert!(matches!((http(204), mail(250)), (Came::Accepted(None), Came::Accepted(None))));
        assert!(matches!((http(503), http(429), mail(451)), (Came::Retry(..), Came::Retry(..), Came::Retry(..))));
        assert!(matches!((http(404), http(302), mail(550)), (Came::Failed(_), Came::Failed(_), Came::Failed(_))));
    }
}
