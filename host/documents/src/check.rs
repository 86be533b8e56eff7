//! Do the documents fit together? Looks up every name that one uses of another, and turns them into the installation.

use crate::automate::Automate;
use crate::bounds::{RateEntry, StormEntry};
use crate::bundle::{Bundle, Placed, subject};
use crate::care::{self, DelayEntry};
use crate::kinds::{Document, IntegrationDocument, Kind, PolicyDocument, SelfTest};
use crate::limits::{RECEIPT_SECONDS_MIN, REPEAT_LIMIT, STEPS_LIMIT};
use crate::node::{Node, Place, Segment, Value};
use crate::paging;
use crate::plugin_use::{Use, settings_text};
use crate::problem::{Problem, hint};
use crate::quiet;
use crate::reach;
use crate::shape::Report;
use crate::text::{Name, PageTarget, Text as _};
use crate::when::WhenEntry;
use crate::{calendar, rotation};
use domain::alert::Label;
use domain::contact::Contact;
use domain::escalation::{Policy, Step, Target};
use domain::id::{PipelineId, Revision, UserId};
use domain::inbound::BODY_LIMIT_BYTES;
use domain::installation::{ContactMethod, Door, Grant, Installation, Integration, OnFailure, Pipeline, PluginUse, Service, Team, User};
use std::collections::{BTreeMap, BTreeSet};

/// The pipeline of integrations that name none. Without a document it has no stages: an alert's entity is its incident, and the
/// default policy is paged.
pub(crate) const DEFAULT_PIPELINE: &str = "default";
/// The table that the service catalog is.
const CATALOG: &str = "catalog";
/// How long after its last step a policy begins again, unless it says so.
const REPEAT_AFTER_SECONDS: u32 = 300;

fn key(name: &str) -> Segment {
    Segment::Key(name.to_owned())
}

/// The names of each kind that there are, built-in ones included.
struct Names(BTreeMap<Kind, BTreeSet<String>>);

impl Names {
    fn of(bundle: &Bundle) -> Self {
        let mut names: BTreeMap<Kind, BTreeSet<String>> = BTreeMap::new();
        names.entry(Kind::Pipeline).or_default().insert(DEFAULT_PIPELINE.to_owned());
        names.entry(Kind::Table).or_default().insert(CATALOG.to_owned());
        let whole = bundle.documents.iter().map(|placed| (placed.document.kind(), placed.document.id()));
        let broken = bundle.broken.iter().map(|broken| (broken.kind, broken.id.as_str()));
        for (kind, id) in whole.chain(broken) {
            names.entry(kind).or_default().insert(id.to_owned());
        }
        Self(names)
    }

    /// What is wrong with a reference.
    fn missing(&self, kind: Kind, name: &str) -> Option<String> {
        let known = self.0.get(&kind);
        if known.is_some_and(|known| known.contains(name)) {
            return None;
        }
        let hint = hint(name, known.into_iter().flatten().map(String::as_str));
        Some(format!("there is no {} `{name}`{hint}", kind.word()))
    }
}

/// Tells everything that is wrong between documents.
pub(crate) fn references(bundle: &Bundle, problems: &mut Vec<Problem>) {
    let names = Names::of(bundle);
    duplicates(bundle, problems);
    // Where a file could not be read, what is missing may be in it: one problem, not a hundred.
    if !bundle.unreadable {
        let whole = bundle.documents.iter().map(|p| (&p.file, p.document.kind(), p.document.id(), &p.node));
        let broken = bundle.broken.iter().map(|b| (&b.file, b.kind, b.id.as_str(), &b.node));
        for (file, kind, id, node) in whole.chain(broken) {
            let subject = subject(kind, id);
            look_up(kind, node, &names, &mut Report { file, subject: &subject, problems });
        }
    }
    for placed in &bundle.documents {
        own_rules(placed, problems);
        quiet::rules(placed, problems);
    }
    reach::circles(bundle, problems);
    settings(bundle, problems);
}

