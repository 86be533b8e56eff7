//! The message: a title and a lead that can stand alone on a locked phone, and then what a reader needs who is awake.

use reveille_sdk::types::Purpose;
use reveille_sdk::{Incident, Page};

use crate::kind::rank;
use crate::{Fact, Kind, Place, Summary, Zone, address, block, line};

const TITLE_MAX_CHARS: usize = 180;
const LEAD_MAX_CHARS: usize = 400;
const BODY_MAX_CHARS: usize = 8_000;
const FIELDS_MAX: usize = 24;
/// Incidents that a bundled page spells out; the others are counted.
const INCIDENTS_MAX: usize = 10;
const CHOICES_MAX: usize = 9;

/// Something that the reader can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// What it says, such as `Acknowledge`.
    pub text: String,
    /// GET shows what it would do, POST does it.
    pub url: String,
}

/// What a page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What sort of message it is.
    pub kind: Kind,
    /// What it is about, on one line, without the word in brackets.
    pub title: String,
    /// The sentence after the title: since when, how far, or what is asked.
    pub lead: String,
    /// A text that somebody wrote: the body of a ticket.
    pub body: Option<String>,
    /// Named values of a ticket.
    pub fields: Vec<Fact>,
    /// The worst first, at most 10.
    pub incidents: Vec<Summary>,
    /// How many more incidents there are than are spelled out.
    pub more: usize,
    /// What the reader can answer, most likely first.
    pub buttons: Vec<Button>,
    /// The runbook of the first incident that has one.
    pub runbook: Option<Place>,
    /// The page in Reveille of the first incident.
    pub url: Option<String>,
}

impl Message {
    /// The words for this page. Times are in the recipient's zone; for a shared contact, or where that zone is unknown, in
    /// `zone` (IANA), else in UTC.
    pub fn of(page: &Page, zone: Option<&str>) -> Self {
        let own = page.recipient().map(|user| user.time_zone.as_str());
        let zone = Zone::first_of(own.into_iter().chain(zone));
        let mut sorted: Vec<&Incident> = page.incidents().iter().collect();
        sorted.sort_by_key(|incident| std::cmp::Reverse(rank(incident.severity())));
        let incidents: Vec<Summary> = sorted.iter().take(INCIDENTS_MAX).map(|i| Summary::of(i, &zone, page.at())).collect();
        let (body, fields) = draft(page.purpose());
        Self {
            kind: Kind::of(page.purpose(), page.incidents()),
            title: title(page.purpose(), &incidents, page.incidents().len()),
            lead: lead(page, &sorted, &zone),
            body,
            fields,
            more: page.incidents().len() - incidents.len(),
            buttons: buttons(page),
            runbook: incidents.iter().find_map(|incident| incident.runbook.clone()),
            url: incidents.iter().find_map(|incident| incident.url.clone()),
            incidents,
        }
    }

    /// `[CRITICAL] Error rate above 5 % (checkout-api)`.
    pub fn headline(&self) -> String {
        format!("[{}] {}", self.kind.word(), self.title)
    }
}

fn title(purpose: &Purpose, incidents: &[Summary], count: usize) -> String {
    match purpose {
        Purpose::Test(code) => return format!("Your Reveille code is {}", line(code, 32)),
        Purpose::Reminder(text) => return line(text, TITLE_MAX_CHARS),
        Purpose::OpenTicket(draft) | Purpose::OpenChannel(draft) => return line(&draft.title, TITLE_MAX_CHARS),
        Purpose::Escalation(_) | Purpose::Update(_) | Purpose::Approval(_) => {}
    }
    match incidents {
        [] => "An incident needs you".into(),
        [one] => one.title.clone(),
        [worst, ..] => line(&format!("{count} incidents: {}", worst.title), TITLE_MAX_CHARS),
    }
}

fn lead(page: &Page, sorted: &[&Incident], zone: &Zone) -> String {
    match page.purpose() {
        Purpose::Escalation(step) => standing(*step, sorted, zone, page.at()),
        Purpose::Update(text) => sentence(text),
        Purpose::Approval(text) => sentence(&format!("Waits for your yes: {text}")),
        Purpose::Reminder(_) => "Nothing is broken: this is about the schedule.".into(),
        Purpose::OpenTicket(_) | Purpose::OpenChannel(_) => match sorted {
            [] => String::new(),
            _ => standing(1, sorted, zone, page.at()),
        },
        Purpose::Test(_) => "Type the code in where you added this contact. Nothing is broken.".into(),
    }
}

/// Since when, how often, and whether others were asked before.
fn standing(step: u32, sorted: &[&Incident], zone: &Zone, now_ms: i64) -> String {
    let mut parts = Vec::with_capacity(4);
    if let Some(opened_at) = sorted.iter().filter_map(|i| i.opened_at()).min() {
        parts.push(format!("Since {}.", zone.since(opened_at, now_ms)));
    }
    let alerts: u64 = sorted.iter().map(|i| u64::from(i.alert_count())).sum();
    if alerts > 1 {
        parts.push(format!("{alerts} alerts."));
    }
    if step > 1 {
        parts.push(format!("Step {step}: nobody has acknowledged yet."));
    }
    parts.join(" ")
}

fn sentence(text: &str) -> String {
    line(text, LEAD_MAX_CHARS)
}

fn draft(purpose: &Purpose) -> (Option<String>, Vec<Fact>) {
    let (Purpose::OpenTicket(draft) | Purpose::OpenChannel(draft)) = purpose else { return (None, Vec::new()) };
    let body = block(&draft.body, BODY_MAX_CHARS);
    let fields = draft.fields.iter().take(FIELDS_MAX).map(|(name, value)| Fact { name: line(name, 80), value: line(value, 300) });
    (Some(body).filter(|body| !body.is_empty()), fields.collect())
}

fn buttons(page: &Page) -> Vec<Button> {
    let usable = page.choices().iter().take(CHOICES_MAX).filter_map(|choice| {
        let text = line(&choice.text, 60);
        let url = address(&choice.url)?.to_owned();
        (!text.is_empty()).then_some(Button { text, url })
    });
    usable.collect()
}
