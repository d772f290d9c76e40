//! What every action says of itself, and the code behind it.

use super::context::Context;
use super::plan_line::{Early, PlanLine, Surroundings};
use crate::durable::Stop;
use crate::failure::Failure;
use crate::plan::{Aim, Class, Fact, FactOf, Spec};
use futures::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::marker::PhantomData;

/// The code of an action: a context and parameters in, outputs out.
type Run = Box<dyn Fn(Context, Value) -> LocalBoxFuture<'static, Result<Map<String, Value>, Stop>>>;

/// What the plan says of a step, by its parameters as far as they are known.
type Planned = Box<dyn Fn(Value, &Surroundings) -> PlanLine>;

/// An action: its description, and the code behind it.
pub struct Action {
    pub spec: Spec,
    run: Run,
    plan: Planned,
}

/// An action that has yet to say things of itself; [`Declaration::example`] comes last. Nobody else reads its parameters
/// and outputs, so what others need of them is said here, in the action's own types.
pub(super) struct Declaration<Parameters, Outputs> {
    action: Action,
    types: PhantomData<fn(Parameters) -> Outputs>,
}

impl std::fmt::Debug for Action {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Action").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Action {
    #[expect(clippy::new_ret_no_self, reason = "an action is whole once it has said all of itself")]
    pub(super) fn new<Parameters, Outputs>(
        name: &'static str,
        class: Class,
        summary: &'static str,
        if_lost: &'static str,
        run: impl AsyncFn(&Context, Parameters) -> Result<Outputs, Stop> + Copy + 'static,
    ) -> Declaration<Parameters, Outputs>
    where
        Parameters: JsonSchema + DeserializeOwned + 'static,
        Outputs: JsonSchema + Serialize + 'static,
    {
        let run = move |context: Context, with: Value| -> LocalBoxFuture<'static, _> {
            Box::pin(async move {
                let parameters: Parameters = serde_json::from_value(with)
                    .map_err(|error| Failure::refused(format!("the parameters of `{name}` cannot be read: {error}")))?;
                let outputs = run(&context, parameters).await?;
                match serde_json::to_value(outputs) {
                    Ok(Value::Object(outputs)) => Ok(outputs),
                    Ok(_) | Err(_) => {
                        Err(Failure::refused(format!("the outputs of `{name}` cannot be recorded")).into())
                    }
                }
            })
        };
        let spec = Spec::of::<Parameters, Outputs>(name, class, summary, if_lost);
        let plan = Box::new(|_, _: &Surroundings| PlanLine::default());
        Declaration { action: Self { spec, run: Box::new(run), plan }, types: PhantomData }
    }

    /// Runs one attempt.
    pub async fn run(&self, context: Context, with: Value) -> Result<Map<String, Value>, Stop> {
        (self.run)(context, with).await
    }

    /// What the plan says of a step, by those of its parameters that are known before the run.
    pub(crate) fn plan_line(&self, known: Map<String, Value>, surroundings: &Surroundings) -> PlanLine {
        (self.plan)(Value::Object(known), surroundings)
    }
}

impl<Parameters, Outputs> Declaration<Parameters, Outputs> {
    /// Says what it is for. Every action says so.
    #[must_use]
    pub(super) fn aim(mut self, aim: Aim) -> Self {
        self.action.spec.aim = aim;
        self
    }

    /// Says what the plan says of a step, by its parameters as far as they are known and what was seen around it. It is
    /// asked before anybody has looked as well. Without it the plan gives the action's summary.
    #[must_use]
    pub(super) fn plan<Known>(mut self, line: impl Fn(&Known, &Surroundings) -> PlanLine + 'static) -> Self
    where
        Known: Early<Parameters = Parameters> + 'static,
    {
        self.action.plan = Box::new(move |known, surroundings| {
            serde_json::from_value(known).map_or_else(|_| PlanLine::default(), |known| line(&known, surroundings))
        });
        self
    }

    /// Says what a step that is done is worth knowing for.
    #[must_use]
    pub(super) fn fact(mut self, fact: impl Fn(&Outputs) -> Fact + Send + Sync + 'static) -> Self
    where
        Outputs: Default + Serialize + DeserializeOwned,
    {
        self.action.spec.fact = FactOf::outputs(fact);
        self
    }

    /// Says what keeps a step that runs again from doing its work twice. Every action says so.
    #[must_use]
    pub(super) fn idempotency(mut self, how: &'static str) -> Self {
        self.action.spec.idempotency = how;
        self
    }

    /// Shows how it is used: steps as they stand under `steps:`, which pass `lint` where the runbook has the inputs
    /// `secret` and `exposed_at`. Every action has an example.
    pub(super) fn example(mut self, steps: &'static str) -> Action {
        self.action.spec.example = steps;
        self.action
    }
}
