//! All rules together. Enrich makes their edits in order; filter then takes their verdicts on the edited alert.
//!
//! The two passes must agree on which rules applied. A rule whose condition reads what it or a later rule sets looks different
//! afterwards: if such a rule stops or judges, enrich leaves its number in a label of this rule set's own, and filter believes
//! the label. All other rules give the same answer in both passes, so most rule sets need no label.

use reveille_sdk::types::{Edit, Link, Patch, Severity, Status, Verdict};
use reveille_sdk::{Alert, AlertField, Error, Field as _, Result, log};

use crate::field::{Field, message_type, of_message_type};
use crate::rule::{Rule, Target, is_address};
use crate::settings::Settings;
use crate::slots::{Slots, View, label};

const RULES_MAX: usize = 500;
/// What the contract takes in one patch.
const EDITS_MAX: usize = 64;
const REASON_MAX_BYTES: usize = 512;

/// All rules, ready to ask.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    slots: Slots,
    /// The places of the rules that stop or judge, and whether each must be found by its mark.
    judging: Vec<(usize, bool)>,
    /// The label that marks, and its slot.
    mark: Option<(String, usize)>,
}

impl RuleSet {
    /// Checks all rules; the error lists every rule that cannot be used.
    pub fn compile(settings: &Settings) -> Result<Self> {
        if settings.rules.len() > RULES_MAX {
            return Err(Error::setting("/rules", format!("has more than {RULES_MAX} rules")));
        }
        let (mut slots, mut rules, mut problems) = (Slots::default(), Vec::new(), Vec::new());
        for (place, one) in settings.rules.iter().enumerate() {
            // A rule that is left out is checked too, and reads nothing.
            let mut unused = one.disabled.then(|| slots.clone());
            match Rule::compile(one, place + 1, unused.as_mut().unwrap_or(&mut slots)) {
                Ok(_) if one.disabled => {}
                Ok(rule) => rules.push(rule),
                Err(error) => problems.push(error.within(&format!("/rules/{place}"))),
            }
        }
        if !problems.is_empty() {
            return Err(Error::settings(problems));
        }
        let judging = (0..rules.len()).filter(|place| rules[*place].judges()).map(|place| (place, drifts(&rules, place, &slots)));
        let judging: Vec<(usize, bool)> = judging.collect();
        let mark = judging.iter().any(|(_, drifts)| *drifts).then(|| {
            let name = format!("rules.{:08x}", fingerprint(&format!("{settings:?}")));
            let slot = slots.slot(&label(&name));
            (name, slot)
        });
        Ok(Self { rules, slots, judging, mark })
    }

    /// The fields that these rules read, and no others.
    pub fn reads(&self) -> Vec<String> {
        let mut reads = self.slots.reads();
        if self.rules.iter().any(Rule::needs_times) {
            reads.extend([AlertField::StartedAt.reads(), AlertField::ReceivedAt.reads()]);
        }
        // An empty list would mean everything; the severity always comes.
        reads.push(AlertField::Severity.reads());
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    /// The edits of all rules that apply.
    pub fn edit(&self, alert: &Alert) -> Patch {
        let mut pass = Pass { view: self.slots.view(alert), status: alert.status(), severity: alert.severity(), edits: Vec::new() };
        let (mut reason, mut marked) = (String::new(), String::new());
        for (place, rule) in self.rules.iter().enumerate() {
            if !rule.condition.holds(&pass.view) {
                continue;
            }
            if !rule.actions.is_empty() {
                pass.make(rule);
                name(&mut reason, &rule.name);
            }
            if self.judging.contains(&(place, true)) {
                marked.push_str(&format!(" {place}"));
            }
            if rule.stop {
                break;
            }
        }
        if let Some((mark, slot)) = &self.mark {
            let present = pass.view.text(*slot).is_some();
            match marked.is_empty() {
                false => pass.edits.insert(0, Edit::SetLabel((mark.clone(), marked.split_off(1)))),
                // A sender cannot mark its own alerts.
                true if present => pass.edits.insert(0, Edit::RemoveLabel(mark.clone())),
                true => {}
            }
        }
        if pass.edits.len() > EDITS_MAX {
            log::warning("the rules make more than 64 edits: the later ones are left out");
            pass.edits.truncate(EDITS_MAX);
        }
        Patch { edits: pass.edits, reason }
    }

    /// The verdict of the first rule that applies and has one.
    pub fn judge(&self, alert: &Alert) -> Verdict {
        if self.judging.iter().all(|(place, _)| self.rules[*place].judgement.is_none()) {
            return Verdict::Keep;
        }
        let view = self.slots.view(alert);
        let marks = self.mark.as_ref().and_then(|(_, slot)| view.text(*slot)).unwrap_or_default();
        for (place, drifts) in &self.judging {
            let rule = &self.rules[*place];
            let applies = if *drifts { marks.split(' ').any(|mark| mark.parse() == Ok(*place)) } else { rule.condition.holds(&view) };
            if !applies {
                continue;
            }
            if let Some(verdict) = rule.verdict(alert, &view) {
                return verdict;
            }
            if rule.stop {
                break;
            }
        }
        Verdict::Keep
    }
}

/// An alert on its way through the rules.
struct Pass<'a> {
    view: View<'a>,
    status: Status,
    severity: Severity,
    edits: Vec<Edit>,
}

