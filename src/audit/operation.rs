//! The name of an operation → what it is done to.

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
