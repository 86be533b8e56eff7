//! The fields that a rule set reads, numbered once, so that each is taken from an alert once however many rules test it.

use std::borrow::Cow;

use reveille_sdk::{Alert, AlertField};

use crate::field::Field;

/// The numbered fields.
#[derive(Debug, Clone, Default)]
pub struct Slots(Vec<Field>);

impl Slots {
    /// The number of this field.
    pub fn slot(&mut self, field: &Field) -> usize {
        self.find(field).unwrap_or_else(|| {
            self.0.push(field.clone());
            self.0.len() - 1
        })
    }

    /// The number of this field, if some rule reads it.
    pub fn find(&self, field: &Field) -> Option<usize> {
        self.0.iter().position(|known| known == field)
    }

    /// The fields, in the order of their numbers.
    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    /// The fields of this alert.
    pub fn view<'a>(&self, alert: &'a Alert) -> View<'a> {
        View(self.0.iter().map(|field| field.of(alert).filter(|text| !text.is_empty())).collect())
    }
}

/// An alert's fields by number, with the changes that rules have made so far. An empty text counts as absent.
#[derive(Debug)]
pub struct View<'a>(Vec<Option<Cow<'a, str>>>);

impl View<'_> {
    /// The text of a field.
    #[inline]
    pub fn get(&self, slot: usize) -> Option<&str> {
        self.0.get(slot).and_then(Option::as_deref)
    }

    /// Changes a field for the rules that follow.
    pub fn set(&mut self, slot: Option<usize>, text: &str) {
        if let Some(place) = slot.and_then(|slot| self.0.get_mut(slot)) {
            *place = (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
        }
    }
}

/// The field of a label.
pub fn label(name: &str) -> Field {
    Field::Alert(AlertField::Label(name.into()))
}
