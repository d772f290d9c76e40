//! What a step begins with: whether it runs at all, for which items, and with which parameters.

use super::{Driver, Hands};
use crate::actions::Context;
use crate::durable::{Attempt, Stop};
use crate::engine::event::{Event, Halt, StepOutcome};
use crate::engine::{State, StepStatus, split_item};
use crate::evidence::Known;
use crate::failure::{Failure, Retry};
use crate::journal::AppendError;
use crate::plan::Aim;
use crate::runbook::expression::{Fields, Scope, Template};
use crate::runbook::model::{Placed, Step};
use serde_json::{Map, Value, json};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// More items than this are no list that anybody meant.
const MOST_ITEMS: usize = 10_000;

/// How a step begins.
enum Beginning {
    Skip(String),
    /// With these parameters.
    Act(Value),
    /// For each of these items; nothing where they are known already.
    Loop(Option<Vec<Value>>),
}

impl Driver {
    /// Begins a step or one of its items, or finds that it does not run.
    pub(super) async fn begin(&self, id: &str, attempt: u32, hands: &mut Hands) -> Result<(), AppendError> {
        let (step_id, item) = split_item(id);
        let Some((step, action)) = self
            .plan
            .step(step_id)
            .and_then(|step| Some((step, Rc::clone(hands.actions.get(step.uses.value.as_str())?))))
        else {
            return self.cannot_begin(id, format!("the step `{id}` is not in the plan")).await;
        };
        // What is said of the run rests on durable records alone.
        if speaks_of_the_run(step) {
            self.ledger.flush().await?;
        }
        let beginning = match self.beginning(step, action.spec.aim, id, item) {
            Ok(beginning) => beginning,
            Err(problem) => return self.cannot_begin(id, problem).await,
        };
        let with = match beginning {
            Beginning::Skip(because) => {
                return self.ledger.record(Event::StepSkipped { step: id.to_owned(), because }).await.map(drop);
            }
            Beginning::Loop(items) => return self.open_loop(id, attempt, items).await,
            Beginning::Act(with) => with,
        };
        self.ledger.record(Event::StepStarted { step: id.to_owned(), attempt }).await?;
        let finally = self.plan.is_finally(step_id);
        let (tasks, stopping) =
            if finally { (&mut hands.finally, &hands.never) } else { (&mut hands.steps, &hands.halt) };
        let attempt = Attempt {
            run: self.services.run.clone(),
            step: id.to_owned(),
            plan_digest: self.services.plan_digest.clone(),
            on_unknown: step.on_unknown,
            ledger: self.ledger.clone(),
            notices: self.notices.clone(),
            stopping: stopping.subscribe(),
        };
        let context = Context::new(attempt, Arc::clone(&self.services));
        let id = id.to_owned();
        let timeout = step.timeout;
        tasks.spawn_local(async move {
            let run = action.run(context, with);
            let ended = match timeout {
                None => run.await,
                Some(timeout) => match tokio::time::timeout(timeout, run).await {
                    Ok(ended) => ended,
                    Err(_) => Err(Stop::Failed(overdue(timeout))),
                },
            };
            (id, ended)
        });
        Ok(())
    }

    fn beginning(&self, step: &Step, aim: Aim, id: &str, item: Option<usize>) -> Result<Beginning, String> {
        let at = self.ledger.step(&step.id.value);
        let item = item.map(|index| at.items.as_ref().and_then(|items| items.get(index)).cloned().unwrap_or_default());
        let scope = Seen { driver: self, item: item.as_ref() };
        // What has begun is carried to its end, whatever its conditions say by now.
        if self.ledger.step(id).started_at.is_none()
            && let Some(because) = self.skipped(step, aim, item.is_some(), &scope)?
        {
            return Ok(Beginning::Skip(because));
        }
        match &step.for_each {
            Some(_) if item.is_none() && at.items.is_some() => Ok(Beginning::Loop(None)),
            Some(list) if item.is_none() => items(list, &scope).map(Some).map(Beginning::Loop),
            _ => parameters(step, &scope).map(Beginning::Act),
        }
    }

    /// Why a step does not run, if it does not. A condition that names the item is asked for each item.
    fn skipped(&self, step: &Step, aim: Aim, for_item: bool, scope: &dyn Scope) -> Result<Option<String>, String> {
        let gates = &self.plan.runbook.policy.gates;
        if aim == Aim::Gate
            && let Some(skip_if) = &gates.skip_if
            && holds(skip_if, scope)?
        {
            return Ok(Some(format!("the policy skips gates: {}", sources(skip_if))));
        }
        let Some(condition) = &step.condition else { return Ok(None) };
        let names_item = condition.value.mentions("item") && step.for_each.is_some();
        if names_item != for_item || holds(condition, scope)? {
            return Ok(None);
        }
        Ok(Some(format!("its condition does not hold: {}", sources(condition))))
    }

    /// Pins the list of a step; its items are begun by the engine's next orders.
    async fn open_loop(&self, id: &str, attempt: u32, items: Option<Vec<Value>>) -> Result<(), AppendError> {
        self.ledger.record(Event::StepStarted { step: id.to_owned(), attempt }).await?;
        let Some(items) = items else { return Ok(()) };
        self.ledger.record(Event::LoopOpened { step: id.to_owned(), items }).await.map(drop)
    }

