//! What a post is called: its channel, the post that its thread begins with, and its own id.

/// A sent post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub channel: String,
    pub root: String,
    pub post: String,
}

impl Reference {
    /// As the host keeps it.
    pub fn text(&self) -> String {
        format!("{}:{}:{}", self.channel, self.root, self.post)
    }

    /// What [`Reference::text`] made.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let mut next = || parts.next().filter(|part| is_id(part)).map(str::to_owned);
        let found = Self { channel: next()?, root: next()?, post: next()? };
        parts.next().is_none().then_some(found)
    }
}

/// Mattermost's ids: 26 letters and digits.
pub fn is_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
