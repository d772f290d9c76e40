//! `keyvault/disable_old`: disables every older enabled version, each an effect of its own.

use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::plan_line::{PlanLine, early, name};
use crate::actions::rotation::{history, is_disabled};
use crate::azure::Vault;
use crate::durable::{Intent, Stop};
use crate::failure::Failure;
use crate::plan::{Aim, Class};
use crate::report::fact::counted;
use crate::vault::{SecretUrl, short};
use futures::stream::{self, StreamExt};
use futures::try_join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So many versions are disabled side by side.
const AT_A_TIME: usize = 8;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
    /// The version that stays: what the rotation put in.
    keep: String,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Outputs {
    /// The versions that this step disabled.
    disabled: Vec<String>,
    /// Older versions that were disabled before.
    already_disabled: Vec<String>,
    /// The version that stayed.
    kept: String,
}

/// Which versions are to be disabled, decided once.
#[derive(Serialize, Deserialize)]
struct Targets {
    disable: Vec<String>,
    already_disabled: Vec<String>,
}

const EXAMPLE: &str = r#"- id: rotate
  uses: keyvault/rotate
  with: { secret: "${{ inputs.secret }}" }
- id: revoke
  uses: keyvault/disable_old
  with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
"#;

early!(Known of Parameters { secret: SecretUrl });

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/disable_old",
        Class::Irreversible,
        "disables every older version that is still enabled",
        "asks the vault whether the version is disabled",
        run,
    )
    .aim(Aim::DisableOld)
    .plan(|known: &Known, surroundings| {
        let name = name(&known.secret);
        PlanLine::on(&known.secret).does(match surroundings.enabled {
            Some(enabled) => format!("disables {} of {name}", counted(enabled as u64, "version")),
            None => format!("disables the older versions of {name}"),
        })
    })
    .fact(|outputs| {
        let disabled = counted(outputs.disabled.len() as u64, "version");
        format!("{disabled} disabled, {} were disabled before", outputs.already_disabled.len()).into()
    })
    .idempotency("which versions are to be disabled is decided once; disabling a disabled version changes nothing")
    .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let Parameters { secret, keep } = parameters;
    let vault = Vault::open(&secret.vault, &context.services.azure)?;
    let targets = context.observe("targets", async || targets(context, &vault, &secret, &keep).await).await?;
    // Side by side, and each comes to its outcome, whatever became of the others.
    let disabled = stream::iter(&targets.disable).map(|version| disable(context, &vault, &secret, version));
    let outcomes: Vec<Result<(), Stop>> = disabled.buffered(AT_A_TIME).collect().await;
    outcomes.into_iter().collect::<Result<(), Stop>>()?;
    Ok(Outputs { disabled: targets.disable, already_disabled: targets.already_disabled, kept: keep })
}

async fn disable(context: &Context, vault: &Vault, secret: &SecretUrl, version: &str) -> Result<(), Stop> {
    context.progress(format!("disabling {}", short(version)));
    let intent =
        Intent::new(format!("disable {version}"), format!("disable version {} of {}", short(version), secret.name));
    context
        .effect(
            intent,
            async |_| vault.disable(&secret.name, version).await.map(drop),
            async |_| is_disabled(vault, &secret.name, version).await,
        )
        .await
}

/// Older versions, once it is certain that a successor answers in their place.
async fn targets(context: &Context, vault: &Vault, secret: &SecretUrl, keep: &str) -> Result<Targets, Failure> {
    let (history, current) = try_join!(history(context, vault, &secret.name, keep), vault.current(&secret.name))?;
    let kept = history.keeping(keep, &current)?;
    let older = |enabled: bool| {
        let older = kept.older().iter().filter(move |version| version.enabled == enabled);
        older.map(|version| version.id.clone()).collect()
    };
    Ok(Targets { disable: older(true), already_disabled: older(false) })
}
