//! `provider/close`: takes away what the rotation left behind, then looks whether the world is as the journal says.

use super::{Values, reopen};
use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::keyvault::{TAG_EFFECT, TAG_RUN, older, put_right, short};
use crate::actions::plan_line::{PlanLine, early, name};
use crate::azure::Vault;
use crate::durable::{Intent, Probed, Stop};
use crate::failure::Failure;
use crate::issuers::{Provider, ProviderKind, Standing, Trial, Work};
use crate::plan::{Aim, Class};
use crate::report::fact::counted;
use crate::vault::SecretUrl;
use crate::vault::{Current, Version};
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
    issuer: Standing,
    /// Whether the old versions are to be disabled by now.
    #[serde(default = "yes")]
    revoked: bool,
}

fn yes() -> bool {
    true
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
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
  uses: provider/close
  with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}", issuer: "${{ steps.rotate.outputs.issuer }}", revoked: false }
"#;

early!(Known of Parameters { secret: SecretUrl });

pub(crate) fn action() -> Action {
    Action::new(
        "provider/close",
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
    let Parameters { secret, keep, issuer: standing, revoked } = parameters;
    let vault = Vault::open(&secret.vault, &context.services.azure)?;
    let provider = reopen(context, &secret, &standing)?;
    let mut cleaned = Vec::new();
    cleaned.extend(settle_late(context, &vault, &secret, &keep).await?);
    if let Some(staging) = &standing.staging {
        clean_staging(context, &vault, staging).await?;
        cleaned.push(format!("staging secret {staging}"));
    }
    cleaned.extend(clean_issuer(context, provider.as_ref(), &standing).await?);
    let mut found = Findings::default();
    look_at_vault(context, &vault, &secret, &keep, revoked, &mut found).await?;
    if standing.provider != ProviderKind::Random {
        look_at_issuer(&vault, &secret, provider.as_ref(), &standing, &keep, &mut found).await?;
    }
    if found.wrong.is_empty() {
        return Ok(Outputs { cleaned, checked: found.right });
    }
    let mut failure = Failure::refused("the world is not as the journal says")
        .help("find out who changed it, set it right, then resume");
    failure.reasons = found.wrong;
    Err(failure.into())
}

/// Puts right what came late: a request whose answer was lost may have arrived since.
async fn settle_late(context: &Context, vault: &Vault, secret: &SecretUrl, keep: &str) -> Result<Vec<String>, Stop> {
    let versions = vault.versions(&secret.name).await?;
    let Some(kept) = versions.iter().find(|version| version.id == keep) else { return Ok(Vec::new()) };
    let late = put_right(context, vault, secret, &versions, kept).await?;
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
            Intent::new("clean staging", format!("disable and delete the staging secret {staging}")),
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

async fn clean_issuer(context: &Context, provider: &dyn Provider, standing: &Standing) -> Result<Vec<String>, Stop> {
    let left = context.observe("left at the issuer", async || provider.leftovers(standing, false).await).await?;
    if left.is_empty() {
        return Ok(left);
    }
    context
        .effect(
            Intent::new("clean issuer", format!("remove {}", left.join(", "))),
            async |_| provider.leftovers(standing, true).await.map(drop),
            async |_| {
                Ok(if provider.leftovers(standing, false).await?.is_empty() {
                    Probed::Done(())
                } else {
                    Probed::NotDone
                })
            },
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
    let (versions, current) = try_join!(vault.versions(&secret.name), vault.current(&secret.name))?;
    let run = &context.services.run;
    let ours = |version: &Version| version.tags.get(TAG_RUN) == Some(run);
    let current = match current {
        Current::Enabled(id) => versions.iter().find(|version| version.id == id),
        Current::Disabled | Current::Missing => None,
    };
    let current_id = current.map(|current| current.id.as_str());
    let short_keep = short(keep);
    let kept = versions.iter().find(|version| version.id == keep && version.enabled);
    match (kept, current) {
        (Some(_), Some(current)) if current.id == keep => found.right.push(format!("{short_keep} is what readers get")),
        (Some(_), Some(current)) if ours(current) => found
            .right
            .push(format!("{} is what readers get: the value of {short_keep}, put in again", short(&current.id))),
        // Somebody rotated it once more, which takes nothing away from this run.
        (Some(kept), Some(current)) if current.created >= kept.created => {
            found.right.push(format!("{}, which somebody else put in since, is what readers get", short(&current.id)))
        }
        _ => found.wrong.push(format!("{short_keep} is not what readers get")),
    }
    let effect = kept.and_then(|kept| kept.tags.get(TAG_EFFECT));
    let twice = |version: &&Version| {
        ours(version) && version.enabled && version.id != keep && version.tags.get(TAG_EFFECT) == effect
    };
    let strays: Vec<String> = versions.iter().filter(twice).map(|version| short(&version.id)).collect();
    let wrong = format!("{} can be read, and came of the same request", strays.join(", "));
    found.check(strays.is_empty(), "this run added one version", wrong);
    let Some(kept) = versions.iter().find(|version| version.id == keep).filter(|_| revoked) else { return Ok(()) };
    let readable: Vec<String> = older(context, &versions, kept, current_id)
        .into_iter()
        .filter(|version| version.enabled)
        .map(|version| short(&version.id))
        .collect();
    let wrong = format!("{} can still be read", readable.join(", "));
    found.check(readable.is_empty(), "no old version can be read", wrong);
    Ok(())
}

async fn look_at_issuer(
    vault: &Vault,
    secret: &SecretUrl,
    provider: &dyn Provider,
    standing: &Standing,
    keep: &str,
    found: &mut Findings,
) -> Result<(), Stop> {
    let values = Values::read(vault, &secret.name, standing, keep).await?;
    let survey = &standing.survey;
    if let Some(new) = &values.new {
        match provider.attempt(survey, new).await? {
            Trial::Accepted { how, answer } => found.right.push(format!("the new credential works ({how}: {answer})")),
            Trial::Refused { how, answer } => {
                found.wrong.push(format!("the new credential does not work ({how}: {answer})"))
            }
            Trial::Untried { .. } => {}
        }
    }
    let work =
        Work { survey, key: &standing.issue_key, old: values.old.as_ref(), new: values.new.as_ref(), older: &[] };
    match provider.retired(&work).await? {
        Some(true) => found.right.push("the issuer says that the old credential is dead".to_owned()),
        Some(false) => found.wrong.push("the issuer says that the old credential is alive".to_owned()),
        None => {}
    }
    let left = provider.leftovers(standing, false).await?;
    found.check(left.is_empty(), "nothing is left at the issuer", format!("left at the issuer: {}", left.join(", ")));
    if let Some(staging) = &standing.staging {
        let left = vault.versions(staging).await?.iter().any(|version| version.enabled);
        found.check(!left, "the staging secret is gone", format!("the staging secret {staging} can still be read"));
    }
    Ok(())
}
