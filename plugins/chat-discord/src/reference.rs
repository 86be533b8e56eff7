//! What a message is called: its channel and its id.

/// A sent message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub channel: String,
    pub message: String,
}

impl Reference {
    /// As the host keeps it.
    pub fn text(&self) -> String {
        format!("{}:{}", self.channel, self.message)
    }

    /// What [`Reference::text`] made.
    pub fn parse(text: &str) -> Option<Self> {
        let (channel, message) = text.split_once(':')?;
        (is_id(channel) && is_id(message)).then(|| Self { channel: channel.into(), message: message.into() })
    }
}

/// Discord's ids are numbers of 64 bits.
pub fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}
