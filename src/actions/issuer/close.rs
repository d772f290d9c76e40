//! `issuer/close`: takes away what the rotation left behind, then looks whether the world is as the journal says.

use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::plan_line::{PlanLine, early, name};
use crate::actions::rotation::{Values, history, put_right, reopen};
use crate::azure::Vault;
use crate::durable::{Intent, Probed, Stop};
use crate::evidence::EffectName;
use crate::failure::Failure;
use crate::issuers::{Issuer, IssuerRecord, Proof, Trial, Work};
use crate::plan::{Aim, Class};
use crate::report::fact::counted;
use crate::vault::{SecretUrl, Served, Version, short};
use futures::try_join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
    /// The version that stays.
    keep: String,
    /// What the rotation recorded of the issuer: `${{ steps.rotate.outputs.issuer }}`.
    issuer: IssuerRecord,
    /// Whether the old versions are to be disabled by now.
    #[serde(default = "yes")]
    revoked: bool,
}

fn yes() -> bool {
    true
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Outputs {
    /// What was taken away.
    cleaned: Vec<String>,
    /// What was looked at and found as it should be.
    checked: Vec<String>,
}

const EXAMPLE: &str = r#"- id: rotate
  uses: keyvault/rotate
  with: { secret: "${{ inputs.secret }}" }
- id: close
  uses: issuer/close
  with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}", issuer: "${{ steps.rotate.outputs.issuer }}", revoked: false }
"#;

early!(Known of Parameters { secret: SecretUrl });

pub(crate) fn action() -> Action {
    Action::new(
        "issuer/close",
        Class::Write,
        "takes staging secrets and orphaned credentials away, and checks that the world is as the journal says",
        "asks the vault and the issuer what is left",
        run,
    )
    .aim(Aim::Close)
    .plan(|known: &Known, surroundings| {
        let does = format!("nothing of {} may be left behind", name(&known.secret));
        PlanLine { does: surroundings.issuer.as_ref().map(|_| does), ..PlanLine::on(&known.secret) }
    })
    .fact(|outputs| {
        let cleaned = match outputs.cleaned.as_slice() {
            [] => "nothing was left behind".to_owned(),
            cleaned => format!("took away {}", cleaned.join(", ")),
        };
        format!("{cleaned}; {} hold", counted(outputs.checked.len() as u64, "check")).into()
    })
    .idempotency("what is gone already is not taken away again")
    .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let Parameters { secret, keep, issuer: record, revoked } = parameters;
    let vault = Vault::open(&secret.vault, &context.services.azure)?;
    let issuer = reopen(context, &secret, &record)?;
    let mut cleaned = Vec::new();
    cleaned.extend(settle_late(context, &vault, &secret, &keep).await?);
    if let Some(staging) = &record.staging {
        clean_staging(context, &vault, staging).await?;
        cleaned.push(format!("staging secret {staging}"));
    }
    cleaned.extend(clean_issuer(context, issuer.as_ref(), &record).await?);
    let mut found = Findings::default();
    look_at_vault(context, &vault, &secret, &keep, revoked, &mut found).await?;
    if issuer.proof() == Proof::IssuersRefusal {
        look_at_issuer(&vault, &secret, issuer.as_ref(), &record, &keep, &mut found).await?;
    }
    if found.wrong.is_empty() {
        return Ok(Outputs { cleaned, checked: found.right });
    }
    let mut failure = Failure::refused("drift detected: the vault or the issuer differs from the journal")
        .help("find out who changed it, set it right, then resume");
    failure.reasons = found.wrong;
    Err(failure.into())
}

/// Puts right what came late: a request whose answer was lost may have arrived since.
async fn settle_late(context: &Context, vault: &Vault, secret: &SecretUrl, keep: &str) -> Result<Vec<String>, Stop> {
    let history = history(context, vault, &secret.name, keep).await?;
    let Ok(successor) = history.successor(keep) else { return Ok(Vec::new()) };
    let late = put_right(context, vault, secret, successor).await?;
    Ok(late.versions.iter().map(|version| format!("{}, which came late", short(version))).collect())
}

#[derive(Default)]
struct Findings {
    right: Vec<String>,
    wrong: Vec<String>,
}

impl Findings {
    fn check(&mut self, holds: bool, right: impl Into<String>, wrong: impl Into<String>) {
        if holds { self.right.push(right.into()) } else { self.wrong.push(wrong.into()) }
    }
}

