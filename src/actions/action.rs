//! What every action says of itself, and the code behind it.

use super::context::Context;
use crate::durable::Stop;
use crate::failure::Failure;
use crate::plan::{Aim, Class, Spec};
use futures::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The code of an action: a context and parameters in, outputs out.
type Run = Box<dyn Fn(Context, Value) -> LocalBoxFuture<'static, Result<Map<String, Value>, Stop>>>;

/// An action: its description, and the code behind it.
pub struct Action {
    pub spec: Spec,
    run: Run,
}

impl std::fmt::Debug for Action {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Action").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Action {
    pub(super) fn new<Parameters, Outputs>(
        name: &'static str,
        class: Class,
        summary: &'static str,
        if_lost: &'static str,
        run: impl AsyncFn(&Context, Parameters) -> Result<Outputs, Stop> + Copy + 'static,
    ) -> Self
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
        Self { spec: Spec::of::<Parameters, Outputs>(name, class, summary, if_lost), run: Box::new(run) }
    }

    /// Says what it is for. Every action says so.
    #[must_use]
    pub(super) fn aim(mut self, aim: Aim) -> Self {
        self.spec.aim = aim;
        self
    }

    /// Says what keeps a step that runs again from doing its work twice. Every action says so.
    #[must_use]
    pub(super) fn idempotency(mut self, how: &'static str) -> Self {
        self.spec.idempotency = how;
        self
    }

    /// Shows how it is used: steps as they stand under `steps:`, which pass `lint` where the runbook has the inputs
    /// `secret` and `exposed_at`. Every action has an example.
    #[must_use]
    pub(super) fn example(mut self, steps: &'static str) -> Self {
        self.spec.example = steps;
        self
    }

    /// Runs one attempt.
    pub async fn run(&self, context: Context, with: Value) -> Result<Map<String, Value>, Stop> {
        (self.run)(context, with).await
    }
}
