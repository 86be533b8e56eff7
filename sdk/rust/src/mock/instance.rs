//! A plugin, configured and called as the host does it.

use std::rc::Rc;

use crate::alert::Alert;
use crate::error::{Error, Result};
use crate::guest::{Installed, Loaded};
use crate::hooks::{Automate, Dedupe, Enrich, Filter, Interact, Normalize, Notify, Route};
use crate::incident::{Incident, IncidentEvent};
use crate::mock::imports::with_caller;
use crate::mock::state;
use crate::page::Page;
use crate::reads::{AlertReads, Names, alert_bit, incident_bit, page_bit};
use crate::types::{
    Action, CommandResult, Destination, Grouping, Interaction, Label, Normalized, Outcome, Patch, Problem, Refusal, Reply, Request,
    Response, Verdict,
};
use crate::wire::{automate, types};

/// A configured plugin.
///
/// ```
/// # use reveille_sdk::prelude::*;
/// # struct Loud;
/// # #[plugin(manifest = "examples/floor.toml")]
/// # impl Filter for Loud {
/// #     type Settings = serde_json::Value;
/// #     fn new(_: Self::Settings) -> Result<Self> { Ok(Self) }
/// #     fn filter(&self, _: &Alert) -> Result<Verdict> { Ok(Verdict::Keep) }
/// # }
/// let plugin = mock::Instance::<Loud>::configure(&serde_json::json!({})).unwrap();
/// assert_eq!(plugin.filter(Report::firing(Severity::Critical)), Ok(Verdict::Keep));
/// ```
#[derive(Debug)]
pub struct Instance<P> {
    loaded: Loaded<P>,
    reads: Vec<String>,
}

impl<P: Installed> Instance<P> {
    /// Takes the settings.
    ///
    /// # Errors
    /// What the operator would read.
    pub fn configure(settings: &serde_json::Value) -> Result<Self, Vec<Problem>> {
        state::configuring(true);
        let configured = with_caller(P::MANIFEST, || Loaded::configure(P::MANIFEST, &settings.to_string()));
        state::configuring(false);
        let (loaded, reads) = configured?;
        Ok(Self { loaded, reads })
    }

    /// The fields that these settings read, as `configure` gave them to the host.
    pub fn reads(&self) -> &[String] {
        &self.reads
    }

    fn run<T>(&self, f: impl FnOnce(&Loaded<P>) -> Result<T, types::Error>) -> Result<T> {
        with_caller(P::MANIFEST, || f(&self.loaded)).map_err(Error::from_wire)
    }

    fn mask_alert(&self, alert: impl Into<Alert>) -> types::Alert {
        mask_alert(alert.into().into_wire(), &self.loaded.ceiling().reads.alert)
    }

    fn mask_incident(&self, incident: Incident) -> types::Incident {
        let mut incident = incident.into_wire();
        let reads = &self.loaded.ceiling().reads;
        let keep = |bit: u32| reads.incident & bit != 0;
        incident.key.take_if(|_| !keep(incident_bit::KEY));
        incident.title.take_if(|_| !keep(incident_bit::TITLE));
        incident.priority.take_if(|_| !keep(incident_bit::PRIORITY));
        incident.service.take_if(|_| !keep(incident_bit::SERVICE));
        incident.routing_key.take_if(|_| !keep(incident_bit::ROUTING_KEY));
        incident.opened_at.take_if(|_| !keep(incident_bit::OPENED_AT));
        incident.teams.retain(|_| keep(incident_bit::TEAMS));
        incident.responders.retain(|_| keep(incident_bit::RESPONDERS));
        incident.url.take_if(|_| !keep(incident_bit::URL));
        incident.links.retain(|_| keep(incident_bit::LINKS));
        mask_list(&mut incident.labels, &reads.incident_labels);
        incident.alerts.retain(|_| keep(incident_bit::ALERTS));
        incident.alerts = incident.alerts.into_iter().map(|alert| mask_alert(alert, &reads.incident_alerts)).collect();
        incident
    }

    fn mask_page(&self, page: Page) -> crate::wire::notify::Page {
        let mut page = page.into_wire();
        let keep = |bit: u32| self.loaded.ceiling().reads.page & bit != 0;
        page.recipient.take_if(|_| !keep(page_bit::RECIPIENT));
        page.choices.retain(|_| keep(page_bit::CHOICES));
        page.previous.take_if(|_| !keep(page_bit::PREVIOUS));
        let incidents = std::mem::take(&mut page.incidents);
        page.incidents = incidents.into_iter().map(|incident| self.mask_incident(Incident::new(incident, None))).collect();
        page
    }

    fn mask_inbound(&self, mut request: types::Inbound) -> types::Inbound {
        let declared = Rc::clone(self.loaded.ceiling()).manifest().headers;
        let (types::InboundMessage::Http(types::InboundHttp { headers, .. })
        | types::InboundMessage::Mail(types::InboundMail { headers, .. })) = &mut request.message;
        headers.retain(|(name, _)| declared.contains(&name.as_str()));
        request
    }
}

