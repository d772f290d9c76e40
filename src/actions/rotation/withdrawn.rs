//! A version that was taken away: disabled, and refused by the vault.

use crate::actions::context::Context;
use crate::azure::{Readable, Vault};
use crate::clock::Timestamp;
use crate::durable::{Probed, Stop};
use crate::failure::Failure;
use crate::vault::short;
use serde::Serialize;

/// One refusal.
#[derive(Serialize)]
struct Refusal<'a> {
    version: &'a str,
    answer: &'a str,
    at: Timestamp,
    request_id: String,
}

/// What asking for a version came to.
pub(crate) enum Asked {
    Refused(String),
    Readable(String),
}

/// Asks for one version, and takes a refusal down as evidence.
pub(crate) async fn refused(context: &Context, vault: &Vault, name: &str, version: &str) -> Result<Asked, Stop> {
    context.go_on()?;
    context.progress(format!("asking for {}", short(version)));
    match vault.readable(name, version).await? {
        Readable::Disabled { request_id, at } => {
            let refusal = Refusal { version, answer: "403 SecretDisabled", at, request_id };
            context.note(&format!("refused {version}"), &refusal).await?;
            Ok(Asked::Refused(version.to_owned()))
        }
        Readable::Yes => Ok(Asked::Readable(version.to_owned())),
    }
}

pub(crate) async fn is_disabled(vault: &Vault, name: &str, version: &str) -> Result<Probed<()>, Failure> {
    let versions = vault.versions(name).await?;
    let still_enabled = versions.iter().any(|listed| listed.id == version && listed.enabled);
    Ok(if still_enabled { Probed::NotDone } else { Probed::Done(()) })
}
