//! Plugins that act and hear people, and the committer's part in their commands.

use super::*;

type Automate = dyn Fn(&IncidentEvent) -> Result<Vec<Action>, CallFailure> + Send + Sync;
type Read = dyn Fn(&Inbound) -> Result<Interaction, CallFailure> + Send + Sync;

/// A plugin that acts, or hears people.
pub struct Doer {
    info: PluginInfo,
    automate: Arc<Automate>,
    read: Arc<Read>,
}

struct DoerInstance {
    automate: Arc<Automate>,
    read: Arc<Read>,
    /// Counts its events there.
    slot: Option<Arc<dyn StateSlot>>,
}

pub fn doer(name: &str, automate: impl Fn(&IncidentEvent) -> Result<Vec<Action>, CallFailure> + Send + Sync + 'static) -> Arc<dyn Plugin> {
    let mut info = plugin(name, false, |_| Ok(vec![])).info().clone();
    info.state = Some(StateLimits { schema: 1, keys: 10, bytes: 1000 });
    Arc::new(Doer { info, automate: Arc::new(automate), read: Arc::new(|_| no()) })
}

/// Reads what the closure says, and answers with one line per result.
pub fn listener(name: &str, read: impl Fn(&Inbound) -> Result<Interaction, CallFailure> + Send + Sync + 'static) -> Arc<dyn Plugin> {
    let info = plugin(name, false, |_| Ok(vec![])).info().clone();
    Arc::new(Doer { info, automate: Arc::new(|_| no()), read: Arc::new(read) })
}

impl Plugin for Doer {
    fn info(&self) -> &PluginInfo {
        &self.info
    }
    fn instance(&self) -> Box<dyn Instance> {
        Box::new(DoerInstance { automate: Arc::clone(&self.automate), read: Arc::clone(&self.read), slot: None })
    }
    fn stateful(&self, slot: Arc<dyn StateSlot>) -> Box<dyn Instance> {
        Box::new(DoerInstance { automate: Arc::clone(&self.automate), read: Arc::clone(&self.read), slot: Some(slot) })
    }
}

impl Instance for DoerInstance {
    fn normalize(&mut self, _: &Inbound) -> Result<Result<Normalized, Refusal>, CallFailure> {
        no()
    }
    fn enrich(&mut self, _: &Alert) -> Result<Patch, CallFailure> {
        no()
    }
    fn filter(&mut self, _: &Alert) -> Result<Verdict, CallFailure> {
        no()
    }
    fn dedupe(&mut self, _: &Alert) -> Result<Option<Grouping>, CallFailure> {
        no()
    }
    fn route(&mut self, _: &IncidentView) -> Result<Vec<Destination>, CallFailure> {
        no()
    }
    fn render(&mut self, _: &Page) -> Result<Request, CallFailure> {
        no()
    }
    fn interpret(&mut self, _: &Page, _: u32, _: &Response) -> Result<Delivery, CallFailure> {
        no()
    }
    fn automate(&mut self, event: &IncidentEvent) -> Result<Vec<Action>, CallFailure> {
        if let Some(slot) = &self.slot {
            slot.add("events", 1, 60).unwrap();
        }
        (self.automate)(event)
    }
    fn read(&mut self, inbound: &Inbound) -> Result<Interaction, CallFailure> {
        (self.read)(inbound)
    }
    fn answer(&mut self, _: &Inbound, results: &[Came]) -> Result<Option<Reply>, CallFailure> {
        let lines: Vec<String> = results.iter().map(|came| format!("{came:?}")).collect();
        Ok(Some(Reply { status: 200, content_type: "text/plain".into(), body: lines.join("\n").into_bytes() }))
    }
}

/// The committer's part in commands, at once and without a journal.
pub struct TestCommands {
    pub store: Arc<dyn Store>,
    pub clock: Arc<TestClock>,
    /// Why requests were not understood.
    pub unheard: Mutex<Vec<String>>,
}

impl Commands for TestCommands {
    fn once(&self, _: Option<Sender>, command: Command, key: String) -> BoxFuture<'static, Result<Said, CommandFailure>> {
        let (store, now) = (Arc::clone(&self.store), self.clock.now());
        let job = move |tx: &mut dyn ports::Tx| {
            if !tx.add_once(&key, now)? {
                return Ok(Said::Done("this was done before".into()));
            }
            let Subject::Incident(id) = command.subject else { return Ok(Said::Refused("there is no such incident".into())) };
            let mut ground = Ground { incidents: tx.incident(id)?.into_iter().collect(), ..Ground::default() };
            let availability = Availability::default();
            let moment = Moment { at: now, alert: AlertId(0), incident: IncidentId(0), availability: &availability };
            let (change, said) = obey(&mut ground, &command, Some(id), moment);
            for incident in ground.incidents.iter().filter(|incident| change.incidents.contains(&incident.id)) {
                tx.put_incident(incident)?;
            }
            for (incident, line) in &change.lines {
                tx.add_line(*incident, line)?;
            }
            Ok(said)
        };
        Box::pin(async move { store.write(job).await.map_err(|error| CommandFailure::NotStored(error.to_string())) })
    }

    fn unheard(&self, _: Sender, _: Inbound, reason: String) -> BoxFuture<'static, Result<(), CommandFailure>> {
        self.unheard.lock().unwrap().push(reason);
        Box::pin(async { Ok(()) })
    }
}