fn duplicates(bundle: &Bundle, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<(Kind, &str), &Placed> = BTreeMap::new();
    for placed in &bundle.documents {
        let id = (placed.document.kind(), placed.document.id());
        match first.get(&id) {
            Some(earlier) => {
                let at = format!("{}:{}", earlier.file, earlier.node.place_of_key("id").line);
                let path = if id.1.is_empty() { Vec::new() } else { vec![key("id")] };
                placed.tell(&path, format!("is there twice; the first is at {at}"), problems);
            }
            None => drop(first.insert(id, placed)),
        }
    }
}

/// Every place at which a document names another: its kind, the way there (`*`: each item of a list), and the kind that is named;
/// `None`: the name says it, as in `rotation/primary`.
const USES: [(Kind, &[&str], Option<Kind>); 19] = [
    (Kind::Settings, &["default_policy"], Some(Kind::Policy)),
    (Kind::Team, &["members", "*"], Some(Kind::User)),
    (Kind::Team, &["default_policy"], Some(Kind::Policy)),
    (Kind::Rotation, &["team"], Some(Kind::Team)),
    (Kind::Rotation, &["members", "*"], Some(Kind::User)),
    (Kind::Rotation, &["layers", "*", "members", "*"], Some(Kind::User)),
    (Kind::Rotation, &["layers", "*", "skip_holidays", "*"], Some(Kind::Calendar)),
    (Kind::Policy, &["team"], Some(Kind::Team)),
    (Kind::Policy, &["steps", "*", "page", "*"], None),
    (Kind::Service, &["team"], Some(Kind::Team)),
    (Kind::Integration, &["team"], Some(Kind::Team)),
    (Kind::Integration, &["pipeline"], Some(Kind::Pipeline)),
    (Kind::Integration, &["default_policy"], Some(Kind::Policy)),
    (Kind::Grant, &["lookups", "*"], Some(Kind::Table)),
    (Kind::Maintenance, &["team"], Some(Kind::Team)),
    (Kind::Maintenance, &["owner"], Some(Kind::User)),
    (Kind::Inhibition, &["team"], Some(Kind::Team)),
    (Kind::Heartbeat, &["team"], Some(Kind::Team)),
    (Kind::Heartbeat, &["policy"], Some(Kind::Policy)),
];

/// Looks up every name that a document of this kind uses. Works on the tree, so that a document with a mistake elsewhere is looked
/// through as well.
fn look_up(kind: Kind, node: &Node, names: &Names, report: &mut Report<'_>) {
    for (_, way, named) in USES.iter().filter(|(user, ..)| *user == kind) {
        each_text(node, way, &mut Vec::new(), &mut |place, path, text| {
            let (named, name) = match named {
                Some(named) => (*named, text.to_owned()),
                None => match PageTarget::parse(text).map(|target| target.0) {
                    Ok(Target::Policy(id)) => (Kind::Policy, id.0),
                    Ok(Target::Rotation(id) | Target::Next(id) | Target::Previous(id)) => (Kind::Rotation, id.0),
                    Ok(Target::Team(id)) => (Kind::Team, id.0),
                    Ok(Target::User(id)) => (Kind::User, id.0),
                    // An address names nothing; a wrong format was told already.
                    Ok(Target::Address(_)) | Err(_) => return,
                },
            };
            if let Some(problem) = names.missing(named, &name) {
                report.tell(place, path, problem);
            }
        });
    }
}

