//! Reading the rows of a batch together, so that a batch costs a few questions and not a few of every item.

use super::{Writer, alerts, read};
use crate::codec::Number;
use domain::id::{IncidentId, TeamId};
use domain::incident::Window;
use ports::StoreError;
use std::sync::Arc;

type Result<T> = std::result::Result<T, StoreError>;

impl Writer<'_> {
    /// Reads what of these is not remembered, in two questions: what the names lead to, then the incidents that those lead to.
    pub(super) fn prefetch(&self, wanted: &[(&TeamId, &str)], keys: &[(&TeamId, &str)]) -> Result<()> {
        const DOING: &str = "read the rows of a batch";
        let unknown_alerts: Vec<_> = {
            let mut memory = self.0.memory.borrow_mut();
            wanted.iter().filter(|(team, entity)| memory.heat.alert(team, entity).is_none()).collect()
        };
        if !unknown_alerts.is_empty() {
            let teams: Vec<&[u8]> = unknown_alerts.iter().map(|(team, _)| team.as_str().as_bytes()).collect();
            let names: Vec<&[u8]> = unknown_alerts.iter().map(|(_, entity)| entity.as_bytes()).collect();
            let found = read::many(self, DOING, alerts::BY_ENTITIES, &[&teams, &names], alerts::read)?;
            let mut memory = self.0.memory.borrow_mut();
            memory.no_alert.extend(unknown_alerts.iter().map(|(team, entity)| ((*team).clone(), (*entity).to_owned())));
            for row in found {
                memory.no_alert.remove(&(row.team.clone(), row.entity.clone()));
                memory.heat.remember(Arc::new(row));
            }
        }
        let unknown_keys: Vec<_> = {
            let mut memory = self.0.memory.borrow_mut();
            let names = keys.iter().map(|(team, key)| ((*team).clone(), (*key).to_owned()));
            names.filter(|name| memory.open.get(name).is_none() || memory.windows.get(name).is_none()).collect()
        };
        if !unknown_keys.is_empty() {
            self.prefetch_keys(unknown_keys)?;
        }
        self.prefetch_incidents(wanted, keys)
    }

    fn prefetch_keys(&self, names: Vec<(TeamId, String)>) -> Result<()> {
        let teams: Vec<&[u8]> = names.iter().map(|(team, _)| team.as_str().as_bytes()).collect();
        let keys: Vec<&[u8]> = names.iter().map(|(_, key)| key.as_bytes()).collect();
        let sql = "SELECT k.at, o.incident, w.arrivals FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS k (team, key, at) \
                   LEFT JOIN LATERAL (SELECT incident FROM open_incident x WHERE x.team = k.team AND x.key = k.key LIMIT 1) o ON true \
                   LEFT JOIN LATERAL (SELECT arrivals FROM alert_window x WHERE x.team = k.team AND x.key = k.key LIMIT 1) w ON true";
        let found = read::many(self, "read the keys of a batch", sql, &[&teams, &keys], |row| {
            let window = row.try_get::<_, Option<&str>>(2)?.map(serde_json::from_str).transpose()?;
            Ok((row.try_get::<_, i64>(0)?, read::number_or_null(row, 1)?, window.map(|arrivals| Arc::new(Window { arrivals }))))
        })?;
        let mut memory = self.0.memory.borrow_mut();
        for (at, open, window) in found {
            let Some(name) = usize::try_from(at - 1).ok().and_then(|at| names.get(at)) else { continue };
            if memory.open.get(name).is_none() {
                memory.open.remember(name.clone(), open);
            }
            if memory.windows.get(name).is_none() {
                memory.windows.remember(name.clone(), window);
            }
        }
        Ok(())
    }

    fn prefetch_incidents(&self, wanted: &[(&TeamId, &str)], keys: &[(&TeamId, &str)]) -> Result<()> {
        let mut ids: Vec<i64> = Vec::new();
        {
            let mut memory = self.0.memory.borrow_mut();
            for (team, entity) in wanted {
                ids.extend(memory.heat.alert(team, entity).and_then(|row| row.incident).map(Number::stored));
            }
            for (team, key) in keys {
                ids.extend(memory.open.get(&((*team).clone(), (*key).to_owned())).flatten().map(Number::stored));
            }
            ids.sort_unstable();
            ids.dedup();
            ids.retain(|id| memory.incidents.get(&IncidentId::of(*id)).is_none());
        }
        if ids.is_empty() {
            return Ok(());
        }
        let sql = "SELECT id, body FROM incident WHERE id = ANY ($1)";
        let found =
            read::many(self, "read the incidents of a batch", sql, &[&ids], |row| Ok((read::number(row, 0)?, read::incident(row, 1)?)))?;
        let mut memory = self.0.memory.borrow_mut();
        for (id, incident) in found {
            memory.incidents.remember(id, Some(Arc::new(incident)));
        }
        Ok(())
    }
}
