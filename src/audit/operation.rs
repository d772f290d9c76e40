//! The name of an operation → what it is done to.

use std::borrow::Cow;

/// The operations on secrets, as Azure spells them.
const OF_SECRETS: [&str; 12] = [
    "SecretGet",
    "SecretSet",
    "SecretUpdate",
    "SecretDelete",
    "SecretBackup",
    "SecretRestore",
    "SecretRecover",
    "SecretPurge",
    "SecretList",
    "SecretListVersions",
    "SecretListDeleted",
    "SecretGetDeleted",
];

/// An operation on secrets in Azure's own spelling: some tools change the case of what they carry.
pub(super) fn as_azure_spells(operation: Cow<'_, str>) -> Cow<'_, str> {
    let bare = operation.trim();
    match OF_SECRETS.iter().find(|known| known.eq_ignore_ascii_case(bare)) {
        Some(known) if **known != *operation => Cow::Borrowed(known),
        _ => operation,
    }
}

/// Whether an operation is done to one secret, so that an entry of it must say to which.
pub(super) fn is_of_one_secret(operation: &[u8]) -> bool {
    let operation = operation.to_ascii_lowercase();
    let lists_all = operation.starts_with(b"secretlist") && !operation.starts_with(b"secretlistversions");
    operation.starts_with(b"secret") && !lists_all && !operation.ends_with(b"notification")
}

/// Whether an operation changes a vault, rather than looking at it.
pub(super) fn is_vault_change(operation: &str) -> bool {
    operation.starts_with("Vault") && operation != "VaultGet"
}
