//! A warm instance: made at its first call, asked again and again, thrown away after a trap, a time-out, many calls or much memory.

use crate::bindings::v1_0::exports::reveille::plugin::{automate, dedupe, enrich, filter, interact, lifecycle, normalize, notify, route};
use crate::bindings::v1_0::reveille::plugin::types::Error;
use crate::cell::Cell;
use crate::hook::Hook;
use crate::lift::{Lift, REASON_LIMIT_BYTES};
use crate::limits::Ceiling;
use crate::lower::{self, Lists, Scratch};
use crate::meter::{Held, SAMPLE};
use crate::prepared::Place;
use crate::reads::{alert_bit, incident_bit};
use domain::action::Action;
use domain::alert::{Alert, cut};
use domain::decision::{Grouping, Patch, Verdict};
use domain::escalation::Destination;
use domain::inbound::{Inbound, Normalized, Refusal, Reply};
use domain::interaction::{Came, Interaction};
use domain::page::{Delivery, Request, Response};
use domain::time::Millis;
use ports::hot::StateSlot;
use ports::plugin::{IncidentEvent, IncidentView, Page};
use ports::{CallFailure, Instance};
use std::sync::Arc;
use wasmtime::component::{Instance as Instantiated, InstancePre};
use wasmtime::{Store, Trap};

/// What may cross to the host at once beyond the result itself, such as the data of a signature: records are larger here than there.
const TRANSFER_FACTOR: usize = 3;
/// Handles that an instance may hold at once; each takes memory on this side of the wall.
const HANDLES_LIMIT: usize = 1_000;
/// Most problems of settings that are told.
const PROBLEMS_LIMIT: usize = 8;

/// What `configure` gave: fields that it narrows the reads to, or what is wrong with the settings.
type Configured = Result<Vec<String>, Vec<lifecycle::Problem>>;

macro_rules! hooks {
    ($($hook:ident: $interface:ident),* $(,)?) => {
        /// Where the functions of the hook are exported.
        enum HookIndices { $($hook($interface::GuestIndices),)* }

        impl HookIndices {
            fn find(hook: Hook, component: &InstancePre<Cell>) -> wasmtime::Result<Self> {
                Ok(match hook { $(Hook::$hook => Self::$hook($interface::GuestIndices::new(component)?),)* })
            }

            fn load(&self, store: &mut Store<Cell>, instance: &Instantiated) -> wasmtime::Result<Guest> {
                Ok(match self { $(Self::$hook(indices) => Guest::$hook(indices.load(store, instance)?),)* })
            }
        }

        /// The functions of the hook in one instance.
        enum Guest { $($hook($interface::Guest),)* }
    };
}

hooks! { Normalize: normalize, Enrich: enrich, Filter: filter, Dedupe: dedupe, Route: route, Automate: automate, Notify: notify,
Interact: interact }

/// Where the functions that are called are exported: found once, so that a fresh instance per call need not look for them.
pub(crate) struct Asked {
    lifecycle: lifecycle::GuestIndices,
    hook: HookIndices,
}

impl Asked {
    /// Finds the exports of the hook and of `lifecycle`.
    pub(crate) fn find(hook: Hook, component: &InstancePre<Cell>) -> wasmtime::Result<Self> {
        Ok(Self { lifecycle: lifecycle::GuestIndices::new(component)?, hook: HookIndices::find(hook, component)? })
    }
}

/// A configured instance.
pub(crate) struct Warm {
    store: Store<Cell>,
    guest: Guest,
    calls: u64,
    /// Tells the metrics when it is gone.
    _held: Held,
}

impl Warm {
    /// Makes and configures one; beside it the reads that `configure` gave back. Settings that it does not take are `Rejected`.
    /// Its calls read and write `state`, `configure` does not.
    pub(crate) fn new(place: &Place, state: Option<&Arc<dyn StateSlot>>) -> Result<(Box<Self>, Vec<String>), CallFailure> {
        let limits = &place.limits;
        let ceiling = Ceiling::new(limits.memory_bytes, limits.table_elements);
        let mut store = Store::new(place.compiled.engine(), Cell::new(Arc::clone(&place.identity), ceiling));
        store.limiter(|cell| &mut cell.ceiling);
        store.set_hostcall_fuel(place.hook.result_limit_bytes() * TRANSFER_FACTOR);
        store.set_max_component_handles(HANDLES_LIMIT);
        store.set_epoch_deadline(limits.ticks(limits.configure_deadline_ms));
        let configured = Self::configure(place, &mut store);
        let (guest, answer) = configured.map_err(|error| failure(&mut store, &error, place, limits.configure_deadline_ms))?;
        store.data_mut().end();
        store.data_mut().state = state.cloned();
        let held = place.meter.made();
        match answer {
            Ok(narrowed) => Ok((Box::new(Self { store, guest, calls: 0, _held: held }), narrowed)),
            Err(problems) => Err(CallFailure::Rejected(told(&problems))),
        }
    }