/// Disabled first: whoever could read it cannot any more, even while the deletion can be undone.
async fn clean_staging(context: &Context, vault: &Vault, staging: &str) -> Result<(), Stop> {
    context
        .effect(
            Intent::new(EffectName::RemoveStaging, format!("disable and delete the staging secret {staging}")),
            async |_| {
                for version in vault.versions(staging).await?.iter().filter(|version| version.enabled) {
                    vault.disable(staging, &version.id).await?;
                }
                vault.delete(staging).await
            },
            async |_| Ok(if vault.versions(staging).await?.is_empty() { Probed::Done(()) } else { Probed::NotDone }),
        )
        .await
}

async fn clean_issuer(context: &Context, issuer: &dyn Issuer, record: &IssuerRecord) -> Result<Vec<String>, Stop> {
    let left = context.observe("left at the issuer", async || issuer.left_behind(record).await).await?;
    if left.is_empty() {
        return Ok(left);
    }
    context
        .effect(
            Intent::new(EffectName::CleanIssuer, format!("remove {}", left.join(", "))),
            async |_| issuer.remove_left_behind(record).await,
            async |_| Ok(if issuer.left_behind(record).await?.is_empty() { Probed::Done(()) } else { Probed::NotDone }),
        )
        .await?;
    Ok(left)
}

async fn look_at_vault(
    context: &Context,
    vault: &Vault,
    secret: &SecretUrl,
    keep: &str,
    revoked: bool,
    found: &mut Findings,
) -> Result<(), Stop> {
    let (history, current) = try_join!(history(context, vault, &secret.name, keep), vault.current(&secret.name))?;
    let successor = history.successor(keep);
    let keep = short(keep);
    let Ok(successor) = successor else {
        found.wrong.push(format!("{keep} is not what readers get"));
        return Ok(());
    };
    match successor.served(&current, &context.services.run) {
        Served::Itself => found.right.push(format!("{keep} is what readers get")),
        Served::Again(version) => {
            let again = short(&version.id);
            found.right.push(format!("{again} is what readers get: the value of {keep}, put in again"));
        }
        // Somebody rotated it once more, which takes nothing away from this run.
        Served::Later(version) => {
            let theirs = short(&version.id);
            found.right.push(format!("{theirs}, which somebody else put in since, is what readers get"));
        }
        Served::Otherwise => found.wrong.push(format!("{keep} is not what readers get")),
    }
    let readable = |versions: Vec<&Version>| {
        let enabled = versions.into_iter().filter(|version| version.enabled);
        enabled.map(|version| short(&version.id)).collect::<Vec<_>>()
    };
    let late = readable(successor.late());
    let wrong = format!("{} can be read, and came of the same request", late.join(", "));
    found.check(late.is_empty(), "this run added one version", wrong);
    if revoked {
        let older = readable(successor.older(&current));
        let wrong = format!("{} can still be read", older.join(", "));
        found.check(older.is_empty(), "no old version can be read", wrong);
    }
    Ok(())
}

async fn look_at_issuer(
    vault: &Vault,
    secret: &SecretUrl,
    issuer: &dyn Issuer,
    record: &IssuerRecord,
    keep: &str,
    found: &mut Findings,
) -> Result<(), Stop> {
    let values = Values::read(vault, &secret.name, record, keep).await?;
    let state = &record.state;
    if let Some(new) = &values.new {
        match issuer.try_credential(state, new).await? {
            Trial::Accepted { how, answer } => found.right.push(format!("the new credential works ({how}: {answer})")),
            Trial::Refused { how, answer } => {
                found.wrong.push(format!("the new credential does not work ({how}: {answer})"))
            }
            Trial::Untried { .. } => {}
        }
    }
    let work = Work::of(record, values.old.as_ref(), values.new.as_ref());
    match issuer.retired(&work).await? {
        Some(true) => found.right.push("the issuer says that the old credential is dead".to_owned()),
        Some(false) => found.wrong.push("the issuer says that the old credential is alive".to_owned()),
        None => {}
    }
    let left = issuer.left_behind(record).await?;
    found.check(left.is_empty(), "nothing is left at the issuer", format!("left at the issuer: {}", left.join(", ")));
    if let Some(staging) = &record.staging {
        let left = vault.versions(staging).await?.iter().any(|version| version.enabled);
        found.check(!left, "the staging secret is gone", format!("the staging secret {staging} can still be read"));
    }
    Ok(())
}
