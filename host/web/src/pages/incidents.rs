//! Open incidents: what needs an answer first, then what is being worked on; and the resolved ones behind a tab.

use crate::api::incidents::incidents;
use crate::app::App;
use crate::extract::{Asked, Caller};
use crate::pages::view::{Lens, Row};
use crate::pages::{Frame, Here, render};
use crate::principal::{Action, Principal};
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use domain::alert::{Severity, Status};
use domain::id::{IncidentId, TeamId, UserId};
use domain::incident::Incident;
use ports::store::IncidentFilter;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Open incidents that are looked at; more than anybody can work on.
const LOOKED_AT: u32 = 500;
/// Rows on a page of open incidents.
const SHOWN: usize = 100;
/// Rows on a page of resolved ones.
const RESOLVED: u32 = 50;

#[derive(Debug, Default, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    team: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    mine: String,
    #[serde(default)]
    q: String,
    before: Option<u64>,
}

struct Choice {
    value: String,
    name: String,
    chosen: bool,
}

struct Group {
    name: &'static str,
    hint: &'static str,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct ListPage {
    frame: Frame,
    resolved: bool,
    groups: Vec<Group>,
    total: usize,
    hidden: usize,
    teams: Vec<Choice>,
    severities: Vec<Choice>,
    mine: bool,
    q: String,
    filtered: bool,
    /// The newest incident on the page, for the live stream.
    seen: u64,
    older: Option<String>,
    /// Rows can be chosen.
    many: bool,
    /// An installation that has had no incident yet, to a person who can set it up.
    fresh: bool,
    public_url: String,
}

pub async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    Caller(caller): Caller,
    Asked(query): Asked<ListQuery>,
) -> Result<Response, Problem> {
    let lens = Lens::of(&app, caller.user.as_ref());
    let resolved = query.state == "resolved";
    let found = incidents(&app, filter(&query, resolved, &caller)?).await?;
    let newest = found.iter().map(|incident| incident.id.0).max().unwrap_or(0);
    let oldest = found.last().map(|incident| incident.id.0).filter(|_| resolved && found.len() >= RESOLVED as usize);
    let any = !found.is_empty() || any_ever(&app, &caller).await?;
    let matching = narrow(&app, found, &query, &caller).await?;
    let total = matching.len();
    let groups = grouped(matching, resolved, &lens, &caller);
    let filtered = [&query.team, &query.severity, &query.mine, &query.q].iter().any(|text| !text.is_empty());
    let title = if resolved { "Resolved incidents" } else { "Open incidents" };
    let path = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    render(&ListPage {
        frame: Frame::of(&app, &headers, &caller, Here::Incidents, title, path),
        resolved,
        many: groups.iter().flat_map(|group| &group.rows).any(|row| row.status.open && row.may_change),
        hidden: total - groups.iter().map(|group| group.rows.len()).sum::<usize>(),
        groups,
        total,
        teams: team_choices(&lens, &caller, &query.team),
        severities: severity_choices(&query.severity),
        mine: !query.mine.is_empty(),
        older: oldest.map(|id| older_address(&query, id)),
        q: query.q,
        filtered,
        seen: newest,
        fresh: !any,
        public_url: app.parts.public_url.clone(),
    })
}

fn filter(query: &ListQuery, resolved: bool, caller: &Principal) -> Result<IncidentFilter, Problem> {
    let teams = if query.team.is_empty() {
        caller.sees.filter()
    } else {
        let team = TeamId::from(query.team.as_str());
        caller.require(Action::See, &team, "team")?;
        Some(vec![team])
    };
    Ok(IncidentFilter {
        open: Some(!resolved),
        teams,
        before: query.before.filter(|_| resolved).map(IncidentId),
        limit: if resolved { RESOLVED } else { LOOKED_AT },
    })
}

async fn any_ever(app: &App, caller: &Principal) -> Result<bool, Problem> {
    Ok(!incidents(app, IncidentFilter { open: None, teams: caller.sees.filter(), before: None, limit: 1 }).await?.is_empty())
}

