//! The auditor: once a minute it asks the stored rows whether everything that has to page can. What it finds wrong becomes one incident. While
//! all is well it fetches an address outside, if one is configured, whose owner tells people when it is not fetched.
//!
//! It believes nobody: not the loops, which may hang, but rows alone. That it can write its own row is a part of the question.

use domain::alert::Severity;
use domain::command::Notice;
use domain::escalation::RunState;
use domain::id::{IncidentId, JournalId, TeamId};
use domain::inbound::Method;
use domain::incident::Incident;
use domain::page::{HttpRequest, OutboxState};
use domain::time::Millis;
use domain::transition::notice_key;
use ports::egress::OnBehalf;
use ports::object::{self, Kind, Object};
use ports::store::IncidentFilter;
use ports::{Alarm, Clock, Egress, Live, Store, StoreError, View};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How often it asks, in seconds.
pub const EVERY_SECONDS: u32 = 60;
/// How late a timer may be before it is told, in seconds. Its promise is two; a store that is slow for a moment is no incident.
const LATE_SECONDS: u32 = 60;
/// How late a message may be, in seconds: a provider may be slow.
const LATE_MESSAGE_SECONDS: u32 = 120;
/// Open incidents that are looked through each time; the next time goes on where this ended.
const INCIDENTS: u32 = 500;
/// Findings that are told.
const TOLD: u32 = 5;
const CAUSE: &str = "auditor";

/// What the auditor needs.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub live: Arc<Live>,
    pub egress: Arc<dyn Egress>,
    pub alarm: Arc<dyn Alarm>,
    /// The journal's head, and up to where it is decided.
    pub backlog: Arc<dyn Fn() -> (JournalId, JournalId) + Send + Sync>,
}

/// Its own row: when it asks next.
#[derive(Debug, Serialize, Deserialize)]
struct Next {
    due_at: Option<Millis>,
}

impl Object for Next {
    const KIND: Kind = Kind::Audit;

    fn id(&self) -> String {
        "next".to_owned()
    }

    fn due_at(&self) -> Option<Millis> {
        self.due_at
    }
}

/// What it remembers from one time to the next.
#[derive(Debug, Default)]
struct Before {
    /// Incidents that waited for the router.
    unrouted: BTreeSet<IncidentId>,
    /// Where the journal stood, if something waited then.
    cursor: Option<JournalId>,
    /// Where the look through the open incidents goes on.
    incidents: Option<IncidentId>,
    /// It told of something, perhaps before the start.
    told: bool,
}

