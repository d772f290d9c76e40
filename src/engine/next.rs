//! What should happen now: the one decision of the program, as a function.

use super::event::RunStatus;
use super::retry::RetryPolicy;
use super::state::{State, StepStatus};
use crate::clock::Timestamp;
use std::time::Duration;

/// An order to the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin this attempt of the step.
    Start { step: String, attempt: u32 },
    /// Ask again at this time, if nothing happens before.
    Wake { at: Timestamp },
    /// The gate's time is over: it counts as a no.
    Expire { step: String },
    /// Nothing can go on before a person answers.
    Pause { waits_for: Vec<String> },
    /// The run is over.
    Finish { status: RunStatus },
}

/// As much of a plan as the decision needs. Expressions are not decided here: whether a started step's condition
/// holds is found out when it starts.
#[derive(Clone, Debug, Default)]
pub struct Order {
    pub steps: Vec<OrderedStep>,
    pub finally: Vec<OrderedStep>,
}

/// A step and what it waits for.
#[derive(Clone, Debug)]
pub struct OrderedStep {
    pub id: String,
    pub needs: Vec<String>,
    /// Whether a failure of it leaves the run going.
    pub continues: bool,
    pub retry: RetryPolicy,
    pub timeout: Option<Duration>,
}

/// Gives all orders that hold now. No order at all means that the run is over, or that steps are at work.
pub fn next(order: &Order, state: &State, now: Timestamp) -> Vec<Command> {
    if state.opened().is_none() || state.ended().is_some() {
        return Vec::new();
    }
    let halted = order.steps.iter().any(|step| !step.continues && state.step(&step.id).status == StepStatus::Failed);
    let stops = |step: &OrderedStep| !step.continues;
    let mut commands = ready(&order.steps, state, now, halted, stops, |step| state.step(step).status.is_over());
    if !commands.is_empty() || order.steps.iter().any(|step| state.step(&step.id).status == StepStatus::Running) {
        return commands;
    }
    let waits_for = waiting(&order.steps, state);
    if !waits_for.is_empty() && !halted {
        return vec![Command::Pause { waits_for }];
    }
    // What runs whatever happened runs after a failure of its own kind as well.
    commands = ready(&order.finally, state, now, false, |_| false, |step| state.ended_in_this_life(step));
    let at_work = |step: &OrderedStep| state.step(&step.id).status == StepStatus::Running;
    if !commands.is_empty() || order.finally.iter().any(at_work) {
        return commands;
    }
    let waits_for = waiting(&order.finally, state);
    if !waits_for.is_empty() {
        return vec![Command::Pause { waits_for }];
    }
    let failed = |step: &OrderedStep| !step.continues && state.step(&step.id).status == StepStatus::Failed;
    let failed = halted || order.finally.iter().any(failed);
    vec![Command::Finish { status: if failed { RunStatus::Failed } else { RunStatus::Completed } }]
}

/// The steps of one list that a person must answer.
fn waiting(steps: &[OrderedStep], state: &State) -> Vec<String> {
    let waits = |step: &&OrderedStep| matches!(state.step(&step.id).status, StepStatus::Waiting | StepStatus::Unknown);
    steps.iter().filter(waits).map(|step| step.id.clone()).collect()
}

/// Orders for those steps of one list that can go on.
fn ready(
    steps: &[OrderedStep],
    state: &State,
    now: Timestamp,
    halted: bool,
    stops: impl Fn(&OrderedStep) -> bool,
    is_over: impl Fn(&str) -> bool,
) -> Vec<Command> {
    // A need is satisfied by a step that is over, unless it failed and its failure stops the run.
    let blocked = |need: &str| {
        let stopped = |step: &&OrderedStep| stops(step) && state.step(&step.id).status == StepStatus::Failed;
        steps.iter().filter(stopped).any(|step| step.id == need)
    };
    let satisfied = |need: &String| is_over(need) && !blocked(need);
    let mut commands = Vec::new();
    for step in steps {
        let at = state.step(&step.id);
        let expired = at.gate.as_ref().is_some_and(|gate| gate.expires_at.is_some_and(|expires| expires <= now));
        match at.status {
            StepStatus::Waiting if expired => commands.push(Command::Expire { step: step.id.clone() }),
            StepStatus::Retrying => match at.retry_at {
                Some(later) if later > now => commands.push(Command::Wake { at: later }),
                _ => commands.push(Command::Start { step: step.id.clone(), attempt: at.attempt + 1 }),
            },
            StepStatus::Running | StepStatus::Waiting | StepStatus::Unknown => {}
            StepStatus::Pending | StepStatus::Done | StepStatus::Failed | StepStatus::Skipped => {
                let begins = !is_over(&step.id) && !halted && step.needs.iter().all(satisfied);
                if begins {
                    commands.push(Command::Start { step: step.id.clone(), attempt: at.attempt.max(1) });
                }
            }
        }
    }
    commands
}
