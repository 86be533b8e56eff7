//! The fields that a rule set reads, numbered once, so that each is taken from an alert once however many rules test it.

use std::borrow::Cow;

use matching::Template;
use reveille_sdk::{Alert, AlertField, Record};

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

    /// Numbers the fields of a template.
    pub fn take(&mut self, template: &Template<Field>) {
        for name in template.reads() {
            if let Ok(field) = name.parse::<Field>()
                && self.find(&field).is_none()
            {
                self.0.push(field);
            }
        }
    }

    /// The fields, in the order of their numbers.
    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    /// The names as the host spells them.
    pub fn reads(&self) -> Vec<String> {
        let asked = self.0.iter().filter(|field| **field != Field::MessageType);
        asked.map(reveille_sdk::Field::reads).collect()
    }

    /// The fields of this alert.
    pub fn view<'a>(&'a self, alert: &'a Alert) -> View<'a> {
        View { fields: &self.0, texts: self.0.iter().map(|field| field.of(alert).filter(|text| !text.is_empty())).collect() }
    }
}

/// An alert's fields by number, with the changes that rules have made so far. An empty text counts as absent.
#[derive(Debug)]
pub struct View<'a> {
    fields: &'a [Field],
    texts: Vec<Option<Cow<'a, str>>>,
}

impl View<'_> {
    /// The text of a field by its number.
    #[inline]
    pub fn text(&self, slot: usize) -> Option<&str> {
        self.texts.get(slot).and_then(Option::as_deref)
    }

    /// Changes a field for the rules that follow, if one of them reads it.
    pub fn set(&mut self, field: &Field, text: &str) {
        if let Some(slot) = self.fields.iter().position(|known| known == field) {
            self.texts[slot] = (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
        }
    }
}

impl Record for View<'_> {
    type Field = Field;

    fn get(&self, field: &Field) -> Option<Cow<'_, str>> {
        let slot = self.fields.iter().position(|known| known == field)?;
        self.text(slot).map(Cow::Borrowed)
    }
}

/// The field of a label.
pub fn label(name: &str) -> Field {
    Field::Alert(AlertField::Label(name.into()))
}
