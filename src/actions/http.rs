//! `http/check`: asks a URL and compares the status, for example that a service still works after the rotation.

use super::action::Action;
use super::plan_line::{PlanLine, early};
use crate::actions::context::Context;
use crate::durable::Stop;
use crate::failure::{Failure, Retry};
use crate::plan::{Aim, Class};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The address; asked with GET.
    #[schemars(regex(pattern = r"^https?://[^/?#\s]+"), extend("x-stanch-type" = "url"))]
    url: String,
    /// The status that is expected.
    #[serde(default = "ok")]
    #[schemars(range(min = 100, max = 599))]
    status: u16,
}

fn ok() -> u16 {
    200
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Outputs {
    /// The status that was answered.
    status: u16,
}

const EXAMPLE: &str = r#"- id: service_works
  uses: http/check
  with: { url: "https://orders.contoso.com/healthz" }
  retry: { max: 10, backoff: 2s..30s }
"#;

early!(Known of Parameters { url: String });

pub(crate) fn action() -> Action {
    Action::new("http/check", Class::Read, "asks a URL and compares the status", "asks again", run)
        .aim(Aim::Other)
        .plan(|known: &Known, _| PlanLine::default().does(format!("asks {}", known.url.as_deref().unwrap_or("a URL"))))
        .fact(|outputs| format!("answered {}", outputs.status).into())
        .idempotency("changes nothing: asking again is harmless")
        .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let answer = context.services.azure.transport.send("GET", &parameters.url, &[], Vec::new()).await?;
    context.note("answer", &answer.status).await?;
    if answer.status == parameters.status {
        return Ok(Outputs { status: answer.status });
    }
    Err(Failure::refused(format!("`{}` answered {}, expected {}", parameters.url, answer.status, parameters.status))
        .retry(Retry::Later)
        .into())
}