/// Runs until the task is ended. It asks whether or not the configuration names an address to fetch, and first a minute after the start: what
/// fell due while the server was away is late, and on its way now.
pub async fn run(parts: Parts) {
    let mut before = Before { told: told_before(&parts).await, ..Before::default() };
    let mut had_address = true;
    loop {
        let next = parts.clock.now().plus_seconds(EVERY_SECONDS);
        let address = parts.live.load().installation.audit_ping.clone();
        // Whoever is told when no ping comes is told too when the store takes no rows. Without an address there is no row, once the one of
        // before is unset.
        if address.is_some() || had_address {
            had_address = address.is_some();
            let row = Next { due_at: had_address.then_some(next) };
            if let Err(error) = parts.store.write(move |tx| object::put(tx, &row)).await {
                tracing::error!(%error, "the auditor cannot write its row");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        parts.clock.wait_until(next).await;
        if ask(&parts, &mut before, parts.clock.now()).await
            && let Some(address) = &parts.live.load().installation.audit_ping
        {
            fetch(&parts, address).await;
        }
    }
}

/// Whether its incident is open since before the start.
async fn told_before(parts: &Parts) -> bool {
    let found = parts.store.view(|view| view.open_incident(&TeamId::default(), &notice_key(CAUSE))).await;
    // Saying once more that it is over does no harm.
    found.map_or(true, |found| found.is_some())
}

/// Whether all is well; what is not is told.
async fn ask(parts: &Parts, before: &mut Before, now: Millis) -> bool {
    let (head, cursor) = (parts.backlog)();
    let known = std::mem::take(before);
    let mut findings = Vec::new();
    if head > cursor && known.cursor == Some(cursor) {
        findings.push(format!("the pipeline stands still at record {cursor}, and {} wait", head.0 - cursor.0));
    }
    before.cursor = (head > cursor).then_some(cursor);
    before.told = known.told;
    let (unrouted, from) = (known.unrouted, known.incidents);
    match parts.store.view(move |view| look(view, &unrouted, from, now)).await {
        Ok(found) => {
            findings.extend(found.findings);
            before.unrouted = found.unrouted;
            before.incidents = found.goes_on;
        }
        Err(error) => findings.push(format!("the store cannot be read: {error}")),
    }
    if findings.is_empty() {
        if before.told {
            parts.alarm.raise(notice(&[], true));
            before.told = false;
        }
        return true;
    }
    metrics::counter!("reveille_oncall_audit_findings_total").increment(findings.len() as u64);
    tracing::error!(findings = findings.join("; "), "the auditor found something that does not page as it should");
    parts.alarm.raise(notice(&findings, false));
    before.told = true;
    false
}

async fn fetch(parts: &Parts, address: &str) {
    let request = HttpRequest { method: Method::Get, url: address.to_owned(), headers: Vec::new(), body: Vec::new(), authorization: None };
    match parts.egress.http(request, OnBehalf::default()).await {
        Ok(answer) if (200..300).contains(&answer.status) => {
            metrics::counter!("reveille_oncall_audit_pings_total", "outcome" => "taken").increment(1);
        }
        Ok(answer) => {
            metrics::counter!("reveille_oncall_audit_pings_total", "outcome" => "refused").increment(1);
            tracing::warn!(status = answer.status, "the address of audit_ping does not take it");
        }
        Err(error) => {
            metrics::counter!("reveille_oncall_audit_pings_total", "outcome" => "failed").increment(1);
            tracing::warn!(%error, "the address of audit_ping cannot be fetched");
        }
    }
}

fn notice(findings: &[String], over: bool) -> Notice {
    let summary = match findings {
        [] => "Everything that has to page can".to_owned(),
        [one] => format!("Something may not page: {one}"),
        [first, rest @ ..] => format!("Something may not page: {first}, and {} more", rest.len()),
    };
    Notice {
        cause: CAUSE.to_owned(),
        summary: domain::alert::cut(&summary, 512),
        details: domain::alert::cut(&findings.join("\n"), 4096),
        severity: Severity::Critical,
        integration: None,
        over,
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    findings: Vec<String>,
    unrouted: BTreeSet<IncidentId>,
    goes_on: Option<IncidentId>,
}

/// What the rows say. `unrouted`: what waited for the router the last time; `from`: where to go on among the open incidents.
fn look(view: &dyn View, unrouted: &BTreeSet<IncidentId>, from: Option<IncidentId>, now: Millis) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let late = now.plus_millis(-i64::from(LATE_SECONDS) * 1000);
    for run in view.runs_due(late, TOLD)? {
        let seconds = run.next_at.map_or(0, |at| now.since(at) / 1000);
        found.findings.push(format!("the escalation of incident {} is {seconds} s late", run.incident));
    }
    for row in view.outbox_due(now.plus_millis(-i64::from(LATE_MESSAGE_SECONDS) * 1000), TOLD)? {
        let seconds = row.next_at.map_or(0, |at| now.since(at) / 1000);
        let whom = row.user.as_ref().map_or_else(|| row.contact.kind.clone(), ToString::to_string);
        found.findings.push(format!("a message to {whom} is {seconds} s late"));
    }
    let timers = [("an alert's end", view.next_wake()?), ("a heartbeat", view.next_object_due(Kind::Heartbeat)?)];
    for (what, at) in timers.into_iter().filter_map(|(what, at)| Some((what, at?))).filter(|(_, at)| *at < late) {
        found.findings.push(format!("{what} is {} s late", now.since(at) / 1000));
    }
    found.unrouted = view.incidents_to_route(INCIDENTS)?.into_iter().collect();
    for id in found.unrouted.intersection(unrouted).take(TOLD as usize) {
        found.findings.push(format!("incident {id} waits to be routed for more than a minute"));
    }
    let filter = IncidentFilter { open: Some(true), teams: None, before: from, limit: INCIDENTS };
    let open = view.incidents(&filter)?;
    found.goes_on = open.last().filter(|_| open.len() >= INCIDENTS as usize).map(|incident| incident.id);
    let mut told = 0;
    for incident in open.iter().filter(|incident| has_to_page(incident)) {
        if told < TOLD && !is_paging(view, incident.id)? {
            told += 1;
            found.findings.push(format!("nobody is paged about incident {} and nothing is due", incident.id));
        }
    }
    Ok(found)
}

/// Fires, is no longer the router's, and is not all suppressed.
fn has_to_page(incident: &Incident) -> bool {
    let counts = incident.own || incident.firing.iter().sum::<u32>() > 0;
    incident.status == domain::alert::Status::Firing && !incident.route_due && counts
}

/// Whether a step is due some time, or a message is on its way.
fn is_paging(view: &dyn View, incident: IncidentId) -> Result<bool, StoreError> {
    if view.runs_of(incident)?.iter().any(|run| run.state == RunState::Active && run.next_at.is_some()) {
        return Ok(true);
    }
    let on_its_way = |state: OutboxState| matches!(state, OutboxState::Queued | OutboxState::Sending);
    Ok(view.outbox_of(incident)?.iter().any(|row| on_its_way(row.state)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::escalation::{Run, Target};
    use domain::expiry::Availability;
    use domain::id::{AlertId, RunId};
    use domain::transition::{Ground, Moment, note};
    use ports::{BoxFuture, EgressError};
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use store::{SqliteStore, StoreOptions};

    const NOW: Millis = Millis(1_767_693_600_000);

    #[derive(Debug)]
    struct Standing;

    impl Clock for Standing {
        fn now(&self) -> Millis {
            NOW
        }

        fn wait_until(&self, _: Millis) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }
    }

    /// An incident that fires and was routed: the auditor's own.
    fn incident() -> Incident {
        let (mut ground, availability) = (Ground::default(), Availability::default());
        let moment = Moment { at: NOW, alert: AlertId(1), incident: IncidentId(1), availability: &availability };
        note(&mut ground, &notice(&["a test".to_owned()], false), moment);
        Incident { route_due: false, ..ground.incidents.remove(0) }
    }

    fn run(next_at: Option<Millis>) -> Run {
        Run {
            id: RunId(1),
            incident: IncidentId(1),
            target: Target::User("alice".into()),
            state: if next_at.is_some() { RunState::Active } else { RunState::Exhausted },
            step: 0,
            repeat: 0,
            next_at,
            last_resort: false,
            reason: String::new(),
            cause: None,
            started_at: NOW,
            ask: None,
            epoch: 0,
        }
    }

    /// What is found with these rows.
    async fn findings(incident: Incident, run: Option<Run>, unrouted: &[u64]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path(), StoreOptions::new(Arc::new(Standing))).unwrap());
        store
            .write(move |tx| {
                tx.put_incident(&incident)?;
                run.map_or(Ok(()), |run| tx.put_run(&run))
            })
            .await
            .unwrap();
        let unrouted: BTreeSet<IncidentId> = unrouted.iter().copied().map(IncidentId).collect();
        store.view(move |view| look(view, &unrouted, None, NOW)).await.unwrap().findings
    }

    /// Keeps what is raised.
    #[derive(Default)]
    struct Heard(Mutex<Vec<Notice>>);

    impl Alarm for Heard {
        fn raise(&self, notice: Notice) {
            self.0.lock().unwrap().push(notice);
        }
    }

    /// Counts what is fetched.
    #[derive(Default)]
    struct Fetched(Mutex<Vec<String>>);

    impl Egress for Fetched {
        fn http(&self, request: HttpRequest, _: OnBehalf) -> BoxFuture<'static, Result<domain::page::HttpResponse, EgressError>> {
            self.0.lock().unwrap().push(request.url);
            Box::pin(async { Ok(domain::page::HttpResponse { status: 200, headers: Vec::new(), body: Vec::new() }) })
        }

        fn mail(&self, _: domain::page::Mail, _: String, _: OnBehalf) -> BoxFuture<'static, Result<(u16, String), EgressError>> {
            Box::pin(async { Err(EgressError::Refused("no mail is expected".into())) })
        }
    }

    /// `NOW` for ever, but so many waits are over at once.
    #[derive(Debug)]
    struct Waits(std::sync::atomic::AtomicU32);

    impl Clock for Waits {
        fn now(&self) -> Millis {
            NOW
        }

        fn wait_until(&self, _: Millis) -> BoxFuture<'static, ()> {
            let order = std::sync::atomic::Ordering::SeqCst;
            if self.0.fetch_update(order, order, |left| left.checked_sub(1)).is_ok() {
                return Box::pin(std::future::ready(()));
            }
            Box::pin(std::future::pending())
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }
    }

    /// What the whole auditor raises and fetches in so many minutes.
    async fn looks(minutes: u32, incident: Incident, run: Run, ping: Option<&str>) -> (Vec<(String, bool)>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path(), StoreOptions::new(Arc::new(Standing))).unwrap());
        let rows = move |tx: &mut dyn ports::Tx| {
            tx.put_incident(&incident)?;
            tx.set_open_incident(&incident.team, &incident.key, Some(incident.id))?;
            tx.put_run(&run)
        };
        store.write(rows).await.unwrap();
        let installation = domain::installation::Installation { audit_ping: ping.map(str::to_owned), ..Default::default() };
        let live = Arc::new(Live::new(ports::Snapshot {
            revision: domain::id::Revision(1),
            installation: Arc::new(installation),
            normalizers: BTreeMap::new(),
            interactors: BTreeMap::new(),
            pipelines: BTreeMap::new(),
            notify: BTreeMap::new(),
        }));
        let (heard, fetched) = (Arc::new(Heard::default()), Arc::new(Fetched::default()));
        let looking = super::run(Parts {
            store,
            clock: Arc::new(Waits(minutes.into())),
            live,
            egress: Arc::clone(&fetched) as Arc<dyn Egress>,
            alarm: Arc::clone(&heard) as Arc<dyn Alarm>,
            backlog: Arc::new(|| (JournalId(0), JournalId(0))),
        });
        // The looks take milliseconds; then it waits for a clock that never moves.
        let waits = tokio::time::timeout(Duration::from_millis(500), looking).await;
        assert!(waits.is_err(), "it goes on for ever");
        let told = heard.0.lock().unwrap().iter().map(|notice| (notice.summary.clone(), notice.over)).collect();
        let urls = fetched.0.lock().unwrap().clone();
        (told, urls)
    }

    /// An escalation that is overdue is told whether or not there is an address to ping; the ping needs an address and a clean bill. Planted
    /// bugs: nothing was asked unless `audit_ping` was configured; it asked at the start, and told of what fell due during an outage.
    #[tokio::test]
    async fn it_looks_without_an_address_and_pings_only_one_that_is_configured() {
        let (late, soon) = (Some(NOW.plus_millis(-95_000)), Some(NOW.plus_seconds(300)));
        let told = vec![("Something may not page: the escalation of incident 1 is 95 s late".to_owned(), false)];
        let ping = "http://127.0.0.1/audit";
        let db = || Incident { key: "db".to_owned(), ..incident() };
        assert_eq!(looks(1, db(), run(late), None).await, (told.clone(), vec![]));
        assert_eq!(looks(1, db(), run(late), Some(ping)).await, (told, vec![]));
        assert_eq!(looks(1, db(), run(soon), None).await, (vec![], vec![]));
        assert_eq!(looks(1, db(), run(soon), Some(ping)).await, (vec![], vec![ping.to_owned()]));
        assert_eq!(looks(0, db(), run(late), Some(ping)).await, (vec![], vec![]), "it has only just started");
        let over = vec![("Everything that has to page can".to_owned(), true)];
        assert_eq!(looks(1, incident(), run(soon), None).await, (over, vec![]), "its incident of before the start is over");
    }

    /// Each finding is a planted fault: without it there is none.
    #[tokio::test]
    async fn it_finds_what_does_not_page_and_nothing_else() {
        let soon = Some(NOW.plus_seconds(300));
        assert_eq!(findings(incident(), Some(run(soon)), &[1]).await, [""; 0]);
        assert_eq!(findings(incident(), None, &[]).await, ["nobody is paged about incident 1 and nothing is due"]);
        assert_eq!(findings(incident(), Some(run(None)), &[]).await, ["nobody is paged about incident 1 and nothing is due"]);
        let late = Some(NOW.plus_millis(-95_000));
        assert_eq!(findings(incident(), Some(run(late)), &[]).await, ["the escalation of incident 1 is 95 s late"]);
        assert_eq!(findings(incident(), Some(run(Some(NOW.plus_millis(-50_000)))), &[]).await, [""; 0], "late, and no incident yet");
        let unrouted = Incident { route_due: true, ..incident() };
        assert_eq!(findings(unrouted.clone(), None, &[]).await, [""; 0], "the router has it");
        assert_eq!(findings(unrouted, None, &[1]).await, ["incident 1 waits to be routed for more than a minute"]);
        let suppressed = Incident { own: false, firing: [0; 4], ..incident() };
        assert_eq!(findings(suppressed, None, &[]).await, [""; 0], "all of it is suppressed");
        let answered = Incident { status: domain::alert::Status::Acknowledged, ..incident() };
        assert_eq!(findings(answered, None, &[]).await, [""; 0]);
    }
}
