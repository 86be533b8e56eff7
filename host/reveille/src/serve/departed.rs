//! Warns of people who leave a team while its rotations and policies still name them.

use domain::escalation::{Policy, Target};
use domain::id::{TeamId, UserId};
use domain::installation::Installation;
use domain::schedule::Rotation;

/// One line for each member whom `new` has no more in a team of `old`, and who is still to be paged for it. They go on being paged: it may be
/// meant, so it is no problem.
pub fn warnings(old: &Installation, new: &Installation) -> Vec<String> {
    let mut warnings = Vec::new();
    for (id, team) in &new.teams {
        let before = old.teams.get(id).map_or(&[][..], |team| &team.members);
        for user in before.iter().filter(|user| !team.members.contains(user)) {
            let places = places(new, id, user);
            if !places.is_empty() {
                warnings.push(format!("team {id}: {user} is no member any more, and is still paged by {}", places.join(" and ")));
            }
        }
    }
    warnings
}

fn places(installation: &Installation, team: &TeamId, user: &UserId) -> Vec<String> {
    let rotations = installation.rotations.values().filter(|rotation| rotation.team == *team);
    let policies = installation.policies.values().filter(|policy| policy.team == *team);
    rotations.flat_map(|rotation| layers(rotation, user)).chain(policies.flat_map(|policy| steps(policy, user))).collect()
}

fn layers(rotation: &Rotation, user: &UserId) -> Vec<String> {
    if rotation.layers.len() < 2 {
        return rotation.members().contains(&user).then(|| format!("rotation {}", rotation.id)).into_iter().collect();
    }
    let with = rotation.layers.iter().filter(|layer| layer.members.contains(user));
    with.map(|layer| format!("layer {} of rotation {}", layer.name, rotation.id)).collect()
}

fn steps(policy: &Policy, user: &UserId) -> Vec<String> {
    let named = |targets: &[Target]| targets.iter().any(|target| matches!(target, Target::User(id) if id == user));
    let with = policy.steps.iter().enumerate().filter(|(_, step)| named(&step.targets));
    with.map(|(index, _)| format!("step {} of policy {}", index + 1, policy.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::Bundle;

    fn installed(members: &str) -> Installation {
        let text = format!(
            "kind: Settings\ndefault_policy: shop\n---\nkind: User\nid: alice\nbreak_glass: true\ncontacts: [{{ kind: ntfy, address: https://ntfy.example.org/alice }}]\n---\n\
             kind: User\nid: nina\n---\nkind: Team\nid: shop\nmembers: [{members}]\n---\n\
             kind: Rotation\nid: shop\nteam: shop\ntime_zone: Europe/Rome\nstarts: 2026-01-05T09:00\nturn: 1 week\nmembers: [nina, alice]\n---\n\
             kind: Policy\nid: shop\nteam: shop\nsteps:\n  - page: rotation/shop\n  - {{ after: 5m, page: user/nina }}\n"
        );
        Bundle::from_files(&[("all.yaml", text)]).check().expect("a configuration")
    }

    /// Seen red with: only rotations are looked at.
    #[test]
    fn who_leaves_a_team_and_is_still_paged_for_it_is_told() {
        let (both, one) = (installed("alice, nina"), installed("alice"));
        assert_eq!(
            warnings(&both, &one),
            ["team shop: nina is no member any more, and is still paged by rotation shop and step 2 of policy shop"]
        );
        assert!(warnings(&both, &both).is_empty());
        assert!(warnings(&one, &one).is_empty(), "somebody from elsewhere may be meant");
    }
}
