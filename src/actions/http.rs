//! `http/check`: asks a URL and compares the status, for example that a service still works after the rotation.

use super::Action;
use super::context::{Context, Stop};
use crate::failure::{Failure, Retry};
use crate::plan::Class;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The address; asked with GET.
    url: String,
    /// The status that is expected.
    #[serde(default = "ok")]
    status: u16,
}

fn ok() -> u16 {
    200
}

#[derive(Serialize, JsonSchema)]
struct Outputs {
    /// The status that was answered.
    status: u16,
}

pub(crate) fn action() -> Action {
    Action::new("http/check", Class::Read, "asks a URL and compares the status", "asks again", run)
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
