//! Says who has to know about an incident: an ordered table of conditions and destinations.

mod hours;
mod row;
mod settings;

use reveille_sdk::prelude::*;

pub use crate::hours::HoursSettings;
use crate::row::Row;
pub use crate::settings::{RouteSettings, Settings};

/// What the contract takes.
const DESTINATIONS_MAX: usize = 16;
const ROUTES_MAX: usize = 1_000;

/// The plugin.
#[derive(Debug)]
pub struct Router {
    rows: Vec<Row>,
}

#[plugin]
impl Route for Router {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        if settings.routes.len() > ROUTES_MAX {
            return Err(Error::setting("/routes", format!("has more than {ROUTES_MAX} routes")));
        }
        let (mut rows, mut problems) = (Vec::new(), Vec::new());
        for (place, one) in settings.routes.iter().enumerate() {
            match Row::compile(one, place + 1) {
                Ok(row) => rows.push(row),
                Err(error) => problems.push(error.within(&format!("/routes/{place}"))),
            }
        }
        if problems.is_empty() { Ok(Self { rows }) } else { Err(Error::settings(problems)) }
    }

    fn reads(&self) -> Vec<String> {
        let mut reads: Vec<String> = self.rows.iter().flat_map(Row::reads).map(|field| field.reads()).collect();
        // An empty list would mean everything; the severity always comes.
        reads.push(IncidentField::Severity.reads());
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    fn route(&self, incident: &Incident) -> Result<Vec<Destination>> {
        let mut destinations: Vec<Destination> = Vec::new();
        for row in self.rows.iter().filter(|row| row.applies(incident)) {
            for target in &row.targets {
                add(&mut destinations, Destination { target: target.clone(), urgency: row.urgency, reason: row.reason.clone() });
            }
            if !row.goes_on {
                break;
            }
        }
        if destinations.len() > DESTINATIONS_MAX {
            log::warning("more than 16 destinations: those of the later routes are left out");
            destinations.truncate(DESTINATIONS_MAX);
        }
        Ok(destinations)
    }
}

/// Adds a destination. Who is meant twice is told once, with the greater urgency.
fn add(destinations: &mut Vec<Destination>, new: Destination) {
    match destinations.iter_mut().find(|known| known.target == new.target) {
        Some(known) if rank(new.urgency) > rank(known.urgency) => *known = new,
        Some(_) => {}
        None => destinations.push(new),
    }
}

fn rank(urgency: Urgency) -> u8 {
    match urgency {
        Urgency::Quiet => 0,
        Urgency::Ticket => 1,
        Urgency::Page => 2,
    }
}
