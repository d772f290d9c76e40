//! `keyvault/reconcile`: compares the versions that carry the run's tag with the one that the journal knows.
//!
//! A request whose answer was lost may still be on its way when the vault, asked for it, knows nothing; it is then sent
//! again, and may arrive twice. What arrived late is disabled, and the vault's refusal taken down as evidence. Where it
//! became the current version, the value of the version that the run went on with is put in once more before, so that
//! nobody is left with a value that only the vault knows.

use super::disable_old::is_disabled;
use super::prove_revoked::{Asked, refused};
use super::rotate::{Published, TAG_EFFECT, TAG_RUN, find};
use super::{open, short};
use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::plan_line::{PlanLine, early, name};
use crate::azure::{NewVersion, Vault};
use crate::durable::{Intent, Probed, Stop};
use crate::failure::{Failure, Retry};
use crate::plan::{Aim, Class};
use crate::report::fact::counted;
use crate::vault::SecretUrl;
use crate::vault::{Current, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
    /// The version that the rotation put in; empty if none is known to be.
    #[serde(default)]
    keep: String,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Outputs {
    /// Versions of this run that nobody knew of; they are disabled.
    late: Vec<String>,
    /// The version that carries the kept value and is current; empty where the kept version stayed current.
    put_in_again: String,
}

const EXAMPLE: &str = r#"- id: rotate
  uses: keyvault/rotate
  with: { secret: "${{ inputs.secret }}" }
- id: reconcile
  uses: keyvault/reconcile
  with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
"#;

early!(Known of Parameters { secret: SecretUrl });

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/reconcile",
        Class::Write,
        "looks for what arrived late, and puts it right",
        "asks the vault for the tag of the new version, and whether the late one is disabled",
        run,
    )
    .aim(Aim::Reconcile)
    .plan(|known: &Known, _| {
        PlanLine::on(&known.secret).does(format!("versions of {} that arrived late", name(&known.secret)))
    })
    .fact(|outputs| match outputs.late.len() {
        0 => "nothing arrived late".into(),
        late => format!("{} arrived late and was put right", counted(late as u64, "version")).into(),
    })
    .idempotency(
        "a version that is put in again carries the effect's key as a tag, and is looked for before another is made",
    )
    .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let Parameters { secret, keep } = parameters;
    let vault = open(context, &secret)?;
    let versions = vault.versions(&secret.name).await?;
    let Some(kept) = versions.iter().find(|version| version.id == keep) else {
        let ours = |version: &&Version| version.tags.get(TAG_RUN) == Some(&context.services.run);
        return match versions.iter().filter(ours).map(|version| short(&version.id)).collect::<Vec<_>>().as_slice() {
            [] => Ok(Outputs { late: Vec::new(), put_in_again: String::new() }),
            found => Err(unknown_to_us(&secret, found).into()),
        };
    };
    let Late { versions: late, put_in_again } = put_right(context, &vault, &secret, &versions, kept).await?;
    Ok(Outputs { late, put_in_again })
}

/// What arrived late.
pub(in crate::actions) struct Late {
    /// Its versions; they are disabled.
    pub(in crate::actions) versions: Vec<String>,
    /// The version that carries the kept value and is current; empty where the kept version stayed current.
    pub(in crate::actions) put_in_again: String,
}

/// Disables what the effect that made `kept` put in once more, and puts the kept value in again where it has to be.
pub(in crate::actions) async fn put_right(
    context: &Context,
    vault: &Vault,
    secret: &SecretUrl,
    versions: &[Version],
    kept: &Version,
) -> Result<Late, Stop> {
    // What this step puts in carries the tag of another effect.
    let same_effect = |version: &&Version| {
        let same = |tag: &str| version.tags.get(tag) == kept.tags.get(tag);
        version.id != kept.id && kept.tags.contains_key(TAG_EFFECT) && same(TAG_RUN) && same(TAG_EFFECT)
    };
    let late: Vec<&Version> = versions.iter().filter(same_effect).collect();
    let mut put_in_again = String::new();
    for version in &late {
        // One of them may be current although it is disabled, which leaves every reader with 403.
        let is_current = match vault.current(&secret.name).await? {
            Current::Enabled(current) => current == version.id,
            Current::Disabled => kept.created <= version.created,
            Current::Missing => false,
        };
        // Whoever was cut off in the middle has put it in already.
        let effect = again(&version.id);
        if is_current || context.ledger().step(&context.step).effects.contains_key(&effect) {
            put_in_again = put_in(context, vault, secret, kept, &version.id).await?;
        }
        if version.enabled {
            disable(context, vault, secret, &version.id).await?;
        }
        if let Asked::Readable(version) = refused(context, vault, &secret.name, &version.id).await? {
            let summary = format!("{} came late, was disabled, and can still be read", short(&version));
            return Err(Failure::refused(summary).retry(Retry::Later).into());
        }
    }
    Ok(Late { versions: late.iter().map(|version| version.id.clone()).collect(), put_in_again })
}

fn again(late: &str) -> String {
    format!("put in again after {late}")
}

/// Puts the kept value in once more, as the current version.
async fn put_in(
    context: &Context,
    vault: &Vault,
    secret: &SecretUrl,
    kept: &Version,
    late: &str,
) -> Result<String, Stop> {
    let summary = format!("{} once more, as {} came late and became current", short(&kept.id), short(late));
    let published = context
        .effect(
            Intent::new(again(late), summary),
            async |key| {
                let value = vault.value(&secret.name, Some(&kept.id)).await?;
                let mut tags = kept.tags.clone();
                tags.insert(TAG_EFFECT.to_owned(), key);
                let new = NewVersion { content_type: kept.content_type.clone(), tags, expires: kept.expires };
                vault.set(&secret.name, &value, new).await.map(Published::from)
            },
            async |key| {
                let found = find(vault, &secret.name, &key).await?;
                Ok(found.map_or(Probed::NotDone, |version| Probed::Done(Published::from(version))))
            },
        )
        .await?;
    Ok(published.version)
}

async fn disable(context: &Context, vault: &Vault, secret: &SecretUrl, version: &str) -> Result<(), Stop> {
    let summary = format!("disable version {} of {}, which came late", short(version), secret.name);
    context
        .effect(
            Intent::new(format!("disable {version}"), summary),
            async |_| vault.disable(&secret.name, version).await.map(drop),
            async |_| is_disabled(vault, &secret.name, version).await,
        )
        .await
}

fn unknown_to_us(secret: &SecretUrl, found: &[String]) -> Failure {
    Failure::refused(format!("{} of {} came from this run, and no step knows of it", found.join(", "), secret.name))
        .because("a request of the rotation arrived after the vault was asked for it")
        .help("`stanch resume` goes on with the rotation, which finds it by its tag")
}
