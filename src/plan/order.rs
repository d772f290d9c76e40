//! What waits for what.

use super::spec::{Catalogue, Class};
use crate::engine::{OnFailure, Order, OrderedStep};
use crate::runbook::model::{Runbook, Step};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

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

/// What waits for what among steps, each known by its place in the list.
#[derive(Debug)]
pub(super) struct Graph {
    ids: Vec<String>,
    needs: Vec<Vec<usize>>,
}

impl Graph {
    /// The steps' waiting for each other; what is needed and does not exist is left out.
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut places = BTreeMap::new();
        for (place, step) in steps.iter().enumerate() {
            places.entry(step.id.value.as_str()).or_insert(place);
        }
        let of = |place| needs(steps, place).iter().filter_map(|need| places.get(need.as_str()).copied()).collect();
        Self {
            ids: steps.iter().map(|step| step.id.value.clone()).collect(),
            needs: (0..steps.len()).map(of).collect(),
        }
    }

    fn reached(&self, from: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![from];
        while let Some(place) = open.pop() {
            for need in self.needs.get(place).into_iter().flatten() {
                if found.insert(*need) {
                    open.push(*need);
                }
            }
        }
        found
    }

    /// Every step that is over when the one at a place begins.
    pub(super) fn before(&self, place: usize) -> BTreeSet<String> {
        self.reached(place).into_iter().filter_map(|place| self.ids.get(place).cloned()).collect()
    }

    /// Steps that wait for each other: the place of the first, and the way back to it.
    pub(super) fn cycle(&self) -> Option<(usize, Vec<String>)> {
        let first = (0..self.ids.len()).find(|place| self.reached(*place).contains(place))?;
        // The shortest way back, by the step from which each was met first.
        let mut met_from = BTreeMap::new();
        let mut open = VecDeque::from([first]);
        while let Some(at) = open.pop_front().filter(|_| !met_from.contains_key(&first)) {
            for need in self.needs.get(at).into_iter().flatten() {
                if !met_from.contains_key(need) {
                    met_from.insert(*need, at);
                    open.push_back(*need);
                }
            }
        }
        let mut path = vec![first];
        let mut at = first;
        while let Some(before) = met_from.get(&at) {
            path.push(*before);
            at = *before;
            if at == first {
                break;
            }
        }
        path.reverse();
        Some((first, path.into_iter().filter_map(|place| self.ids.get(place).cloned()).collect()))
    }
}
