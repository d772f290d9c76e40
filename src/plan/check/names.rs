//! What expressions can name in a runbook, and of which type it is.

use super::super::spec::Catalogue;
use super::super::types::Type;
use super::super::typing::{Named, Names, View};
use super::checker::{item, steps};
use super::reach;
use crate::runbook::model::Runbook;
use std::collections::{BTreeMap, BTreeSet};

/// The names that expressions can use, with their types. The items of a loop are typed by what stands before it.
pub(super) fn names(runbook: &Runbook, catalogue: &Catalogue, is_fragment: bool) -> Names {
    let inputs = runbook.inputs.iter().map(|input| (input.name.clone(), Type::of_input(&input.kind))).collect();
    let mut names = Names { inputs, steps: BTreeMap::new(), is_fragment };
    let all: BTreeSet<String> = steps(runbook).map(|step| step.id.value.clone()).collect();
    for step in steps(runbook) {
        let outputs = catalogue.get(step.uses.value.as_str()).map_or(Type::Any, |spec| reach::outputs(step, spec));
        let outputs = match &step.for_each {
            None => outputs,
            Some(list) => {
                let view = View { names: &names, before: &all, item: None };
                let item = item(&view, &list.value);
                Type::object(vec![("items".to_owned(), Type::list(reach::loop_item(item, outputs)))])
            }
        };
        let named = Named { uses: step.uses.value.clone(), outputs, never_runs: reach::never_runs(step) };
        names.steps.entry(step.id.value.clone()).or_insert(named);
    }
    names
}
