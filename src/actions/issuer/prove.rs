//! `issuer/prove`: tries every old version at its issuer while the vault still gives it; each must be refused.
//!
//! Every answer of the issuer is recorded with its time, an acceptance as well. Where nothing can be tried, that is recorded with the
//! reason, and the report says "not proven".

use super::replaced::{Replaced, ReplacedKnown};
use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::plan_line::{PlanLine, Surroundings};
use crate::actions::rotation::{history, reopen};
use crate::azure::Vault;
use crate::clock::{self, Timestamp};
use crate::durable::Stop;
use crate::evidence::ObservationName;
use crate::failure::{Failure, Retry};
use crate::issuers::{IssuerKind, IssuerRecord, Named, Proof, Trial};
use crate::plan::{Aim, Class, Fact};
use crate::report::fact::counted;
use crate::vault::short;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Outputs {
    /// Old versions that the issuer refused.
    proven: Vec<String>,
    /// Old versions that nothing is known of.
    not_proven: Vec<NotProven>,
    /// What the issuer answered; empty where nothing was tried.
    answer: String,
    /// What is known of the old credential at its issuer, in words.
    statement: String,
}

/// An old version that could not be tried.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct NotProven {
    version: String,
    because: String,
}

/// One answer of the issuer, as evidence.
#[derive(Serialize)]
struct Evidence<'a> {
    version: &'a str,
    provider: &'a str,
    how: &'a str,
    answer: &'a str,
    at: Timestamp,
}

impl<'a> Evidence<'a> {
    fn of(version: &'a str, record: &IssuerRecord, how: &'a str, answer: &'a str) -> Self {
        Self { version, provider: record.named.provider.name(), how, answer, at: clock::now() }
    }
}

/// Why no issuer was asked: nobody stands behind the vault, as far as anybody knows.
#[derive(Serialize)]
struct NotAsked<'a> {
    provider: IssuerKind,
    because: &'a str,
    assumed: bool,
}

const EXAMPLE: &str = r#"- id: rotate
  uses: keyvault/rotate
  with: { secret: "${{ inputs.secret }}" }
- id: retire
  uses: issuer/revoke
  with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}", issuer: "${{ steps.rotate.outputs.issuer }}" }
- id: prove_dead
  uses: issuer/prove
  with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}", issuer: "${{ steps.rotate.outputs.issuer }}" }
"#;

pub(crate) fn action() -> Action {
    Action::new(
        "issuer/prove",
        Class::Read,
        "tries every old version at its issuer: each must be refused",
        "asks again",
        run,
    )
    .aim(Aim::ProveAtIssuer)
    .plan(plan)
    .fact(fact)
    .idempotency("it only reads")
    .example(EXAMPLE)
}

fn plan(known: &ReplacedKnown, surroundings: &Surroundings) -> PlanLine {
    let at_issuer = surroundings.issuer.as_ref().map(|issuer| match issuer.is_vault {
        true => "nothing: the vault is treated as the issuer".to_owned(),
        false => format!("{} must be refused by `{}`", issuer.old, issuer.name),
    });
    PlanLine { does: at_issuer, ..PlanLine::on(&known.secret) }
}

fn fact(outputs: &Outputs) -> Fact {
    let answer = &outputs.answer;
    let versions = |number: usize| counted(number as u64, "old version");
    Fact::from(match (outputs.proven.len(), outputs.not_proven.len()) {
        (0, 0) if !answer.is_empty() => answer.clone(),
        (0, 0) => "no old version was left to try".to_owned(),
        (0, left) => format!("not proven at the issuer: {} could not be tried", versions(left)),
        (proven, 0) => format!("{} refused by the issuer with {answer}", versions(proven)),
        (proven, left) => {
            format!("{} refused by the issuer with {answer}; {left} could not be tried", versions(proven))
        }
    })
}

async fn run(context: &Context, replaced: Replaced) -> Result<Outputs, Stop> {
    let Replaced { secret, keep, issuer: record } = replaced;
    let mut outputs =
        Outputs { proven: Vec::new(), not_proven: Vec::new(), answer: String::new(), statement: String::new() };
    let issuer = reopen(context, &secret, &record)?;
    if issuer.proof() == Proof::VaultsRefusal {
        let Named { provider, because, assumed, .. } = record.named;
        context.note(ObservationName::IssuerNotAsked, &NotAsked { provider, because: &because, assumed }).await?;
        outputs.answer = match assumed {
            true => because,
            false => "the vault is the issuer: its own refusal is the proof".to_owned(),
        };
        outputs.statement.clone_from(&outputs.answer);
        return Ok(outputs);
    }
    let vault = Vault::open(&secret.vault, &context.services.azure)?;
    let history = history(context, &vault, &secret.name, &keep).await?;
    let kept = history.keeping(&keep, &vault.current(&secret.name).await?)?;
    for version in kept.older() {
        let id = version.id.as_str();
        let Some(value) = vault.value_if_enabled(&secret.name, id).await? else {
            let because = "the version was disabled before, so its value cannot be tried".to_owned();
            // What was disabled before this run is not what leaked now, unless it is what was replaced.
            if Some(id) == record.replaced.as_deref() {
                not_proven(context, &record, NotProven { version: id.to_owned(), because }, &mut outputs).await?;
            }
            continue;
        };
        context.progress(format!("trying {} at its issuer", short(id)));
        match issuer.try_credential(&record.state, &value).await? {
            Trial::Refused { how, answer } => {
                let evidence = Evidence::of(id, &record, &how, &answer);
                context.note(ObservationName::RefusedByIssuer(id.to_owned()), &evidence).await?;
                outputs.proven.push(id.to_owned());
                outputs.answer = answer;
            }
            Trial::Accepted { how, answer } => {
                let evidence = Evidence::of(id, &record, &how, &answer);
                context.note(ObservationName::AcceptedByIssuer(id.to_owned()), &evidence).await?;
                return Err(Failure::refused(format!(
                    "the credential in {} still works: the leak is not contained",
                    short(id)
                ))
                .because(format!("{how}: {answer}"))
                .help("if the issuer takes a while to follow, resume; else revoke it there by hand, then resume")
                .retry(Retry::Later)
                .into());
            }
            Trial::Untried { because } => {
                not_proven(context, &record, NotProven { version: id.to_owned(), because }, &mut outputs).await?;
            }
        }
    }
    outputs.statement = statement(&record, &outputs);
    Ok(outputs)
}

/// For those who are told how it ended.
fn statement(record: &IssuerRecord, outputs: &Outputs) -> String {
    let name = record.named.provider.name();
    match (outputs.not_proven.as_slice(), outputs.proven.len()) {
        ([], 0) => format!("no old version was left to try at its issuer (`{name}`)"),
        ([], _) => format!("the old credential was refused (`{name}`: {})", outputs.answer),
        ([gap, ..], _) => format!("nothing proves that the old credential is dead (`{name}`): {}", gap.because),
    }
}

async fn not_proven(
    context: &Context,
    record: &IssuerRecord,
    version: NotProven,
    outputs: &mut Outputs,
) -> Result<(), Stop> {
    let because = format!("{}: {}", record.named.provider.name(), version.because);
    context.note(ObservationName::NotProvenAtIssuer(version.version.clone()), &because).await?;
    outputs.not_proven.push(version);
    Ok(())
}
