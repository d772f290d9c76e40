//! The only loop: asks the engine what should happen now, does it, and records what came of it.
//!
//! Steps run side by side on one thread; each is a task that records its own effects. The driver begins and ends
//! steps, keeps their time limits, carries answers of people into the journal, and stops in good order when it is
//! told to.

use crate::actions::{Action, Context, Ledger, Notices, Services, Stop};
use crate::clock::{self, Timestamp};
use crate::engine::event::{Answer, Event, RunStatus, StepOutcome};
use crate::engine::{Command, Order, State, StepStatus, next};
use crate::failure::{Failure, Retry};
use crate::journal::AppendError;
use crate::plan::Plan;
use crate::runbook::expression::Scope;
use crate::runbook::model::Step;
use futures::future::LocalBoxFuture;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How far the way out may take once the run was told to stop: time for the effect in flight to get its answer.
const GRACE: Duration = Duration::from_secs(20);

/// Those who can be asked while a run is at work.
pub trait People {
    /// Whether it is worth waiting for an answer of theirs when nothing else can go on.
    fn are_there(&self) -> bool;
    /// Waits for the next answer to one of the open questions. The event is a gate's answer or a settlement.
    fn answer<'a>(&'a mut self, state: &'a State) -> LocalBoxFuture<'a, Event>;
}

/// A run at work.
#[derive(Debug)]
pub struct Driver {
    pub plan: Arc<Plan>,
    pub services: Arc<Services>,
    pub ledger: Ledger,
    pub notices: Notices,
    /// Turns true when the run is to end.
    pub stopping: watch::Receiver<bool>,
}

type Ended = (String, Result<Map<String, Value>, Stop>);

impl Driver {
    /// Drives the run until it is over, waits for a person, or was told to stop. Must run inside a `LocalSet`.
    pub async fn drive(self, people: &mut impl People) -> Result<RunStatus, AppendError> {
        let actions: BTreeMap<&'static str, Rc<Action>> =
            crate::actions::all().into_iter().map(|action| (action.spec.name, Rc::new(action))).collect();
        let mut tasks: JoinSet<Ended> = JoinSet::new();
        let mut stopping = self.stopping.clone();
        loop {
            let state = self.ledger.state();
            let now = clock::now();
            let mut wake: Option<Timestamp> = None;
            let mut paused = false;
            for command in next(&self.plan.order, &state, now) {
                match command {
                    Command::Start { step, attempt } => self.begin(&step, attempt, &actions, &mut tasks).await?,
                    Command::Wake { at } => wake = Some(wake.map_or(at, |wake| wake.min(at))),
                    Command::Expire { step } => self.expire(step).await?,
                    Command::Pause { .. } => paused = true,
                    Command::Finish { status } => {
                        self.ledger.record(Event::RunFinished { status }).await?;
                        return Ok(status);
                    }
                }
            }
            if paused && !people.are_there() {
                return self.pause(RunStatus::Waiting, "a person must answer").await;
            }
            let state = self.ledger.state();
            if !paused && tasks.is_empty() && wake.is_none() {
                // What was just begun is over already: ask again.
                continue;
            }
            tokio::select! {
                Some(ended) = tasks.join_next() => self.end(ended).await?,
                () = sleep_until(wake) => {}
                event = people.answer(&state), if waits(&state) => self.answer(event).await?,
                _ = stopping.wait_for(|stopping| *stopping) => return self.stop(tasks).await,
            }
        }
    }

