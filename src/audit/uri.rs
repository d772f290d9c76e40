//! A request's or a result's address → the secret and version it names.
//!
//! Only the path counts: a name in the query string, or in any other field, names nothing. Key Vault compares names
//! without case and decodes `%2D` and the like, so this does too; names and versions come out in lower case.

use percent_encoding::percent_decode_str;

/// A secret an address names, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The secret's name.
    pub(crate) secret: String,
    /// The version, where the address names one.
    pub(crate) version: Option<String>,
}

/// What may follow a secret's name without being a version of it.
const VERBS: [&str; 4] = ["versions", "backup", "recover", "restore"];

/// The secret an address names: `https://HOST/secrets/NAME[/VERSION]`, `/deletedsecrets/NAME`, or the resource
/// manager's `…/vaults/VAULT/secrets/NAME[/versions/VERSION]`.
pub(crate) fn secret_named(uri: &str) -> Option<Named> {
    let path = path_of(uri);
    let path = percent_decode_str(path).decode_utf8_lossy().to_ascii_lowercase();
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let first = segments.next()?;
    if first != "secrets" && first != "deletedsecrets" {
        segments.find(|segment| *segment == "vaults")?;
        segments.next()?;
        segments.next().filter(|segment| *segment == "secrets")?;
        let secret = segments.next().filter(|name| !is_masked(name))?.to_owned();
        let version = segments.next().filter(|segment| *segment == "versions").and(segments.next());
        return Some(Named { secret, version: version.map(str::to_owned) });
    }
    let secret = segments.next().filter(|name| !is_masked(name))?.to_owned();
    let version = segments.next().filter(|segment| !VERBS.contains(segment)).map(str::to_owned);
    Some(Named { secret, version })
}

/// No word that is put in the place of a name is longer.
pub(super) const LONGEST_MASK: usize = 8;

/// Whether somebody put something else in the place of a name: no client asks for a secret of such a name.
pub(super) fn is_masked(name: &str) -> bool {
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let bare = name.trim_matches(|char: char| !char.is_ascii_alphanumeric());
    const MASKS: [&str; 5] = ["redacted", "masked", "removed", "hidden", "scrubbed"];
    bare.is_empty()
        || bare.len() < name.len() && !name.bytes().all(is_of_names)
        || MASKS.iter().any(|mask| mask.eq_ignore_ascii_case(bare))
}

/// The host of an absolute address, without its port.
pub(crate) fn host_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let host = host.split_once(':').map_or(host, |(name, _)| name);
    (!host.is_empty()).then_some(host)
}

fn path_of(uri: &str) -> &str {
    let end = uri.find(['?', '#']).unwrap_or(uri.len());
    let uri = uri.get(..end).unwrap_or(uri);
    match uri.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or(""),
        None => uri,
    }
}
