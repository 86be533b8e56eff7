//! A message to a person's browsers: to all of them at once, and it arrived if one push service took it.

use super::send::{Came, Sender, Sent};
use crate::browsers::{self, Browser, Rang, rings_browsers};
use crate::house::House;
use crate::instances::Threads;
use ports::plugin::Page;
use ports::{Snapshot, StoreError};
use std::sync::Arc;

/// What a push service answers for a subscription that is over (RFC 8030, section 7.3, and common use of 404).
const GONE: [u16; 2] = [404, 410];

/// Sends a page; one to browsers goes to each of the person's.
pub async fn send(house: &House, threads: &Threads, snapshot: &Arc<Snapshot>, page: Page) -> Sent {
    if !rings_browsers(&page.contact) {
        return Sender::new(house, threads, snapshot, page).send().await;
    }
    let Some(user) = page.recipient.as_ref().map(|user| user.id.clone()) else {
        return failed(format!("a contact of the kind {} belongs to a person", page.contact.kind));
    };
    let asked = user.clone();
    let list = match house.parts.store.view(move |view| browsers::of(view, &asked)).await {
        Ok(list) => list,
        Err(error) => {
            return Sent { came: Came::Retry(0, format!("cannot read which browsers ring: {error}")), cause: None, failed: Vec::new() };
        }
    };
    let ringing: Vec<Browser> = list.into_iter().filter(|browser| browser.gone_at.is_none()).collect();
    if ringing.is_empty() {
        let address = format!("{}/me", house.parts.public_url);
        return failed(format!("{user} has no browser that rings: open {address} in one and press “Ring this browser”"));
    }
    let sends =
        ringing.iter().map(|browser| Sender::to_browser(house, threads, snapshot, page.clone(), browser.receiver.clone()).send_seen());
    let results = futures_util::future::join_all(sends).await;
    let mut rang = Vec::new();
    let mut sent = Vec::new();
    for (browser, (result, status)) in ringing.into_iter().zip(results) {
        let (result, came) = told(result, &browser, status);
        rang.push((browser, came));
        sent.push(result);
    }
    keep(house, rang).await;
    together(sent)
}

fn failed(why: String) -> Sent {
    Sent { came: Came::Failed(why), cause: None, failed: Vec::new() }
}

/// What came of it in words that name the browser.
fn told(mut sent: Sent, browser: &Browser, status: Option<u16>) -> (Sent, Rang) {
    let name = &browser.name;
    let rang = match &mut sent.came {
        Came::Accepted(_) | Came::Delivered(_) => Rang::Taken,
        Came::Failed(why) => match status.filter(|status| GONE.contains(status)) {
            Some(status) => {
                let is_over = format!("its subscription is over: the push service answered {status}");
                *why = format!("{name} does not ring any more, {is_over}");
                Rang::Gone(is_over)
            }
            None => {
                let rang = Rang::Failed(why.clone());
                *why = format!("{name}: {why}");
                rang
            }
        },
        Came::Retry(_, why) => {
            let rang = Rang::Failed(why.clone());
            *why = format!("{name}: {why}");
            rang
        }
    };
    (sent, rang)
}

/// A page is worth more than what is known of browsers: what cannot be noted is logged.
async fn keep(house: &House, rang: Vec<(Browser, Rang)>) {
    let now = house.now();
    let kept: Result<(), StoreError> = house.parts.store.write(move |tx| browsers::note(tx, &rang, now)).await;
    if let Err(error) = kept {
        tracing::error!(%error, "cannot note what came of messages to browsers");
    }
}

/// Taken by one is taken; else to be tried again if one may be; else failed. What went wrong beside is said.
fn together(sent: Vec<Sent>) -> Sent {
    let rank = |sent: &Sent| match &sent.came {
        Came::Accepted(_) | Came::Delivered(_) => 0,
        Came::Retry(..) => 1,
        Came::Failed(_) => 2,
    };
    let mut sent = sent;
    sent.sort_by_key(rank);
    let mut list = sent.into_iter();
    let Some(mut best) = list.next() else { return failed("no browser rings".to_owned()) };
    for other in list {
        best.failed.extend(other.failed);
        match (other.came, &mut best.came) {
            (Came::Failed(why), Came::Failed(whole)) | (Came::Retry(_, why), Came::Retry(_, whole)) => *whole = format!("{whole}; {why}"),
            (Came::Failed(why) | Came::Retry(_, why), _) => best.failed.push((why, other.cause)),
            _ => {}
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(came: Came) -> Sent {
        Sent { came, cause: None, failed: Vec::new() }
    }

    /// Planted bug that this finds: the worst result taken for the whole, which pages by the next contact although a phone rang.
    #[test]
    fn one_browser_that_rings_is_enough_and_the_others_are_told_of() {
        let gone = || sent(Came::Failed("laptop does not ring any more".into()));
        let busy = || sent(Came::Retry(30, "phone: busy".into()));
        let whole = together(vec![gone(), busy(), sent(Came::Accepted(None))]);
        assert!(matches!(whole.came, Came::Accepted(None)));
        let said: Vec<&str> = whole.failed.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(said, ["phone: busy", "laptop does not ring any more"]);
        assert!(matches!(together(vec![gone(), busy()]).came, Came::Retry(30, _)), "it may still get through");
        assert!(matches!(together(vec![gone(), gone()]).came, Came::Failed(why) if why.matches("laptop").count() == 2));
    }
}
