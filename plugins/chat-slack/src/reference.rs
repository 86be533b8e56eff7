//! What a message is called: its channel and its time stamp, which together are unique.

/// A sent message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub channel: String,
    pub ts: String,
}

impl Reference {
    /// As the host keeps it.
    pub fn text(&self) -> String {
        format!("{}:{}", self.channel, self.ts)
    }

    /// What [`Reference::text`] made.
    pub fn parse(text: &str) -> Option<Self> {
        let (channel, ts) = text.split_once(':')?;
        let stamp = !ts.is_empty() && ts.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        (stamp && !channel.is_empty()).then(|| Self { channel: channel.into(), ts: ts.into() })
    }
}
