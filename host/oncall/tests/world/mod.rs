//! A small installation around the reconcilers: the real store, a clock that stands until told, phones and plugins that do as told.
#![allow(dead_code, clippy::unwrap_used)] // Each test program uses a part of it, and a test may unwrap.

mod doers;
mod people;

pub use doers::*;
pub use people::*;

use domain::action::{Action, Change};
use domain::alert::{Alert, Severity, Status};
use domain::automation::QueuedEvent;
use domain::command::{Command, Notice, Subject};
use domain::contact::Contact;
use domain::decision::{Grouping, Patch, PluginRef, Stage, Verdict};
use domain::escalation::{Destination, Policy, Step, Target, Urgency};
use domain::expiry::Availability;
use domain::id::{AlertId, IncidentId, PipelineId, Revision, UserId};
use domain::inbound::{Inbound, Method, Normalized, Refusal, Reply};
use domain::incident::Incident;
use domain::installation::{ContactMethod, Door, Grant, Installation, Integration, OnFailure, PluginUse, Team, User};
use domain::interaction::{Came, Interaction};
use domain::journal::Sender;
use domain::page::{Delivery, HttpRequest, HttpResponse, Mail, Request, Response};
use domain::schedule::{Rotation, Turn};
use domain::time::Millis;
use domain::timeline::LineKind;
use domain::transition::{Ground, Moment, Said, obey};
use oncall::{LinkSigner, OnCall, Parts};
use ports::egress::OnBehalf;
use ports::plugin::{IncidentEvent, IncidentView, Page, PluginInfo, StateLimits};
use ports::{
    Alarm, Automated, BoxFuture, CallFailure, Clock, CommandFailure, Commands, Egress, EgressError, HotState, Instance, Live, Placed,
    Plugin, Snapshot, Stages, StateSlot, Store, Wakes,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::{SqliteStore, StoreOptions};
use tokio::sync::watch;

/// Tuesday, 6 January 2026, 10:00 UTC: alice is on call.
pub const START: Millis = Millis(1_767_693_600_000);

#[derive(Debug)]
pub struct TestClock(watch::Sender<Millis>);

impl Clock for TestClock {
    fn now(&self) -> Millis {
        *self.0.borrow()
    }

    fn wait_until(&self, due: Millis) -> BoxFuture<'static, ()> {
        let mut now = self.0.subscribe();
        Box::pin(async move {
            let _ = now.wait_for(|now| *now >= due).await;
        })
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// What a phone did with a message.
#[derive(Debug, Clone)]
pub enum Answer {
    Status(u16),
    Says(u16, &'static str),
    Unreachable,
    Refused,
}

/// One message as a phone got it.
#[derive(Debug, Clone)]
pub struct Got {
    pub at_s: i64,
    pub to: String,
    pub key: String,
    pub text: String,
}

/// All phones and mailboxes.
pub struct Phones {
    clock: Arc<TestClock>,
    pub got: Mutex<Vec<Got>>,
    answers: Mutex<BTreeMap<String, VecDeque<Answer>>>,
}

impl Phones {
    /// What an address answers, in order; the last one for good.
    pub fn answer(&self, address: &str, answers: &[Answer]) {
        self.answers.lock().unwrap().insert(address.into(), answers.iter().cloned().collect());
    }

    fn take(&self, to: &str, key: String, text: String) -> Answer {
        let at_s = self.clock.now().since(START) / 1000;
        self.got.lock().unwrap().push(Got { at_s, to: to.into(), key, text });
        let mut answers = self.answers.lock().unwrap();
        match answers.get_mut(to) {
            Some(list) if list.len() > 1 => list.pop_front().unwrap(),
            Some(list) => list[0].clone(),
            None => Answer::Status(200),
        }
    }

    /// Seconds since the start, and who.
    pub fn log(&self) -> Vec<String> {
        self.got.lock().unwrap().iter().map(|g| format!("{} {}", g.at_s, g.to)).collect()
    }
}

impl Egress for Phones {
    fn http(&self, request: HttpRequest, _: OnBehalf) -> BoxFuture<'static, Result<HttpResponse, EgressError>> {
        let key = request.headers.iter().find(|(n, _)| n == "key" || n == "idempotency-key").map(|(_, v)| v.clone()).unwrap_or_default();
        let answer = self.take(&request.url, key, String::from_utf8_lossy(&request.body).into_owned());
        Box::pin(async move {
            match answer {
                Answer::Status(status) => Ok(HttpResponse { status, headers: vec![], body: vec![] }),
                Answer::Says(status, text) => Ok(HttpResponse { status, headers: vec![], body: text.as_bytes().to_vec() }),
                Answer::Unreachable => Err(EgressError::Unreachable("connection refused".into())),
                Answer::Refused => Err(EgressError::Refused("not on the allow-list".into())),
            }
        })
    }

    fn mail(&self, mail: Mail, id: String, _: OnBehalf) -> BoxFuture<'static, Result<(u16, String), EgressError>> {
        let answer = self.take(&mail.to[0], id, format!("{}\n{}", mail.subject, mail.text));
        Box::pin(async move {
            match answer {
                Answer::Status(200) => Ok((250, "ok".into())),
                Answer::Status(code) | Answer::Says(code, _) => Ok((code, "no".into())),
                Answer::Unreachable => Err(EgressError::Unreachable("connection refused".into())),
                Answer::Refused => Err(EgressError::Refused("not on the allow-list".into())),
            }
        })
    }
}

#[derive(Default)]
pub struct Alarms(pub Mutex<Vec<Notice>>);

impl Alarm for Alarms {
    fn raise(&self, notice: Notice) {
        self.0.lock().unwrap().push(notice);
    }
}

type Route = dyn Fn(&IncidentView) -> Result<Vec<Destination>, CallFailure> + Send + Sync;

/// A plugin whose answers the test gives.
pub struct TestPlugin {
    info: PluginInfo,
    route: Arc<Route>,
    renders: bool,
}

pub fn plugin(
    name: &str,
    renders: bool,
    route: impl Fn(&IncidentView) -> Result<Vec<Destination>, CallFailure> + Send + Sync + 'static,
) -> Arc<dyn Plugin> {
    let info = PluginInfo {
        plugin: Arc::new(PluginRef { name: name.into(), version: "1.0.0".into(), digest: "ab".repeat(32) }),
        hooks: vec![],
        reads: vec![],
        lookups: vec![],
        keys: vec![],
        headers: vec![],
        contacts: vec![],
        state: None,
        settings_schema: String::new(),
        path: String::new(),
        size_bytes: 0,
    };
    Arc::new(TestPlugin { info, route: Arc::new(route), renders })
}

/// Renders: a post to the address with key and link.
pub fn notifier(name: &str) -> Arc<dyn Plugin> {
    plugin(name, true, |_| Ok(vec![]))
}

/// Fails at whatever it is asked.
pub fn broken(name: &str) -> Arc<dyn Plugin> {
    plugin(name, false, |_| Err(CallFailure::Trapped("unreachable".into())))
}

impl Plugin for TestPlugin {
    fn info(&self) -> &PluginInfo {
        &self.info
    }

    fn instance(&self) -> Box<dyn Instance> {
        Box::new(TestInstance { route: Arc::clone(&self.route), renders: self.renders })
    }
}

struct TestInstance {
    route: Arc<Route>,
    renders: bool,
}

fn no<T>() -> Result<T, CallFailure> {
    Err(CallFailure::Internal("no such hook".into()))
}

impl Instance for TestInstance {
    fn normalize(&mut self, _: &Inbound) -> Result<Result<Normalized, Refusal>, CallFailure> {
        no()
    }
    fn enrich(&mut self, _: &Alert) -> Result<Patch, CallFailure> {
        no()
    }
    fn filter(&mut self, _: &Alert) -> Result<Verdict, CallFailure> {
        no()
    }
    fn dedupe(&mut self, _: &Alert) -> Result<Option<Grouping>, CallFailure> {
        no()
    }
    fn route(&mut self, incident: &IncidentView) -> Result<Vec<Destination>, CallFailure> {
        (self.route)(incident)
    }
    fn render(&mut self, page: &Page) -> Result<Request, CallFailure> {
        if !self.renders {
            return Err(CallFailure::Trapped("unreachable".into()));
        }
        let titles: Vec<&str> = page.incidents.iter().map(|view| view.incident.title.as_str()).collect();
        Ok(Request::Http(HttpRequest {
            method: Method::Post,
            url: page.contact.address.clone(),
            headers: vec![("key".into(), page.id.clone())],
            body: format!("{} {}", titles.join(","), page.choices.first().map_or("", |c| c.url.as_str())).into_bytes(),
            authorization: None,
        }))
    }
    fn interpret(&mut self, page: &Page, _: u32, response: &Response) -> Result<Delivery, CallFailure> {
        Ok(match response {
            Response::Http(http) if http.status == 200 => Delivery::Accepted(Some(format!("ref-{}", page.id))),
            Response::Http(http) if http.status >= 500 => Delivery::Retry(0, format!("status {}", http.status)),
            other => Delivery::Failed(format!("{other:?}")),
        })
    }
}

/// Everything around the reconcilers.
pub struct World {
    _dir: tempfile::TempDir,
    pub store: Arc<dyn Store>,
    pub clock: Arc<TestClock>,
    pub phones: Arc<Phones>,
    pub alarms: Arc<Alarms>,
    pub live: Arc<Live>,
    pub wakes: Arc<Wakes>,
    pub links: Arc<LinkSigner>,
    pub commands: Arc<TestCommands>,
    hot: Option<Arc<dyn HotState>>,
    pub oncall: Arc<OnCall>,
}

impl World {
    /// Routes by `route`; ntfy and mail are rendered unless `notify` says otherwise.
    pub fn start(route: Vec<Arc<dyn Plugin>>, notify: Vec<(&str, Arc<dyn Plugin>)>) -> Self {
        Self::whole(route, notify, Vec::new(), Vec::new(), None)
    }

    /// Pages as usual, and does what `automate` says.
    pub fn automated(automate: Vec<Automated>) -> Self {
        let route = plugin("route", false, |_| Ok(vec![to_policy("primary", Urgency::Page)]));
        Self::whole(vec![route], vec![("ntfy", notifier("ntfy")), ("mail", notifier("mail"))], automate, Vec::new(), None)
    }

    /// [`World::automated`], where plugins remember.
    pub fn remembering(automate: Vec<Automated>, hot: Arc<dyn HotState>) -> Self {
        Self::whole(vec![broken("route")], vec![("ntfy", notifier("ntfy"))], automate, Vec::new(), Some(hot))
    }

    /// Pages as usual by a plugin called `ntfy`, and hears people through `listener`.
    pub fn hearing(listener: Arc<dyn Plugin>) -> Self {
        let route = plugin("route", false, |_| Ok(vec![to_policy("primary", Urgency::Page)]));
        Self::whole(vec![route], vec![("ntfy", notifier("ntfy")), ("mail", notifier("mail"))], Vec::new(), vec![listener], None)
    }

    fn whole(
        route: Vec<Arc<dyn Plugin>>,
        notify: Vec<(&str, Arc<dyn Plugin>)>,
        automate: Vec<Automated>,
        listeners: Vec<Arc<dyn Plugin>>,
        hot: Option<Arc<dyn HotState>>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(watch::Sender::new(START)));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path(), StoreOptions::new(clock.clone())).unwrap());
        let phones = Arc::new(Phones { clock: clock.clone(), got: Mutex::default(), answers: Mutex::default() });
        let route = route.into_iter().map(|plugin| Placed { plugin, on_failure: OnFailure::Skip }).collect();
        let stages = Stages { route, automate, ..Stages::default() };
        let live = Arc::new(Live::new(Snapshot {
            revision: Revision(3),
            installation: Arc::new(installation()),
            pipelines: [(PipelineId::from("main"), stages)].into(),
            interactors: listeners.into_iter().map(|plugin| ("chat".into(), plugin)).collect(),
            notify: notify.into_iter().map(|(kind, plugin)| (kind.to_owned(), plugin)).collect(),
            ..Snapshot::default()
        }));
        let (alarms, wakes, links) = (Arc::new(Alarms::default()), Arc::new(Wakes::default()), Arc::new(LinkSigner::new([7; 32])));
        let commands = Arc::new(TestCommands { store: store.clone(), clock: clock.clone(), unheard: Mutex::default() });
        let oncall = launch(&store, &clock, &phones, &alarms, &live, &wakes, &links, &commands, hot.clone());
        Self { _dir: dir, store, clock, phones, alarms, live, wakes, links, commands, hot, oncall }
    }

    /// The usual one: `route` sends everything to `primary`, one plugin serves ntfy and mail.
    pub fn usual() -> Self {
        let route = plugin("route", false, |_| Ok(vec![to_policy("primary", Urgency::Page)]));
        Self::start(vec![route], vec![("ntfy", notifier("ntfy")), ("mail", notifier("mail"))])
    }

    /// Stops the reconcilers; `up` starts new ones over the same store.
    pub async fn down(&self) {
        self.oncall.stop().await;
    }

    pub fn up(&mut self) {
        self.oncall = launch(
            &self.store,
            &self.clock,
            &self.phones,
            &self.alarms,
            &self.live,
            &self.wakes,
            &self.links,
            &self.commands,
            self.hot.clone(),
        );
    }

    /// Opens an incident that waits for the router.
    pub async fn open(&self, change: impl FnOnce(&mut Incident) + Send + 'static) -> IncidentId {
        let now = self.clock.now();
        let id = self
            .store
            .write(move |tx| {
                let mut incident = incident(tx.new_incident_id()?, now);
                change(&mut incident);
                tx.put_incident(&incident)?;
                Ok(incident.id)
            })
            .await
            .unwrap();
        self.wakes.router.notify_one();
        id
    }

    /// Tells the automation plugins of an incident what happened, as the pipeline's committer would.
    pub async fn happens(&self, id: IncidentId, change: Change) {
        let (now, snapshot) = (self.clock.now(), self.live.load());
        let job = move |tx: &mut dyn ports::Tx| {
            let incident = tx.incident(id)?.unwrap();
            for automated in snapshot.automation(&incident) {
                let (id, plugin) = (tx.new_event_id()?, automated.plugin.cite().name.clone());
                let change = change.clone();
                tx.put_event(&QueuedEvent { id, incident: incident.id, plugin, at: now, change, tries: 0, next_at: now })?;
            }
            Ok(())
        };
        self.store.write(job).await.unwrap();
        self.wakes.automation.notify_one();
    }

    /// Changes an incident as the pipeline's committer would.
    pub async fn change(&self, id: IncidentId, change: impl FnOnce(&mut Incident) + Send + 'static) {
        let job = move |tx: &mut dyn ports::Tx| {
            let mut incident = tx.incident(id)?.unwrap();
            change(&mut incident);
            incident.version += 1;
            tx.put_incident(&incident)
        };
        self.store.write(job).await.unwrap();
    }

    pub async fn incident(&self, id: IncidentId) -> Incident {
        self.store.view(move |view| view.incident(id)).await.unwrap().unwrap()
    }

    /// Waits until nothing is due.
    pub async fn settle(&self) {
        for _ in 0..2000 {
            if self.oncall.settled(self.clock.now()).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("it does not come to rest");
    }

    /// Lets time pass, from due time to due time.
    pub async fn pass(&self, seconds: u32) {
        self.settle().await;
        let until = self.clock.now().plus_seconds(seconds);
        loop {
            let next = self
                .store
                .view(|view| {
                    let due = [view.next_run_due()?, view.next_outbox_due()?, view.next_event_due()?, view.next_action_due()?];
                    let kept = ports::object::Kind::ALL.iter().map(|kind| view.next_object_due(*kind)).collect::<Result<Vec<_>, _>>()?;
                    Ok(due.into_iter().chain(kept).flatten().min())
                })
                .await
                .unwrap();
            let now = self.clock.now();
            let next = next.filter(|at| *at > now && *at < until).unwrap_or(until);
            self.jump(next);
            self.settle().await;
            if next == until {
                return;
            }
        }
    }

    /// Sets the clock.
    pub fn jump(&self, to: Millis) {
        self.clock.0.send_replace(to);
    }

    /// The timeline: seconds since the start, kind, text.
    pub async fn told(&self, id: IncidentId) -> Vec<String> {
        let lines = self.store.view(move |view| view.timeline(id)).await.unwrap();
        lines.iter().map(|l| format!("{} {}: {}", l.at.since(START) / 1000, l.kind.as_str(), l.text)).collect()
    }

    /// How many lines of a kind there are.
    pub async fn count(&self, id: IncidentId, kind: LineKind) -> usize {
        self.store.view(move |view| Ok(view.timeline(id)?.iter().filter(|l| l.kind == kind).count())).await.unwrap()
    }
}

