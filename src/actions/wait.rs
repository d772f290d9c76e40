//! `wait`: lets time pass, to a deadline that outlives the process.

use super::action::Action;
use super::parameter::Length;
use super::plan_line::{PlanLine, early};
use crate::actions::context::Context;
use crate::durable::Stop;
use crate::plan::{Aim, Class};
use crate::runbook::duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// How long.
    #[serde(rename = "for")]
    #[schemars(extend("x-waits" = true))]
    duration: Length,
}

#[derive(Serialize, JsonSchema)]
struct Outputs {
    /// The deadline that was waited for.
    until: String,
}

const EXAMPLE: &str = r#"- id: settle
  uses: wait
  with: { for: 15m }
"#;

early!(Known of Parameters {
    #[serde(rename = "for")]
    duration: Length,
});

pub(crate) fn action() -> Action {
    Action::new("wait", Class::Read, "lets time pass", "keeps the deadline it had", run)
        .aim(Aim::Other)
        .plan(|known: &Known, _| {
            let waits = known.duration.map(|Length(duration)| duration).unwrap_or_default();
            PlanLine { waits, ..PlanLine::default().does(format!("waits {}", duration::format(waits))) }
        })
        .idempotency("the deadline is kept: a wait that is cut off ends when it would have ended")
        .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let until = context.deadline("wait", parameters.duration.0).await?;
    context.sleep_until(until).await?;
    context.end_timer("wait").await?;
    Ok(Outputs { until: until.to_rfc3339_opts(chrono::SecondsFormat::Millis, true) })
}
