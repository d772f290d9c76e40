//! `keyvault/await_readers`: waits, within the overlap, until those who read the old versions have read the new one.
//!
//! It decides from the audit trail, which lags behind. The wait ends early only in a log that has come past the rotation,
//! with every reader of the baseline seen on the new version; whatever the log cannot show, the whole overlap is waited
//! for. A reader that is pinned to an old version never moves by itself; it is named with its remedy and not
//! waited for. At the end of the overlap the run goes on, or asks, as the runbook says; who was left behind, and how much
//! of the log was seen, is recorded either way.

use super::adoption::{Old, Rotation, Standing, Watch, about};
use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::parameter::Length;
use crate::actions::plan_line::{PlanLine, Surroundings, early};
use crate::clock::{self, Timestamp};
use crate::durable::Stop;
use crate::engine::event::{Answer, Question};
use crate::evidence::{Adoption, AdoptionEnd, AdoptionReader, LogSeen, ObservationName};
use crate::failure::Failure;
use crate::plan::{Aim, Class, Fact};
use crate::report::fact::counted;
use crate::runbook::duration;
use crate::vault::SecretUrl;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
    /// The new version.
    version: String,
    /// How long to wait at most.
    #[serde(default = "fifteen_minutes")]
    #[schemars(extend("x-waits" = true))]
    overlap: Length,
    /// How far back a reader counts as one; that of the audit trail in `stanch.yaml` unless given, else 8 days, which hold
    /// what reads once a week.
    #[serde(default)]
    baseline: Option<Length>,
    /// What happens if the overlap ends before all have moved: `go_on`, or `ask` a person.
    #[serde(default)]
    at_end: AtEnd,
    /// How often the trail is read.
    #[serde(default = "two_seconds")]
    every: Length,
}

/// The policy for those who have not moved in time.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum AtEnd {
    #[default]
    GoOn,
    Ask,
}

fn fifteen_minutes() -> Length {
    Length(OVERLAP)
}

/// How far back a reader counts as one where nothing else says so: a job that runs once a week is in it.
pub(crate) const BASELINE: TimeDelta = TimeDelta::days(8);
/// How long is waited where the step does not say.
pub(crate) const OVERLAP: Duration = Duration::from_secs(15 * 60);

fn two_seconds() -> Length {
    Length(Duration::from_secs(2))
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Outputs {
    /// Readers that were seen on the new version.
    moved: Vec<String>,
    /// Readers that were not seen on it before the overlap ended.
    left_behind: Vec<Laggard>,
    /// Readers that are pinned to an old version.
    pinned: Vec<Laggard>,
    /// Who went on without those that were left behind; empty where nobody was asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    decided_by: String,
    /// `audit` where the trail has come past the rotation, `part` where it could be read and has not, or not in full, else
    /// `none`.
    evidence: String,
    /// How much was seen, where the lists do not speak for themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    /// How long the wait was.
    waited_ms: u64,
}

/// A reader still on an old version.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
struct Laggard {
    name: String,
    oid: String,
    /// The old version it read last.
    version: String,
    /// When.
    last: String,
    /// How often it was seen reading: `every 30s`, `once`.
    #[serde(default)]
    habit: String,
    /// What makes it move.
    remedy: String,
}

const EXAMPLE: &str = r#"- id: rotate
  uses: keyvault/rotate
  with: { secret: "${{ inputs.secret }}" }
- id: readers
  uses: keyvault/await_readers
  with:
    secret: ${{ inputs.secret }}
    version: ${{ steps.rotate.outputs.version }}
    overlap: 15m
  on_failure: continue
"#;

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/await_readers",
        Class::Read,
        "waits until the known readers have read the new version, at most for the overlap",
        "asks again",
        run,
    )
    .aim(Aim::AwaitReaders)
    .plan(plan)
    .fact(fact)
    .idempotency("changes nothing: the deadline is kept, the trail is read again")
    .example(EXAMPLE)
}

early!(Known of Parameters { secret: SecretUrl, overlap: Length });

