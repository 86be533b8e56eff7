//! Whom a watcher tells, and its own plain words to their contacts.

use domain::inbound::Method;
use domain::page::{HttpRequest, Mail};
use domain::time::Millis;
use ports::Egress;
use ports::egress::OnBehalf;
use std::collections::BTreeSet;
use web::api::roster::{Roster, RosterContact};

/// What is said, and when.
pub struct Words {
    pub at: Millis,
    pub subject: String,
    pub text: String,
}

/// Who is on call now, each once; nobody: the last resort.
pub fn on_call(roster: &Roster, now: Millis) -> Vec<String> {
    let shifts = roster.rotations.iter().flat_map(|rotation| &rotation.shifts);
    let now = shifts.filter(|shift| shift.from <= now.0 && now.0 < shift.until).map(|shift| shift.user.clone());
    let people: BTreeSet<String> = now.filter(|user| roster.people.get(user).is_some_and(|contacts| !contacts.is_empty())).collect();
    if people.is_empty() { roster.last_resort.clone() } else { people.into_iter().collect() }
}

/// Tells everybody by all of their contacts that an http(s) or mail address is; what failed, in words. A person whom one of them reached is
/// reached.
pub async fn send(roster: &Roster, people: &[String], words: &Words, channels: &dyn Egress) -> Vec<String> {
    let mut failed = Vec::new();
    for person in people {
        let mut reached = false;
        let mut reasons = Vec::new();
        for contact in roster.people.get(person).into_iter().flatten() {
            match one(contact, words, channels).await {
                Ok(()) => reached = true,
                Err(why) => reasons.push(format!("{}: {why}", contact.kind)),
            }
        }
        if !reached {
            let why = if reasons.is_empty() { "no contact is known".to_owned() } else { reasons.join(", ") };
            failed.push(format!("{person} ({why})"));
        }
    }
    failed
}

async fn one(contact: &RosterContact, words: &Words, channels: &dyn Egress) -> Result<(), String> {
    let Words { at, subject, text } = words;
    let address = contact.address.as_str();
    if address.starts_with("https://") || address.starts_with("http://") {
        let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
        let body = format!("{subject}\n\n{text}").into_bytes();
        let request = HttpRequest { method: Method::Post, url: address.to_owned(), headers, body, authorization: None };
        let answer = channels.http(request, OnBehalf::default()).await.map_err(|error| error.to_string())?;
        return if (200..300).contains(&answer.status) { Ok(()) } else { Err(format!("answered with status {}", answer.status)) };
    }
    if !address.contains('@') {
        return Err("a watcher reaches http and mail addresses only".to_owned());
    }
    let mail = Mail { to: vec![address.to_owned()], subject: subject.clone(), text: text.clone(), html: None, in_reply_to: None };
    // Another message each time: a mail program may show one of the same name but once.
    let id = format!("watch-{}-{}", at.0, hex::encode(&address.as_bytes()[..address.len().min(16)]));
    match channels.mail(mail, id, OnBehalf::default()).await {
        Ok((200..=299, _)) => Ok(()),
        Ok((code, words)) => Err(format!("the relay answered {code} {words}")),
        Err(error) => Err(error.to_string()),
    }
}
