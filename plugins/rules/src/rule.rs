//! One rule, checked and ready to ask.

use matching::{Captures, Template, TemplateError};
use reveille_sdk::types::{Severity, Status, Verdict};
use reveille_sdk::{Alert, AlertField, Error, Field as _, Result, UnknownField};

use crate::condition::Condition;
use crate::field::{Field, of_message_type};
use crate::settings::{AnnotationSettings, RuleSettings};
use crate::slots::{Slots, View};

const NAME_MAX_BYTES: usize = 128;
const ACTIONS_MAX: usize = 64;

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// What reasons call it.
    pub name: String,
    /// When it applies.
    pub condition: Condition,
    /// The same with names, for what its expressions capture; only where some text asks for it.
    capturing: Option<matching::Condition<Field>>,
    /// What it adds and sets.
    pub actions: Vec<Action>,
    /// What it decides.
    pub judgement: Option<Judgement>,
    /// Whether later rules are left out when it applies.
    pub stop: bool,
    /// Whether its condition asks for the status; else it means alerts that fire, and leaves others what they are.
    pub any_status: bool,
}

/// Something to add or set.
#[derive(Debug)]
pub struct Action {
    /// What.
    pub target: Target,
    /// The text.
    pub template: Template<Field>,
}

/// What can be added or set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A field.
    Field(Field),
    /// A link with this text.
    Link(String),
    /// A picture with this text.
    Image(String),
}

/// What a rule decides.
#[derive(Debug)]
pub struct Judgement {
    kind: Kind,
    reason: Option<Template<Field>>,
}

#[derive(Debug)]
enum Kind {
    Drop,
    Suppress,
    SuppressFor { seconds: u32 },
}

impl Rule {
    /// Checks one rule; pointers begin at it. `number` counts from 1.
    pub fn compile(settings: &RuleSettings, number: usize, slots: &mut Slots) -> Result<Self> {
        let name = settings.name.clone().unwrap_or_else(|| format!("rule {number}"));
        if name.is_empty() || name.len() > NAME_MAX_BYTES {
            return Err(Error::setting("/name", format!("must have 1 to {NAME_MAX_BYTES} bytes")));
        }
        let mut texts = Texts { slots, condition: &settings.when, captures: false };
        let actions = actions(settings, &mut texts)?;
        let judgement = judgement(settings, &mut texts)?;
        let capturing = texts.captures.then(|| settings.when.clone());
        if actions.is_empty() && judgement.is_none() && !settings.stop {
            return Err(Error::setting("", "does nothing: give it `annotate`, `set`, `suppress`, `drop` or `stop`"));
        }
        let condition = Condition::lower(&settings.when, slots);
        let any_status = asks_status(&condition, slots);
        Ok(Self { name, condition, capturing, actions, judgement, stop: settings.stop, any_status })
    }

    /// What its condition's expressions captured; it is known to apply.
    pub fn captures(&self, view: &View<'_>) -> Captures {
        self.capturing.as_ref().and_then(|condition| condition.find(view)).unwrap_or_default()
    }

    /// Whether it decides something that a later pass must find again.
    pub fn judges(&self) -> bool {
        self.stop || self.judgement.is_some()
    }

    /// Whether it sets this field.
    pub fn sets(&self, field: &Field) -> bool {
        let group = |field: &Field| match field {
            Field::MessageType | Field::Alert(AlertField::Status | AlertField::Severity) => Field::MessageType,
            other @ Field::Alert(_) => other.clone(),
        };
        let wanted = group(field);
        self.actions.iter().any(|action| matches!(&action.target, Target::Field(set) if group(set) == wanted))
    }

    /// What it decides about this alert, if anything; it is known to apply.
    pub fn verdict(&self, alert: &Alert, view: &View<'_>) -> Option<Verdict> {
        let judgement = self.judgement.as_ref()?;
        if alert.status() != Status::Firing && !self.any_status {
            return None;
        }
        let reason = match &judgement.reason {
            Some(reason) => format!("rule `{}`: {}", self.name, reason.render(view, &self.captures(view))),
            None => format!("rule `{}`", self.name),
        };
        match judgement.kind {
            Kind::Drop => Some(Verdict::drop(reason)),
            Kind::Suppress => Some(Verdict::suppress(reason)),
            Kind::SuppressFor { seconds } => {
                let received_at = alert.received_at()?;
                let began_at = alert.started_at().unwrap_or(received_at).min(received_at);
                let until = began_at.saturating_add(i64::from(seconds) * 1000);
                (until > received_at).then(|| Verdict::suppress_until(until, reason))
            }
        }
    }

    /// Whether it needs to know when the trouble began.
    pub fn needs_times(&self) -> bool {
        self.judgement.as_ref().is_some_and(|judgement| matches!(judgement.kind, Kind::SuppressFor { .. }))
    }
}

/// Reads the texts of one rule.
struct Texts<'a> {
    slots: &'a mut Slots,
    condition: &'a matching::Condition<Field>,
    /// Whether one of them asks for something captured.
    captures: bool,
}

