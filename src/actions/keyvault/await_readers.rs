//! `keyvault/await_readers`: waits, within the overlap, until those who read the old versions have read the new one.
//!
//! It decides from the audit trail, which lags behind. A reader that asks for an old version by its number never
//! moves by itself; it is named with its remedy and not waited for. At the end of the overlap the run goes on, or asks,
//! as the runbook says; who was left behind is recorded either way.

use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::parameter::Span;
use crate::actions::plan_line::{PlanLine, Surroundings, early};
use crate::audit::{self, Reader};
use crate::clock::{self, Timestamp};
use crate::durable::Stop;
use crate::engine::event::{Answer, Question};
use crate::failure::Failure;
use crate::plan::{Aim, Class, Fact};
use crate::report::fact::counted;
use crate::runbook::duration;
use crate::vault::SecretUrl;
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
    overlap: Span,
    /// How far back a reader counts as one.
    #[serde(default = "one_day")]
    baseline: Span,
    /// What happens if the overlap ends before all have moved: `go_on`, or `ask` a person.
    #[serde(default)]
    at_end: AtEnd,
    /// How often the trail is read.
    #[serde(default = "two_seconds")]
    every: Span,
}

/// The policy for those who have not moved in time.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum AtEnd {
    #[default]
    GoOn,
    Ask,
}

fn fifteen_minutes() -> Span {
    Span(Duration::from_secs(15 * 60))
}

fn one_day() -> Span {
    Span(Duration::from_secs(24 * 3600))
}

fn two_seconds() -> Span {
    Span(Duration::from_secs(2))
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Outputs {
    /// Readers that were seen on the new version.
    moved: Vec<String>,
    /// Readers that were not seen on it before the overlap ended.
    left_behind: Vec<Laggard>,
    /// Readers that ask for an old version by its number.
    pinned: Vec<Laggard>,
    /// Who went on without those that were left behind; empty where nobody was asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    decided_by: String,
    /// `audit` where a trail could be read, else `none`.
    evidence: String,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
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
    /// What makes it move.
    remedy: String,
}

/// Where the readers stand.
#[derive(Default)]
struct Adoption {
    moved: Vec<String>,
    waiting: Vec<Laggard>,
    pinned: Vec<Laggard>,
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

early!(Known of Parameters { secret: SecretUrl, overlap: Span });

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
            told.push(format!("{what}: {}", names(list)));
        }
    }
    Fact::from(if told.is_empty() { "nobody else was seen reading it".to_owned() } else { told.join("; ") })
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let secret = &parameters.secret;
    if context.services.config.archive(&secret.vault.name).is_none() {
        return without_evidence(context, &parameters).await;
    }
    let began = context.observe("began", async || Ok(clock::now())).await?;
    let deadline = context.deadline("overlap", parameters.overlap.0).await?;
    let since = began - chrono::Duration::from_std(parameters.baseline.0).unwrap_or(chrono::Duration::days(1));
    let mut seen = 0;
    loop {
        let adoption = adoption(context, &parameters, since).await?;
        let now = clock::now();
        if adoption.moved.len() != seen {
            seen = adoption.moved.len();
            context.note("moved", &adoption.moved).await?;
        }
        if adoption.waiting.is_empty() || now >= deadline {
            context.end_timer("overlap").await?;
            let decided_by = decide(context, parameters.at_end, &adoption).await?;
            return Ok(Outputs {
                decided_by,
                moved: adoption.moved,
                left_behind: adoption.waiting,
                pinned: adoption.pinned,
                evidence: "audit".to_owned(),
                because: None,
                waited_ms: u64::try_from((now - began).num_milliseconds()).unwrap_or_default(),
            });
        }
        context.progress(progress(&adoption, deadline - now));
        let every = chrono::Duration::from_std(parameters.every.0).unwrap_or(chrono::Duration::seconds(2));
        context.sleep_until(deadline.min(now + every)).await?;
    }
}

