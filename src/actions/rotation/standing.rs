//! How a secret stands before anything is changed: its versions, or why no version can follow them.

use crate::azure::{Deleted, Vault};
use crate::clock;
use crate::failure::Failure;
use crate::vault::{Current, SecretUrl, Version, belongs_to_certificate};

/// A secret that a version can follow in, as far as reads tell.
pub(crate) struct Standing {
    pub(crate) versions: Vec<Version>,
    pub(crate) current: Current,
}

/// Looks at a secret.
///
/// # Errors
/// If nothing can follow, whatever is tried again: there is no such secret or version, it is deleted, a certificate writes
/// it; or if the vault gives no answer.
pub(crate) async fn standing(vault: &Vault, secret: &SecretUrl) -> Result<Standing, Failure> {
    // One after the other: a vault that does not answer is asked no oftener than needed to know.
    let versions = vault.versions(&secret.name).await?;
    let head = vault.head(&secret.name).await?;
    if versions.is_empty() || head.current == Current::Missing {
        return Err(missing(vault, secret).await);
    }
    secret.is_among(&versions)?;
    if head.managed || versions.iter().any(|version| version.managed) {
        return Err(belongs_to_certificate(&secret.name, &secret.vault.name));
    }
    Ok(Standing { versions, current: head.current })
}

/// Why there is no version: the secret was deleted, or nobody has put it in.
async fn missing(vault: &Vault, secret: &SecretUrl) -> Failure {
    let (name, of) = (&secret.name, &secret.vault.name);
    let none = Failure::refused(format!("there is no secret `{name}` in `{of}`"));
    let recover = format!("az keyvault secret recover --vault-name {of} --name {name}");
    match vault.deleted(name).await {
        Ok(Deleted::Yes { purged, purgeable }) => {
            let until = purged.map(|at| format!(", until it is purged at {}", clock::second(at))).unwrap_or_default();
            let failure = Failure::refused(format!("`{name}` is soft-deleted in `{of}`{until}"))
                .help(format!("recover it with `{recover}`, wait until it is listed, then start again"));
            match purgeable {
                Some(false) => failure.and(
                    "purge protection keeps its name taken until then: a new secret needs another name",
                ),
                _ => failure,
            }
        }
        Ok(Deleted::No) => none
            .because("it is not among the deleted ones either; one that is just being deleted is listed there a little later")
            .help(format!("check the URL; `az keyvault secret list --vault-name {of}` shows the names")),
        Err(failure) => none
            .because(format!("whether it was deleted is not known: {}", failure.summary))
            .help(format!("check the URL; if it was deleted lately, `{recover}` brings it back")),
    }
}