    /// Begins a step, or finds that it does not run.
    async fn begin(
        &self,
        id: &str,
        attempt: u32,
        actions: &BTreeMap<&'static str, Rc<Action>>,
        tasks: &mut JoinSet<Ended>,
    ) -> Result<(), AppendError> {
        let Some((step, action)) =
            self.plan.step(id).and_then(|step| Some((step, Rc::clone(actions.get(step.uses.value.as_str())?))))
        else {
            let error = Failure::refused(format!("the step `{id}` is not in the plan"));
            return self.fail(id, error).await;
        };
        let scope = self.scope();
        let begun = self.ledger.step(id).started_at.is_some();
        match condition(step, &scope) {
            Ok(true) => {}
            // What has begun is carried to its end, whatever its condition says by now.
            Ok(false) if begun => {}
            Ok(false) => {
                let because = format!("its condition does not hold: {}", condition_text(step));
                self.ledger.record(Event::StepSkipped { step: id.to_owned(), because }).await?;
                return Ok(());
            }
            Err(problem) => return self.fail(id, Failure::refused(problem)).await,
        }
        let with = match parameters(step, &scope) {
            Ok(with) => with,
            Err(problem) => return self.fail(id, Failure::refused(problem)).await,
        };
        self.ledger.record(Event::StepStarted { step: id.to_owned(), attempt }).await?;
        let context = Context::new(
            id.to_owned(),
            Arc::clone(&self.services),
            step.on_unknown,
            self.ledger.clone(),
            self.notices.clone(),
            self.stopping.clone(),
        );
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

    /// Records how an attempt ended.
    async fn end(&self, ended: Result<Ended, tokio::task::JoinError>) -> Result<(), AppendError> {
        let (step, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => return Err(AppendError::Refused(format!("a step's task broke: {error}"))),
        };
        match ended {
            Ok(outputs) => {
                let event = Event::StepFinished { step, status: StepOutcome::Done, outputs, error: None };
                self.ledger.record(event).await.map(drop)
            }
            Err(Stop::Waiting | Stop::Interrupted) => Ok(()),
            Err(Stop::Journal(error)) => Err(error),
            Err(Stop::Failed(failure)) => self.attempt_failed(step, failure).await,
        }
    }

    async fn attempt_failed(&self, step: String, error: Failure) -> Result<(), AppendError> {
        let attempt = self.ledger.step(&step).attempt;
        let policy = ordered(&self.plan.order, &step).map(|step| step.retry).unwrap_or_default();
        let seed = format!("{}/{step}", self.services.run);
        let wait = policy.wait(attempt, error.retry, &seed).and_then(|wait| chrono::Duration::from_std(wait).ok());
        let retry_at = wait.map(|wait| clock::now() + wait);
        let event = Event::AttemptFailed { step: step.clone(), attempt, error: error.clone(), retry_at };
        self.ledger.record(event).await?;
        if retry_at.is_some() {
            return Ok(());
        }
        let event = Event::StepFinished { step, status: StepOutcome::Failed, outputs: Map::new(), error: Some(error) };
        self.ledger.record(event).await.map(drop)
    }

    /// A step that cannot even begin.
    async fn fail(&self, step: &str, error: Failure) -> Result<(), AppendError> {
        let attempt = self.ledger.step(step).attempt.max(1);
        self.ledger.record(Event::StepStarted { step: step.to_owned(), attempt }).await?;
        let event = Event::StepFinished {
            step: step.to_owned(),
            status: StepOutcome::Failed,
            outputs: Map::new(),
            error: Some(error),
        };
        self.ledger.record(event).await.map(drop)
    }

    async fn expire(&self, step: String) -> Result<(), AppendError> {
        let comment = Some("nobody answered in time".to_owned());
        let event = Event::GateAnswered { step, answer: Answer::Expired, by: "stanch".to_owned(), comment };
        self.answer(event).await
    }

    /// An answer that came too late, or to nothing, is dropped: the journal refuses it.
    async fn answer(&self, event: Event) -> Result<(), AppendError> {
        match self.ledger.record(event).await {
            Ok(_) | Err(AppendError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn pause(&self, status: RunStatus, because: &str) -> Result<RunStatus, AppendError> {
        self.ledger.record(Event::RunPaused { status, because: because.to_owned() }).await?;
        Ok(status)
    }

    /// Lets every effect in flight come to its outcome, then ends.
    async fn stop(self, mut tasks: JoinSet<Ended>) -> Result<RunStatus, AppendError> {
        let drained = async {
            while let Some(ended) = tasks.join_next().await {
                self.end(ended).await?;
            }
            Ok(())
        };
        if let Ok(drained) = tokio::time::timeout(GRACE, drained).await {
            drained?;
        }
        self.pause(RunStatus::Interrupted, "the program was told to stop").await
    }

    /// What expressions can see now.
    fn scope(&self) -> Scope {
        let state = self.ledger.state();
        let mut steps = Map::new();
        for step in self.plan.steps() {
            let at = state.step(&step.id.value);
            let seen = json!({ "outputs": at.outputs, "status": at.status.name() });
            steps.insert(step.id.value.clone(), seen);
        }
        let started_at = state.opened_at().map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
        let run = json!({
            "id": self.services.run,
            "runbook": self.services.runbook,
            "mode": self.services.mode,
            "operator": self.services.operator,
            "started_at": started_at,
        });
        Scope::from_iter([
            ("inputs".to_owned(), Value::Object(self.plan.inputs.clone())),
            ("steps".to_owned(), Value::Object(steps)),
            ("run".to_owned(), run),
            ("policy".to_owned(), json!({ "lock": self.plan.lock })),
        ])
    }
}

async fn sleep_until(wake: Option<Timestamp>) {
    match wake {
        Some(at) => clock::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Whether a question is open that a person can answer.
fn waits(state: &State) -> bool {
    state.steps().any(|(_, step)| matches!(step.status, StepStatus::Waiting | StepStatus::Unknown))
}

fn ordered<'a>(order: &'a Order, step: &str) -> Option<&'a crate::engine::OrderedStep> {
    order.steps.iter().chain(&order.finally).find(|ordered| ordered.id == step)
}

fn overdue(timeout: Duration) -> Failure {
    let mut failure =
        Failure::unknown(format!("the step took longer than its {}", crate::runbook::duration::format(timeout)));
    failure.retry = Retry::Later;
    failure.help("raise `timeout` in the runbook if the other side is only slow")
}

fn condition(step: &Step, scope: &Scope) -> Result<bool, String> {
    let Some(condition) = &step.condition else { return Ok(true) };
    match condition.value.evaluate(scope)? {
        Value::Bool(holds) => Ok(holds),
        other => Err(format!("the condition {} gives `{other}`, not true or false", condition_text(step))),
    }
}

fn condition_text(step: &Step) -> String {
    let sources: Vec<String> = step
        .condition
        .iter()
        .flat_map(|condition| condition.value.expressions())
        .map(|expression| format!("`{}`", expression.source()))
        .collect();
    if sources.is_empty() { "`false`".to_owned() } else { sources.join(" ") }
}

fn parameters(step: &Step, scope: &Scope) -> Result<Value, String> {
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