impl Pass<'_> {
    /// Makes the edits of one rule. All its texts are of the alert as the rule found it.
    fn make(&mut self, rule: &Rule) {
        let texts: Vec<String> = {
            let captures = rule.captures(&self.view);
            rule.actions.iter().map(|action| action.template.render(&self.view, &captures)).collect()
        };
        for (action, text) in rule.actions.iter().zip(texts) {
            match &action.target {
                Target::Field(field) => self.set(rule, field, text),
                Target::Link(title) | Target::Image(title) if !is_address(&text) => {
                    log::write(
                        log::Level::Warning,
                        "no link: not a web address",
                        &[("address", &text), ("rule", &rule.name), ("title", title)],
                    );
                }
                Target::Link(title) => self.edits.push(Edit::AddLink(Link::new(text, title))),
                Target::Image(title) => self.edits.push(Edit::AddLink(Link::image(text, title))),
            }
        }
    }

    fn set(&mut self, rule: &Rule, field: &Field, text: String) {
        let severity = Severity::from_name(&text);
        let status = Status::from_name(&text);
        match (field, severity, status, of_message_type(&text)) {
            (Field::Alert(AlertField::Severity), Some(severity), _, _) => self.stand(self.status, severity),
            (Field::Alert(AlertField::Status), _, Some(status), _) => self.stand(status, self.severity),
            (Field::MessageType, _, _, Some((status, severity))) => {
                // `INFO` for a noisy alert must not turn its recovery into trouble.
                let keeps = self.status != Status::Firing && status == Status::Firing && !rule.any_status;
                self.stand(if keeps { self.status } else { status }, severity.unwrap_or(self.severity));
            }
            (Field::MessageType | Field::Alert(AlertField::Severity | AlertField::Status), ..) => {
                log::write(
                    log::Level::Warning,
                    "not set: no such word",
                    &[("field", &field.reads()), ("rule", &rule.name), ("text", &text)],
                );
            }
            (Field::Alert(alert_field), ..) => {
                self.view.set(field, &text);
                self.edits.extend(edit(alert_field, text));
            }
        }
    }

    /// Changes status and severity, where they change.
    fn stand(&mut self, status: Status, severity: Severity) {
        if severity != self.severity {
            self.edits.push(Edit::SetSeverity(severity));
        }
        if status != self.status {
            self.edits.push(Edit::SetStatus(status));
        }
        (self.status, self.severity) = (status, severity);
        self.view.set(&Field::Alert(AlertField::Severity), severity.as_str());
        self.view.set(&Field::Alert(AlertField::Status), status.as_str());
        self.view.set(&Field::MessageType, message_type(status, severity));
    }
}

/// The contract's edit for a field; none where it has none, which `Rule::compile` refuses.
fn edit(field: &AlertField, text: String) -> Option<Edit> {
    Some(match field {
        AlertField::Label(name) if text.is_empty() => Edit::RemoveLabel(name.clone()),
        AlertField::Label(name) => Edit::SetLabel((name.clone(), text)),
        AlertField::Annotation(name) if text.is_empty() => Edit::RemoveAnnotation(name.clone()),
        AlertField::Annotation(name) => Edit::SetAnnotation((name.clone(), text)),
        AlertField::Entity => Edit::SetEntity(text),
        AlertField::Summary => Edit::SetSummary(text),
        AlertField::Details => Edit::SetDetails(text),
        AlertField::Service => Edit::SetService(text),
        AlertField::RoutingKey => Edit::SetRoutingKey(text),
        AlertField::Group => Edit::SetGroup(text),
        _ => return None,
    })
}

/// Whether a rule's condition reads what it or a later rule sets.
fn drifts(rules: &[Rule], place: usize, slots: &Slots) -> bool {
    let mut read = Vec::new();
    rules[place].condition.slots(&mut read);
    let mut fields = read.iter().filter_map(|slot| slots.fields().get(*slot));
    fields.any(|field| rules[place..].iter().any(|rule| rule.sets(field)))
}

/// Adds a rule's name to the reason.
fn name(reason: &mut String, rule: &str) {
    if reason.len() + rule.len() > REASON_MAX_BYTES {
        if !reason.ends_with('…') {
            reason.push_str(", …");
        }
        return;
    }
    reason.push_str(if reason.is_empty() { "rule `" } else { ", `" });
    reason.push_str(rule);
    reason.push('`');
}

/// FNV-1a: two rule sets in one pipeline must not read each other's marks.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
