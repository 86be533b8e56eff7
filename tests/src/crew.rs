//! The people of `tests/config`, with another Alice, another policy or more documents.

use crate::story::{Setting, Story};

/// What is different.
#[derive(Default)]
pub struct Crew<'a> {
    /// Further keys of alice's document, in YAML.
    pub alice: &'a str,
    /// The keys of the policy `shop` after its team; empty: alice at once, bob after five minutes.
    pub policy: &'a str,
    /// Further keys of the team `shop`.
    pub team: &'a str,
    /// Further keys of the settings.
    pub settings: &'a str,
    /// Further documents, each with a line `---` before it.
    pub more: &'a str,
    /// Further keys of the channel `ntfy`.
    pub ntfy: &'a str,
}

impl Crew<'_> {
    /// The story. Alice has ntfy and, named `loud`, a webhook; bob and carol have ntfy; dora has mail. Alice, bob and carol take turns.
    pub fn story(&self) -> Story {
        let Crew { alice, policy, team, settings, more, ntfy } = self;
        let policy = if policy.is_empty() { "steps:\n  - page: [user/alice]\n  - { after: 5m, page: [user/bob] }" } else { policy };
        let people = format!(
            "kind: User\nid: alice\ntime_zone: Europe/Rome\nadmin: true\ncontacts:\n  - {{ kind: ntfy, address: PHONES/alice }}\n  \
             - {{ name: loud, kind: webhook, address: PHONES/alice-loud, after: 24h }}\n{alice}\n---\n\
             kind: User\nid: bob\ntime_zone: Europe/Copenhagen\ncontacts:\n  - {{ kind: ntfy, address: PHONES/bob }}\n---\n\
             kind: User\nid: carol\nhandoff_notices: false\ncontacts:\n  - {{ kind: ntfy, address: PHONES/carol }}\n---\n\
             kind: User\nid: dora\nbreak_glass: true\ncontacts:\n  - {{ kind: mail, address: dora@example.org }}\n---\n\
             kind: Team\nid: shop\nmembers: [alice, bob, carol]\ndefault_policy: shop\n{team}\n---\n\
             kind: Team\nid: platform\nmembers: [carol]\n---\n\
             kind: Rotation\nid: shop-primary\nteam: shop\nmembers: [alice, bob, carol]\ntime_zone: Europe/Rome\nturn: 1w\n\
             starts: 2026-02-23T09:00\n---\n\
             kind: Policy\nid: shop\nteam: shop\n{policy}\n---\n\
             kind: Policy\nid: platform\nteam: platform\nsteps:\n  - page: [user/carol]\n---\n\
             kind: Policy\nid: last\nteam: platform\nsteps:\n  - page: [user/dora]\n---\n\
             kind: Settings\ndefault_policy: last\n{settings}\n{more}"
        );
        let mut documents = vec![("people.yaml".to_owned(), people)];
        if !ntfy.is_empty() {
            let path = crate::place::root().join("tests/config/alerts.yaml");
            let alerts = std::fs::read_to_string(path).expect("the alerts' documents");
            documents.push((
                "alerts.yaml".to_owned(),
                alerts.replace("kind: Channel\nid: ntfy\n", &format!("kind: Channel\nid: ntfy\n{ntfy}\n")),
            ));
        }
        Story::with(Setting { documents, ..Setting::default() })
    }
}