/// With no trail to look at, the whole overlap is waited for: somebody may be reading.
async fn without_evidence(context: &Context, parameters: &Parameters) -> Result<Outputs, Stop> {
    let began = context.observe("began", async || Ok(clock::now())).await?;
    let deadline = context.deadline("overlap", parameters.overlap.0).await?;
    context.progress("no audit source: waiting for the whole overlap");
    context.sleep_until(deadline).await?;
    context.end_timer("overlap").await?;
    Ok(Outputs {
        moved: Vec::new(),
        left_behind: Vec::new(),
        pinned: Vec::new(),
        decided_by: String::new(),
        evidence: "none".to_owned(),
        because: Some(format!("no audit source is configured for `{}`", parameters.secret.vault.name)),
        waited_ms: u64::try_from((clock::now() - began).num_milliseconds()).unwrap_or_default(),
    })
}

async fn adoption(context: &Context, parameters: &Parameters, since: Timestamp) -> Result<Adoption, Failure> {
    let until = clock::now() + chrono::Duration::seconds(1);
    let Some((archive, query)) = context.audit_query(&parameters.secret, since, until) else {
        return Ok(Adoption::default());
    };
    let known = query.known.clone();
    let readers = tokio::task::spawn_blocking(move || audit::readers(&archive, &query))
        .await
        .map_err(|error| Failure::refused(format!("the audit trail could not be read: {error}")))??;
    let mut adoption = Adoption::default();
    // Where the known callers are listed, nobody waits for a stranger.
    let counts = |reader: &&Reader| !reader.own && (known.is_empty() || known.contains(&reader.oid.to_lowercase()));
    for reader in readers.iter().filter(counts) {
        place(reader, parameters, &mut adoption);
    }
    Ok(adoption)
}

fn place(reader: &Reader, parameters: &Parameters, adoption: &mut Adoption) {
    if reader.versions.iter().any(|read| read.version == parameters.version) {
        adoption.moved.push(reader.name.clone());
        return;
    }
    let Some(last) = reader.versions.iter().max_by(|one, other| one.last.cmp(&other.last)) else { return };
    let whole = SecretUrl { version: None, ..parameters.secret.clone() };
    let remedy = if last.by_number {
        format!("take the version out of its reference: `{whole}`")
    } else {
        "make it read the secret again, for example by a restart".to_owned()
    };
    let laggard = Laggard {
        remedy,
        name: reader.name.clone(),
        oid: reader.oid.clone(),
        version: last.version.clone(),
        last: last.last.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
    };
    if last.by_number { adoption.pinned.push(laggard) } else { adoption.waiting.push(laggard) }
}

/// Asks about those who were left behind, if the runbook wants it; gives who answered.
async fn decide(context: &Context, at_end: AtEnd, adoption: &Adoption) -> Result<String, Stop> {
    if adoption.waiting.is_empty() || at_end == AtEnd::GoOn {
        return Ok(String::new());
    }
    let prompt = format!("The overlap is over, and {} did not move. Go on without them?", names(&adoption.waiting));
    let answer = context.gate(Question::new(prompt), None).await?;
    match answer.answer {
        Answer::Approved => Ok(answer.who()),
        Answer::Rejected | Answer::Expired => {
            Err(Failure::refused(format!("{} said not to go on without those who did not move", answer.who()))
                .because(format!("left behind: {}", names(&adoption.waiting)))
                .help("the leaked value still works; see to them, then start another run")
                .into())
        }
    }
}

fn names(laggards: &[Laggard]) -> String {
    laggards.iter().map(|laggard| laggard.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn progress(adoption: &Adoption, left: chrono::Duration) -> String {
    let all = adoption.moved.len() + adoption.waiting.len();
    format!(
        "{} of {all} readers moved; waiting {}s more for {}",
        adoption.moved.len(),
        left.num_seconds(),
        names(&adoption.waiting)
    )
}
