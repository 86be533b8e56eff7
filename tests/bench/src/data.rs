//! The data set: fixed, so that every run and every peer gets the very same bytes.
//!
//! 1,000 services; an incident is a service and an alert name; entities are drawn by Zipf's law (exponent 1), so that few make most of
//! the noise. Of the posts, 90 % repeat an entity that was sent before, 9 % are new entities of incidents that are open, 1 % open one.

use serde_json::{Value, json};

/// Services in the catalog.
pub const SERVICES: usize = 1000;
/// Names of alerts that a service can have.
const ALERT_NAMES: usize = 12;

/// A small generator with a fixed seed (xorshift64*).
pub struct Random(u64);

impl Random {
    /// From a seed other than 0.
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// In 0..1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What an alert is about.
#[derive(Debug, Clone, Copy)]
struct Entity {
    incident: usize,
    instance: usize,
}

/// Makes the alerts in order.
pub struct Mix {
    random: Random,
    known: Vec<Entity>,
    incidents: usize,
}

impl Mix {
    /// `known` entities are taken as sent before; post [`Mix::known`] first to make it true.
    pub fn new(known: usize) -> Self {
        let mut mix = Self { random: Random::new(7), known: Vec::with_capacity(known), incidents: 0 };
        for at in 0..known {
            // Ten entities an incident.
            mix.known.push(Entity { incident: at / 10, instance: at % 10 });
        }
        mix.incidents = known.div_ceil(10);
        mix
    }

    /// The alerts that have to be there before the mix begins.
    pub fn known(&self) -> Vec<Value> {
        self.known.iter().map(|e| alert(*e)).collect()
    }

    /// Incidents that the alerts made so far belong to.
    pub fn incidents(&self) -> usize {
        self.incidents
    }

    /// The next alert of the mix.
    pub fn next_alert(&mut self) -> Value {
        let dice = self.random.below(100);
        let entity = if dice < 90 {
            let rank = self.zipf(self.known.len());
            self.known[rank]
        } else if dice < 99 {
            let incident = self.random.below(self.incidents);
            self.add(Entity { incident, instance: 1000 + self.known.len() })
        } else {
            self.incidents += 1;
            self.add(Entity { incident: self.incidents - 1, instance: 0 })
        };
        alert(entity)
    }

    fn add(&mut self, entity: Entity) -> Entity {
        self.known.push(entity);
        entity
    }

    /// A rank below `n` with probability in proportion to 1/(rank + 1), by the inverse of the continuous distribution.
    fn zipf(&mut self, n: usize) -> usize {
        let rank = ((n as f64 + 1.0).powf(self.random.unit())) as usize;
        (rank - 1).min(n - 1)
    }
}

/// An alert that is an incident of its own, with a label of the caller's.
pub fn alone(incident: usize, wave: &str) -> Value {
    let mut alert = alert(Entity { incident, instance: 0 });
    alert["labels"]["wave"] = json!(wave);
    alert
}

/// As Prometheus posts it to `/api/v2/alerts`: about 1 KB.
fn alert(entity: Entity) -> Value {
    let service = entity.incident % SERVICES;
    let name = (entity.incident / SERVICES) % ALERT_NAMES;
    let severity = ["critical", "warning", "error"][entity.incident % 3];
    json!({
        "labels": {
            "alertname": format!("Symptom{name:02}Generation{}", entity.incident / (SERVICES * ALERT_NAMES)),
            "service": format!("service-{service:04}"),
            "severity": severity,
            "instance": format!("10.{}.{}.{}:9100", entity.instance / 65536, entity.instance / 256 % 256, entity.instance % 256),
            "job": "node", "region": "eu-south-1", "cluster": format!("c{}", service % 8), "namespace": format!("team-{}", service % 40),
        },
        "annotations": {
            "summary": format!("service-{service:04}: symptom {name} is above its limit for ten minutes on instance {}", entity.instance),
            "description": "The five-minute average has been above the agreed limit for ten minutes. Customers notice this as slow pages or as errors \
                            at checkout. Look at the dashboard of the service first, then at its database and at the queue between the two; \
                            the runbook tells what to restart and what to leave alone, and whom to call when neither helps.",
            "runbook_url": format!("https://runbooks.example.org/service-{service:04}"),
        },
        "startsAt": "2026-03-02T03:00:00Z",
        "generatorURL": format!("http://prometheus.example.org/graph?g0.expr=symptom_{name}&g0.tab=1"),
    })
}

/// Bodies for `/api/v2/alerts`, `batch` alerts each.
pub fn bodies(alerts: &[Value], batch: usize) -> Vec<Vec<u8>> {
    alerts.chunks(batch).map(|chunk| Value::Array(chunk.to_vec()).to_string().into_bytes()).collect()
}

/// 20 rules over 8 fields for the bundled rules engine, in `enrich` and in `filter`; the alerts of the set match three of them, and two
/// others could suppress.
pub fn rules() -> Value {
    let fields = [
        "labels.alertname",
        "labels.service",
        "labels.instance",
        "labels.job",
        "labels.region",
        "labels.cluster",
        "labels.namespace",
        "source",
    ];
    let rules: Vec<Value> = (0..20)
        .map(|at| {
            let field = fields[at % fields.len()];
            let matches = match at {
                3 => "node".to_owned(),
                4 => "eu-*".to_owned(),
                10 => "10.*".to_owned(),
                _ => format!("no-such-{at}-*"),
            };
            let mut rule = json!({ "name": format!("rule {at}"), "when": { "field": field, "wildcard": matches } });
            match at {
                8 | 17 => rule["suppress"] = json!({ "reason": "known" }),
                _ => rule["set"] = json!({ format!("labels.rule_{at}"): "matched" }),
            }
            rule
        })
        .collect();
    json!({ "rules": rules })
}
