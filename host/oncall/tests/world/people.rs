//! The installation of the small world: its people, policies and integrations.

use super::*;

fn user(id: &str, contacts: &[(&str, String, u32)]) -> (UserId, User) {
    let method = |(kind, address, delay): &(&str, String, u32)| ContactMethod {
        contact: Contact { kind: (*kind).into(), address: address.clone() },
        delay_seconds: *delay,
    };
    let user = User {
        id: id.into(),
        name: id.into(),
        time_zone: "UTC".into(),
        language: "en".into(),
        contacts: contacts.iter().map(method).collect(),
        admin: false,
        break_glass: id == "carol",
    };
    (user.id.clone(), user)
}

/// alice (ntfy at once, mail after 2 min) and bob (ntfy) take turns; policy `primary`: the rotation, after 5 min bob, twice, 10 min apart.
/// carol, the break-glass user, is behind `fallback`.
pub fn installation() -> Installation {
    let policy = |id: &str, repeat, repeat_delay_seconds, steps: Vec<(u32, Target)>| {
        let step = |(delay_seconds, target)| Step { delay_seconds, targets: vec![target] };
        let steps = steps.into_iter().map(step).collect();
        (id.into(), Policy { id: id.into(), team: "shop".into(), steps, repeat, repeat_delay_seconds })
    };
    let weekly = Rotation {
        id: "weekly".into(),
        team: "shop".into(),
        members: vec!["alice".into(), "bob".into()],
        time_zone: "UTC".into(),
        turn: Turn::Weeks(1),
        starts: "2026-01-05T09:00".parse().unwrap(),
    };
    let normalize = PluginUse { plugin: "generic".into(), settings: "{}".into(), on_failure: OnFailure::Skip };
    let prometheus = Integration {
        id: "shop-prometheus".into(),
        team: "shop".into(),
        door: Door::Normalize(normalize),
        pipeline: "main".into(),
        default_policy: None,
        body_limit_bytes: 1 << 20,
        expire_after_seconds: None,
        rate: None,
    };
    let team = Team {
        id: "shop".into(),
        name: "Shop".into(),
        members: vec![],
        default_policy: Some("primary".into()),
        storm: None,
        care: domain::care::CareRules::default(),
    };
    Installation {
        revision: Revision(3),
        users: [
            user("alice", &[("ntfy", "https://ntfy.example/alice".into(), 0), ("mail", "alice@shop.example".into(), 120)]),
            user("bob", &[("ntfy", "https://ntfy.example/bob".into(), 0)]),
            user("carol", &[("ntfy", "https://ntfy.example/carol".into(), 0)]),
        ]
        .into(),
        teams: [(team.id.clone(), team)].into(),
        rotations: [("weekly".into(), weekly)].into(),
        policies: [
            policy("primary", 1, 600, vec![(0, Target::Rotation("weekly".into())), (300, Target::User("bob".into()))]),
            policy("fallback", 0, 60, vec![(0, Target::User("carol".into()))]),
        ]
        .into(),
        integrations: [(prometheus.id.clone(), prometheus), ("chat".into(), chat())].into(),
        grants: [("actions".into(), Grant { state: true, ..Grant::default() })].into(),
        default_policy: "fallback".into(),
        ..Installation::default()
    }
}

/// Where people answer.
pub fn chat() -> Integration {
    Integration {
        id: "chat".into(),
        team: "shop".into(),
        door: Door::Interact(PluginUse { plugin: "ntfy".into(), settings: "{}".into(), on_failure: OnFailure::Skip }),
        pipeline: "main".into(),
        default_policy: None,
        body_limit_bytes: 1 << 20,
        expire_after_seconds: None,
        rate: None,
    }
}

pub fn to_policy(id: &str, urgency: Urgency) -> Destination {
    Destination { target: Target::Policy(id.into()), urgency, reason: "checkout belongs to shop".into() }
}
