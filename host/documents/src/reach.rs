//! Whom does a policy reach? Follows policies through policies, teams and rotations.

use crate::bundle::{Bundle, Placed};
use crate::kinds::{Document, PolicyDocument};
use crate::node::Segment;
use crate::problem::{Problem, listed};
use crate::text::Name;
use domain::escalation::Target;
use std::collections::{BTreeMap, BTreeSet};

fn policies(bundle: &Bundle) -> BTreeMap<&str, (&Placed, &PolicyDocument)> {
    bundle
        .documents
        .iter()
        .filter_map(|placed| match &placed.document {
            Document::Policy(policy) => Some((policy.id.0.as_str(), (placed, policy))),
            _ => None,
        })
        .collect()
}

/// Can the policy page at least one user who has a contact?
pub(crate) fn reaches_somebody(bundle: &Bundle, policy: &str) -> bool {
    let policies = policies(bundle);
    let users: BTreeSet<&str> = bundle
        .documents()
        .filter_map(|document| match document {
            Document::User(user) if !user.contacts.is_empty() => Some(user.id.0.as_str()),
            _ => None,
        })
        .collect();
    let any = |members: &[Name]| members.iter().any(|name| users.contains(name.0.as_str()));
    let group = |target: &Target| {
        bundle.documents().any(|document| match (target, document) {
            (Target::Team(id), Document::Team(team)) => id.0 == team.id.0 && any(&team.members),
            (Target::Rotation(id) | Target::Next(id) | Target::Previous(id), Document::Rotation(rotation)) => {
                id.0 == rotation.id.0 && rotation.people().any(|name| users.contains(name.0.as_str()))
            }
            _ => false,
        })
    };
    let mut seen = BTreeSet::new();
    let mut next = vec![policy];
    while let Some(name) = next.pop() {
        let Some((_, policy)) = policies.get(name).filter(|_| seen.insert(name)) else { continue };
        for target in policy.steps.iter().flat_map(|step| &step.page) {
            match &target.0 {
                Target::User(id) if users.contains(id.as_str()) => return true,
                Target::User(_) => {}
                Target::Policy(id) => next.push(id.as_str()),
                other if group(other) => return true,
                _ => {}
            }
        }
    }
    false
}

/// Tells policies that page themselves through others: such an escalation would never end.
pub(crate) fn circles(bundle: &Bundle, problems: &mut Vec<Problem>) {
    let policies = policies(bundle);
    for (name, (placed, policy)) in &policies {
        for (step, index, id) in nested(policy) {
            let Some(way) = way_back(&policies, id, name) else { continue };
            let through = if way.is_empty() { String::new() } else { format!(" through {}", listed(&way, "and")) };
            let path = ["steps", "page"].map(|field| Segment::Key(field.to_owned()));
            let [steps, page] = path;
            let path = [steps, Segment::Index(step), page, Segment::Index(index)];
            placed.tell(&path, format!("the policy pages itself{through}"), problems);
        }
    }
}

fn nested(policy: &PolicyDocument) -> impl Iterator<Item = (usize, usize, &str)> {
    policy.steps.iter().enumerate().flat_map(|(step, entry)| {
        entry.page.iter().enumerate().filter_map(move |(index, target)| match &target.0 {
            Target::Policy(id) => Some((step, index, id.as_str())),
            _ => None,
        })
    })
}

/// The policies between `from` and `goal`, `from` first; `None`: no way leads there.
fn way_back(policies: &BTreeMap<&str, (&Placed, &PolicyDocument)>, from: &str, goal: &str) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut next = vec![(from, Vec::new())];
    while let Some((name, way)) = next.pop() {
        if name == goal {
            return Some(way);
        }
        let Some((_, policy)) = policies.get(name).filter(|_| seen.insert(name.to_owned())) else { continue };
        for (_, _, id) in nested(policy) {
            let mut longer = way.clone();
            longer.push(format!("`{name}`"));
            next.push((id, longer));
        }
    }
    None
}
