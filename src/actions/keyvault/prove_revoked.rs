//! `keyvault/prove_revoked`: asks for every older version and takes the vault's refusal down as evidence.

use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::plan_line::{PlanLine, early, name};
use crate::actions::rotation::{Asked, history, refused};
use crate::azure::Vault;
use crate::durable::Stop;
use crate::failure::Failure;
use crate::plan::{Aim, Class};
use crate::report::fact::counted;
use crate::vault::{SecretUrl, short};
use futures::stream::{self, StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Versions asked for at the same time: a secret may have thousands.
const AT_ONCE: usize = 8;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
    /// The version that stays.
    keep: String,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Outputs {
    /// The versions that the vault refuses to give.
    proven: Vec<String>,
}

const EXAMPLE: &str = r#"- id: rotate
  uses: keyvault/rotate
  with: { secret: "${{ inputs.secret }}" }
- id: revoke
  uses: keyvault/disable_old
  with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
- id: prove
  uses: keyvault/prove_revoked
  with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
"#;

early!(Known of Parameters { secret: SecretUrl });

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/prove_revoked",
        Class::Read,
        "asks for every older version: each must answer 403 SecretDisabled",
        "asks again",
        run,
    )
    .aim(Aim::ProveAtVault)
    .plan(|known: &Known, _| {
        PlanLine::on(&known.secret).does(format!("every older version of {} must answer 403", name(&known.secret)))
    })
    .fact(|outputs| {
        format!("{} refused with 403 SecretDisabled", counted(outputs.proven.len() as u64, "old version")).into()
    })
    .idempotency("changes nothing: asking again is harmless")
    .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let Parameters { secret, keep } = parameters;
    let vault = Vault::open(&secret.vault, &context.services.azure)?;
    let history = history(context, &vault, &secret.name, &keep).await?;
    let successor = history.successor(&keep)?;
    let current = vault.current(&secret.name).await?;
    let (vault, name) = (&vault, &secret.name);
    let answers = stream::iter(successor.older(&current))
        .map(|version| refused(context, vault, name, &version.id))
        .buffered(AT_ONCE)
        .try_collect::<Vec<Asked>>()
        .await?;
    let (mut proven, mut still_readable) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Asked::Refused(version) => proven.push(version),
            Asked::Readable(version) => still_readable.push(short(&version)),
        }
    }
    if !still_readable.is_empty() {
        return Err(Failure::refused(format!(
            "{} can still be read: the secret is not contained",
            still_readable.join(", ")
        ))
        .help("disable it, then resume")
        .into());
    }
    Ok(Outputs { proven })
}
