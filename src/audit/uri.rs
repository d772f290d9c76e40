//! A request's or a result's address → the secret and version it names.
//!
//! Only the path counts: a name in the query string, or in any other field, names nothing. Key Vault compares names
//! without case and decodes `%2D` and the like, so this does too; names and versions come out in lower case.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// A secret an address names, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The secret's name.
    pub(crate) secret: String,
    /// The version, where the address names one.
    pub(crate) version: Option<String>,
}

/// What an address says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Address {
    /// The host of an absolute one in lower case, without its port.
    pub(crate) host: Option<String>,
    pub(crate) named: Option<Named>,
}

impl Address {
    pub(crate) fn read(uri: &str) -> Self {
        let uri = bare(uri);
        Self { host: host_of(&uri), named: named(&uri) }
    }
}

/// What may follow a secret's name without being a version of it.
const VERBS: [&str; 4] = ["versions", "backup", "recover", "restore"];

/// The secret an address names: `https://HOST/secrets/NAME[/VERSION]`, `/deletedsecrets/NAME`, or the resource
/// manager's `…/vaults/VAULT/secrets/NAME[/versions/VERSION]`.
pub(crate) fn secret_named(uri: &str) -> Option<Named> {
    named(&bare(uri))
}

fn named(uri: &str) -> Option<Named> {
    let path = decoded(path_of(uri));
    let is = |segment: &str, word: &str| segment.eq_ignore_ascii_case(word);
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut first = segments.next()?;
    if first.contains('.') {
        // A host without a scheme before it.
        first = segments.next()?;
    }
    if !is(first, "secrets") && !is(first, "deletedsecrets") {
        segments.find(|segment| is(segment, "vaults"))?;
        segments.next()?;
        segments.next().filter(|segment| is(segment, "secrets"))?;
        let secret = segments.next().and_then(name_in)?.to_ascii_lowercase();
        let version = segments.next().filter(|segment| is(segment, "versions")).and(segments.next());
        return Some(Named { secret, version: version.map(str::to_ascii_lowercase) });
    }
    let secret = segments.next().and_then(name_in)?.to_ascii_lowercase();
    let version = segments.next().filter(|segment| !VERBS.iter().any(|verb| is(segment, verb)));
    Some(Named { secret, version: version.map(str::to_ascii_lowercase) })
}

/// The address alone: without the method before it, the protocol behind it, or quotes around it; decoded, where somebody
/// encoded all of it.
fn bare(uri: &str) -> Cow<'_, str> {
    if uri.starts_with("https://") && uri.bytes().all(|byte| PLAIN[usize::from(byte)]) {
        return Cow::Borrowed(uri);
    }
    let is_around = |char: char| char.is_whitespace() || "\"'`<>".contains(char);
    let trimmed = uri.trim_matches(is_around);
    let is_method = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let behind_method = trimmed.split_once(' ').filter(|(word, _)| is_method(word)).map(|(_, rest)| rest.trim_start());
    let request = behind_method.unwrap_or(trimmed);
    let address = request.rsplit_once(" HTTP/").map_or(request, |(address, _)| address).trim_matches(is_around);
    match address.find("://") {
        None if address.contains("%3A%2F%2F") || address.contains("%3a%2f%2f") => {
            Cow::Owned(decoded(address).into_owned())
        }
        _ => Cow::Borrowed(address),
    }
}

/// The bytes of an address with nothing around it, as nearly all are.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        plain[byte] = !matches!(byte as u8, b'"' | b'\'' | b'`' | b'<' | b'>');
        byte += 1;
    }
    plain
};

/// Decoded as often as it was encoded.
fn decoded(text: &str) -> Cow<'_, str> {
    const MOST: usize = 4;
    let mut text = Cow::Borrowed(text);
    for _ in 0..MOST {
        if !text.contains('%') {
            break;
        }
        text = Cow::Owned(percent_decode_str(&text).decode_utf8_lossy().into_owned());
    }
    text
}

/// The name in a part of a path. Behind it may stand what a tool failed to cut off; whatever else is no name's makes it
/// none that is known.
fn name_in(part: &str) -> Option<&str> {
    let end = part.find(|char: char| !char.is_ascii_alphanumeric() && char != '-' && char != '_');
    let (name, behind) = part.split_at_checked(end.unwrap_or(part.len()))?;
    let is_cut_off = behind.chars().next().is_none_or(|char| char.is_whitespace() || "?&;#,\"'<>()".contains(char));
    Some(name).filter(|name| is_cut_off && !is_masked(name))
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
        || (bare.len() > 2 && bare.bytes().all(|byte| byte.eq_ignore_ascii_case(&b'x')))
        || MASKS.iter().any(|mask| mask.eq_ignore_ascii_case(bare))
}

fn host_of(uri: &str) -> Option<String> {
    let rest = behind_scheme(uri)?;
    let host = rest.split(['/', '?', '#']).next()?;
    let host = host.split_once(':').map_or(host, |(name, _)| name);
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

fn behind_scheme(uri: &str) -> Option<&str> {
    uri.strip_prefix("https://").or_else(|| uri.split_once("://").map(|(_, rest)| rest))
}

fn path_of(uri: &str) -> &str {
    let end = uri.find(['?', '#']).unwrap_or(uri.len());
    let uri = uri.get(..end).unwrap_or(uri);
    match behind_scheme(uri) {
        Some(rest) => rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or(""),
        None => uri,
    }
}
