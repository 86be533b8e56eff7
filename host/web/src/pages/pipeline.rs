//! Pipeline: which plugins an alert meets, in order, and what did not get through.

use crate::api::dead_letters::{act, letters, raw};
use crate::api::plugins::installed;
use crate::api::shape::{letter_kind, letter_state};
use crate::app::App;
use crate::extract::{Caller, TheLetter};
use crate::pages::excerpt::Excerpt;
use crate::pages::moment::{Moment, span};
use crate::pages::view::Lens;
use crate::pages::{Frame, Here, render};
use crate::principal::{Action, Principal, Teams};
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::id::TeamId;
use domain::installation::OnFailure;
use domain::transition::notice_key;
use ports::store::{DeadLetter, DeadLetterState};
use ports::{Plugin, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Dead letters on the page.
const LETTERS: u32 = 30;

struct PlaceView {
    name: String,
    version: String,
    digest: String,
    whole_digest: String,
    /// What it is used for here, such as an integration's name.
    used_for: String,
    /// What its failure does, in words.
    on_failure: &'static str,
    /// Since when its version is in force and by whom, in words; empty if that is not known.
    since: String,
    /// It failed too often in a row.
    off: Option<OffView>,
}

/// A plugin that is switched off, or was when its incident opened.
struct OffView {
    /// When one call tries it again, such as `34 s`; `None`: this server asks it.
    again: Option<String>,
    /// The incident about it, for those who may see it.
    incident: Option<u64>,
}

/// What all places have in common.
struct Around<'a> {
    lens: &'a Lens,
    /// Open incidents about plugins that were switched off, by plugin.
    incidents: BTreeMap<String, u64>,
    /// The viewer may see such incidents.
    may_see: bool,
}

impl Around<'_> {
    fn off(&self, plugin: &dyn Plugin) -> Option<OffView> {
        let until = plugin.off_until();
        let incident = self.incidents.get(&plugin.cite().name).copied();
        (until.is_some() || incident.is_some())
            .then(|| OffView { again: until.map(|at| span(at.since(self.lens.now).max(0))), incident: incident.filter(|_| self.may_see) })
    }
}

impl PlaceView {
    fn new(plugin: &Arc<dyn Plugin>, around: &Around<'_>, used_for: &str, on_failure: &'static str) -> Self {
        let off = around.off(plugin.as_ref());
        let plugin = plugin.cite();
        let since = around.lens.installation.plugins.get(&plugin.name).map(|version| {
            let pinned = if version.pinned { "pinned, " } else { "" };
            format!("{pinned}in force since {} by {}", around.lens.moment(version.since).brief, version.by)
        });
        Self {
            off,
            since: since.unwrap_or_default(),
            name: plugin.name.clone(),
            version: plugin.version.clone(),
            digest: plugin.digest.chars().take(12).collect(),
            whole_digest: plugin.digest.clone(),
            used_for: used_for.to_owned(),
            on_failure,
        }
    }
}

struct StageView {
    name: &'static str,
    hint: &'static str,
    places: Vec<PlaceView>,
}

struct PipelineView {
    name: String,
    stages: Vec<StageView>,
}

struct LetterView {
    id: u64,
    at: Moment,
    integration: String,
    kind: &'static str,
    state: &'static str,
    waiting: bool,
    reason: Excerpt,
    tries: u32,
    may_change: bool,
}

#[derive(Template)]
#[template(path = "pipeline.html")]
struct PipelinePage {
    frame: Frame,
    revision: u64,
    normalizers: Vec<PlaceView>,
    interactors: Vec<PlaceView>,
    pipelines: Vec<PipelineView>,
    notify: Vec<PlaceView>,
    unused: Vec<String>,
    unreadable: Vec<String>,
    letters: Vec<LetterView>,
    more_letters: bool,
    behind: u64,
    head: u64,
}

