//! What should happen now: the one decision of the program, as a function.

use super::event::{Halt, RunStatus};
use super::retry::RetryPolicy;
use super::state::State;
use super::step::{StepState, StepStatus, item_id, split_item};
use crate::clock::Timestamp;
use std::time::Duration;

/// An order to the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin this attempt of the step, or of one item of a step.
    Start { step: String, attempt: u32 },
    /// All items of the step are over, or no more of them will begin.
    Close { step: String },
    /// Ask again at this time, if nothing happens before.
    Wake { at: Timestamp },
    /// The gate's time is over: it counts as a no.
    Expire { step: String },
    /// The run's time is over: nothing more begins.
    TimeOut,
    /// Nothing can go on before a person answers, or their time to do so is over.
    Pause { waits_for: Vec<String> },
    /// The run is over.
    Finish { status: RunStatus },
}

/// As much of a plan as the decision needs. Expressions are not decided here: whether a started step's condition
/// holds, and which items it has, is found out when it starts.
#[derive(Clone, Debug, Default)]
pub struct Order {
    pub steps: Vec<OrderedStep>,
    pub finally: Vec<OrderedStep>,
    /// How long the run may take, `finally` not counted.
    pub timeout: Option<Duration>,
}

/// A step and what it waits for.
#[derive(Clone, Debug)]
pub struct OrderedStep {
    pub id: String,
    pub needs: Vec<String>,
    pub on_failure: OnFailure,
    pub retry: RetryPolicy,
    pub timeout: Option<Duration>,
    /// How many items are worked on at a time, if the step is done for each item of a list.
    pub concurrency: Option<usize>,
}

/// What a failed step means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// No step that has not begun begins any more; `finally` runs.
    Stop,
    /// The failure is recorded and shown, and the run goes on.
    Continue,
    /// A person decides.
    Ask,
}

impl Order {
    /// A step by its id, or by that of one of its items.
    pub fn step(&self, id: &str) -> Option<&OrderedStep> {
        let (id, _) = split_item(id);
        self.steps.iter().chain(&self.finally).find(|step| step.id == id)
    }
}

/// Gives all orders that hold now. No order at all means that the run is over, or that steps are at work.
pub fn next(order: &Order, state: &State, now: Timestamp) -> Vec<Command> {
    if state.opened().is_none() || state.ended().is_some() {
        return Vec::new();
    }
    if let Some(halt) = state.halted() {
        let status = match halt {
            Halt::Interrupted => RunStatus::Interrupted,
            Halt::TimedOut => RunStatus::Failed,
        };
        return at_last(order, state, now, status);
    }
    let limit = order.timeout.zip(state.limit_from()).map(|(timeout, from)| from + timeout);
    if limit.is_some_and(|limit| limit <= now) {
        return vec![Command::TimeOut];
    }
    let mut commands = in_time(order, state, now);
    let goes_on = !matches!(commands.first(), Some(Command::Finish { .. } | Command::Pause { .. }));
    if let Some(at) = limit.filter(|_| goes_on) {
        commands.push(Command::Wake { at });
    }
    commands
}

/// What happens before the run's time is over.
fn in_time(order: &Order, state: &State, now: Timestamp) -> Vec<Command> {
    let list = List::main(order, state, now);
    let halted = list.halted;
    let commands = list.ready();
    if !commands.is_empty() || list.is_at_work() {
        return list.or_expiry(commands);
    }
    let waits_for = list.waiting();
    if !waits_for.is_empty() && !halted {
        return list.or_expiry(vec![Command::Pause { waits_for }]);
    }
    at_last(order, state, now, if halted { RunStatus::Failed } else { RunStatus::Completed })
}

/// What runs whatever happened, and then the end.
fn at_last(order: &Order, state: &State, now: Timestamp, status: RunStatus) -> Vec<Command> {
    let list = List::finally(order, state, now);
    let commands = list.ready();
    if !commands.is_empty() || list.is_at_work() {
        return list.or_expiry(commands);
    }
    let waits_for = list.waiting();
    // Somebody who wants the program to end is not asked anything.
    if !waits_for.is_empty() && status != RunStatus::Interrupted {
        return list.or_expiry(vec![Command::Pause { waits_for }]);
    }
    let failed = list.steps.iter().any(|(step, at)| stops_run(step, at));
    let status = if failed && status == RunStatus::Completed { RunStatus::Failed } else { status };
    vec![Command::Finish { status }]
}