fn each_text(node: &Node, way: &[&str], path: &mut Vec<Segment>, found: &mut dyn FnMut(Place, &[Segment], &str)) {
    match (way.split_first(), &node.value) {
        (None, Value::Text(text)) => found(node.place, path, text),
        (Some((&"*", rest)), Value::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                each_text(item, rest, path, found);
                path.pop();
            }
        }
        (Some((field, rest)), Value::Map(_)) => {
            if let Some(entry) = node.entry(field) {
                path.push(key(field));
                each_text(&entry.node, rest, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// What a document must hold whatever the others say.
fn own_rules(placed: &Placed, problems: &mut Vec<Problem>) {
    match &placed.document {
        Document::Policy(policy) => policy_rules(placed, policy, problems),
        Document::Rotation(d) => rotation::rules(placed, d, problems),
        Document::Calendar(d) => calendar::rules(placed, d, problems),
        Document::Table(table) if table.id.0 == CATALOG => {
            placed.tell(&[key("id")], "`catalog` is made from the services: choose another name", problems);
        }
        Document::Pipeline(d) => {
            for (index, each) in d.automate.iter().enumerate() {
                if d.automate[..index].iter().any(|earlier| earlier.plugin == each.plugin) {
                    let message = format!("`{}` is there twice: give one of them all of its settings", each.plugin.0);
                    placed.tell(&[key("automate"), Segment::Index(index)], message, problems);
                }
            }
        }
        Document::Integration(d) => {
            match (&d.normalize, &d.interact) {
                (Some(_), Some(_)) => placed.tell(&[key("interact")], "an integration has `normalize` or `interact`, not both", problems),
                (None, None) => placed.tell(&[], "`normalize` is missing (or `interact`, where people answer)", problems),
                _ => {}
            }
            if d.body_limit.as_ref().is_some_and(|limit| limit.0 == 0 || limit.0 > BODY_LIMIT_BYTES) {
                placed.tell(&[key("body_limit")], "must be from 1B to 5MiB", problems);
            }
            if d.expire_after.as_ref().is_some_and(|delay| delay.0 == 0) {
                placed.tell(&[key("expire_after")], "must be longer than nothing", problems);
            }
        }
        Document::User(user) => paging::rules(placed, user, problems),
        Document::Channel(d) if d.receipt_within.as_ref().is_some_and(|delay| delay.0 < RECEIPT_SECONDS_MIN) => {
            placed.tell(&[key("receipt_within")], format!("must be at least {RECEIPT_SECONDS_MIN}s"), problems);
        }
        Document::Team(team) => {
            for (index, name) in team.members.iter().enumerate() {
                if team.members[..index].contains(name) {
                    placed.tell(&[key("members"), Segment::Index(index)], format!("`{}` is there twice", name.0), problems);
                }
            }
            for (field, entry) in [("return_after", &team.return_after), ("auto_resolve_after", &team.auto_resolve_after)] {
                if entry.as_ref().is_some_and(DelayEntry::is_too_short) {
                    placed.tell(&[key(field)], "must be at least a minute; leave it out for never", problems);
                }
            }
        }
        _ => {}
    }
}

fn policy_rules(placed: &Placed, policy: &PolicyDocument, problems: &mut Vec<Problem>) {
    if policy.steps.is_empty() {
        placed.tell(&[key("steps")], "the policy is empty: it needs at least one step", problems);
    }
    if policy.steps.len() > STEPS_LIMIT {
        placed.tell(&[key("steps")], format!("these are too many steps: at most {STEPS_LIMIT}"), problems);
    }
    if policy.repeat > REPEAT_LIMIT {
        placed.tell(&[key("repeat")], format!("{} is too large: at most {REPEAT_LIMIT}", policy.repeat), problems);
    }
    for (index, step) in policy.steps.iter().enumerate() {
        if step.page.is_empty() {
            placed.tell(&[key("steps"), Segment::Index(index), key("page")], "the step pages nobody", problems);
        }
    }
}

fn settings(bundle: &Bundle, problems: &mut Vec<Problem>) {
    let found = bundle.documents.iter().find_map(|placed| match &placed.document {
        Document::Settings(settings) => Some((placed, settings)),
        _ => None,
    });
    let broken = bundle.broken.iter().any(|broken| broken.kind == Kind::Settings);
    match found {
        Some((placed, settings)) => {
            let name = &settings.default_policy.0;
            let exists = bundle.documents().any(|d| d.kind() == Kind::Policy && d.id() == name);
            // A broken user may be the one that it reaches.
            if exists && bundle.broken.is_empty() && !bundle.unreadable && !reach::reaches_somebody(bundle, name) {
                let message = format!("policy `{name}` reaches nobody: none of its steps leads to a user with a contact");
                placed.tell(&[key("default_policy")], message, problems);
            }
        }
        None if broken || bundle.unreadable => {}
        None => problems.push(Problem::new(
            "",
            Place::default(),
            "",
            "there is no default policy: add a document `kind: Settings` with `default_policy`, so that nothing goes unheard",
        )),
    }
}

/// Tells granted secrets and keys that the server does not have.
pub(crate) fn grants(bundle: &Bundle, secrets: &[&str], keys: &[&str], problems: &mut Vec<Problem>) {
    for placed in &bundle.documents {
        let Document::Grant(grant) = &placed.document else { continue };
        for (field, table, granted, known) in [("secrets", "secrets", &grant.secrets, secrets), ("keys", "keys", &grant.keys, keys)] {
            for (index, name) in granted.iter().enumerate().filter(|(_, name)| !known.contains(&name.0.as_str())) {
                let hint = hint(&name.0, known.iter().copied());
                let message = format!("the server has no [{table}.{}]{hint}", name.0);
                placed.tell(&[key(field), Segment::Index(index)], message, problems);
            }
        }
    }
}

/// The installation; only for documents that [`references`] found nothing wrong with.
pub(crate) fn installation(bundle: &Bundle) -> Installation {
    let mut made = Installation { revision: Revision(0), ..Installation::default() };
    let stages = |uses: &[Use]| uses.iter().map(Use::to_domain).collect();
    let fallback = PipelineId::from(DEFAULT_PIPELINE);
    let nothing = || Vec::new();
    let empty =
        Pipeline { id: fallback.clone(), enrich: nothing(), filter: nothing(), dedupe: nothing(), route: nothing(), automate: Vec::new() };
    made.pipelines.insert(fallback, empty);
    let calendars = calendar::all(bundle);
    for document in bundle.documents() {
        let id = document.id().to_owned();
        match document {
            Document::Settings(d) => {
                made.default_policy = d.default_policy.0.clone().into();
                made.storm = d.storm.map(StormEntry::to_domain).unwrap_or_default();
                made.self_test = d.self_test == Some(SelfTest::Monthly);
                made.audit_ping.clone_from(&d.audit_ping);
            }
            Document::User(_) | Document::Team(_) | Document::Policy(_) => people(document, &mut made),
            Document::Rotation(d) => {
                made.rotations.insert(id.into(), rotation::to_domain(d, &calendars));
            }
            Document::Calendar(_) => {}
            Document::Service(d) => {
                let extra: Vec<Label> = d.extra.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
                let service = Service {
                    id: id.clone().into(),
                    name: d.name.clone().unwrap_or_else(|| id.clone()),
                    team: d.team.as_ref().map(|team| team.0.clone().into()),
                    runbook: d.runbook.clone(),
                    tier: d.tier.clone(),
                    extra,
                };
                made.services.insert(id.into(), service);
            }
            Document::Integration(d) => made.integrations.extend(integration(d).map(|made| (made.id.clone(), made))),
            Document::Pipeline(d) => {
                let pipeline = Pipeline {
                    id: id.clone().into(),
                    enrich: stages(&d.enrich),
                    filter: stages(&d.filter),
                    dedupe: stages(&d.dedupe),
                    route: stages(&d.route),
                    automate: d.automate.iter().map(Automate::to_domain).collect(),
                };
                made.pipelines.insert(id.into(), pipeline);
            }
            Document::Channel(d) => {
                let plugin = d.plugin.as_ref().map_or(id, |name| name.0.clone());
                made.receipts.extend(d.receipt_within.as_ref().map(|delay| (plugin.clone(), delay.0)));
                if d.follow {
                    made.followers.insert(plugin.clone());
                }
                made.notify.push(PluginUse { plugin, settings: settings_text(&d.settings), on_failure: OnFailure::Skip });
            }
            Document::Grant(d) => {
                let (lookups, keys, secrets) = (plain(&d.lookups), plain(&d.keys), plain(&d.secrets));
                made.grants.insert(id, Grant { lookups, keys, secrets, state: d.state });
            }
            Document::Table(d) => {
                let rows = d.rows.iter().map(|(key, row)| (key.clone(), row.clone().into_iter().collect())).collect();
                made.tables.insert(id, rows);
            }
            Document::Maintenance(_) | Document::Inhibition(_) | Document::Heartbeat(_) => quiet::into_installation(document, &mut made),
        }
    }
    made
}

/// `None`: it has no plugin, which was told.
fn integration(d: &IntegrationDocument) -> Option<Integration> {
    Some(Integration {
        id: d.id.0.clone().into(),
        team: d.team.0.clone().into(),
        door: door(d)?,
        pipeline: d.pipeline.as_ref().map_or(DEFAULT_PIPELINE, |name| &name.0).into(),
        default_policy: d.default_policy.as_ref().map(|name| name.0.clone().into()),
        body_limit_bytes: d.body_limit.as_ref().map_or(BODY_LIMIT_BYTES, |size| size.0),
        expire_after_seconds: d.expire_after.as_ref().map(|delay| delay.0),
        rate: d.rate.map(RateEntry::to_domain),
    })
}

fn door(d: &IntegrationDocument) -> Option<Door> {
    let normalize = d.normalize.as_ref().map(|used| Door::Normalize(used.to_domain()));
    normalize.or_else(|| d.interact.as_ref().map(|used| Door::Interact(used.to_domain())))
}

/// Users, teams and policies.
fn people(document: &Document, made: &mut Installation) {
    let id = document.id().to_owned();
    let zone = |zone: &Option<crate::text::Zone>| zone.as_ref().map_or_else(|| "UTC".to_owned(), |zone| zone.0.clone());
    let users = |names: &[Name]| names.iter().map(|name| UserId(name.0.clone())).collect();
    match document {
        Document::User(d) => {
            let contacts = d.contacts.iter().map(|entry| ContactMethod {
                contact: Contact { kind: entry.kind.0.clone(), address: entry.address.clone() },
                delay_seconds: entry.after.as_ref().map_or(0, |delay| delay.0),
            });
            let user = User {
                id: id.clone().into(),
                name: d.name.clone().unwrap_or_else(|| id.clone()),
                time_zone: zone(&d.time_zone),
                language: d.language.clone().unwrap_or_else(|| "en".to_owned()),
                contacts: contacts.collect(),
                admin: d.admin,
                break_glass: d.break_glass,
                paging: paging::to_domain(d),
            };
            made.users.insert(id.into(), user);
        }
        Document::Team(d) => {
            let default_policy = d.default_policy.as_ref().map(|name| name.0.clone().into());
            let name = d.name.clone().unwrap_or_else(|| id.clone());
            let storm = d.storm.map(StormEntry::to_domain);
            let care = care::rules(d.return_after.as_ref(), d.auto_resolve_after.as_ref());
            let members = users(&d.members);
            let team = Team { id: id.clone().into(), name, members, default_policy, storm, aggregate: d.aggregate, care };
            made.teams.insert(id.into(), team);
        }
        Document::Policy(d) => {
            let steps = d.steps.iter().map(|step| Step {
                delay_seconds: step.after.as_ref().map_or(0, |delay| delay.0),
                targets: step.page.iter().map(|target| target.0.clone()).collect(),
                round_robin: step.round_robin,
                when: step.when.as_ref().map(WhenEntry::to_domain).unwrap_or_default(),
                ignore_custom_paging: d.ignore_custom_paging || step.ignore_custom_paging,
            });
            let policy = Policy {
                id: id.clone().into(),
                team: d.team.0.clone().into(),
                steps: steps.collect(),
                repeat: d.repeat,
                repeat_delay_seconds: d.repeat_after.as_ref().map_or(REPEAT_AFTER_SECONDS, |delay| delay.0),
            };
            made.policies.insert(id.into(), policy);
        }
        _ => {}
    }
}

fn plain(names: &[Name]) -> Vec<String> {
    names.iter().map(|name| name.0.clone()).collect()
}
