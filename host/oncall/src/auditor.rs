//! The auditor: once a minute it asks the stored rows whether everything that has to page can, and only then fetches an address outside,
//! whose owner tells people when it is not fetched. What it finds wrong becomes one incident.
//!
//! It believes nobody: not the loops, which may hang, but rows alone. That it can write its own row is a part of the question.

use domain::alert::Severity;
use domain::command::Notice;
use domain::escalation::RunState;
use domain::id::{IncidentId, JournalId};
use domain::inbound::Method;
use domain::incident::Incident;
use domain::page::{HttpRequest, OutboxState};
use domain::time::Millis;
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
    /// When the host started: what fell due while it was away is late from then on only.
    began: Millis,
    /// Incidents that waited for the router.
    unrouted: BTreeSet<IncidentId>,
    /// Where the journal stood, if something waited then.
    cursor: Option<JournalId>,
    /// Where the look through the open incidents goes on.
    incidents: Option<IncidentId>,
    /// It told of something, or does not know whether it did before the start.
    told: bool,
}

/// Runs until the task is ended. It asks only while the configuration names an address to fetch.
pub async fn run(parts: Parts) {
    let mut before = Before { told: true, began: parts.clock.now(), ..Before::default() };
    let mut asks = true;
    loop {
        let now = parts.clock.now();
        let next = now.plus_seconds(EVERY_SECONDS);
        let address = parts.live.load().installation.audit_ping.clone();
        if let Some(address) = &address {
            ask(&parts, address, &mut before, now).await;
        }
        // Without an address there is no row, once the one of before is unset.
        if address.is_some() || asks {
            asks = address.is_some();
            let row = Next { due_at: asks.then_some(next) };
            if let Err(error) = parts.store.write(move |tx| object::put(tx, &row)).await {
                tracing::error!(%error, "the auditor cannot write its row");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        parts.clock.wait_until(next).await;
    }
}

async fn ask(parts: &Parts, address: &str, before: &mut Before, now: Millis) {
    let (head, cursor) = (parts.backlog)();
    let known = std::mem::take(before);
    let mut findings = Vec::new();
    if head > cursor && known.cursor == Some(cursor) {
        findings.push(format!("the pipeline stands still at record {cursor}, and {} wait", head.0 - cursor.0));
    }
    before.cursor = (head > cursor).then_some(cursor);
    (before.told, before.began) = (known.told, known.began);
    let (unrouted, from, began) = (known.unrouted, known.incidents, known.began);
    match parts.store.view(move |view| look(view, &unrouted, from, began, now)).await {
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
        fetch(parts, address).await;
        return;
    }
    metrics::counter!("reveille_oncall_audit_findings_total").increment(findings.len() as u64);
    tracing::error!(findings = findings.join("; "), "the auditor found something that does not page as it should");
    parts.alarm.raise(notice(&findings, false));
    before.told = true;
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

/// What the rows say. `unrouted`: what waited for the router the last time; `from`: where to go on among the open incidents; `began`: when
/// the host started.
fn look(
    view: &dyn View,
    unrouted: &BTreeSet<IncidentId>,
    from: Option<IncidentId>,
    began: Millis,
    now: Millis,
) -> Result<Found, StoreError> {
    let mut found = Found { findings: late(view, began, now)?, ..Found::default() };
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

/// What should have been done long ago. After an outage the host has as long for what fell due in it as for everything else.
fn late(view: &dyn View, began: Millis, now: Millis) -> Result<Vec<String>, StoreError> {
    let since = |seconds: u32| Some(now.plus_millis(-i64::from(seconds) * 1000)).filter(|since| began <= *since);
    let mut findings = Vec::new();
    let Some(late) = since(LATE_SECONDS) else { return Ok(findings) };
    for run in view.runs_due(late, TOLD)? {
        let seconds = run.next_at.map_or(0, |at| now.since(at) / 1000);
        findings.push(format!("the escalation of incident {} is {seconds} s late", run.incident));
    }
    for row in since(LATE_MESSAGE_SECONDS).map(|late| view.outbox_due(late, TOLD)).transpose()?.unwrap_or_default() {
        let seconds = row.next_at.map_or(0, |at| now.since(at) / 1000);
        let whom = row.user.as_ref().map_or_else(|| row.contact.kind.clone(), ToString::to_string);
        findings.push(format!("a message to {whom} is {seconds} s late"));
    }
    let timers = [("an alert's end", view.next_wake()?), ("a heartbeat", view.next_object_due(Kind::Heartbeat)?)];
    for (what, at) in timers.into_iter().filter_map(|(what, at)| Some((what, at?))).filter(|(_, at)| *at < late) {
        findings.push(format!("{what} is {} s late", now.since(at) / 1000));
    }
    Ok(findings)
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
    use ports::BoxFuture;
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

    /// An incident that fires and was routed.
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

    /// What is found with these rows by a host that has been there for long.
    async fn findings(incident: Incident, run: Option<Run>, unrouted: &[u64]) -> Vec<String> {
        findings_since(Millis(0), incident, run, unrouted).await
    }

    async fn findings_since(began: Millis, incident: Incident, run: Option<Run>, unrouted: &[u64]) -> Vec<String> {
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
        store.view(move |view| look(view, &unrouted, None, began, NOW)).await.unwrap().findings
    }

    /// Seen red with: what fell due in an outage is told as late at the start, before anybody could do it.
    #[tokio::test]
    async fn what_fell_due_in_an_outage_has_its_time_after_the_start() {
        let late = || Some(run(Some(NOW.plus_millis(-600_000))));
        assert_eq!(findings_since(NOW, incident(), late(), &[]).await, [""; 0]);
        assert_eq!(findings_since(NOW.plus_millis(-59_000), incident(), late(), &[]).await, [""; 0]);
        let told = findings_since(NOW.plus_millis(-60_000), incident(), late(), &[]).await;
        assert_eq!(told, ["the escalation of incident 1 is 600 s late"]);
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
