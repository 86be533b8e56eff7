//! Who asks, and what they may see and do.

use crate::problem::Problem;
use domain::command::Actor;
use domain::contact::Contact;
use domain::id::{TeamId, UserId};
use domain::installation::{Installation, User};
use ports::store::Credential;
use std::collections::BTreeSet;

/// What somebody wants to do to something of a team's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    See,
    Change,
}

/// Some teams, or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Teams {
    All,
    Of(BTreeSet<TeamId>),
}

impl Teams {
    /// No team at all.
    pub fn none() -> Self {
        Self::Of(BTreeSet::new())
    }

    /// Whether the team is among them. The empty team is the host's own: only among all.
    pub fn holds(&self, team: &TeamId) -> bool {
        match self {
            Self::All => true,
            Self::Of(teams) => teams.contains(team),
        }
    }

    /// As a list for the store's filter; `None`: all.
    pub fn filter(&self) -> Option<Vec<TeamId>> {
        match self {
            Self::All => None,
            Self::Of(teams) => Some(teams.iter().cloned().collect()),
        }
    }

    /// Whether all of `asked` are among them.
    pub fn cover(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::All, _) => true,
            (Self::Of(_), Self::All) => false,
            (Self::Of(have), Self::Of(asked)) => asked.is_subset(have),
        }
    }

    fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, teams) | (teams, Self::All) => teams.clone(),
            (Self::Of(one), Self::Of(two)) => Self::Of(one.intersection(two).cloned().collect()),
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Of(one), Self::Of(two)) => Self::Of(one.into_iter().chain(two).collect()),
        }
    }
}

/// By which way somebody came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Signed in to the pages; changes need the CSRF token.
    Session { credential: String, csrf: String },
    /// Never wider than its scope, whatever its user may.
    Token { label: String, scope: Scope },
    /// The link in a page: for one incident only.
    PageLink,
}

/// Who asks. Rights are worked out once, when the request comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// `None` only for a token of the installation itself, made when it was set up.
    pub user: Option<UserId>,
    pub way: Way,
    /// May change configuration and credentials, and see the audit log.
    pub admin: bool,
    pub sees: Teams,
    pub changes: Teams,
    /// The teams whose roster they may have: it holds addresses of people.
    pub roster: Teams,
}

impl Principal {
    /// A member of the installation, with all of their rights.
    pub fn of_user(user: &User, installation: &Installation, way: Way) -> Self {
        let teams = if user.admin { Teams::All } else { memberships(&user.id, installation) };
        let roster = if user.admin { Teams::All } else { Teams::none() };
        Self { user: Some(user.id.clone()), way, admin: user.admin, sees: teams.clone(), changes: teams, roster }
    }

    /// Whom a token acts as: never more than its user may. `None`: its user is gone, or it is no token.
    pub fn of_token(credential: &Credential, installation: &Installation) -> Option<Self> {
        let scope = Scope::parse(&credential.scope)?;
        let way = Way::Token { label: credential.label.clone(), scope: scope.clone() };
        let Some(user) = &credential.user else {
            return Some(Self { user: None, way, admin: scope.admin, sees: scope.sees, changes: scope.changes, roster: scope.roster });
        };
        let whole = Self::of_user(installation.users.get(user)?, installation, way);
        Some(Self {
            admin: whole.admin && scope.admin,
            sees: whole.sees.and(&scope.sees),
            changes: whole.changes.and(&scope.changes),
            // Whoever is no administrator any more keeps what was given by name, of their own teams.
            roster: if scope.admin { whole.roster } else { whole.sees.and(&scope.roster) },
            ..whole
        })
    }

    /// How commands name them.
    pub fn actor(&self) -> Actor {
        let by = match &self.way {
            Way::Session { .. } => "page",
            Way::Token { .. } => "API",
            Way::PageLink => "page link",
        };
        match (&self.user, &self.way) {
            (Some(user), _) => Actor::User(user.clone(), by.to_owned()),
            (None, Way::Token { label, .. }) => Actor::Outside(Contact { kind: "API token".into(), address: label.clone() }),
            (None, _) => Actor::Host,
        }
    }

