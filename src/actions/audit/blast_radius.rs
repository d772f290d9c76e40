//! `audit/blast_radius`: who read the secret, and what else those touched that nobody knows.

use super::late;
use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::parameter::{Span, Time};
use crate::actions::plan_line::{PlanLine, Surroundings, early, name};
use crate::audit;
use crate::clock::{self, Timestamp};
use crate::durable::Stop;
use crate::failure::Failure;
use crate::plan::{Aim, Class, Fact};
use crate::report::fact::counted;
use crate::runbook::duration;
use crate::vault::SecretUrl;
use chrono::{SecondsFormat, TimeDelta};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
    /// Since when it was exposed.
    #[schemars(with = "Time")]
    since: Timestamp,
    /// Until when; now unless given.
    #[serde(default)]
    #[schemars(with = "Option<Time>")]
    until: Option<Timestamp>,
    /// So long after the answer the log is asked again for what reached it late, for example `[1h, 24h]`. The run does
    /// not wait: whoever goes on with it after that time asks.
    #[serde(default)]
    requery: Vec<Span>,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Outputs {
    /// Reads by others than stanch.
    reads: u64,
    /// Principals that are known callers.
    known: usize,
    /// Principals that are not.
    unknown: usize,
    unknown_callers: Vec<String>,
    /// Other secrets that the unknown callers touched.
    second_order: Vec<String>,
    /// Up to when the trail can be trusted; empty where nothing was seen.
    horizon: String,
    /// Where the trail was read; empty where there is none.
    source: String,
    /// When the log is to be asked again.
    asked_again: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

/// The name under which an answer is recorded.
pub(super) const OBSERVATION: &str = "blast_radius";

const EXAMPLE: &str = r#"- id: blast_radius
  uses: audit/blast_radius
  with:
    secret: ${{ inputs.secret }}
    since: ${{ before(inputs.exposed_at, "1h") }}
    requery: [1h, 24h]
  on_failure: continue
"#;

pub(crate) fn action() -> Action {
    Action::new(
        "audit/blast_radius",
        Class::Read,
        "finds in the audit trail who read the secret, and what else the unknown ones touched",
        "asks again",
        run,
    )
    .aim(Aim::BlastRadius)
    .plan(plan)
    .fact(fact)
    .idempotency("changes nothing: asking again is harmless; of what came late each channel is told once")
    .example(EXAMPLE)
}

early!(Known of Parameters { secret: SecretUrl, since: Timestamp, requery: Vec<Span> });

fn plan(known: &Known, _: &Surroundings) -> PlanLine {
    let since = known.since.map(|since| since.format(" since %m-%d %H:%M").to_string()).unwrap_or_default();
    let again: Vec<String> = known.requery.iter().flatten().map(|Span(after)| duration::format(*after)).collect();
    let again = if again.is_empty() { String::new() } else { format!("; again after {}", again.join(", ")) };
    let does = format!("who read {}{since}, and what else{again}", name(&known.secret));
    PlanLine { since: known.since, ..PlanLine::on(&known.secret).does(does) }
}

fn fact(outputs: &Outputs) -> Fact {
    if outputs.source.is_empty() {
        return Fact::from(format!("not known: {}", outputs.because.as_deref().unwrap_or_default()));
    }
    let (known, unknown) = (outputs.known, outputs.unknown);
    let principals = if unknown == 1 { "principal" } else { "principals" };
    Fact::from(format!("{} by {known} known and {unknown} unknown {principals}", counted(outputs.reads, "read")))
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let secret = &parameters.secret;
    let begun = clock::now();
    let until = parameters.until.unwrap_or(begun);
    let Some((archive, query)) = context.audit_query(secret, parameters.since, until) else {
        return Ok(Outputs {
            because: Some(format!("no audit source is configured for `{}`", secret.vault.name)),
            ..Outputs::default()
        });
    };
    for Span(after) in &parameters.requery {
        let due = begun.checked_add_signed(TimeDelta::from_std(*after).unwrap_or(TimeDelta::MAX));
        context.follow_up(&duration::format(*after), due.unwrap_or(Timestamp::MAX_UTC)).await?;
    }
    let source = archive.describe();
    let ask = async || {
        context.progress("reading the audit trail");
        let (archive, query) = (archive.clone(), query.clone());
        tokio::task::spawn_blocking(move || audit::blast_radius(&archive, &query))
            .await
            .map_err(|error| Failure::refused(format!("the audit trail could not be read: {error}")))?
    };
    let found = match late::latest(context)? {
        Some(before) if late::is_due(context, begun) => late::look(context, secret, before, ask).await?,
        _ => {
            let found = ask().await?;
            context.note(OBSERVATION, &found).await?;
            late::answered(context, begun).await?;
            found
        }
    };
    let known: BTreeSet<&str> =
        found.others().filter(|access| access.known).map(|access| access.oid.as_str()).collect();
    let touched: BTreeSet<String> = found.second_order.iter().map(|touched| touched.secret.clone()).collect();
    Ok(Outputs {
        reads: found.reads(),
        known: known.len(),
        unknown: found.unknown_callers.len(),
        unknown_callers: found.unknown_callers.clone(),
        second_order: touched.into_iter().collect(),
        horizon: found.coverage.horizon.map(exact).unwrap_or_default(),
        source,
        asked_again: late::to_come(context).into_iter().map(exact).collect(),
        because: None,
    })
}

fn exact(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