pub async fn show(State(app): State<App>, headers: HeaderMap, Caller(caller): Caller) -> Result<Response, Problem> {
    let lens = Lens::of(&app, caller.user.as_ref());
    let snapshot = app.parts.live.load();
    let (found, next) = letters(&app, &caller, Some(DeadLetterState::Waiting), None, LETTERS).await?;
    let backlog = app.parts.commands.backlog();
    let (unused, unreadable) = beside(&app, &snapshot).await?;
    let may_see = caller.may(Action::See, &TeamId::default());
    let around = Around { lens: &lens, incidents: switched_off(&app, &snapshot).await?, may_see };
    let normalizers = snapshot
        .normalizers
        .iter()
        .filter(|(id, _)| snapshot.installation.integrations.get(*id).is_some_and(|i| caller.may(Action::See, &i.team)))
        .map(|(id, plugin)| PlaceView::new(plugin, &around, id.as_str(), "kept raw and tried again"))
        .collect();
    let interactors = snapshot
        .interactors
        .iter()
        .filter(|(id, _)| snapshot.installation.integrations.get(*id).is_some_and(|i| caller.may(Action::See, &i.team)))
        .map(|(id, plugin)| PlaceView::new(plugin, &around, id.as_str(), "nothing is done, and listed as a dead letter"))
        .collect();
    render(&PipelinePage {
        frame: Frame::of(&app, &headers, &caller, Here::Pipeline, "Pipeline", "/pipeline"),
        revision: snapshot.revision.0,
        normalizers,
        interactors,
        pipelines: pipelines(&snapshot, &around),
        notify: snapshot.notify.iter().map(|(kind, plugin)| PlaceView::new(plugin, &around, kind, "sent as plain text")).collect(),
        unused,
        unreadable: if caller.sees == Teams::All { unreadable } else { Vec::new() },
        letters: found.iter().map(|letter| letter_view(letter, &lens, &caller)).collect(),
        more_letters: next.is_some(),
        behind: backlog.journal_head.0.saturating_sub(backlog.cursor.0),
        head: backlog.journal_head.0,
    })
}

fn pipelines(snapshot: &Snapshot, around: &Around<'_>) -> Vec<PipelineView> {
    let stage = |(stage, placed): (domain::decision::Stage, &[ports::Placed])| StageView {
        name: stage.as_str(),
        hint: match stage.as_str() {
            "enrich" => "adds what is missing",
            "filter" => "keeps, suppresses or drops",
            "dedupe" => "chooses the incident",
            _ => "chooses who is told",
        },
        places: placed
            .iter()
            .map(|place| {
                let on_failure = match place.on_failure {
                    OnFailure::Skip => "skipped, and said so",
                    OnFailure::DefaultRoute => "the default policy is paged",
                };
                PlaceView::new(&place.plugin, around, "", on_failure)
            })
            .collect(),
    };
    let view = |(id, stages): (&domain::id::PipelineId, &ports::Stages)| PipelineView {
        name: id.0.clone(),
        stages: stages.named().into_iter().map(stage).chain([automation(stages, around)]).collect(),
    };
    snapshot.pipelines.iter().map(view).collect()
}

fn automation(stages: &ports::Stages, around: &Around<'_>) -> StageView {
    let place = |automated: &ports::Automated| {
        let approve: Vec<&str> = automated.approve.iter().map(|risk| risk.as_str()).collect();
        let used_for = match (automated.dry_run, approve.is_empty()) {
            (true, _) => "a dry run".to_owned(),
            (false, true) => "everything, without approval".to_owned(),
            (false, false) => format!("everything, with approval if {}", approve.join(" or ")),
        };
        PlaceView::new(&automated.plugin, around, &used_for, "asked again, then said so")
    };
    StageView { name: "automate", hint: "says what should be done", places: stages.automate.iter().map(place).collect() }
}

