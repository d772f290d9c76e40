//! What a step can do. One file per action; [`all`] is the list.

pub(crate) mod appservice;
mod audit;
mod http;
mod human;
mod issuer;
mod keyvault;
pub(crate) mod notify;
mod parameter;
mod report;
mod wait;

use crate::durable::{Context, Stop};
use crate::failure::Failure;
use crate::plan::{Catalogue, Class, Spec};
use futures::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(crate) use issuer::{fitting_runbook, issuer, open as open_issuer};

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
    fn new<Parameters, Outputs>(
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

    /// Says what keeps a step that runs again from doing its work twice. Every action says so.
    #[must_use]
    fn idempotency(mut self, how: &'static str) -> Self {
        self.spec.idempotency = how;
        self
    }

    /// Shows how it is used: steps as they stand under `steps:`, which pass `lint` where the runbook has the inputs
    /// `secret` and `exposed_at`. Every action has an example.
    #[must_use]
    fn example(mut self, steps: &'static str) -> Self {
        self.spec.example = steps;
        self
    }

    /// Runs one attempt.
    pub async fn run(&self, context: Context, with: Value) -> Result<Map<String, Value>, Stop> {
        (self.run)(context, with).await
    }
}

/// Every action there is.
pub fn all() -> Vec<Action> {
    let mut actions = vec![
        keyvault::search::action(),
        keyvault::list::action(),
        keyvault::check::action(),
        issuer::identify::action(),
        keyvault::rotate::action(),
        keyvault::await_readers::action(),
        issuer::revoke::action(),
        issuer::prove::action(),
        keyvault::disable_old::action(),
        keyvault::prove_revoked::action(),
        keyvault::reconcile::action(),
        issuer::close::action(),
        appservice::action(),
        audit::blast_radius::action(),
        human::approve::action(),
        human::by_hand::action(),
        wait::action(),
        http::action(),
        report::action(),
    ];
    actions.extend(notify::actions());
    actions
}

/// Their descriptions, by name.
pub fn catalogue() -> Catalogue {
    all().into_iter().map(|action| (action.spec.name, action.spec)).collect()
}
