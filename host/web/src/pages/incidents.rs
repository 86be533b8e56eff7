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

/// Open incidents that are looked at: so many are counted and paged through.
const LOOKED_AT: usize = 5_000;
/// Of them with one question to the store, which gives no more at once.
const AT_ONCE: u32 = 500;
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
    /// Which page of the open ones, from 1.
    #[serde(default)]
    page: String,
    /// `all`: every row that is shown is chosen, for those without JavaScript and those with a thumb.
    #[serde(default)]
    choose: String,
}

struct Choice {
    value: String,
    name: String,
    chosen: bool,
}

struct Group {
    name: &'static str,
    hint: &'static str,
    /// All of it, whatever is shown of it here.
    count: usize,
    rows: Vec<Row>,
}

/// Where in the open ones a page is.
struct Pager {
    first: usize,
    last: usize,
    earlier: Option<String>,
    later: Option<String>,
}

impl Pager {
    fn new(query: &ListQuery, page: usize, total: usize) -> Option<Self> {
        let (before, last) = ((page - 1) * SHOWN, total.min(page * SHOWN));
        let address = |page: usize| address(query, &[("page", &page.to_string())]);
        (total > SHOWN).then(|| Self {
            first: before + 1,
            last,
            earlier: (page > 1).then(|| address(page - 1)),
            later: (last < total).then(|| address(page + 1)),
        })
    }
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct ListPage {
    frame: Frame,
    resolved: bool,
    groups: Vec<Group>,
    total: usize,
    /// There are more than are looked at.
    and_more: bool,
    /// What of it is here, when it has more than one page.
    pager: Option<Pager>,
    /// Every row is chosen already.
    chosen: bool,
    /// This page with every row chosen, or with none.
    choose: String,
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
    let found = looked_at(&app, filter(&query, resolved, &caller)?, resolved).await?;
    let and_more = !resolved && found.len() >= LOOKED_AT;
    let newest = found.iter().map(|incident| incident.id.0).max().unwrap_or(0);
    let oldest = found.last().map(|incident| incident.id.0).filter(|_| resolved && found.len() >= RESOLVED as usize);
    let any = !found.is_empty() || any_ever(&app, &caller).await?;
    let matching = narrow(&app, found, &query, &caller).await?;
    let total = matching.len();
    let page = page_of(&query.page, total).min(if resolved { 1 } else { usize::MAX });
    let groups = grouped(matching, resolved, page, &lens, &caller);
    let chosen = query.choose == "all";
    let here = page.to_string();
    let mut this = vec![("page", here.as_str())];
    this.extend((!chosen).then_some(("choose", "all")));
    let filtered = [&query.team, &query.severity, &query.mine, &query.q].iter().any(|text| !text.is_empty());
    let title = if resolved { "Resolved incidents" } else { "Open incidents" };
    let path = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    render(&ListPage {
        frame: Frame::of(&app, &headers, &caller, Here::Incidents, title, path),
        resolved,
        many: groups.iter().flat_map(|group| &group.rows).any(|row| row.status.open && row.may_change),
        pager: Pager::new(&query, page, total).filter(|_| !resolved),
        choose: address(&query, &this),
        chosen,
        groups,
        total,
        and_more,
        teams: team_choices(&lens, &caller, &query.team),
        severities: severity_choices(&query.severity),
        mine: !query.mine.is_empty(),
        older: oldest.map(|id| address(&query, &[("before", &id.to_string())])),
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
        limit: if resolved { RESOLVED } else { AT_ONCE },
    })
}

/// What the store has of them: one page of the resolved ones, of the open ones all that are looked at.
async fn looked_at(app: &App, mut filter: IncidentFilter, resolved: bool) -> Result<Vec<Incident>, Problem> {
    let mut all: Vec<Incident> = Vec::new();
    loop {
        let found = incidents(app, filter.clone()).await?;
        let ended = resolved || found.len() < filter.limit as usize;
        all.extend(found);
        if ended || all.len() >= LOOKED_AT {
            return Ok(all);
        }
        filter.before = all.last().map(|incident| incident.id);
    }
}

/// The page that was asked for, as far as there is one.
fn page_of(asked: &str, total: usize) -> usize {
    asked.parse().unwrap_or(1).clamp(1, total.div_ceil(SHOWN).max(1))
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

/// Unanswered ones first, the worst and oldest on top. Counts are of all, rows of one page.
fn grouped(mut found: Vec<Incident>, resolved: bool, page: usize, lens: &Lens, caller: &Principal) -> Vec<Group> {
    if !resolved {
        found.sort_by_key(|incident| (incident.status != Status::Firing, std::cmp::Reverse(incident.severity), incident.opened_at));
    }
    let here: Vec<&Incident> = found.iter().skip((page - 1) * SHOWN).take(SHOWN).collect();
    let group = |name, hint, status: Status| Group {
        name,
        hint,
        count: found.iter().filter(|incident| incident.status == status).count(),
        rows: here.iter().filter(|incident| incident.status == status).map(|incident| Row::new(incident, lens, caller)).collect(),
    };
    let groups = if resolved {
        vec![group("Resolved", "newest first", Status::Resolved)]
    } else {
        vec![group("Needs an answer", "worst first", Status::Firing), group("Being worked on", "acknowledged", Status::Acknowledged)]
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

/// The list with the same filter, elsewhere in it.
fn address(query: &ListQuery, more: &[(&str, &str)]) -> String {
    let fields = [("state", &query.state), ("team", &query.team), ("severity", &query.severity), ("mine", &query.mine), ("q", &query.q)];
    let fields = fields.into_iter().map(|(name, value)| (name, value.as_str()));
    let kept: Vec<_> = fields.chain(more.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
    format!("/?{}", serde_urlencoded::to_string(kept).unwrap_or_default())
}