/// Whether a step's failure is one that the run does not go on after.
fn stops_run(step: &OrderedStep, at: &StepState) -> bool {
    at.status == StepStatus::Failed && step.on_failure != OnFailure::Continue && !at.tolerated
}

/// Steps that are ordered among each other, each with where it stands.
struct List<'a> {
    steps: Vec<(&'a OrderedStep, &'a StepState)>,
    state: &'a State,
    now: Timestamp,
    /// Whether nothing new begins.
    halted: bool,
    /// Whether they run whatever happened: once in each life of the run, after a failure of their own kind as well.
    finally: bool,
}

impl<'a> List<'a> {
    fn main(order: &'a Order, state: &'a State, now: Timestamp) -> Self {
        let steps = standing(&order.steps, state);
        let halted = steps.iter().any(|(step, at)| stops_run(step, at));
        Self { steps, state, now, halted, finally: false }
    }

    fn finally(order: &'a Order, state: &'a State, now: Timestamp) -> Self {
        Self { steps: standing(&order.finally, state), state, now, halted: false, finally: true }
    }

    /// Orders for those steps that can go on.
    fn ready(&self) -> Vec<Command> {
        self.steps.iter().flat_map(|(step, at)| self.step(step, at)).collect()
    }

    fn step(&self, step: &OrderedStep, at: &StepState) -> Vec<Command> {
        match (at.status, step.concurrency.zip(at.items.as_ref())) {
            (StepStatus::Running, Some((concurrency, items))) => self.items(step, concurrency, items.len()),
            (StepStatus::Pending | StepStatus::Done | StepStatus::Failed | StepStatus::Skipped, _) => {
                let begins = !self.is_over(at) && !self.halted && self.has_its_needs(step);
                if begins { vec![start(&step.id, at)] } else { self.follow_ups(step, at) }
            }
            _ => self.goes_on(&step.id, at, step).into_iter().collect(),
        }
    }

    /// Orders for what a step that is over was to do later, and for its items. It has its needs: it began before.
    fn follow_ups(&self, step: &OrderedStep, at: &StepState) -> Vec<Command> {
        let has_none = at.items.is_none() && !at.timers.values().any(|timer| timer.follow_up);
        if self.halted || has_none {
            return Vec::new();
        }
        let items = at.items.as_ref().filter(|_| step.concurrency.is_some()).map_or(0, Vec::len);
        let ids = std::iter::once(step.id.clone()).chain((0..items).map(|index| item_id(&step.id, index)));
        let (mut commands, mut begins, mut at_work) = (Vec::new(), Vec::new(), 0);
        for id in ids {
            let at = self.state.step(&id);
            commands.extend(self.goes_on(&id, at, step));
            match at.status {
                StepStatus::Running | StepStatus::Retrying => at_work += 1,
                // A process died while it was at it.
                StepStatus::Pending if at.follows_up => begins.push(start(&id, at)),
                _ if self.state.has_follow_up(&id, self.now) => begins.push(Command::Start { step: id, attempt: 1 }),
                _ => {}
            }
        }
        let free = step.concurrency.unwrap_or(1).saturating_sub(at_work);
        commands.extend(begins.into_iter().take(free));
        commands
    }

    fn has_its_needs(&self, step: &OrderedStep) -> bool {
        // A need is satisfied by a step that is over, unless its failure stops the run.
        let satisfied = |need: &str| {
            self.is_over(self.state.step(need))
                && (self.finally || !self.steps.iter().any(|(step, at)| step.id == need && stops_run(step, at)))
        };
        step.needs.iter().all(|need| satisfied(need))
    }

    fn is_over(&self, at: &StepState) -> bool {
        at.status.is_over() && (!self.finally || self.state.is_of_this_life(at))
    }

