//! Whether a text is a value, or what a scanner writes in place of one.

use super::heads::is_head;
use super::layers::is_referring;

/// What is written in place of a value, whole and in any case.
const IN_PLACE: &[&str] = &[
    "-",
    "--",
    "hidden",
    "masked",
    "n/a",
    "na",
    "<nil>",
    "nil",
    "none",
    "null",
    "obfuscated",
    "omitted",
    "removed",
    "secret",
    "undefined",
    "unknown",
    "value",
    "requires login",
    "not available",
    "not shown",
    "password",
    "***",
];
/// Words that say, wherever they stand, that something was hidden.
const HIDING: &[&str] = &[
    "REDACTED",
    "REQUIRES LOGIN",
    "OBFUSCATED",
    "[MASKED]",
    "<MASKED>",
    "(HIDDEN)",
    "[HIDDEN]",
    "[FILTERED]",
    "SCRUBBED",
    "TRUNCATED",
    "[CENSORED]",
    "<CENSORED>",
    "[REMOVED]",
    "[SNIP]",
    "<SNIP>",
    "[…]",
];
/// Forms that tokens are known to have: what they begin with, and how long the shortest is.
const FORMS: &[(&str, usize)] = &[
    ("AKIA", 20),
    ("ASIA", 20),
    ("AIza", 39),
    ("SG.", 50),
    ("dckr_pat_", 32),
    ("dop_v1_", 71),
    ("ghp_", 40),
    ("gho_", 40),
    ("ghu_", 40),
    ("ghs_", 40),
    ("ghr_", 40),
    ("github_pat_", 60),
    ("glpat-", 26),
    ("hf_", 30),
    ("hvs.", 24),
    ("npm_", 40),
    ("pypi-", 60),
    ("rk_live_", 24),
    ("sk-ant-", 40),
    ("sk_live_", 24),
    ("sk_test_", 24),
    ("shpat_", 38),
    ("xoxa-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
];
/// What of a token must be there beyond what all of its kind begin with, for it to be told from others of its kind.
const SHORTEST_REST: usize = 12;

/// Whether a text that a scanner reports holds no value.
pub fn is_placeholder(text: &str) -> bool {
    let bare = bare(text);
    bare.is_empty()
        || IN_PLACE.iter().any(|word| word.eq_ignore_ascii_case(bare))
        || is_covered(text)
        || is_cut(text)
        || is_head(bare)
        || is_referring(text)
}

/// Whether a text was a value, and is covered or cut so that nobody can know it.
pub(super) fn is_covered(text: &str) -> bool {
    let bare = bare(text);
    let upper = bare.to_uppercase();
    HIDING.iter().any(|word| upper.contains(word))
        || is_in_brackets(bare)
        || is_masked(bare)
        || is_hash(bare)
        // A character that could not be read when the report was written, or by us.
        || text.contains('\u{fffd}')
}

fn bare(text: &str) -> &str {
    text.trim().trim_matches(['"', '\'', '`']).trim()
}

/// `<secret>`, `[password]`, `${TOKEN}`, `{{ token }}`: a name in brackets.
fn is_in_brackets(text: &str) -> bool {
    let pairs = [("<", ">"), ("[", "]"), ("{", "}"), ("${", "}"), ("{{", "}}"), ("(", ")"), ("%", "%")];
    let inside = pairs.iter().find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close));
    inside.is_some_and(|name| {
        name.chars().all(|letter| letter.is_ascii_alphabetic() || " _-./".contains(letter)) && name.len() < 48
    })
}

/// Asterisks, dots and the like in a row, or one letter again and again: something was covered.
fn is_masked(text: &str) -> bool {
    const COVERS: &[char] = &['*', '•', '●', '█', '▇', '∗', '＊', '×', '…', '·', '■'];
    let longest = |wanted: &dyn Fn(char) -> bool| {
        let mut longest = 0;
        let mut row = 0;
        for letter in text.chars() {
            row = if wanted(letter) { row + 1 } else { 0 };
            longest = longest.max(row);
        }
        longest
    };
    let covered = longest(&|letter| COVERS.contains(&letter));
    let dots = longest(&|letter| letter == '.');
    let crosses = longest(&|letter| letter == 'x').max(longest(&|letter| letter == 'X'));
    let hashes = longest(&|letter| letter == '#');
    covered >= 3
        || (covered > 0 && text.chars().all(|letter| COVERS.contains(&letter)))
        || text.contains(['…', '⋯', '‥'])
        || dots >= 3
        || longest(&|letter| letter == '?') >= 4
        // No token of a known form has an asterisk in it.
        || (covered > 0 && known_form(text).is_some())
        || (crosses.max(hashes) >= 6 && crosses.max(hashes) * 3 >= own(text).chars().count() * 2)
}

/// The form of a token that a text begins as: what it begins with, and how long the shortest is.
fn known_form(text: &str) -> Option<(&'static str, usize)> {
    FORMS.iter().copied().filter(|(begin, _)| text.starts_with(begin)).max_by_key(|(begin, _)| begin.len())
}

/// What is left behind what all of its kind begin with.
fn own(text: &str) -> &str {
    known_form(text).and_then(|(begin, _)| text.strip_prefix(begin)).unwrap_or(text)
}

/// A hash that says so. One that does not may be a value as well.
fn is_hash(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let digits =
        ["sha1:", "sha256:", "sha512:", "md5:", "hmac-sha256:"].iter().find_map(|name| lower.strip_prefix(name));
    digits.is_some_and(|digits| digits.len() >= 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a token is cut so short that it could be anybody's.
pub(super) fn is_cut(text: &str) -> bool {
    let text = bare(text);
    known_form(text).is_some_and(|(begin, shortest)| {
        let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        is_word && text.len() < shortest && text.len() - begin.len() < SHORTEST_REST
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_place_of_a_value_is_none() {
        for text in [
            "REDACTED",
            " redacted ",
            "STRIPE_KEY=REDACTED",
            "<REDACTED>",
            "requires login",
            "\"requires login\"",
            "***",
            "****",
            "ghp_****1234",
            "ghp_...1234",
            "ghp_…",
            "AKIA••••••••",
            "********************",
            "<secret>",
            "[password]",
            "${DB_PASSWORD}",
            "{{ token }}",
            "sha256:0123456789abcdef0123",
            "null",
            "None",
            "N/A",
            "-",
            "",
            "  ",
            "''",
            "ghp_1234",
            "AKIA1234",
            "glpat-abc",
            "sk_live_",
            "xxxxxxxxxxxx",
            "<GG>OBFUSCATED</GG>",
            "abc\u{fffd}def",
            "password",
            "pl4nt…abcdef",
            "pl4nt...abcdef",
            "sk_live_xxxxxxxxxxxxxxxx1234",
            "ghp_ab**cd",
            "AKIA????????????WXYZ",
            "Kq7m[truncated]",
            "Kq7m⋯xPp0",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn a_value_is_one() {
        for text in [
            "Kq7mZ2tR9vL4xPp0",
            "pl4nted-Leak-0123456789abcdef",
            "ghp_1A2b3C4d5E6f7G8h9I0jK1l2M3n4O5p6Q7r8",
            "AKIAIOSFODNN7EXAMPLE",
            "0123456789abcdef0123456789abcdef01234567",
            "pa**word-7",
            "P@ss<w0rd>",
            "[a1b2c3]",
            "postgres://app:Kq7mZ2tR9@db/x",
            "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
            "ghp_1A2b3C4d5E6f7G8h9I0j",
            "Xx7xXxmm",
            "hunter2",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
