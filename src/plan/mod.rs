//! A runbook plus inputs becomes a [`Plan`] that can no longer be wrong about itself: checked against the actions
//! there are, in order, with every input typed.

mod check;
mod fits;
mod inputs;
mod operators;
mod order;
mod reference;
mod renamed;
mod schema;
mod signatures;
mod spec;
mod steps;
mod types;
mod typing;

use crate::engine::Order;
use crate::runbook::language;
use crate::runbook::model::Step;
use crate::runbook::source::{LARGEST_RUNBOOK, shows_sign};
use crate::runbook::{Diagnostic, Diagnostics, Runbook, RunbookSource, Span, read};
use crate::vault;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub use inputs::answer;
pub use reference::{Field, fields, page as reference_page};
pub use renamed::canonical;
pub use schema::schema;
pub use spec::{Aim, Catalogue, Class, Fact, FactOf, Spec};
pub use steps::PlannedStep;

/// A checked runbook with its inputs.
#[derive(Clone, Debug)]
pub struct Plan {
    pub runbook: Runbook,
    /// The runbook's bytes, as they are pinned.
    pub text: String,
    /// SHA-256 of them, lower-case hex.
    pub sha256: String,
    /// What the runbook includes, by the path that names it; pinned with it.
    pub fragments: BTreeMap<String, PinnedFragment>,
    pub inputs: Map<String, Value>,
    pub order: Order,
    /// One live run per value.
    pub lock: Option<String>,
    /// What `lint` warns of.
    pub warnings: Diagnostics,
}

/// A fragment as it is pinned.
#[derive(Clone, Debug)]
pub struct PinnedFragment {
    pub text: String,
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("{0}")]
    Runbook(Diagnostics),
    #[error("{}", .0.join("\n"))]
    Inputs(Vec<String>),
}

/// A runbook as far as it could be read, with everything that is wrong with it, in the order of the text.
#[derive(Debug)]
pub struct Linted {
    /// Nothing where the text is not even YAML.
    pub runbook: Option<Runbook>,
    pub is_fragment: bool,
    pub fragments: BTreeMap<String, PinnedFragment>,
    pub diagnostics: Diagnostics,
}

/// Finds everything that is wrong with a runbook, or with a fragment by itself.
pub fn lint(source: &RunbookSource<'_>, catalogue: &Catalogue) -> Linted {
    let is_meant = is_runbook(source.text);
    if !is_meant && source.text.len() <= LARGEST_RUNBOOK {
        let diagnostics = Diagnostics::another_file(source.name, "runbook", language::SCHEMA);
        return Linted { runbook: None, is_fragment: false, fragments: BTreeMap::new(), diagnostics };
    }
    let mut read = read(source);
    let mut found = read.problems;
    let mut hidden: Vec<(Span, String)> = Vec::new();
    if let Some(runbook) = &mut read.runbook {
        found.extend(renamed::put_new_names(runbook));
        let checked = check::check(runbook, catalogue, read.is_fragment);
        found.extend(checked.problems);
        hidden = checked.hidden;
    }
    found.sort_by_key(|problem| problem.span.offset);
    found.dedup_by(|one, other| one.span == other.span && one.message == other.message);
    let pinned = |text: &str| PinnedFragment { text: text.to_owned(), sha256: hex::encode(Sha256::digest(text)) };
    let fragments = read.included.iter().map(|(path, part)| (path.clone(), pinned(&part.text))).collect();
    let included = read.included.into_iter().map(|(_, part)| part).collect();
    let shown = if is_meant { source.text } else { "" };
    let diagnostics = Diagnostics { included, ..Diagnostics::of(source.name, shown, found) };
    let diagnostics = diagnostics.hiding(&hidden);
    Linted { runbook: read.runbook, is_fragment: read.is_fragment, fragments, diagnostics }
}

/// Whether a text can be meant as a runbook.
fn is_runbook(text: &str) -> bool {
    // Any file may have a `name`, or `inputs`.
    shows_sign(text, 2, language::names(language::RUNBOOK))
}