/// Open incidents about plugins in use that were switched off, by plugin.
async fn switched_off(app: &App, snapshot: &Snapshot) -> Result<BTreeMap<String, u64>, Problem> {
    let names: BTreeSet<String> = used(snapshot).map(|plugin| plugin.cite().name.clone()).collect();
    let job = move |view: &dyn ports::View| {
        let mut open = BTreeMap::new();
        for name in names {
            if let Some(id) = view.open_incident(&TeamId::default(), &notice_key(&format!("breaker/{name}")))? {
                open.insert(name, id.0);
            }
        }
        Ok(open)
    };
    Ok(app.parts.store.view(job).await?)
}

/// Every place's plugin.
fn used(snapshot: &Snapshot) -> impl Iterator<Item = &Arc<dyn Plugin>> {
    let placed =
        snapshot.pipelines.values().flat_map(|stages| stages.named().into_iter().flat_map(|(_, placed)| placed.iter().map(|p| &p.plugin)));
    let acting = snapshot.pipelines.values().flat_map(|stages| stages.automate.iter().map(|automated| &automated.plugin));
    snapshot.normalizers.values().chain(snapshot.interactors.values()).chain(snapshot.notify.values()).chain(acting).chain(placed)
}

/// Installed plugins that nothing uses, and those that cannot be read.
async fn beside(app: &App, snapshot: &Snapshot) -> Result<(Vec<String>, Vec<String>), Problem> {
    let used: Vec<&str> = used(snapshot).map(|plugin| plugin.cite().digest.as_str()).collect();
    let (mut unused, mut unreadable) = (Vec::new(), Vec::new());
    for found in installed(app).await? {
        match found {
            Ok(info) if !used.contains(&info.plugin.digest.as_str()) => {
                unused.push(format!("{} {}", info.plugin.name, info.plugin.version));
            }
            Ok(_) => {}
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    Ok((unused, unreadable))
}

fn letter_view(letter: &DeadLetter, lens: &Lens, caller: &Principal) -> LetterView {
    LetterView {
        id: letter.id.0,
        at: lens.moment(letter.at),
        integration: letter.integration.as_ref().map_or_else(|| "unknown".to_owned(), |id| id.0.clone()),
        kind: letter_kind(letter.kind),
        state: letter_state(letter.state),
        waiting: letter.state == DeadLetterState::Waiting,
        reason: Excerpt::new(&letter.reason, 240),
        tries: letter.tries,
        may_change: caller.may(Action::Change, &crate::extract::team_of(letter, &lens.installation)),
    }
}

#[derive(Template)]
#[template(path = "dead_letter.html")]
struct LetterPage {
    frame: Frame,
    letter: LetterView,
    record: u64,
    url: Option<String>,
    body: Option<String>,
    body_bytes: usize,
}

pub async fn letter(
    State(app): State<App>,
    headers: HeaderMap,
    Caller(caller): Caller,
    TheLetter(letter): TheLetter,
) -> Result<Response, Problem> {
    let lens = Lens::of(&app, caller.user.as_ref());
    let (url, body, body_bytes) =
        raw(&app, letter.record).await?.map_or((None, None, 0), |(url, body, size)| (Some(url), Some(body), size));
    let path = format!("/dead-letters/{}", letter.id);
    render(&LetterPage {
        frame: Frame::of(&app, &headers, &caller, Here::Pipeline, format!("Dead letter {}", letter.id), path),
        letter: letter_view(&letter, &lens, &caller),
        record: letter.record.0,
        url,
        body: body.filter(|body| !body.is_empty()),
        body_bytes,
    })
}

pub async fn replay(State(app): State<App>, Caller(caller): Caller, TheLetter(letter): TheLetter) -> Result<Response, Problem> {
    act(&app, &caller, letter.id, true).await?;
    Ok(Redirect::to("/pipeline").into_response())
}

pub async fn discard(State(app): State<App>, Caller(caller): Caller, TheLetter(letter): TheLetter) -> Result<Response, Problem> {
    act(&app, &caller, letter.id, false).await?;
    Ok(Redirect::to("/pipeline").into_response())
}