    /// The order for something that has begun and is not at work now.
    fn goes_on(&self, id: &str, at: &StepState, step: &OrderedStep) -> Option<Command> {
        let expires = at.open_gate().and_then(|gate| gate.question.expires_at);
        match (at.status, at.retry_at, expires) {
            (StepStatus::Waiting, _, Some(expires)) if expires <= self.now => {
                Some(Command::Expire { step: id.to_owned() })
            }
            (StepStatus::Retrying, Some(later), _) if self.is_ahead(later, step) => Some(Command::Wake { at: later }),
            (StepStatus::Retrying, _, _) => Some(Command::Start { step: id.to_owned(), attempt: at.attempt + 1 }),
            _ => None,
        }
    }

    /// Whether a retry is still to be waited for. One that is farther off than any wait of the step was set before the
    /// clock was put back, and is due.
    fn is_ahead(&self, retry_at: Timestamp, step: &OrderedStep) -> bool {
        let longest = step.retry.longest.max(step.retry.first).max(step.timeout.unwrap_or_default());
        retry_at > self.now && (retry_at - self.now).to_std().is_ok_and(|left| left <= longest)
    }

    /// Orders for the items of a step: as many at a time as it allows, in their order. An item that waits for a
    /// person holds up nobody else.
    fn items(&self, step: &OrderedStep, concurrency: usize, count: usize) -> Vec<Command> {
        let mut commands = Vec::new();
        let (mut at_work, mut waiting, mut failed) = (0, false, false);
        let mut pending = Vec::new();
        for index in 0..count {
            let id = item_id(&step.id, index);
            let at = self.state.step(&id);
            match at.status {
                StepStatus::Running | StepStatus::Retrying => at_work += 1,
                StepStatus::Waiting | StepStatus::Unknown => waiting = true,
                StepStatus::Failed => failed |= !at.tolerated,
                StepStatus::Pending => pending.push(id.clone()),
                StepStatus::Done | StepStatus::Skipped => {}
            }
            commands.extend(self.goes_on(&id, at, step));
        }
        let begins = !self.halted && (!failed || step.on_failure == OnFailure::Continue);
        if begins {
            let free = concurrency.saturating_sub(at_work);
            commands.extend(pending.iter().take(free).map(|id| start(id, self.state.step(id))));
        }
        let idle = at_work == 0 && commands.is_empty();
        if idle && (!begins || !waiting) {
            commands.push(Command::Close { step: step.id.clone() });
        }
        commands
    }

    /// Whether the driver has something of it in its hands.
    fn is_at_work(&self) -> bool {
        let running = |id: &str| self.state.step(id).status == StepStatus::Running;
        self.steps.iter().any(|(step, at)| match at.items.as_ref().filter(|_| step.concurrency.is_some()) {
            Some(items) => (0..items.len()).any(|index| running(&item_id(&step.id, index))),
            None => at.status == StepStatus::Running,
        })
    }

    /// The same orders, and one to look again when the first of the questions that wait expires: nobody's answer does
    /// that, nor the end of a step beside it.
    fn or_expiry(&self, mut commands: Vec<Command>) -> Vec<Command> {
        let gates = self.waiting().into_iter().filter_map(|id| self.state.step(&id).open_gate());
        let expiry = gates.filter_map(|gate| gate.question.expires_at).filter(|at| *at > self.now).min();
        commands.extend(expiry.map(|at| Command::Wake { at }));
        commands
    }

    /// The steps and items that a person must answer.
    fn waiting(&self) -> Vec<String> {
        let waits = |id: &String| {
            let status = self.state.step(id).status;
            matches!(status, StepStatus::Waiting | StepStatus::Unknown)
        };
        let ids = |(step, at): &(&OrderedStep, &StepState)| {
            let items = at.items.as_ref().map_or(0, Vec::len);
            let own = std::iter::once(step.id.clone());
            own.chain((0..items).map(|index| item_id(&step.id, index))).collect::<Vec<_>>()
        };
        self.steps.iter().flat_map(ids).filter(waits).collect()
    }
}

fn standing<'a>(steps: &'a [OrderedStep], state: &'a State) -> Vec<(&'a OrderedStep, &'a StepState)> {
    steps.iter().map(|step| (step, state.step(&step.id))).collect()
}

fn start(id: &str, at: &StepState) -> Command {
    Command::Start { step: id.to_owned(), attempt: at.attempt.max(1) }
}
