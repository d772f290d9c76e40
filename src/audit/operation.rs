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

/// An operation on secrets in Azure's own spelling: some tools change the case of what they carry, part its words, or put
/// the status behind it.
pub(super) fn as_azure_spells(operation: Cow<'_, str>) -> Cow<'_, str> {
    let is_known = |known: &&&str| **known == &*operation;
    if OF_SECRETS.iter().any(|known| is_known(&known)) {
        return operation;
    }
    let bare = operation.split('(').next().unwrap_or_default();
    let bare = bare.rsplit(['/', '.']).next().unwrap_or_default();
    let letters: String = bare.chars().filter(|char| !matches!(char, ' ' | '_' | '-' | '"' | '\'' | ',')).collect();
    let letters = letters.trim();
    // `Get Secret` has the words of `SecretGet` in another order.
    let turned = |known: &str| {
        let verb = known.strip_prefix("Secret").unwrap_or_default();
        let (begins, ends) = letters.split_at_checked(verb.len()).unwrap_or_default();
        begins.eq_ignore_ascii_case(verb) && ends.eq_ignore_ascii_case("Secret")
    };
    let known = OF_SECRETS.iter().find(|known| known.eq_ignore_ascii_case(letters) || turned(known));
    known.map_or(operation, |known| Cow::Borrowed(*known))
}

/// Whether a text is the name of an operation of Key Vault's, as far as its form tells.
pub(super) fn is_name(operation: &str) -> bool {
    let is_truth = ["true", "false"].iter().any(|truth| truth.eq_ignore_ascii_case(operation));
    operation.starts_with(|first: char| first.is_ascii_alphabetic())
        && operation.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !is_truth
}

/// Whether an operation is done to one secret, so that an entry of it must say to which.
pub(super) fn is_of_one_secret(operation: &[u8]) -> bool {
    let begins = |word: &[u8]| operation.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    let is_notification = operation.last_chunk::<12>().is_some_and(|end| end.eq_ignore_ascii_case(b"notification"));
    let lists_all = begins(b"SecretList") && !begins(b"SecretListVersions");
    begins(b"Secret") && !lists_all && !is_notification
}

/// Whether an operation changes a vault, rather than looking at it.
pub(super) fn is_vault_change(operation: &str) -> bool {
    operation.starts_with("Vault") && operation != "VaultGet"
}
