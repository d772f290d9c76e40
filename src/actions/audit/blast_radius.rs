//! `audit/blast_radius`: who read the secret, and what else those touched that nobody knows.

use crate::actions::Action;
use crate::actions::context::{Context, Stop};
use crate::actions::parameter::Time;
use crate::audit;
use crate::azure::SecretUrl;
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use crate::plan::Class;
use chrono::SecondsFormat;
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
}

#[derive(Serialize, JsonSchema)]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

const EXAMPLE: &str = r#"- id: blast_radius
  uses: audit/blast_radius
  with: { secret: "${{ inputs.secret }}", since: "${{ before(inputs.exposed_at, \"1h\") }}" }
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
    .idempotency("changes nothing: asking again is harmless")
    .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let secret = &parameters.secret;
    let until = parameters.until.unwrap_or_else(clock::now);
    let Some((archive, query)) = context.audit_query(secret, parameters.since, until) else {
        return Ok(Outputs {
            reads: 0,
            known: 0,
            unknown: 0,
            unknown_callers: Vec::new(),
            second_order: Vec::new(),
            horizon: String::new(),
            source: String::new(),
            because: Some(format!("no audit source is configured for `{}`", secret.vault.name)),
        });
    };
    context.progress("reading the audit trail");
    let source = archive.describe();
    let found = tokio::task::spawn_blocking(move || audit::blast_radius(&archive, &query))
        .await
        .map_err(|error| Failure::refused(format!("the audit trail could not be read: {error}")))??;
    context.note("blast_radius", &found).await?;
    let others = || found.accesses.iter().filter(|access| !access.own);
    let reads = others().filter(|access| (200..300).contains(&access.status) && access.operation == "SecretGet");
    let known: BTreeSet<&str> = others().filter(|access| access.known).map(|access| access.oid.as_str()).collect();
    let touched: BTreeSet<String> = found.second_order.iter().map(|touched| touched.secret.clone()).collect();
    Ok(Outputs {
        reads: reads.map(|access| access.count).sum(),
        known: known.len(),
        unknown: found.unknown_callers.len(),
        unknown_callers: found.unknown_callers.clone(),
        second_order: touched.into_iter().collect(),
        horizon: horizon(&found),
        source,
        because: None,
    })
}

fn horizon(found: &audit::BlastRadius) -> String {
    found.coverage.horizon.map(|horizon| horizon.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default()
}