#[allow(clippy::too_many_arguments)]
fn launch(
    store: &Arc<dyn Store>,
    clock: &Arc<TestClock>,
    phones: &Arc<Phones>,
    alarms: &Arc<Alarms>,
    live: &Arc<Live>,
    wakes: &Arc<Wakes>,
    links: &Arc<LinkSigner>,
    commands: &Arc<TestCommands>,
    hot: Option<Arc<dyn HotState>>,
) -> Arc<OnCall> {
    OnCall::start(Parts {
        store: store.clone(),
        clock: clock.clone(),
        egress: phones.clone(),
        alarm: alarms.clone(),
        commands: commands.clone(),
        hot,
        live: live.clone(),
        wakes: wakes.clone(),
        links: links.clone(),
        public_url: "https://reveille.example/".into(),
    })
}

fn incident(id: IncidentId, now: Millis) -> Incident {
    Incident {
        id,
        team: "shop".into(),
        key: "checkout".into(),
        title: "Checkout is slow".into(),
        status: Status::Firing,
        severity: Severity::Error,
        priority: None,
        service: Some("checkout".into()),
        routing_key: None,
        opened_at: now,
        acknowledged_at: None,
        acknowledged_severity: None,
        resolved_at: None,
        last_alert_at: now,
        alert_count: 1,
        entity_count: 1,
        firing: [0, 0, 1, 0],
        responders: vec![],
        labels: vec![],
        links: vec![],
        related: vec![],
        integration: Some("shop-prometheus".into()),
        default_route: false,
        own: false,
        route_due: true,
        routed_severity: None,
        version: 1,
        care: domain::care::Care::default(),
    }
}

/// The stage that a notify plugin stands at, for tests that look at causes.
pub const NOTIFY: Stage = Stage::Notify;
