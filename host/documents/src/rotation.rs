//! Rotations as documents write them: the short form, which is one layer that is always on, or a list of layers.

use crate::bundle::Placed;
use crate::calendar::Days;
use crate::node::Segment;
use crate::plugin_use::is_default;
use crate::problem::Problem;
use crate::text::{Delay, Hours, LocalTime, Name, Rule, TurnLength, Zone};
use domain::id::UserId;
use domain::schedule::{LONGEST_MINUTES, Layer, Rotation, Swaps, Turn, Turns, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most layers of a rotation.
const LAYERS_LIMIT: usize = 32;
/// Most windows of a layer, a list of weekdays counting as so many.
const WINDOWS_LIMIT: usize = 64;

/// People who take turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationDocument {
    pub id: Name,
    pub team: Name,
    /// Users in the order of their turns. These and `starts`, or `layers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<Name>>,
    /// IANA name of the zone in which handoffs are; default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Zone>,
    /// How long a turn is: `1d`, `2w`; default: `1w`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<TurnLength>,
    /// Wall-clock time at which the first turn of the first member begins: `2026-01-05T09:00`. Handoffs are at this time of day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<LocalTime>,
    /// Several groups who take turns, each in its own hours and zone. Where two are on, the later in the list wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerEntry>,
    /// What it takes to swap a shift: somebody who accepts (`free`, the default), or also an administrator who approves (`approve`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub swaps: SwapsWord,
}

/// What it takes to swap a shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SwapsWord {
    /// Whoever accepts has it at once.
    #[default]
    Free,
    /// An administrator has to approve what was accepted.
    Approve,
}

/// Some people who take turns, all the time or in certain hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerEntry {
    /// Unique in the rotation.
    pub name: Name,
    /// Users in the order of their turns.
    pub members: Vec<Name>,
    /// IANA name; default: the rotation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Zone>,
    /// How long a turn is: `1d`, `2w`; default: `1w`. This or `handoffs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<TurnLength>,
    /// When it is handed over, as a recurrence rule: `FREQ=MONTHLY;BYMONTHDAY=-1`. This or `turn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoffs: Option<Rule>,
    /// Wall-clock time at which the first turn begins: `2026-01-05T09:00`. Handoffs are at this time of day.
    pub starts: LocalTime,
    /// By how many places everybody's turns are moved; with 1 the second member has the first turn. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(max = 1000))]
    pub offset: u32,
    /// When the layer is on: `mon-fri 09:00-17:00`, `22:00-06:00`, `fri 17:00 - mon 09:00`; default: always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<Hours>,
    /// Further times at which it is on, by recurrence rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recurring: Vec<RecurringEntry>,
    /// Calendars on whose days the layer is off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip_holidays: Vec<Name>,
    /// First wall-clock time at which the layer may be on; default: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<LocalTime>,
    /// First wall-clock time after; default: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<LocalTime>,
}

/// Times by a recurrence rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecurringEntry {
    /// RFC 5545, such as `FREQ=MONTHLY;BYDAY=1SA`; `UNTIL` is wall-clock time.
    pub rrule: Rule,
    /// From when on, and at which time of day.
    pub starts: LocalTime,
    /// How long on the clock, at most 30 days.
    pub lasts: Delay,
}

impl RotationDocument {
    /// Everybody who has turns in it.
    pub fn people(&self) -> impl Iterator<Item = &Name> {
        self.members.iter().flatten().chain(self.layers.iter().flat_map(|layer| &layer.members))
    }
}

fn key(name: &str) -> Segment {
    Segment::Key(name.to_owned())
}

/// Tells what is wrong with a rotation whatever the other documents say.
pub(crate) fn rules(placed: &Placed, d: &RotationDocument, problems: &mut Vec<Problem>) {
    if d.layers.is_empty() {
        if d.members.is_none() {
            placed.tell(&[], "`members` is missing (or `layers`)", problems);
        }
        if d.starts.is_none() {
            placed.tell(&[], "`starts` is missing: write when the first turn begins, as `2026-01-05T09:00`", problems);
        }
    } else {
        for (field, there) in [("members", d.members.is_some()), ("turn", d.turn.is_some()), ("starts", d.starts.is_some())] {
            if there {
                placed.tell(&[key(field)], format!("`{field}` stands in the layers of a rotation that has some"), problems);
            }
        }
    }
    if d.layers.len() > LAYERS_LIMIT {
        placed.tell(&[key("layers")], format!("these are too many layers: at most {LAYERS_LIMIT}"), problems);
    }
    twice(d.members.as_deref().unwrap_or_default(), vec![key("members")], placed, problems);
    for (index, layer) in d.layers.iter().enumerate() {
        let at = vec![key("layers"), Segment::Index(index)];
        if d.layers[..index].iter().any(|earlier| earlier.name == layer.name) {
            let path = [at.clone(), vec![key("name")]].concat();
            placed.tell(&path, format!("`{}` is there twice: give each layer a name of its own", layer.name.0), problems);
        }
        layer_rules(layer, &at, placed, problems);
    }
}