    fn configure(place: &Place, store: &mut Store<Cell>) -> wasmtime::Result<(Guest, Configured)> {
        let instance = place.compiled.instantiate(&mut *store)?;
        let guest = place.asked.hook.load(store, &instance)?;
        let lifecycle = place.asked.lifecycle.load(&mut *store, &instance)?;
        store.data_mut().begin(Millis(0));
        let answer = lifecycle.call_configure(&mut *store, &place.settings)?;
        Ok((guest, answer))
    }

    fn is_spent(&self, place: &Place) -> bool {
        place.identity.per_call
            || self.calls >= place.limits.calls_per_instance
            || self.store.data().ceiling.held_bytes() > place.limits.high_water_bytes
    }
}

fn told(problems: &[lifecycle::Problem]) -> String {
    let tell = |problem: &lifecycle::Problem| match problem.pointer.as_str() {
        "" => problem.message.clone(),
        pointer => format!("{pointer}: {}", problem.message),
    };
    let all = problems.iter().take(PROBLEMS_LIMIT).map(tell).collect::<Vec<_>>().join("; ");
    cut(&all, REASON_LIMIT_BYTES)
}

/// Why a call did not come back, in words.
#[cold]
fn failure(store: &mut Store<Cell>, error: &wasmtime::Error, place: &Place, deadline_ms: u64) -> CallFailure {
    if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return CallFailure::Deadline(deadline_ms);
    }
    if let Some(lacks) = error.downcast_ref::<Lacks>() {
        return CallFailure::Internal(lacks.to_string());
    }
    let mut why = error.root_cause().to_string();
    if why.contains("fuel allocated for hostcalls") {
        why = format!("its result is over {} KiB", place.hook.result_limit_bytes() / 1024);
    }
    let words = store.data_mut().words();
    if let Some(panic) = panicked(words) {
        why = panic;
    } else if !words.is_empty() {
        why = format!("{why} ({words})");
    }
    CallFailure::Trapped(cut(&why, REASON_LIMIT_BYTES))
}

/// A Rust guest's panic without what is the same for all of them: what it says, and where in its source.
fn panicked(words: &str) -> Option<String> {
    let (_, panic) = words.split_once(" panicked at ")?;
    let (place, says) = panic.split_once(": ")?;
    Some(format!("panicked: {says} ({place})"))
}

/// A thread's way to ask a plugin.
pub(crate) struct Asker {
    place: Arc<Place>,
    slot: Slot,
    scratch: Scratch,
}

/// Where a thread keeps its instance.
#[derive(Default)]
struct Slot {
    warm: Option<Box<Warm>>,
    calls: u64,
    state: Option<Arc<dyn StateSlot>>,
}

/// What a function of a hook gave: an answer, or the plugin's own error.
type Raw<R> = wasmtime::Result<Result<R, Error>>;