impl Linted {
    /// The runbook, if nothing but warnings was found.
    pub fn sound(self) -> Result<(Runbook, BTreeMap<String, PinnedFragment>), Diagnostics> {
        let Self { runbook, is_fragment, fragments, mut diagnostics } = self;
        if is_fragment {
            let problem = Diagnostic::error("this is a fragment, which no run can begin with", Span::default());
            diagnostics.found.push(problem.rule("schema").help("include it from a runbook: `- include: PATH`"));
        }
        match runbook {
            Some(runbook) if diagnostics.count().0 == 0 => Ok((runbook, fragments)),
            _ => Err(diagnostics),
        }
    }
}

/// Gates that do not say otherwise follow the runbook's policy.
fn apply_gates(runbook: &mut Runbook, catalogue: &Catalogue) {
    let Runbook { policy, steps, finally, .. } = runbook;
    let is_gate = |step: &Step| catalogue.get(step.uses.value.as_str()).is_some_and(|spec| spec.aim == Aim::Gate);
    for step in steps.iter_mut().chain(finally).filter(|step| is_gate(step)) {
        for default in &policy.gates.defaults {
            if step.with.iter().all(|parameter| parameter.name != default.name) {
                step.with.push(default.clone());
            }
        }
    }
}

impl Plan {
    /// Makes a plan. `given` are the inputs as the user gave them.
    pub fn new(
        source: &RunbookSource<'_>,
        given: &Map<String, Value>,
        catalogue: &Catalogue,
    ) -> Result<Self, PlanError> {
        let linted = lint(source, catalogue);
        let warnings = linted.diagnostics.clone();
        let (mut runbook, fragments) = linted.sound().map_err(PlanError::Runbook)?;
        apply_gates(&mut runbook, catalogue);
        let inputs = inputs::resolve(&runbook, given).map_err(PlanError::Inputs)?;
        let lock = match &runbook.policy.lock {
            Some(lock) => {
                let scope = Map::from_iter([("inputs".to_owned(), Value::Object(inputs.clone()))]);
                let value = lock.value.evaluate(&scope).map_err(|problem| PlanError::Inputs(vec![problem]))?;
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Some(vault::target(&text))
            }
            None => None,
        };
        let order = order::order(&runbook, catalogue);
        let sha256 = hex::encode(Sha256::digest(source.text));
        Ok(Self { runbook, text: source.text.to_owned(), sha256, fragments, inputs, order, lock, warnings })
    }

    /// A step by its id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.runbook.steps.iter().chain(&self.runbook.finally).find(|step| step.id.value == id)
    }

    /// Whether a step is one of those that run whatever happened.
    pub fn is_finally(&self, id: &str) -> bool {
        self.runbook.finally.iter().any(|step| step.id.value == id)
    }

    /// What expressions see of the runbook's policy.
    pub fn policy(&self) -> Value {
        let overlap = self.runbook.policy.overlap.as_ref().map(|overlap| &overlap.value);
        json!({ "lock": self.lock, "overlap": overlap })
    }

    /// Digest of what people agree to: the runbook's bytes, those of its fragments, and its inputs. Lower-case hex.
    pub fn digest(&self) -> String {
        let inputs = Value::Object(self.inputs.clone()).to_string();
        let mut digest = Sha256::new().chain_update(&self.sha256);
        for (path, fragment) in &self.fragments {
            digest.update(format!("\0{path}\0{}", fragment.sha256));
        }
        hex::encode(digest.chain_update(inputs).finalize())
    }

    /// All steps, as others than their actions know them, in the same order.
    pub fn planned(&self, catalogue: &Catalogue) -> Vec<PlannedStep> {
        let planned = |step: &Step| {
            let mut planned = PlannedStep::new(&step.id.value, &step.uses.value, catalogue);
            planned.only_if_needed = step.condition.is_some() && self.is_finally(&step.id.value);
            planned
        };
        self.steps().map(planned).collect()
    }

    /// All steps in the order in which they are written.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.runbook.steps.iter().chain(&self.runbook.finally)
    }
}