/// What fits severity, words and "mine": answered by the caller, or paged to them.
async fn narrow(app: &App, found: Vec<Incident>, query: &ListQuery, caller: &Principal) -> Result<Vec<Incident>, Problem> {
    let least = Severity::ALL.into_iter().find(|severity| severity.as_str() == query.severity);
    let words = query.q.trim().to_lowercase();
    let mut fitting: Vec<Incident> = found
        .into_iter()
        .filter(|incident| least.is_none_or(|least| incident.severity >= least))
        .filter(|incident| words.is_empty() || says(incident, &words))
        .collect();
    if let Some(user) = caller.user.clone().filter(|_| !query.mine.is_empty()) {
        let ids: Vec<IncidentId> = fitting.iter().map(|incident| incident.id).collect();
        let paged = paged(app, ids, user.clone()).await?;
        fitting.retain(|incident| incident.responders.contains(&user) || paged.contains(&incident.id));
    }
    Ok(fitting)
}

fn says(incident: &Incident, words: &str) -> bool {
    let service = incident.service.as_deref().unwrap_or_default();
    incident.title.to_lowercase().contains(words)
        || service.to_lowercase().contains(words)
        || incident.id.to_string() == words.trim_start_matches('#')
}

async fn paged(app: &App, ids: Vec<IncidentId>, user: UserId) -> Result<BTreeSet<IncidentId>, Problem> {
    let job = move |view: &dyn ports::View| {
        let mut paged = BTreeSet::new();
        for id in ids {
            if view.outbox_of(id)?.iter().any(|row| row.user.as_ref() == Some(&user)) {
                paged.insert(id);
            }
        }
        Ok(paged)
    };
    Ok(app.parts.store.view(job).await?)
}

/// Unanswered ones first, the worst and oldest on top.
fn grouped(mut found: Vec<Incident>, resolved: bool, lens: &Lens, caller: &Principal) -> Vec<Group> {
    if !resolved {
        found.sort_by_key(|incident| (incident.status != Status::Firing, std::cmp::Reverse(incident.severity), incident.opened_at));
    }
    found.truncate(SHOWN);
    let rows = |status: Status| {
        found.iter().filter(|incident| incident.status == status).map(|incident| Row::new(incident, lens, caller)).collect()
    };
    let groups = if resolved {
        vec![Group { name: "Resolved", hint: "newest first", rows: rows(Status::Resolved) }]
    } else {
        vec![
            Group { name: "Needs an answer", hint: "worst first", rows: rows(Status::Firing) },
            Group { name: "Being worked on", hint: "acknowledged", rows: rows(Status::Acknowledged) },
        ]
    };
    groups.into_iter().filter(|group| !group.rows.is_empty()).collect()
}

fn team_choices(lens: &Lens, caller: &Principal, chosen: &str) -> Vec<Choice> {
    lens.installation
        .teams
        .values()
        .filter(|team| caller.may(Action::See, &team.id))
        .map(|team| Choice { value: team.id.0.clone(), name: team.name.clone(), chosen: team.id.0 == chosen })
        .collect()
}

fn severity_choices(chosen: &str) -> Vec<Choice> {
    let choice = |(severity, name): (Severity, &str)| Choice {
        value: severity.as_str().to_owned(),
        name: name.to_owned(),
        chosen: severity.as_str() == chosen,
    };
    [(Severity::Critical, "Critical"), (Severity::Error, "Error and worse"), (Severity::Warning, "Warning and worse")]
        .into_iter()
        .map(choice)
        .collect()
}

fn older_address(query: &ListQuery, before: u64) -> String {
    let before = before.to_string();
    let fields = [
        ("state", "resolved"),
        ("team", &query.team),
        ("severity", &query.severity),
        ("mine", &query.mine),
        ("q", &query.q),
        ("before", &before),
    ];
    let kept: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    format!("/?{}", serde_urlencoded::to_string(kept).unwrap_or_default())
}
