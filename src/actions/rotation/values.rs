//! The values that the vault still gives.

use crate::azure::Vault;
use crate::failure::Failure;
use crate::issuers::{Issuer, IssuerRecord};
use crate::secret::Secret;
use crate::vault::Version;

/// The values that the last stages work with: the old one as long as it can be read, and the new one.
pub(crate) struct Values {
    pub(crate) old: Option<Secret>,
    pub(crate) new: Option<Secret>,
}

impl Values {
    pub(crate) async fn read(vault: &Vault, name: &str, record: &IssuerRecord, keep: &str) -> Result<Self, Failure> {
        let old = match &record.replaced {
            None => None,
            Some(replaced) => vault.value_if_enabled(name, replaced).await?,
        };
        Ok(Self { old, new: vault.value_if_enabled(name, keep).await? })
    }

    /// Those of the other versions that can still be read, where the issuer ends them as well.
    pub(crate) async fn older(
        vault: &Vault,
        name: &str,
        versions: impl Iterator<Item = &Version>,
        issuer: &dyn Issuer,
    ) -> Result<Vec<Secret>, Failure> {
        let mut values = Vec::new();
        for version in versions.filter(|version| version.enabled && issuer.retires_older()) {
            values.extend(vault.value_if_enabled(name, &version.id).await?);
        }
        Ok(values)
    }
}
