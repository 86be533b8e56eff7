//! How the API spells what people arranged about an incident.

use crate::api::shape::{LinkShape, instant, target_words};
use domain::care::{Asked, Related, Update};
use serde::Serialize;
use utoipa::ToSchema;

/// Somebody who was asked to help.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Asked)]
pub struct AskedShape {
    /// Such as `user bob`.
    pub target: String,
    pub by: String,
    pub at: String,
    /// `open`, `accepted`, `declined` or `over`.
    pub answer: &'static str,
    /// Who answered.
    pub user: Option<String>,
}

/// What stakeholders were told last.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StakeholderUpdate)]
pub struct UpdateShape {
    pub text: String,
    pub by: String,
    pub at: String,
}

impl AskedShape {
    pub fn new(asked: &Asked) -> Self {
        Self {
            target: target_words(&asked.target),
            by: asked.by.clone(),
            at: instant(asked.at),
            answer: asked.answer.as_str(),
            user: asked.user.as_ref().map(|user| user.0.clone()),
        }
    }
}

impl UpdateShape {
    pub fn new(update: &Update) -> Self {
        Self { text: update.text.clone(), by: update.by.clone(), at: instant(update.at) }
    }
}

/// The address of such a link, if it is one.
pub fn page_link(related: &Related) -> Option<LinkShape> {
    match related {
        Related::Page { url, text } => Some(LinkShape { url: url.clone(), text: text.clone() }),
        Related::Incident(_) => None,
    }
}

/// The number of such an incident, if it is one.
pub fn incident_link(related: &Related) -> Option<u64> {
    match related {
        Related::Incident(id) => Some(id.0),
        Related::Page { .. } => None,
    }
}