/// The hook that was prepared is another one: a mistake of the host.
#[derive(Debug, thiserror::Error)]
#[error("was prepared for the hook `{0}` and is asked for another")]
struct Lacks(&'static str);

#[cold]
fn lacks(hook: Hook) -> wasmtime::Error {
    Lacks(hook.name()).into()
}

impl Slot {
    /// Asks, within the deadline; `now` is the call's time as far as its declared input tells.
    #[inline]
    fn ask<R, T>(
        &mut self,
        place: &Place,
        now: Millis,
        call: impl FnOnce(&Guest, &mut Store<Cell>) -> Raw<R>,
        lift: impl FnOnce(&mut Lift, R) -> Result<T, CallFailure>,
    ) -> Result<T, CallFailure> {
        place.meter.called();
        if let Err(off) = place.breaker.admit() {
            place.meter.failed(&off);
            return Err(off);
        }
        let began = self.calls.is_multiple_of(SAMPLE).then(|| place.clock.elapsed());
        self.calls = self.calls.wrapping_add(1);
        let outcome = attempt(place, &mut self.warm, self.state.as_ref(), now, call, lift);
        if let Some(began) = began {
            place.meter.took(place.clock.elapsed().saturating_sub(began));
        }
        match &outcome {
            Ok(_) => place.breaker.succeeded(),
            Err(failure) => {
                place.meter.failed(failure);
                if matches!(failure, CallFailure::Rejected(_) | CallFailure::Unavailable(_)) {
                    place.breaker.succeeded();
                } else {
                    place.breaker.failed(failure);
                }
            }
        }
        outcome
    }
}

impl Asker {
    pub(crate) fn new(place: Arc<Place>, state: Option<Arc<dyn StateSlot>>) -> Self {
        Self { place, slot: Slot { state, ..Slot::default() }, scratch: Scratch::default() }
    }

    fn ask_about_alert<R, T>(
        &mut self,
        alert: &Alert,
        call: impl FnOnce(&Guest, &mut Store<Cell>, lower::AlertIn<'_>) -> Raw<R>,
        lift: impl FnOnce(&mut Lift, R) -> Result<T, CallFailure>,
    ) -> Result<T, CallFailure> {
        let Self { place, slot, scratch } = self;
        let reads = &place.reads.alert;
        let now = if reads.has(alert_bit::RECEIVED_AT) { alert.received_at } else { Millis(0) };
        let lists = Lists::select(reads, alert, scratch);
        let passed = lower::alert(reads, alert, &lists);
        let outcome = slot.ask(place, now, |guest, store| call(guest, store, passed), lift);
        lists.give_back(scratch);
        outcome
    }
}

impl Drop for Asker {
    /// The thread goes on without this instance; another may take it.
    fn drop(&mut self) {
        if let Some(mut warm) = self.slot.warm.take() {
            warm.store.data_mut().state = None;
            self.place.stock.put(warm);
        }
    }
}

/// One call on the warm instance, or on a fresh one.
#[inline]
fn attempt<R, T>(
    place: &Place,
    slot: &mut Option<Box<Warm>>,
    state: Option<&Arc<dyn StateSlot>>,
    now: Millis,
    call: impl FnOnce(&Guest, &mut Store<Cell>) -> Raw<R>,
    lift: impl FnOnce(&mut Lift, R) -> Result<T, CallFailure>,
) -> Result<T, CallFailure> {
    let stocked = || {
        let mut warm = place.stock.take()?;
        warm.store.data_mut().state = state.cloned();
        Some(warm)
    };
    let mut warm = match slot.take().or_else(stocked) {
        Some(warm) => warm,
        None => match Warm::new(place, state) {
            Ok((warm, _)) => warm,
            // The scratch instance took these settings: this one is at fault.
            Err(CallFailure::Rejected(problems)) => {
                return Err(CallFailure::Internal(format!("no longer takes its settings: {problems}")));
            }
            Err(failure) => return Err(failure),
        },
    };
    let Warm { store, guest, calls, .. } = &mut *warm;
    store.set_epoch_deadline(place.limits.ticks(place.limits.deadline_ms));
    store.data_mut().begin(now);
    let raw = match call(guest, store) {
        Ok(raw) => raw,
        Err(error) => {
            let failure = failure(store, &error, place, place.limits.deadline_ms);
            store.data_mut().end();
            return Err(failure);
        }
    };
    store.data_mut().end();
    *calls += 1;
    if !warm.is_spent(place) {
        *slot = Some(warm);
    }
    match raw {
        Ok(result) => lift(&mut Lift::new(place.hook.result_limit_bytes()), result),
        Err(Error::Rejected(reason)) => Err(CallFailure::Rejected(cut(&reason, REASON_LIMIT_BYTES))),
        Err(Error::Internal(reason)) => Err(CallFailure::Internal(cut(&reason, REASON_LIMIT_BYTES))),
        Err(Error::Unavailable(reason)) => Err(CallFailure::Unavailable(cut(&reason, REASON_LIMIT_BYTES))),
    }
}

impl Instance for Asker {
    fn normalize(&mut self, inbound: &Inbound) -> Result<Result<Normalized, Refusal>, CallFailure> {
        let Self { place, slot, .. } = self;
        lower::with_inbound(&place.info.headers, inbound, |passed| {
            slot.ask(
                place,
                inbound.received_at,
                |guest, store| match guest {
                    Guest::Normalize(normalize) => normalize.call_run(store, passed).map(Ok),
                    _ => Err(lacks(place.hook)),
                },
                |lift, raw| match raw {
                    Ok(normalized) => lift.normalized(normalized, inbound).map(Ok),
                    Err(refusal) => lift.refusal(refusal).map(Err),
                },
            )
        })
    }

    fn enrich(&mut self, alert: &Alert) -> Result<Patch, CallFailure> {
        let hook = self.place.hook;
        let call = |guest: &Guest, store: &mut Store<Cell>, alert: lower::AlertIn<'_>| match guest {
            Guest::Enrich(enrich) => enrich.call_run(store, alert),
            _ => Err(lacks(hook)),
        };
        self.ask_about_alert(alert, call, Lift::patch)
    }

    fn filter(&mut self, alert: &Alert) -> Result<Verdict, CallFailure> {
        let hook = self.place.hook;
        let call = |guest: &Guest, store: &mut Store<Cell>, alert: lower::AlertIn<'_>| match guest {
            Guest::Filter(filter) => filter.call_run(store, alert),
            _ => Err(lacks(hook)),
        };
        self.ask_about_alert(alert, call, Lift::verdict)
    }

    fn dedupe(&mut self, alert: &Alert) -> Result<Option<Grouping>, CallFailure> {
        let hook = self.place.hook;
        let call = |guest: &Guest, store: &mut Store<Cell>, alert: lower::AlertIn<'_>| match guest {
            Guest::Dedupe(dedupe) => dedupe.call_run(store, alert),
            _ => Err(lacks(hook)),
        };
        self.ask_about_alert(alert, call, Lift::grouping)
    }

    fn route(&mut self, incident: &IncidentView) -> Result<Vec<Destination>, CallFailure> {
        let Self { place, slot, .. } = self;
        let now = if place.reads.incident(incident_bit::OPENED_AT) { incident.incident.opened_at } else { Millis(0) };
        lower::with_incident(&place.reads, incident, |passed| {
            let call = |guest: &Guest, store: &mut Store<Cell>| match guest {
                Guest::Route(route) => route.call_run(store, passed),
                _ => Err(lacks(place.hook)),
            };
            slot.ask(place, now, call, Lift::destinations)
        })
    }

    fn render(&mut self, page: &Page) -> Result<Request, CallFailure> {
        let Self { place, slot, .. } = self;
        lower::with_page(&place.reads, page, |passed| {
            let call = |guest: &Guest, store: &mut Store<Cell>| match guest {
                Guest::Notify(notify) => notify.call_render(store, passed),
                _ => Err(lacks(place.hook)),
            };
            slot.ask(place, page.at, call, Lift::request)
        })
    }

    fn interpret(&mut self, page: &Page, step: u32, response: &Response) -> Result<Delivery, CallFailure> {
        let Self { place, slot, .. } = self;
        lower::with_page(&place.reads, page, |passed| {
            lower::with_response(response, |response| {
                let call = |guest: &Guest, store: &mut Store<Cell>| match guest {
                    Guest::Notify(notify) => notify.call_interpret(store, passed, step, response),
                    _ => Err(lacks(place.hook)),
                };
                slot.ask(place, page.at, call, Lift::delivery)
            })
        })
    }

    fn automate(&mut self, event: &IncidentEvent) -> Result<Vec<Action>, CallFailure> {
        let Self { place, slot, .. } = self;
        lower::with_event(&place.reads, event, |passed| {
            let call = |guest: &Guest, store: &mut Store<Cell>| match guest {
                Guest::Automate(automate) => automate.call_run(store, passed),
                _ => Err(lacks(place.hook)),
            };
            slot.ask(place, event.at, call, Lift::actions)
        })
    }

    fn read(&mut self, inbound: &Inbound) -> Result<Interaction, CallFailure> {
        let Self { place, slot, .. } = self;
        lower::with_inbound(&place.info.headers, inbound, |passed| {
            let call = |guest: &Guest, store: &mut Store<Cell>| match guest {
                Guest::Interact(interact) => interact.call_read(store, passed),
                _ => Err(lacks(place.hook)),
            };
            slot.ask(place, inbound.received_at, call, Lift::interaction)
        })
    }

    fn answer(&mut self, inbound: &Inbound, results: &[Came]) -> Result<Option<Reply>, CallFailure> {
        let Self { place, slot, .. } = self;
        let results = lower::results(results);
        lower::with_inbound(&place.info.headers, inbound, |passed| {
            let call = |guest: &Guest, store: &mut Store<Cell>| match guest {
                Guest::Interact(interact) => interact.call_answer(store, passed, &results),
                _ => Err(lacks(place.hook)),
            };
            slot.ask(place, inbound.received_at, call, |lift, reply| reply.map(|reply| lift.reply(reply)).transpose())
        })
    }
}
