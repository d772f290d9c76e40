//! `audit/blast_radius`: who read the secret, and what else those touched that nobody knows.

use super::late;
use super::trail::{self, NotKnown, Trail};
use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::parameter::{Length, Time};
use crate::actions::plan_line::{PlanLine, Surroundings, early, name};
use crate::audit::{self, Access, BlastRadius, CLOCK_SKEW};
use crate::clock::{self, Timestamp};
use crate::durable::Stop;
use crate::evidence::ObservationName;
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
    requery: Vec<Length>,
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
    /// Other secrets that the unrecognised callers touched.
    second_order: Vec<String>,
    /// Up to when the trail can be trusted; empty where nothing was seen.
    horizon: String,
    /// Where the trail was read; empty where there is none, or it holds nothing of the vault: then nothing is known.
    source: String,
    /// When the log is to be asked again.
    asked_again: Vec<String>,
    /// Why nothing is known, or what must be said with the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

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

early!(Known of Parameters { secret: SecretUrl, since: Timestamp, requery: Vec<Length> });

fn plan(known: &Known, _: &Surroundings) -> PlanLine {
    let since = known.since.map(|since| since.format(" since %m-%d %H:%M").to_string()).unwrap_or_default();
    let again: Vec<String> = known.requery.iter().flatten().map(|Length(after)| duration::format(*after)).collect();
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
    let (since, ahead) = clamped(parameters.since, until);
    let trail = match Trail::open(context, secret, (since, until)).await {
        Ok(trail) => trail,
        Err(not_known) => return nothing(context, not_known, None).await,
    };
    for Length(after) in &parameters.requery {
        let due = begun.checked_add_signed(TimeDelta::from_std(*after).unwrap_or(TimeDelta::MAX));
        context.follow_up(&duration::format(*after), due.unwrap_or(Timestamp::MAX_UTC)).await?;
    }
    let ask = async || {
        context.progress("reading the audit trail");
        trail.answer(audit::blast_radius).await
    };
    let before = late::latest(context)?.or(late::nothing_yet(context)?);
    let found = match before {
        Some(before) if late::is_due(context, begun) => late::look(context, secret, before, ask).await?,
        _ => {
            let found = match ask().await {
                Ok(found) => found,
                Err(failure) => return nothing(context, NotKnown::Unreadable(failure), None).await,
            };
            let not_known = why_not_known(&found);
            if not_known.is_none() {
                context.note(ObservationName::BlastRadius, &found).await?;
            }
            late::answered(context, begun).await?;
            match not_known {
                Some(not_known) => return nothing(context, not_known, Some(found)).await,
                None => found,
            }
        }
    };
    let known: BTreeSet<String> = found.others().filter(|access| access.known).map(Access::id).collect();
    let touched: BTreeSet<String> = found.second_order.iter().map(|touched| touched.secret.clone()).collect();
    let not_known = why_not_known(&found);
    Ok(Outputs {
        reads: found.reads(),
        known: known.len(),
        unknown: found.unknown_callers.len(),
        unknown_callers: found.unknown_callers.clone(),
        second_order: touched.into_iter().collect(),
        horizon: found.coverage.horizon.map(exact).unwrap_or_default(),
        source: if not_known.is_some() { String::new() } else { trail.describe() },
        asked_again: late::to_come(context).into_iter().map(exact).collect(),
        because: not_known.map(|not_known| not_known.because()).or(ahead),
    })
}

/// The beginning of the window, and what is to be said of it: clocks differ, and a leak that somebody has just noticed may
/// lie a little ahead of this one. A window that is still to come would find nothing.
fn clamped(since: Timestamp, until: Timestamp) -> (Timestamp, Option<String>) {
    let ahead = since.signed_duration_since(until);
    let clamped = until.checked_sub_signed(CLOCK_SKEW).filter(|_| ahead >= TimeDelta::zero() && ahead <= CLOCK_SKEW);
    let said = |from: Timestamp| {
        let seconds = ahead.num_seconds();
        format!("the beginning lies {seconds} s ahead of the end, as by another clock: looked from {} on", exact(from))
    };
    (clamped.unwrap_or(since), clamped.map(said))
}

/// Why an answer does not say who read the secret in the window.
fn why_not_known(found: &BlastRadius) -> Option<NotKnown> {
    let ends = found.coverage.horizon.filter(|horizon| *horizon < found.window.since);
    let before = |ends| format!("the audit trail ends at {}, before the time that is asked about", exact(ends));
    trail::not_known(found).or(ends.map(|ends| NotKnown::Empty(before(ends))))
}

/// A step that found nothing to look at must not look like one that found nobody. What cannot be read may be mended, and
/// fails it; a source that is not there, or holds nothing, is what there is.
async fn nothing(context: &Context, not_known: NotKnown, answer: Option<BlastRadius>) -> Result<Outputs, Stop> {
    let because = not_known.because();
    context.note(ObservationName::BlastRadiusNotKnown, &audit::NoAnswer { because: because.clone(), answer }).await?;
    if let NotKnown::Unreadable(failure) = not_known {
        return Err(failure.into());
    }
    let asked_again = late::to_come(context).into_iter().map(exact).collect();
    Ok(Outputs { because: Some(because), asked_again, ..Outputs::default() })
}

fn exact(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
