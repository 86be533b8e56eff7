//! A mail that came back: who sent it, what its first line says, and the tokens that it quotes.

use mail_parser::MessageParser;
use reveille_sdk::types::{Command, Operation, Subject};
use wording::said;

/// How the tokens in our mails begin: `[reveille:Acknowledge:TOKEN]`.
const MARK: &str = "[reveille:";
/// Longest token of the contract, in bytes.
const TOKEN_MAX: usize = 40;

/// Why a mail asks for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    /// Sent by a machine: to answer it would go round in circles.
    Machine,
    /// The first line is no answer that is known.
    Nonsense,
    /// It does not quote the mail that it answers.
    Unquoted,
}

impl Unheard {
    /// In words for the sender.
    pub fn words(self) -> &'static str {
        match self {
            Self::Machine => "a mail that a machine sent was left alone",
            Self::Nonsense => "Nothing was changed: the first line must say ACK or RESOLVE",
            Self::Unquoted => {
                "Nothing was changed: reply with the text of the mail below your answer, for the lines that begin with [reveille: prove who you are"
            }
        }
    }
}

/// What is read of a mail.
#[derive(Debug)]
pub struct Letter {
    sender: String,
    text: String,
    automatic: bool,
}

impl Letter {
    /// The mail in these bytes; `None`: it is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mail = MessageParser::default().parse(bytes)?;
        let sender = mail.from()?.first()?.address()?.trim().to_lowercase();
        let automatic = mail.header_raw("Auto-Submitted").is_some_and(|value| !value.trim().eq_ignore_ascii_case("no"));
        let text = mail.body_text(0).map(std::borrow::Cow::into_owned).unwrap_or_default();
        Some(Self { sender, text, automatic })
    }

    /// What the sender wants done.
    pub fn command(&self, kind: &str) -> Result<Command, Unheard> {
        if self.automatic {
            return Err(Unheard::Machine);
        }
        let said = said::read(&self.text, kind, &self.sender);
        let name = match said.first().map(|command| &command.operation) {
            Some(Operation::Acknowledge) => "Acknowledge",
            Some(Operation::Resolve) => "Resolve",
            _ => return Err(Unheard::Nonsense),
        };
        let token = self.token(name).ok_or(Unheard::Unquoted)?;
        Ok(Command::new(Subject::Latest, Operation::Choose(token.to_owned())).by(kind, &self.sender))
    }

    /// The first quoted token for this answer, or for this answer to all incidents of a mail about several (`Acknowledge-all-3`). A mail
    /// reader may have quoted it; none breaks a word in two.
    fn token(&self, name: &str) -> Option<&str> {
        self.text.split(MARK).skip(1).find_map(|rest| {
            let (of, rest) = rest.strip_prefix(name)?.split_once(':')?;
            let count = of.strip_prefix("-all-").unwrap_or(of);
            if !(of.is_empty() || (count.len() < of.len() && !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit()))) {
                return None;
            }
            let (token, _) = rest.split_once(']')?;
            let fits = (1..=TOKEN_MAX).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            fits.then_some(token)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Planted bug that this finds: any word that begins like the answer, so that the button for all was not found, or one for something
    /// else was.
    #[test]
    fn the_token_for_all_counts_as_the_answer() {
        let told = |mark: &str| {
            let mail = format!("From: a@example.org\r\nSubject: Re\r\n\r\nack\r\n\r\n> {mark}\r\n");
            Letter::read(mail.as_bytes()).unwrap().command("mail").map(|command| command.operation)
        };
        for mark in ["[reveille:Acknowledge:tok-en_1]", "[reveille:Acknowledge-all-37:tok-en_1]"] {
            assert_eq!(told(mark), Ok(Operation::Choose("tok-en_1".into())), "{mark}");
        }
        for mark in ["[reveille:Acknowledge-all-:t]", "[reveille:Acknowledge-all-x:t]", "[reveille:Acknowledged:t]", "[reveille:Resolve:t]"]
        {
            assert_eq!(told(mark), Err(Unheard::Unquoted), "{mark}");
        }
    }
}