    /// A step that cannot even begin.
    async fn cannot_begin(&self, step: &str, problem: String) -> Result<(), AppendError> {
        let attempt = self.ledger.step(step).attempt.max(1);
        self.ledger.record(Event::StepStarted { step: step.to_owned(), attempt }).await?;
        self.finish(step.to_owned(), StepOutcome::Failed, Map::new(), Some(Failure::refused(problem))).await
    }
}

/// What expressions can see now.
struct Seen<'a> {
    driver: &'a Driver,
    item: Option<&'a Value>,
}

impl Scope for Seen<'_> {
    fn root(&self, name: &str, fields: &Fields) -> Option<Value> {
        let driver = self.driver;
        match name {
            "inputs" => Some(Value::Object(fields.of(&driver.plan.inputs))),
            "steps" => Some(driver.ledger.look(|state| self.steps(state, fields))),
            "run" => {
                let opened_at = driver.ledger.look(State::opened_at);
                let started_at = opened_at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
                let mut run = json!({
                    "id": driver.services.run,
                    "runbook": driver.services.runbook,
                    "mode": driver.services.mode,
                    "operator": driver.services.operator,
                    "started_at": started_at,
                    "failed": driver.ledger.look(failed),
                    "timed_out": driver.ledger.look(|state| state.halted() == Some(Halt::TimedOut)),
                });
                // The whole journal is read for it.
                if fields.contains("verdict") {
                    match driver.verdict() {
                        Ok(verdict) => run["verdict"] = verdict,
                        // Whoever rests on it fails, and says that there is none.
                        Err(failure) => tracing::error!(?failure, "the verdict is not known"),
                    }
                }
                Some(run)
            }
            "policy" => Some(driver.plan.policy()),
            "item" => self.item.cloned(),
            _ => None,
        }
    }
}

impl Seen<'_> {
    fn steps(&self, state: &State, fields: &Fields) -> Value {
        let ids = self.driver.plan.steps().map(|step| &step.id.value).filter(|id| fields.contains(id));
        let seen = |id: &String| {
            let at = state.step(id);
            (id.clone(), json!({ "outputs": at.outputs, "status": at.status.name() }))
        };
        Value::Object(ids.map(seen).collect())
    }
}

impl Driver {
    /// The verdict as it is now, for messages, conditions and gates.
    fn verdict(&self) -> Result<Value, Failure> {
        let mut known = Known::new(self.services.steps.clone());
        self.ledger.fold(|record, _| known.apply(record))?;
        let verdict = known.verdict();
        let leaked_value = known.leaked_value().map(|leaked| leaked.describe()).unwrap_or_default();
        Ok(json!({
            "state": verdict.state.name(),
            "headline": verdict.headline(),
            "because": verdict.because,
            "open": verdict.open,
            "summary": verdict.summary(),
            "leaked_value": leaked_value,
        }))
    }
}

/// Whether a step's condition, list or parameters look at the run as a whole.
fn speaks_of_the_run(step: &Step) -> bool {
    let templates = step.condition.iter().chain(&step.for_each).chain(step.with.iter().map(|given| &given.value));
    templates.into_iter().any(|template| template.value.mentions("run"))
}

/// The steps whose failure nobody let pass.
fn failed(state: &State) -> Vec<String> {
    let failed = state.steps().filter(|(_, step)| step.status == StepStatus::Failed && !step.tolerated);
    failed.map(|(id, _)| id.to_owned()).collect()
}

fn overdue(timeout: Duration) -> Failure {
    let mut failure =
        Failure::unknown(format!("the step took longer than its {}", crate::runbook::duration::format(timeout)));
    failure.retry = Retry::Later;
    failure.help("raise `timeout` in the runbook if the other side is only slow")
}

fn holds(condition: &Placed<Template>, scope: &dyn Scope) -> Result<bool, String> {
    match condition.value.evaluate(scope)? {
        Value::Bool(holds) => Ok(holds),
        other => Err(format!("the condition {} gives `{other}`, not true or false", sources(condition))),
    }
}

fn sources(condition: &Placed<Template>) -> String {
    let expressions = condition.value.expressions();
    let sources: Vec<String> = expressions.iter().map(|expression| format!("`{}`", expression.source())).collect();
    if sources.is_empty() { "`false`".to_owned() } else { sources.join(" ") }
}

fn items(list: &Placed<Template>, scope: &dyn Scope) -> Result<Vec<Value>, String> {
    match list.value.evaluate(scope)? {
        Value::Array(items) if items.len() <= MOST_ITEMS => Ok(items),
        Value::Array(items) => Err(format!("the list has {} items; a step takes {MOST_ITEMS} at most", items.len())),
        other => Err(format!("`for_each` needs a list, and {} gives `{other}`", sources(list))),
    }
}

fn parameters(step: &Step, scope: &dyn Scope) -> Result<Value, String> {
    let mut with = Map::new();
    for parameter in &step.with {
        let value = parameter.value.value.evaluate(scope)?;
        // An input that was not given leaves the parameter to its default.
        if !value.is_null() {
            with.insert(parameter.name.clone(), value);
        }
    }
    Ok(Value::Object(with))
}