fn plan(known: &Known, surroundings: &Surroundings) -> PlanLine {
    let waits = known.overlap.unwrap_or_else(fifteen_minutes).0;
    let readers = surroundings.readers.map(|readers| format!(" for {}", counted(readers as u64, "reader")));
    let does = format!("waits up to {}{}", duration::format(waits), readers.unwrap_or_default());
    PlanLine { waits, ..PlanLine::on(&known.secret).does(does) }
}

fn fact(outputs: &Outputs) -> Fact {
    if outputs.evidence == "none" {
        return Fact::from(format!("waited without looking: {}", outputs.because.as_deref().unwrap_or_default()));
    }
    let mut told = Vec::new();
    if !outputs.moved.is_empty() {
        told.push(format!("{} moved", counted(outputs.moved.len() as u64, "reader")));
    }
    for (list, what) in [(&outputs.left_behind, "not seen on it"), (&outputs.pinned, "pinned to an old version")] {
        if !list.is_empty() {
            let names: Vec<&str> = list.iter().map(|reader| reader.name.as_str()).collect();
            told.push(format!("{what}: {}", names.join(", ")));
        }
    }
    let because = outputs.because.as_deref().unwrap_or_default();
    Fact::from(match (told.is_empty(), because) {
        (true, "") => "nobody else was seen reading it".to_owned(),
        (true, because) if outputs.evidence == "audit" => format!("nobody else was seen reading it; {because}"),
        (true, because) => format!("not known who reads it: {because}"),
        (false, because) if outputs.evidence == "part" => format!("{}; {because}", told.join("; ")),
        (false, _) => told.join("; "),
    })
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let secret = &SecretUrl { version: None, ..parameters.secret.clone() };
    let began = context.observe("began", async || Ok(clock::now())).await?;
    let deadline = context.deadline("overlap", parameters.overlap.0).await?;
    let trail = context.services.config.audit_trail(&secret.vault.name);
    let mut rotation = Rotation::unknown(began);
    if trail.place.is_some() {
        let read = async || Ok(Rotation::read(context, secret, &parameters.version, began).await);
        rotation = context.observe("rotation", read).await?;
    }
    let given = parameters.baseline.map(|baseline| TimeDelta::from_std(baseline.0).unwrap_or(TimeDelta::MAX));
    let baseline = given.or(trail.baseline).unwrap_or(BASELINE);
    let from = began.checked_sub_signed(baseline).unwrap_or(Timestamp::MIN_UTC);
    let mut watch = Watch::new(context, secret, &parameters.version, rotation, from);
    let mut moved = 0;
    let (log, standing, ended) = loop {
        let log = watch.look().await;
        let standing = watch.standing();
        let now = clock::now();
        if standing.moved.len() != moved {
            moved = standing.moved.len();
            context.note("moved", &names(standing.moved.iter())).await?;
        }
        if log.reaches() && standing.waiting.is_empty() {
            break (log, standing, AdoptionEnd::AllMoved);
        }
        if now >= deadline {
            break (log, standing, AdoptionEnd::OverlapOver);
        }
        context.progress(progress(&log, &standing, deadline - now));
        let every = TimeDelta::from_std(parameters.every.0).unwrap_or(TimeDelta::seconds(2));
        // Without a source there is nothing to look at again.
        let next = if log == LogSeen::NoSource { deadline } else { deadline.min(now + every) };
        context.sleep_until(next).await?;
    };
    let waited = clock::now() - began;
    context.end_timer("overlap").await?;
    let because = watch.because(&log, ended == AdoptionEnd::OverlapOver && !standing.waiting.is_empty());
    let decided_by = decide(context, parameters.at_end, &log, &standing, because.as_deref()).await?;
    let reader = |old: &Old| old.reader.clone();
    let adoption = Adoption {
        secret: secret.to_string(),
        version: watch.version.clone(),
        rotated_at: watch.rotation.at,
        moved: standing.moved.clone(),
        left_behind: standing.waiting.iter().map(reader).collect(),
        pinned: standing.pinned.iter().map(reader).collect(),
        decided_by,
        log,
        baseline: watch.baseline.clone(),
        ended,
        waited_ms: u64::try_from(waited.num_milliseconds()).unwrap_or_default(),
        because,
    };
    context.note(ObservationName::Adoption, &adoption).await?;
    let laggard = |old: &Old| laggard(old, secret);
    Ok(Outputs {
        moved: names(standing.moved.iter()),
        left_behind: standing.waiting.iter().map(laggard).collect(),
        pinned: standing.pinned.iter().map(laggard).collect(),
        decided_by: adoption.decided_by.unwrap_or_default(),
        evidence: match &adoption.log {
            LogSeen::Reaches { .. } => "audit",
            LogSeen::EndsBefore { .. } => "part",
            LogSeen::Unreadable { .. } if watch.has_seen_any() => "part",
            LogSeen::Unreadable { .. } | LogSeen::NoSource | LogSeen::Empty { .. } => "none",
        }
        .to_owned(),
        because: adoption.because,
        waited_ms: adoption.waited_ms,
    })
}

