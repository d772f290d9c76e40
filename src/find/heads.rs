//! What all values of a kind begin with: the outer parts of a key in DER, the header and the claims of a JWT, the address of
//! a web hook up to its token. Whoever holds only that holds nothing, and it stands in the secrets of many.

use super::layers::key_head;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::ops::Range;
use zeroize::Zeroizing;

/// So many bytes of a key's own make it that key.
const LEAST_OWN: usize = 16;
/// No key has more before it than this.
const LONGEST_HEAD: usize = 1024;
/// More begins of one text are not looked at.
const MOST: usize = 64;
/// The mark of OpenSSH's own format, in base64 and as digits, and how many bytes stand before the key.
const OPENSSH: [&str; 2] = ["b3BlbnNzaC1rZXktdjE", "6f70656e7373682d6b65792d7631"];
const OPENSSH_HEAD: usize = 64;

/// Where in a folded text stands what it has in common with all of its kind.
pub(super) fn heads(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    digits(text, &mut found);
    keys(text, &mut found);
    tokens(text, &mut found);
    hooks(text, &mut found);
    found
}

/// Whether a text is no more than that.
pub(super) fn is_head(text: &str) -> bool {
    let folded = super::layers::folded(text);
    let is_frame = folded.starts_with("-----BEGIN")
        && folded.strip_suffix("-----").is_some_and(|label| label.len() < 60 && label.matches("-----").count() == 1);
    let mut ranges = Vec::new();
    digits(&folded, &mut ranges);
    keys(&folded, &mut ranges);
    is_frame || ranges.iter().any(|range| *range == (0..folded.len()))
}

/// A key as hexadecimal digits.
fn digits(text: &str, found: &mut Vec<Range<usize>>) {
    if !text.starts_with("30") && !text.starts_with(OPENSSH[1]) {
        return;
    }
    let digits = text.bytes().take_while(u8::is_ascii_hexdigit).take(2 * LONGEST_HEAD).count();
    let bytes = text.get(..digits - digits % 2).and_then(|digits| hex::decode(digits).ok()).map(Zeroizing::new);
    let head = bytes.and_then(|bytes| head(&bytes));
    found.extend(head.map(|head| 0..text.len().min(2 * (head + LEAST_OWN))));
}

/// Keys in base64, with the line before them that says what they are.
fn keys(text: &str, found: &mut Vec<Range<usize>>) {
    let is_digit = |letter: char| letter.is_ascii_alphanumeric() || letter == '+' || letter == '/';
    let begins = text.match_indices(['M', 'b']).map(|(at, _)| at).filter(|at| {
        let before = text.get(..*at).unwrap_or_default();
        !before.ends_with(is_digit) || before.ends_with("\\n") || before.ends_with("\\r")
    });
    for at in begins.take(MOST) {
        let rest = text.get(at..).unwrap_or_default();
        let length = rest.find(|letter| !is_digit(letter)).unwrap_or(rest.len()).min(LONGEST_HEAD / 3 * 4);
        let digits = rest.get(..length - length % 4).unwrap_or_default();
        let bytes = STANDARD_NO_PAD.decode(digits).map(Zeroizing::new).ok();
        let Some(head) = bytes.and_then(|bytes| head(&bytes)) else { continue };
        let before = text.get(..at).unwrap_or_default();
        let frame = before.rfind("-----BEGIN").filter(|frame| at - frame < 60).unwrap_or(at);
        found.push(frame..at + length.min((head + LEAST_OWN).div_ceil(3) * 4));
    }
}

/// How many bytes of a key stand before what is its own; all of them where it breaks off before that.
fn head(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"openssh-key-v1") { Some(OPENSSH_HEAD) } else { key_head(bytes) }
}

/// What stands before the signature of a JWT, and the signature: neither is of use without the other.
fn tokens(text: &str, found: &mut Vec<Range<usize>>) {
    for (at, _) in text.match_indices("eyJ").take(MOST) {
        let rest = text.get(at..).unwrap_or_default();
        let is_end = |letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter);
        let token = rest.get(..rest.find(is_end).unwrap_or(rest.len())).unwrap_or_default();
        if let [header, claims, signature] = token.split('.').collect::<Vec<&str>>().as_slice() {
            let before = header.len() + claims.len() + 2;
            found.push(at..at + before + signature.len() / 4);
            found.push(at + before..at + token.len());
        }
    }
}

/// The addresses of web hooks, up to what lets somebody call them.
fn hooks(text: &str, found: &mut Vec<Range<usize>>) {
    found.extend(hook_tokens(text).map(|(begin, token)| begin..token.start + token.len() / 4));
}

/// Where the address of a web hook begins, and where in it what lets somebody call it stands.
pub(super) fn hook_tokens(text: &str) -> impl Iterator<Item = (usize, Range<usize>)> {
    text.match_indices("://").take(MOST).filter_map(|(at, _)| {
        let rest = text.get(at + 3..)?;
        let address = rest.split(['"', '\'', '<', '>', '`', ',', ';', '?', '\\']).next()?;
        let lower = Zeroizing::new(address.to_ascii_lowercase());
        if !lower.starts_with("hooks.") && !lower.contains("webhook") && !lower.contains("/hooks/") {
            return None;
        }
        // Teams has the token in the middle, and who made it at the end.
        let middle = lower.find("/incomingwebhook/").map(|at| at + "/incomingwebhook/".len());
        let last = || address.trim_end_matches('/').rfind('/').map(|at| at + 1);
        let token = middle.or_else(last)?;
        let length = address.get(token..)?.split('/').next().map_or(0, str::len);
        let scheme = text.get(..at)?;
        let begin = scheme.len() - scheme.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
        Some((begin, at + 3 + token..at + 3 + token + length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_before_what_is_a_keys_own() {
        for (begin, is_head_only) in [
            ("-----BEGIN EC PRIVATE KEY-----", true),
            ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC", true),
            ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ", true),
            ("MIIEpAIBAAKCAQEA", true),
            ("MHcCAQEEI", true),
            ("MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg", true),
            ("MIIIiAIBAzCCCD4GCSqGSIb3DQEHAaCCCC8", true),
            ("MC4CAQAwBQYDK2VwBCIEIA", true),
            ("MIIEpAIBAAKCAQEA7Kq7mZ2tR9vL4xPp0Kq7mZ2tR9vL4xPp0Kq7mZ2tR9vL4xPp0", false),
            ("Monday7mZ2tR9vL4xPp0", false),
            ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", false),
        ] {
            assert_eq!(is_head(begin), is_head_only, "{begin}");
        }
    }
}
