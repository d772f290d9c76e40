//! Whether a text tells one secret from others: what is short, common, or the begin of all of its kind does not.

use crate::tokens;

/// A text that is shorter is found only where it is the whole value or a whole field: inside a longer text it would be
/// found by chance.
pub const SHORTEST: usize = 8;
/// The same for letters or digits of one kind only: `production`, `20261123`.
const SHORTEST_OF_ONE_KIND: usize = 16;
/// What stands in a text without a name must be longer to be taken for a secret.
const SHORTEST_UNNAMED: usize = 12;

/// What all of a kind begin with, beside tokens.
const BEGINS: &[&str] = &[
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGINRSAPRIVATEKEY-----",
    "-----BEGINOPENSSHPRIVATEKEY-----",
    "-----BEGINECPRIVATEKEY-----",
    "-----BEGINENCRYPTEDPRIVATEKEY-----",
    "-----BEGINPRIVATEKEY-----",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ",
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQ",
    "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQ",
    "MIIEpAIBAAKCAQEA",
    "MIIEpQIBAAKCAQEA",
    "MIIEowIBAAKCAQEA",
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAA",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIs",
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.",
    "eyJhbGciOiJSUzI1NiIs",
    "DefaultEndpointsProtocol=https;AccountName=",
    "DefaultEndpointsProtocol=https",
    "Bearer ",
    "Basic ",
];
/// Values that stand everywhere.
const COMMON: &[&str] = &[
    "00000000",
    "11111111",
    "12345678",
    "123456789",
    "1234567890",
    "admin123",
    "administrator",
    "changeit",
    "changeme",
    "default",
    "example",
    "localhost",
    "passw0rd",
    "password",
    "password1",
    "password123",
    "qwertyuiop",
    "rootmanagesharedaccesskey",
    "secret123",
    "topsecret",
    "undefined",
    "username",
];

/// What is left of a text behind what all of its kind begin with.
fn own(text: &str) -> &str {
    let begin = BEGINS.iter().copied().filter(|begin| text.starts_with(begin)).max_by_key(|begin| begin.len());
    let begin = begin.or_else(|| tokens::begin(text).map(|(begin, _)| begin));
    begin.and_then(|begin| text.strip_prefix(begin)).unwrap_or(text)
}

/// Whether a text that is known to be secret may be looked for inside of others.
pub(crate) fn is_telling(text: &str) -> bool {
    let own = own(text.trim());
    let length = own.chars().filter(|letter| !letter.is_whitespace()).count();
    let one_kind = [char::is_lowercase as fn(char) -> bool, char::is_uppercase, |letter| letter.is_ascii_digit()];
    let is_of_one_kind = one_kind.iter().any(|kind| own.chars().all(kind));
    let mut different: Vec<char> = own.chars().take(64).collect();
    different.sort_unstable();
    different.dedup();
    length >= SHORTEST
        && !own.ends_with("://")
        && different.len() >= 4
        && (!is_of_one_kind || length >= SHORTEST_OF_ONE_KIND)
        && COMMON.iter().all(|common| !common.eq_ignore_ascii_case(own))
}

/// Whether a text without a name looks drawn by chance, as secrets are: no word, name, address, path, date or version.
pub(crate) fn looks_random(text: &str) -> bool {
    let text = text.trim();
    if text.len() < SHORTEST_UNNAMED || !is_telling(text) || text.contains(char::is_whitespace) || text.contains("://")
        // A name stands before it.
        || text.trim_end_matches('=').contains('=')
    {
        return false;
    }
    let has = |kind: fn(&char) -> bool| text.chars().any(|letter| kind(&letter));
    // A host, a path or an identifier is made of words and numbers; what is drawn mixes them.
    let longest_mixed = text
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|piece| changes(piece) >= 3)
        .map(str::len)
        .max()
        .unwrap_or(0);
    has(|letter| letter.is_ascii_digit())
        && has(|letter| letter.is_ascii_alphabetic())
        && !is_guid(text)
        && !is_host(text)
        && longest_mixed >= 10
}

/// Whether a text without a name looks chosen by somebody as a password: letters of both kinds with digits, or with a sign
/// that no name has.
pub(crate) fn looks_chosen(text: &str) -> bool {
    let text = text.trim();
    let has = |kind: fn(char) -> bool| text.contains(kind);
    let sign = |letter: char| letter.is_ascii_punctuation() && !"-_./:\\,;()[]{}<>=\"'`".contains(letter);
    let mixed = has(|letter| letter.is_lowercase()) && has(|letter| letter.is_uppercase());
    let digit = has(|letter| letter.is_ascii_digit());
    is_telling(text)
        && !text.contains(char::is_whitespace)
        && !text.contains("://")
        && !text.contains('=')
        && !is_host(text)
        && ((mixed && digit) || (text.contains(sign) && (mixed || digit)))
}

/// Whether a text is a GUID: secrets that are some have a name that says so.
pub(crate) fn is_guid(text: &str) -> bool {
    let sign = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(sign)
}

/// Whether a text is an address with nothing in it that lets somebody in.
pub(crate) fn is_address(text: &str) -> bool {
    text.contains("://") && !text.contains(['@', '?', ';', ' ', '\n'])
}

/// Whether a text is the name of a host, perhaps with a port behind it.
pub(crate) fn is_host(text: &str) -> bool {
    let name = text.split([':', ',']).next().unwrap_or_default();
    name.rsplit_once('.')
        .is_some_and(|(_, last)| last.len() <= 12 && last.chars().all(|letter| letter.is_ascii_lowercase()))
        && text
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || ".-_:/,".contains(letter))
}

/// How often letters and digits take turns, or small and large letters do.
fn changes(text: &str) -> usize {
    let kind = |byte: &u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
    text.as_bytes().windows(2).filter(|pair| matches!(pair, [one, other] if kind(one) != kind(other))).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_common_short_or_a_begin_does_not_tell() {
        for text in [
            "abc",
            "sk_live_",
            "ghp_ab12",
            "production",
            "20261123",
            "changeit",
            "aaaaaaaaaaaaaaaaaa",
            "-----BEGIN PRIVATE KEY-----",
        ] {
            assert!(!is_telling(text), "{text}");
        }
        for text in ["c0rrect-horse", "Kq7mZ2tR", "correct horse battery staple", "sk_live_a1B2c3D4", "hunter2hunter2"]
        {
            assert!(is_telling(text), "{text}");
        }
    }

    #[test]
    fn names_addresses_and_dates_do_not_look_random() {
        for text in [
            "orders.postgres.database.azure.com",
            "2026-11-20T10:00:00Z",
            "kv-prod-westeurope-01",
            "RootManageSharedAccessKey",
            "Standard_D4s_v3",
            "6f1c9a0b-7d2e-4f6a-8b3c-1d0e9f8a7b6c",
            "/subscriptions/abc/resourceGroups/rg-1",
            "app@contoso.example",
            "10.20.30.40:5432",
            "v1.2.3-beta.4",
        ] {
            assert!(!looks_random(text), "{text}");
        }
        for text in ["Kq7mZ2tR9vL4xPp0", "ghp_1A2b3C4d5E6f7G8h9I0jK1l2M3n4O5p6Q7r8", "4f1c9a0b7d2e8f6a5b3c"] {
            assert!(looks_random(text), "{text}");
        }
    }
}
