//! What waits for what.

use super::spec::{Catalogue, Class};
use crate::engine::{OnFailure, Order, OrderedStep};
use crate::runbook::Span;
use crate::runbook::model::{Runbook, Step};
use std::collections::BTreeSet;

/// The order in which the engine may begin the steps.
pub(super) fn order(runbook: &Runbook, catalogue: &Catalogue) -> Order {
    Order {
        steps: ordered(&runbook.steps, |step| match catalogue.get(step.uses.value.as_str()).map(|spec| spec.class) {
            // Containment never waits for a message.
            Some(Class::Notify) => OnFailure::Continue,
            _ => OnFailure::Stop,
        }),
        finally: ordered(&runbook.finally, |_| OnFailure::Continue),
        timeout: runbook.policy.timeout,
    }
}

fn ordered(steps: &[Step], by_default: impl Fn(&Step) -> OnFailure) -> Vec<OrderedStep> {
    let step = |(index, step): (usize, &Step)| OrderedStep {
        id: step.id.value.clone(),
        needs: needs(steps, index),
        on_failure: step.on_failure.unwrap_or_else(|| by_default(step)),
        retry: step.retry.unwrap_or_default(),
        timeout: step.timeout,
        concurrency: step.for_each.as_ref().map(|_| step.concurrency.as_ref().map_or(1, |number| number.value)),
    };
    steps.iter().enumerate().map(step).collect()
}

/// What the step at an index waits for: what it says, else the step written above it.
fn needs(steps: &[Step], index: usize) -> Vec<String> {
    let Some(step) = steps.get(index) else { return Vec::new() };
    match &step.needs {
        Some(needs) => needs.iter().map(|need| need.value.clone()).collect(),
        None => index
            .checked_sub(1)
            .and_then(|above| steps.get(above))
            .map(|above| above.id.value.clone())
            .into_iter()
            .collect(),
    }
}

/// Every step that is over when this one begins.
pub(super) fn ancestors(steps: &[Step], id: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![id.to_owned()];
    while let Some(id) = open.pop() {
        let Some(index) = steps.iter().position(|step| step.id.value == id) else { continue };
        for need in needs(steps, index) {
            if found.insert(need.clone()) {
                open.push(need);
            }
        }
    }
    found
}

/// Steps that wait for each other, as a path that ends where it began.
pub(super) fn cycle(steps: &[Step]) -> Option<(Vec<String>, Span)> {
    for step in steps {
        let id = &step.id.value;
        if ancestors(steps, id).contains(id) {
            return Some((path_back(steps, id), step.id.span));
        }
    }
    None
}

/// The way from a step over its needs back to itself.
fn path_back(steps: &[Step], id: &str) -> Vec<String> {
    let mut path = vec![id.to_owned()];
    let mut at = id.to_owned();
    while path.len() <= steps.len() {
        let Some(index) = steps.iter().position(|step| step.id.value == at) else { break };
        let back = |need: &String| need == id || ancestors(steps, need).contains(id);
        let Some(next) = needs(steps, index).into_iter().find(back) else { break };
        path.push(next.clone());
        if next == id {
            break;
        }
        at = next;
    }
    path
}