impl<P: Installed + Normalize> Instance<P> {
    /// `normalize`.
    ///
    /// # Panics
    /// When an undeclared header is read, as the sandbox traps.
    ///
    /// # Errors
    /// The refusal.
    pub fn normalize(&self, request: types::Inbound) -> Result<Normalized, Refusal> {
        let request = self.mask_inbound(request);
        with_caller(P::MANIFEST, || self.loaded.normalize(request))
    }
}

impl<P: Installed + Enrich> Instance<P> {
    /// `enrich`.
    ///
    /// # Errors
    /// The plugin's, or an undeclared read.
    pub fn enrich(&self, alert: impl Into<Alert>) -> Result<Patch> {
        self.run(|loaded| loaded.enrich(self.mask_alert(alert)))
    }
}

impl<P: Installed + Filter> Instance<P> {
    /// `filter`.
    ///
    /// # Errors
    /// The plugin's, or an undeclared read.
    pub fn filter(&self, alert: impl Into<Alert>) -> Result<Verdict> {
        self.run(|loaded| loaded.filter(self.mask_alert(alert)))
    }
}

impl<P: Installed + Dedupe> Instance<P> {
    /// `dedupe`.
    ///
    /// # Errors
    /// The plugin's, or an undeclared read.
    pub fn dedupe(&self, alert: impl Into<Alert>) -> Result<Option<Grouping>> {
        self.run(|loaded| loaded.dedupe(self.mask_alert(alert)))
    }
}

impl<P: Installed + Route> Instance<P> {
    /// `route`.
    ///
    /// # Errors
    /// The plugin's, or an undeclared read.
    pub fn route(&self, incident: Incident) -> Result<Vec<Destination>> {
        self.run(|loaded| loaded.route(self.mask_incident(incident)))
    }
}

impl<P: Installed + Automate> Instance<P> {
    /// `automate`.
    ///
    /// # Errors
    /// The plugin's, or an undeclared read.
    pub fn automate(&self, event: IncidentEvent) -> Result<Vec<Action>> {
        let IncidentEvent { at, change, incident } = event;
        self.run(|loaded| loaded.automate(automate::IncidentEvent { at, change, incident: self.mask_incident(incident) }))
    }
}

impl<P: Installed + Notify> Instance<P> {
    /// `notify.render`.
    ///
    /// # Errors
    /// The plugin's, or an undeclared read.
    pub fn render(&self, page: Page) -> Result<Request> {
        self.run(|loaded| loaded.render(self.mask_page(page)))
    }

    /// `notify.interpret`.
    ///
    /// # Errors
    /// The plugin's, or an undeclared read.
    pub fn interpret(&self, page: Page, step: u32, response: &Response) -> Result<Outcome> {
        self.run(|loaded| loaded.interpret(self.mask_page(page), step, response))
    }
}

impl<P: Installed + Interact> Instance<P> {
    /// `interact.read`.
    ///
    /// # Errors
    /// The plugin's, or an undeclared header.
    pub fn read(&self, request: types::Inbound) -> Result<Interaction> {
        self.run(|loaded| loaded.read(self.mask_inbound(request)))
    }

    /// `interact.answer`.
    ///
    /// # Errors
    /// The plugin's, or an undeclared header.
    pub fn answer(&self, request: types::Inbound, results: &[CommandResult]) -> Result<Option<Reply>> {
        self.run(|loaded| loaded.answer(self.mask_inbound(request), results))
    }
}

fn mask_alert(mut alert: types::Alert, reads: &AlertReads) -> types::Alert {
    let keep = |bit: u32| reads.bits & bit != 0;
    alert.entity.take_if(|_| !keep(alert_bit::ENTITY));
    alert.summary.take_if(|_| !keep(alert_bit::SUMMARY));
    alert.details.take_if(|_| !keep(alert_bit::DETAILS));
    alert.source.take_if(|_| !keep(alert_bit::SOURCE));
    alert.service.take_if(|_| !keep(alert_bit::SERVICE));
    alert.routing_key.take_if(|_| !keep(alert_bit::ROUTING_KEY));
    alert.group.take_if(|_| !keep(alert_bit::GROUP));
    alert.started_at.take_if(|_| !keep(alert_bit::STARTED_AT));
    alert.received_at.take_if(|_| !keep(alert_bit::RECEIVED_AT));
    alert.expires_at.take_if(|_| !keep(alert_bit::EXPIRES_AT));
    alert.links.retain(|_| keep(alert_bit::LINKS));
    mask_list(&mut alert.labels, &reads.labels);
    mask_list(&mut alert.annotations, &reads.annotations);
    alert
}

fn mask_list(list: &mut Vec<Label>, names: &Names) {
    list.retain(|(name, _)| names.has(name));
}