impl Texts<'_> {
    /// Reads a text with `${{field}}` and, as VictorOps writes it, `${{\\1}}`.
    fn template(&mut self, text: &str) -> std::result::Result<Template<Field>, TemplateError> {
        let template = Template::parse(&text.replace("{{\\", "{{"))?;
        template.check(self.condition)?;
        self.slots.take(&template);
        self.captures |= template.check(&matching::Condition::All(Vec::new())).is_err();
        Ok(template)
    }
}

/// Whether nothing is to be filled in.
fn is_constant(text: &str) -> bool {
    !text.contains("{{")
}

/// Whether the condition tests the status, under whatever name.
fn asks_status(condition: &Condition, slots: &Slots) -> bool {
    let mut read = Vec::new();
    condition.slots(&mut read);
    let fields = slots.fields();
    read.iter().any(|slot| matches!(fields.get(*slot), Some(Field::MessageType | Field::Alert(AlertField::Status))))
}

fn actions(settings: &RuleSettings, texts: &mut Texts<'_>) -> Result<Vec<Action>> {
    if settings.annotate.len() + settings.set.len() > ACTIONS_MAX {
        return Err(Error::setting("", format!("has more than {ACTIONS_MAX} actions")));
    }
    let mut actions = Vec::new();
    for (name, text) in &settings.set {
        let pointer = format!("/set/{}", name.replace('~', "~0").replace('/', "~1"));
        let at = |why: String| Error::setting(&pointer, why);
        let field: Field = name.parse().map_err(|why: UnknownField| at(why.to_string()))?;
        settable(&field).map_err(at)?;
        let template = texts.template(text).map_err(|why| why.at(&pointer))?;
        if is_constant(text) {
            word(&field, text).map_err(at)?;
        }
        actions.push(Action { target: Target::Field(field), template });
    }
    for (place, annotation) in settings.annotate.iter().enumerate() {
        actions.push(annotate(annotation, texts).map_err(|error| error.within(&format!("/annotate/{place}")))?);
    }
    Ok(actions)
}

fn annotate(settings: &AnnotationSettings, texts: &mut Texts<'_>) -> Result<Action> {
    let AnnotationSettings { title, note, url, image } = settings;
    if title.is_empty() || title.len() > NAME_MAX_BYTES {
        return Err(Error::setting("/title", format!("must have 1 to {NAME_MAX_BYTES} bytes")));
    }
    let (target, pointer, text) = match (note, url, image) {
        (Some(text), None, None) => (Target::Field(Field::Alert(AlertField::Annotation(title.clone()))), "/note", text),
        (None, Some(text), None) => (Target::Link(title.clone()), "/url", text),
        (None, None, Some(text)) => (Target::Image(title.clone()), "/image", text),
        _ => return Err(Error::setting("", "must have exactly one of `note`, `url` and `image`")),
    };
    let template = texts.template(text).map_err(|why| why.at(pointer))?;
    if is_constant(text) && !matches!(target, Target::Field(_)) && !is_address(text) {
        return Err(Error::setting(pointer, "must be an http or https address"));
    }
    Ok(Action { target, template })
}

fn judgement(settings: &RuleSettings, texts: &mut Texts<'_>) -> Result<Option<Judgement>> {
    let (kind, pointer, reason) = match (&settings.suppress, &settings.drop) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(Error::setting("/drop", "a rule cannot both suppress and drop")),
        (None, Some(drop)) => (Kind::Drop, "/drop/reason", &drop.reason),
        (Some(suppress), None) => match suppress.for_seconds {
            Some(0) => return Err(Error::setting("/suppress/for_seconds", "must be at least 1")),
            Some(seconds) => (Kind::SuppressFor { seconds }, "/suppress/reason", &suppress.reason),
            None => (Kind::Suppress, "/suppress/reason", &suppress.reason),
        },
    };
    let reason = reason.as_deref().map(|text| texts.template(text)).transpose();
    Ok(Some(Judgement { kind, reason: reason.map_err(|why| why.at(pointer))? }))
}

/// Whether the contract has an edit for this field.
fn settable(field: &Field) -> std::result::Result<(), String> {
    match field {
        Field::Alert(AlertField::Source | AlertField::StartedAt | AlertField::ReceivedAt | AlertField::ExpiresAt) => {
            Err(format!("`{}` is what the sender said and cannot be set: set a label", field.reads()))
        }
        _ => Ok(()),
    }
}

/// Whether a field takes this text: some take only certain words.
fn word(field: &Field, text: &str) -> std::result::Result<(), String> {
    match field {
        Field::MessageType if of_message_type(text).is_none() => {
            Err(format!("`{text}` is no message type: known are CRITICAL, WARNING, INFO, ACKNOWLEDGEMENT, RECOVERY, OK"))
        }
        Field::Alert(AlertField::Severity) if Severity::from_name(text).is_none() => {
            Err(format!("`{text}` is no severity: known are info, warning, error, critical"))
        }
        Field::Alert(AlertField::Status) if Status::from_name(text).is_none() => {
            Err(format!("`{text}` is no status: known are firing, acknowledged, resolved"))
        }
        _ => Ok(()),
    }
}

/// Whether the host takes it as a link.
pub fn is_address(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://")) && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}
