//! Inhibition: while something worse fires, what merely follows from it pages nobody.
//!
//! A rule names sources, targets, and the labels that have to be equal in both. Who fires as a source is kept in an index by rule and equal
//! values, so that an alert costs one look-up per rule that it is a target of, however many sources fire.

use crate::id::TeamId;
use crate::matcher::{Matcher, MatcherError, Matchers, Subject};
use std::collections::{BTreeMap, HashMap};

/// Most rules of one installation.
pub const RULES_LIMIT: usize = 500;
/// Most labels of `equal`.
pub const EQUAL_LIMIT: usize = 16;

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inhibition {
    pub id: String,
    /// Whose alerts, on both sides; `None`: all teams', also across teams.
    pub team: Option<TeamId>,
    pub source: Vec<Matcher>,
    pub target: Vec<Matcher>,
    /// Names of labels or fields that have to have equal values; missing in both is equal.
    pub equal: Vec<String>,
}

/// A rule's place in the list, and the values that have to be equal.
pub type Key = (usize, Vec<String>);
/// An entity of a team.
pub type Entity = (TeamId, String);

#[derive(Debug)]
struct Ready {
    rule: Inhibition,
    source: Matchers,
    target: Matchers,
}

/// A place at which an alert is source or target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    pub key: Key,
    /// It is the other side of the rule as well.
    pub both: bool,
}

/// The rules, ready to be asked.
#[derive(Debug, Default)]
pub struct Inhibitions(Vec<Ready>);

impl Inhibitions {
    /// Makes them ready. One that cannot be used is left out, which errs towards paging; the documents refuse such a one anyway.
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a Inhibition>) -> Self {
        let ready = |rule: &Inhibition| -> Result<Ready, MatcherError> {
            Ok(Ready { source: Matchers::compile(&rule.source)?, target: Matchers::compile(&rule.target)?, rule: rule.clone() })
        };
        Self(rules.into_iter().filter_map(|rule| ready(rule).ok()).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both are the same rules.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.iter().map(|ready| &ready.rule).eq(other.0.iter().map(|ready| &ready.rule))
    }

    /// The name of a rule.
    pub fn name(&self, key: &Key) -> &str {
        self.0.get(key.0).map_or("", |ready| &ready.rule.id)
    }

    /// Where the alert is a source.
    pub fn as_source(&self, subject: &Subject<'_>) -> Vec<Side> {
        self.sides(subject, |ready| (&ready.source, &ready.target))
    }

    /// Where the alert is a target.
    pub fn as_target(&self, subject: &Subject<'_>) -> Vec<Side> {
        self.sides(subject, |ready| (&ready.target, &ready.source))
    }

    fn sides(&self, subject: &Subject<'_>, of: impl Fn(&Ready) -> (&Matchers, &Matchers)) -> Vec<Side> {
        let place = |(at, ready): (usize, &Ready)| {
            let (this, other) = of(ready);
            let theirs = ready.rule.team.as_ref().is_none_or(|team| team.as_str() == subject.team);
            (theirs && this.hold(subject)).then(|| {
                let values = ready.rule.equal.iter().map(|name| subject.value(name).to_owned()).collect();
                Side { key: (at, values), both: other.hold(subject) }
            })
        };
        self.0.iter().enumerate().filter_map(place).collect()
    }
}

/// Changes of one transaction that are not committed yet: what each entity is a source of from now on.
pub type Changes = HashMap<Entity, Vec<Side>>;

/// Who fires as a source, by rule and equal values.
#[derive(Debug, Default)]
pub struct Sources {
    by_key: HashMap<Key, BTreeMap<Entity, bool>>,
    of: HashMap<Entity, Vec<Key>>,
}