fn layer_rules(layer: &LayerEntry, at: &[Segment], placed: &Placed, problems: &mut Vec<Problem>) {
    let under = |field: &str| [at, &[key(field)]].concat();
    if layer.members.is_empty() {
        placed.tell(&under("members"), "the layer has nobody: name at least one user, or take the layer out", problems);
    }
    twice(&layer.members, under("members"), placed, problems);
    if layer.turn.is_some() && layer.handoffs.is_some() {
        placed.tell(&under("handoffs"), "a layer has `turn` or `handoffs`, not both", problems);
    }
    if let Some(Err(problem)) = layer.handoffs.as_ref().map(|rule| rule.from(layer.starts.0)) {
        placed.tell(&under("handoffs"), format!("{problem} (from {})", layer.starts.0), problems);
    }
    for (index, entry) in layer.recurring.iter().enumerate() {
        let under = |field: &str| [at, &[key("recurring"), Segment::Index(index), key(field)]].concat();
        if let Err(problem) = entry.rrule.from(entry.starts.0) {
            placed.tell(&under("rrule"), format!("{problem} (from {})", entry.starts.0), problems);
        }
        if entry.lasts.0 < 60 || entry.lasts.0 % 60 != 0 {
            placed.tell(
                &under("lasts"),
                "a window never opens for less than a minute, and lasts whole minutes: write it as `8h`",
                problems,
            );
        }
    }
    if layer.hours.iter().map(|hours| hours.0.windows().count()).sum::<usize>() + layer.recurring.len() > WINDOWS_LIMIT {
        placed.tell(
            &under("hours"),
            format!("these are too many windows: at most {WINDOWS_LIMIT}, each weekday counting as one"),
            problems,
        );
    }
    if let (Some(from), Some(until)) = (&layer.from, &layer.until)
        && from.0 >= until.0
    {
        placed.tell(&under("until"), "must be after `from`: else the layer is never on", problems);
    }
}

/// Tells members who are there twice one after the other: a longer turn is written as such. Elsewhere somebody may have more turns.
fn twice(members: &[Name], at: Vec<Segment>, placed: &Placed, problems: &mut Vec<Problem>) {
    for (index, pair) in members.windows(2).enumerate().filter(|(_, pair)| pair[0] == pair[1]) {
        let path = [at.clone(), vec![Segment::Index(index + 1)]].concat();
        placed.tell(&path, format!("`{}` is there twice in a row: take one out", pair[1].0), problems);
    }
}

/// The rotation; only for documents that [`rules`] found nothing wrong with. What cannot be made of it is left out.
pub(crate) fn to_domain(d: &RotationDocument, calendars: &BTreeMap<&str, Days>) -> Rotation {
    let zone = d.time_zone.as_ref().map_or_else(|| "UTC".to_owned(), |zone| zone.0.clone());
    let users = |names: &[Name]| names.iter().map(|name| UserId(name.0.clone())).collect::<Vec<_>>();
    let turn = |turn: &Option<TurnLength>| turn.as_ref().map_or(Turn::Weeks(1), |turn| turn.0);
    let mut layers = Vec::new();
    if let (Some(members), Some(starts)) = (&d.members, &d.starts) {
        layers.push(Layer::always(users(members), zone.clone(), Turns::Every(turn(&d.turn)), starts.0));
    }
    for entry in &d.layers {
        let rule = entry.handoffs.as_ref().and_then(|rule| rule.from(entry.starts.0).ok());
        let recurring = entry.recurring.iter().filter_map(|window| {
            let minutes = (window.lasts.0 / 60).min(LONGEST_MINUTES);
            Some(Window::Recurring { rule: window.rrule.from(window.starts.0).ok()?, minutes })
        });
        let days_off: Days = entry
            .skip_holidays
            .iter()
            .filter_map(|name| calendars.get(name.0.as_str()))
            .flatten()
            .map(|(day, name)| (*day, name.clone()))
            .collect();
        layers.push(Layer {
            name: entry.name.0.clone(),
            members: users(&entry.members),
            time_zone: entry.time_zone.as_ref().map_or_else(|| zone.clone(), |zone| zone.0.clone()),
            turns: rule.map_or_else(|| Turns::Every(turn(&entry.turn)), Turns::At),
            starts: entry.starts.0,
            offset: entry.offset,
            windows: entry.hours.iter().flat_map(|hours| hours.0.windows()).chain(recurring).collect(),
            days_off: Arc::new(days_off),
            from: entry.from.as_ref().map(|from| from.0),
            until: entry.until.as_ref().map(|until| until.0),
        });
    }
    let swaps = match d.swaps {
        SwapsWord::Free => Swaps::Free,
        SwapsWord::Approve => Swaps::Approved,
    };
    Rotation { id: d.id.0.clone().into(), team: d.team.0.clone().into(), layers, swaps }
}
