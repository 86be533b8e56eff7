//! What a message is called: its chat and its number there.

/// A sent message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    pub chat: i64,
    pub message: i64,
}

impl Reference {
    /// As the host keeps it.
    pub fn text(self) -> String {
        format!("{}:{}", self.chat, self.message)
    }

    /// What [`Reference::text`] made.
    pub fn parse(text: &str) -> Option<Self> {
        let (chat, message) = text.split_once(':')?;
        Some(Self { chat: chat.parse().ok()?, message: message.parse().ok()? })
    }
}
