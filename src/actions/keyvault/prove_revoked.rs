//! `keyvault/prove_revoked`: asks for every older version and takes the vault's refusal down as evidence.

use super::{older, open, short};
use crate::actions::Action;
use crate::actions::context::{Context, Stop};
use crate::azure::{Current, Readable, SecretUrl};
use crate::clock::Timestamp;
use crate::failure::Failure;
use crate::plan::Class;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    #[schemars(with = "String")]
    secret: SecretUrl,
    /// The version that stays.
    keep: String,
}

#[derive(Serialize, JsonSchema)]
struct Outputs {
    /// The versions that the vault refuses to give.
    proven: Vec<String>,
}

/// One refusal.
#[derive(Serialize)]
struct Refusal<'a> {
    version: &'a str,
    answer: &'a str,
    at: Timestamp,
    request_id: String,
}

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/prove_revoked",
        Class::Read,
        "asks for every older version: each must answer 403 SecretDisabled",
        "asks again",
        run,
    )
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let Parameters { secret, keep } = parameters;
    let vault = open(context, &secret)?;
    let versions = vault.versions(&secret.name).await?;
    let Some(kept) = versions.iter().find(|version| version.id == keep) else {
        return Err(Failure::refused(format!("the version to keep, `{keep}`, is not in the vault")).into());
    };
    let is_current = matches!(vault.current(&secret.name).await?, Current::Enabled(current) if current == keep);
    let mut proven = Vec::new();
    let mut still_readable = Vec::new();
    for version in older(&versions, kept, is_current) {
        context.progress(format!("asking for {}", short(&version.id)));
        match vault.readable(&secret.name, &version.id).await? {
            Readable::Disabled { request_id, at } => {
                let refusal = Refusal { version: &version.id, answer: "403 SecretDisabled", at, request_id };
                context.note(&format!("refused {}", version.id), &refusal).await?;
                proven.push(version.id.clone());
            }
            Readable::Yes => still_readable.push(short(&version.id)),
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