fn laggard(old: &Old, secret: &SecretUrl) -> Laggard {
    let Old { reader, by_number } = old;
    let remedy = if *by_number {
        format!("take the version out of its reference: `{secret}`")
    } else {
        "make it read the secret again, for example by a restart".to_owned()
    };
    let interval = reader.interval_ms.and_then(|interval| i64::try_from(interval).ok()).map(TimeDelta::milliseconds);
    Laggard {
        name: reader.name.clone(),
        oid: reader.oid.clone(),
        version: reader.version.clone(),
        last: reader.last_read.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        habit: interval.map_or_else(|| "once".to_owned(), |interval| format!("every {}", about(interval))),
        remedy,
    }
}

/// Asks about what the log did not show, if the runbook wants it; gives who answered.
async fn decide(
    context: &Context,
    at_end: AtEnd,
    log: &LogSeen,
    standing: &Standing,
    because: Option<&str>,
) -> Result<Option<String>, Stop> {
    let left_behind = names(standing.waiting.iter().map(|old| &old.reader)).join(", ");
    let what = match (left_behind.as_str(), log.reaches()) {
        ("", true) => return Ok(None),
        (_, false) => format!("who has moved is not known: {}", because.unwrap_or_default()),
        (left_behind, true) => format!("{left_behind} did not move"),
    };
    if at_end == AtEnd::GoOn {
        return Ok(None);
    }
    let prompt = format!("The overlap is over, and {what}. Go on all the same?");
    let answer = context.gate(Question::new(prompt), None).await?;
    match answer.answer {
        Answer::Approved => Ok(Some(answer.who())),
        Answer::Rejected | Answer::Expired => {
            Err(Failure::refused(format!("{} said not to go on without those who did not move", answer.who()))
                .because(what)
                .help("the leaked value still works; see to its readers, then start another run")
                .into())
        }
    }
}

fn names<'r>(readers: impl Iterator<Item = &'r AdoptionReader>) -> Vec<String> {
    readers.map(|reader| reader.name.clone()).collect()
}

fn progress(log: &LogSeen, standing: &Standing, left: TimeDelta) -> String {
    let left = left.num_seconds();
    let (moved, all) = (standing.moved.len(), standing.moved.len() + standing.waiting.len());
    match log {
        LogSeen::NoSource => "no audit source: waiting for the whole overlap".to_owned(),
        LogSeen::Unreadable { .. } => format!("the audit trail cannot be read; waiting {left}s more"),
        LogSeen::Empty { .. } => format!("the audit trail is empty; waiting {left}s more"),
        LogSeen::EndsBefore { horizon, .. } => {
            format!("the audit trail has come to {}; waiting {left}s more", horizon.format("%H:%M:%SZ"))
        }
        LogSeen::Reaches { .. } => {
            let names = names(standing.waiting.iter().map(|old| &old.reader)).join(", ");
            format!("{moved} of {all} consumers on the new version; waiting {left}s more for {names}")
        }
    }
}