impl Sources {
    /// Notes of what the entity is a source from now on; `true`: of something it was, it is no more.
    pub fn set(&mut self, entity: &Entity, sides: Vec<Side>) -> bool {
        let before = self.of.remove(entity).unwrap_or_default();
        let ended = before.iter().any(|key| sides.iter().all(|side| side.key != *key));
        for key in before {
            if let Some(entities) = self.by_key.get_mut(&key) {
                entities.remove(entity);
                if entities.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
        if !sides.is_empty() {
            self.of.insert(entity.clone(), sides.iter().map(|side| side.key.clone()).collect());
            for side in sides {
                self.by_key.entry(side.key).or_default().insert(entity.clone(), side.both);
            }
        }
        ended
    }

    /// Whether the entity is noted, or was changed to be, as a source of anything.
    pub fn knows(&self, entity: &Entity, changes: &Changes) -> bool {
        changes.get(entity).map_or_else(|| self.of.contains_key(entity), |sides| !sides.is_empty())
    }

    /// The source that inhibits a target, after `changes`. Nothing inhibits itself, and of alerts that are both sides of a rule none inhibits
    /// another, as with Alertmanager.
    pub fn inhibitor(&self, target: &Side, itself: &Entity, changes: &Changes) -> Option<Entity> {
        let counts = |entity: &Entity, both: bool| entity != itself && !(both && target.both);
        let stored = self.by_key.get(&target.key).into_iter().flatten();
        let stored = stored.filter(|(entity, both)| !changes.contains_key(*entity) && counts(entity, **both)).map(|(entity, _)| entity);
        let changed = changes.iter().filter(|(entity, sides)| sides.iter().any(|s| s.key == target.key && counts(entity, s.both)));
        stored.chain(changed.map(|(entity, _)| entity)).next().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Alert, Severity};
    use crate::matcher::parse;
    use crate::time::Millis;

    fn rules() -> Inhibitions {
        Inhibitions::of(&[Inhibition {
            id: "cluster".into(),
            team: None,
            source: parse("alertname=ClusterDown").unwrap(),
            target: parse("severity=~\"warning|critical\",cluster!=\"\"").unwrap(),
            equal: vec!["cluster".into()],
        }])
    }

    fn alert(entity: &str, name: &str, cluster: &str) -> Alert {
        let mut alert = Alert::firing(entity, Severity::Critical, Millis(0));
        alert.labels = vec![("alertname".into(), name.into()), ("cluster".into(), cluster.into())];
        alert
    }

    fn of(alert: &Alert) -> Subject<'_> {
        Subject { alert, team: "shop", integration: None }
    }

    fn entity(name: &str) -> Entity {
        ("shop".into(), name.into())
    }

    #[test]
    fn a_source_inhibits_targets_with_equal_values_while_it_fires() {
        let rules = rules();
        let (down, pod, elsewhere) = (alert("c1", "ClusterDown", "a"), alert("p1", "PodDown", "a"), alert("p2", "PodDown", "b"));
        let mut sources = Sources::default();
        sources.set(&entity("c1"), rules.as_source(&of(&down)));
        let none = Changes::new();
        let asks = |sources: &Sources, alert: &Alert, changes: &Changes| {
            let sides = rules.as_target(&of(alert));
            sides.iter().find_map(|side| sources.inhibitor(side, &entity(&alert.entity), changes))
        };
        assert_eq!(asks(&sources, &pod, &none), Some(entity("c1")));
        assert_eq!(asks(&sources, &elsewhere, &none), None, "another cluster");
        assert_eq!(asks(&sources, &down, &none), None, "nothing inhibits itself");
        // In the same transaction it recovered, or another one fires.
        let recovered = Changes::from([(entity("c1"), Vec::new())]);
        assert_eq!(asks(&sources, &pod, &recovered), None);
        let fires = Changes::from([(entity("c2"), rules.as_source(&of(&alert("c2", "ClusterDown", "b"))))]);
        assert_eq!(asks(&sources, &elsewhere, &fires), Some(entity("c2")));
        assert!(sources.set(&entity("c1"), Vec::new()), "something ended");
        assert_eq!(asks(&sources, &pod, &none), None);
    }

    #[test]
    fn two_that_are_both_sides_do_not_silence_each_other() {
        let rules = rules();
        let (one, two) = (alert("c1", "ClusterDown", "a"), alert("c2", "ClusterDown", "a"));
        let mut sources = Sources::default();
        sources.set(&entity("c1"), rules.as_source(&of(&one)));
        sources.set(&entity("c2"), rules.as_source(&of(&two)));
        for side in rules.as_target(&of(&one)) {
            assert_eq!(sources.inhibitor(&side, &entity("c1"), &Changes::new()), None);
        }
    }
}