    /// How the audit log names them.
    pub fn audit_name(&self) -> String {
        let by = match &self.way {
            Way::Session { .. } => "page".to_owned(),
            Way::Token { label, .. } => format!("token {label}"),
            Way::PageLink => "page link".to_owned(),
        };
        self.user.as_ref().map_or_else(|| by.clone(), |user| format!("user {user} by {by}"))
    }

    /// Whether they may do that to something of the team's.
    pub fn may(&self, action: Action, team: &TeamId) -> bool {
        match action {
            Action::See => self.sees.holds(team),
            Action::Change => self.changes.holds(team),
        }
    }

    /// [`Principal::may`], or the problem to answer: 404 for what they may not even see.
    pub fn require(&self, action: Action, team: &TeamId, what: &str) -> Result<(), Problem> {
        if !self.sees.holds(team) {
            return Err(Problem::not_found(what));
        }
        if self.may(action, team) { Ok(()) } else { Err(read_only()) }
    }
}

/// The answer to a reader who wants to change something.
pub fn read_only() -> Problem {
    Problem::forbidden("This token may only read.", "Use a token with the scope `respond`.")
}

/// The teams somebody is a member of.
pub fn memberships(user: &UserId, installation: &Installation) -> Teams {
    Teams::Of(installation.teams.values().filter(|team| team.members.contains(user)).map(|team| team.id.clone()).collect())
}

/// What a token is limited to, as stored: `read`, `respond`, `roster`, `admin`, or `respond/shop`; several separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub admin: bool,
    pub sees: Teams,
    pub changes: Teams,
    pub roster: Teams,
}

impl Scope {
    /// `None` when a word is unknown: what cannot be understood opens nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let mut scope = Self { admin: false, sees: Teams::none(), changes: Teams::none(), roster: Teams::none() };
        for word in text.split_whitespace() {
            let (action, team) = word.split_once('/').map_or((word, None), |(action, team)| (action, Some(team)));
            let teams = match team {
                None => Teams::All,
                Some("") => return None,
                Some(team) => Teams::Of([TeamId::from(team)].into()),
            };
            match action {
                "read" => scope.sees = scope.sees.or(teams),
                "respond" => {
                    scope.sees = scope.sees.or(teams.clone());
                    scope.changes = scope.changes.or(teams);
                }
                "roster" => scope.roster = scope.roster.or(teams),
                "admin" if team.is_none() => {
                    scope = Self { admin: true, sees: Teams::All, changes: Teams::All, roster: Teams::All };
                }
                _ => return None,
            }
        }
        Some(scope)
    }

    /// Whether it opens nothing at all.
    pub fn is_empty(&self) -> bool {
        self.sees == Teams::none() && self.roster == Teams::none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(teams: &[&str]) -> Teams {
        Teams::Of(teams.iter().map(|t| TeamId::from(*t)).collect())
    }

    #[test]
    fn scopes() {
        let cases = [
            ("read", Some((false, Teams::All, Teams::none(), Teams::none()))),
            ("read/shop respond/ops", Some((false, of(&["ops", "shop"]), of(&["ops"]), Teams::none()))),
            ("respond", Some((false, Teams::All, Teams::All, Teams::none()))),
            ("roster/shop read/ops", Some((false, of(&["ops"]), Teams::none(), of(&["shop"])))),
            ("admin", Some((true, Teams::All, Teams::All, Teams::All))),
            ("", Some((false, Teams::none(), Teams::none(), Teams::none()))),
            ("admin/shop", None),
            ("read/", None),
            ("everything", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(admin, sees, changes, roster)| Scope { admin, sees, changes, roster });
            assert_eq!(Scope::parse(text), expected, "{text}");
        }
    }
}
