//! What the host says about itself: one incident per cause, without asking any plugin.

use super::{Change, Ground, Moment, Transition, fire_again, lines};
use crate::alert::{Severity, Status};
use crate::care::Care;
use crate::command::{Actor, Notice};
use crate::decision::Outcome;
use crate::id::TeamId;
use crate::incident::Incident;
use crate::timeline::LineKind;

/// How long after its acknowledgement such an incident stays quiet although its cause goes on, in seconds.
pub const RETRIGGER_SECONDS: u32 = 15 * 60;

/// The key under which a cause has its one open incident; its team is the empty one.
pub fn notice_key(cause: &str) -> String {
    format!("reveille/{cause}")
}

/// Applies a notice. The ground holds the open incident of [`notice_key`].
pub fn note(ground: &mut Ground, notice: &Notice, moment: Moment<'_>) -> Change {
    let transition = Transition::on(ground, moment);
    let open = transition.ground.open.filter(|id| transition.ground.incident(*id).is_some_and(Incident::is_open));
    match open {
        None if notice.over => transition.ends(Outcome::Recorded, None),
        None => transition.open_own(notice),
        Some(id) if notice.over => {
            let mut transition = transition;
            transition.resolve(id, format!("Resolved: {}", notice.summary), Actor::Host);
            transition.ends(Outcome::Resolved, Some(id))
        }
        Some(id) => transition.again(id, notice),
    }
}

impl Transition<'_> {
    fn open_own(mut self, notice: &Notice) -> Change {
        let (id, at) = (self.moment.incident, self.at());
        self.ground.incidents.push(Incident {
            id,
            team: TeamId::default(),
            key: notice_key(&notice.cause),
            title: notice.summary.clone(),
            status: Status::Firing,
            severity: notice.severity,
            priority: None,
            service: None,
            routing_key: None,
            opened_at: at,
            acknowledged_at: None,
            acknowledged_severity: None,
            resolved_at: None,
            last_alert_at: at,
            alert_count: 1,
            entity_count: 0,
            firing: [0; 4],
            responders: Vec::new(),
            labels: Vec::new(),
            links: Vec::new(),
            related: Vec::new(),
            integration: notice.integration.clone(),
            default_route: true,
            own: true,
            route_due: true,
            routed_severity: None,
            version: 0,
            care: Care::default(),
        });
        self.change.incidents.push(id);
        self.set_open(Some(id));
        self.line(id, LineKind::Opened, lines::opened(&Actor::Host, &notice.summary, notice.severity), Actor::Host, None);
        if !notice.details.is_empty() {
            self.line(id, LineKind::Noted, notice.details.clone(), Actor::Host, None);
        }
        self.ends(Outcome::Opened, Some(id))
    }

    fn again(mut self, id: crate::id::IncidentId, notice: &Notice) -> Change {
        let at = self.at();
        let mut retriggered = None;
        let mut rose: Option<(Severity, Severity)> = None;
        if let Some(incident) = self.touch(id) {
            incident.alert_count = incident.alert_count.saturating_add(1);
            incident.last_alert_at = incident.last_alert_at.max(at);
            if notice.severity > incident.severity {
                rose = Some((incident.severity, notice.severity));
                incident.severity = notice.severity;
                incident.route_due |= incident.status == Status::Firing;
            }
            let quiet_ms = i64::from(RETRIGGER_SECONDS) * 1000;
            let rested = incident.acknowledged_at.is_none_or(|then| at.since(then) >= quiet_ms);
            if incident.status == Status::Acknowledged && rested {
                fire_again(incident);
                retriggered = Some(RETRIGGER_SECONDS / 60);
            }
        }
        if let Some((before, after)) = rose {
            self.line(id, LineKind::SeverityChanged, lines::severity_changed(before, after), Actor::Host, None);
        }
        if let Some(minutes) = retriggered {
            let text = format!("No longer acknowledged: {minutes} minutes later it goes on: {}", notice.summary);
            self.line(id, LineKind::Unacknowledged, text, Actor::Host, None);
        }
        self.ends(Outcome::Repeated, Some(id))
    }
}
