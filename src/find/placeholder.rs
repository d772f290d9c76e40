//! Whether a text is a value, or what a scanner writes in place of one.

use super::heads::is_head;
use super::layers::{is_referring, setting};
use crate::tokens;

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
/// Words that stand only where a value is to come, or was.
const IN_ITS_PLACE: &[&str] = &[
    "your",
    "here",
    "change",
    "changed",
    "changeit",
    "insert",
    "enter",
    "replace",
    "placeholder",
    "example",
    "sample",
    "dummy",
    "fake",
    "todo",
    "tbd",
    "fixme",
    "hidden",
    "masked",
    "redacted",
    "sensitive",
    "removed",
    "protected",
    "omitted",
    "undefined",
    "unset",
    "unknown",
    "null",
    "none",
    "value",
    "goes",
    "fill",
    "actual",
    "put",
    "some",
    "foo",
    "not",
    "shown",
    "secured",
    "encrypted",
    "confidential",
];
/// Words that stand beside them.
const BESIDE: &[&str] = &[
    "my",
    "me",
    "it",
    "the",
    "a",
    "this",
    "that",
    "is",
    "in",
    "by",
    "to",
    "be",
    "of",
    "for",
    "with",
    "on",
    "at",
    "and",
    "api",
    "app",
    "client",
    "access",
    "private",
    "public",
    "secret",
    "password",
    "pass",
    "passwd",
    "pwd",
    "token",
    "key",
    "user",
    "username",
    "name",
    "login",
    "credential",
    "credentials",
    "string",
    "text",
    "data",
    "connection",
    "account",
    "database",
    "db",
    "admin",
    "root",
    "service",
    "real",
    "new",
    "own",
    "set",
    "policy",
    "available",
    "logged",
    "later",
    "storage",
    "azure",
    "aws",
    "github",
    "bar",
    "baz",
];
/// More letters are not left to be seen of a value that is covered.
const MOST_SHOWN: usize = 8;
/// What of a token must be there beyond what all of its kind begin with, for it to be told from others of its kind.
const SHORTEST_REST: usize = 12;

/// Whether a text that a scanner reports holds no value.
pub fn is_placeholder(text: &str) -> bool {
    let bare = bare(text);
    bare.is_empty()
        || IN_PLACE.iter().any(|word| word.eq_ignore_ascii_case(bare))
        || is_covered(text)
        || is_worded(text)
        || is_cut(text)
        || is_head(bare)
        || is_referring(text)
}

/// Whether a text was a value, and is covered or cut so that nobody can know it; or was never one.
pub(super) fn is_covered(text: &str) -> bool {
    let bare = bare(text);
    let upper = bare.to_uppercase();
    HIDING.iter().any(|word| upper.contains(word))
        || is_in_brackets(bare)
        || is_masked(bare)
        || is_hash(bare)
        || is_only_signs(bare)
        || is_type(bare)
        || is_frame(bare)
        // A character that could not be read when the report was written, or by us.
        || text.contains('\u{fffd}')
}

/// Whether a text, or the value of the setting that it is, says in words that a value belongs here: `changeme`,
/// `your-api-key-here`. Somebody may have kept it as the value all the same.
pub(super) fn is_worded(text: &str) -> bool {
    let value = setting(text).unwrap_or(text);
    let bare = bare(value).trim_matches(['<', '>', '[', ']', '(', ')', '{', '}']);
    let is_named = || IN_PLACE.iter().any(|word| word.len() > 3 && word.eq_ignore_ascii_case(bare));
    let letters: String = bare.chars().filter(|letter| letter.is_ascii_alphabetic()).collect();
    let is_of_words = || {
        letters.len() >= 3
            && bare.len() < 64
            && bare.chars().all(|letter| letter.is_ascii_alphabetic() || " _-./!,".contains(letter))
            && is_made_of_words(&letters.to_ascii_lowercase())
    };
    is_named() || is_of_words()
}

/// Whether letters are such words without a gap, one of those that stand in place of a value among them.
fn is_made_of_words(letters: &str) -> bool {
    // Of each place whether the words before it reach it, and whether one of them tells.
    let mut reached = vec![(false, false); letters.len() + 1];
    if let Some(first) = reached.first_mut() {
        first.0 = true;
    }
    for at in 0..letters.len() {
        let Some((true, tells)) = reached.get(at).copied() else { continue };
        let rest = letters.get(at..).unwrap_or_default();
        let told = IN_ITS_PLACE.iter().map(|word| (word, true)).chain(BESIDE.iter().map(|word| (word, false)));
        for (word, is_telling) in told.filter(|(word, _)| rest.starts_with(**word)) {
            if let Some(end) = reached.get_mut(at + word.len()) {
                *end = (true, end.1 || tells || is_telling);
            }
        }
    }
    reached.last() == Some(&(true, true))
}

/// Whether a text has no letter and no digit, and is no more than one sign or two: `—`, `-/-`.
fn is_only_signs(text: &str) -> bool {
    let mut signs: Vec<char> = text.chars().collect();
    signs.sort_unstable();
    signs.dedup();
    !text.is_empty() && signs.len() < 3 && !text.contains(char::is_alphanumeric)
}

/// Whether a program wrote what kind of thing it holds in place of the thing: `System.Security.SecureString`,
/// `[object Object]`, `[B@6d06d69c`, `com.example.Password@1b2c3d`.
fn is_type(text: &str) -> bool {
    let is_path = |text: &str| {
        let parts: Vec<&str> = text.split('.').collect();
        let is_name = |part: &&str| {
            part.starts_with(|letter: char| letter.is_ascii_alphabetic())
                && part.chars().all(|letter| letter.is_ascii_alphanumeric() || "_$".contains(letter))
        };
        parts.len() > 1 && parts.iter().all(is_name)
    };
    let of_net = ["System.", "Microsoft."].iter().any(|begin| text.starts_with(begin));
    let at = text.rsplit_once('@').is_some_and(|(name, number)| {
        let is_number = (4..=16).contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_number && (name.starts_with('[') || is_path(name))
    });
    let of_script = text.strip_prefix("[object ").is_some_and(|rest| rest.ends_with(']'));
    let of_python = text.starts_with('<') && text.ends_with('>') && text.contains(" at 0x");
    (of_net && is_path(text.trim_end_matches("[]"))) || at || of_script || of_python
}

/// Whether a text is the frame of a key, and nothing of the key.
fn is_frame(text: &str) -> bool {
    let Some((_, rest)) = text.strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----")) else {
        return false;
    };
    let body = rest.split("-----END").next().unwrap_or_default();
    !body.replace("\\n", "").contains(char::is_alphanumeric)
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
    // What is left to be seen of a value that one sign covers up to an end.
    let own = own(text);
    let at_an_end = |sign: char| {
        let length = own.chars().count();
        let (first, last) = (own.trim_start_matches(sign), own.trim_end_matches(sign));
        (length - first.chars().count()).max(length - last.chars().count())
    };
    let of_length = own.chars().count();
    let crossed = at_an_end('x').max(at_an_end('X'));
    covered >= 3
        || (covered > 0 && text.chars().all(|letter| COVERS.contains(&letter)))
        || text.contains(['…', '⋯', '‥'])
        || dots >= 3
        || longest(&|letter| letter == '?') >= 4
        || at_an_end('#') >= 4
        || (crossed >= 4 && crossed * 2 >= of_length && of_length - crossed <= MOST_SHOWN)
        // No token of a known form has an asterisk in it, nor one letter alone.
        || (known_form(text).is_some() && (covered > 0 || is_one_letter(own)))
        || (crosses.max(hashes) >= 6 && crosses.max(hashes) * 3 >= of_length * 2)
}

fn is_one_letter(text: &str) -> bool {
    text.len() >= 8 && text.chars().all(|letter| text.starts_with(letter))
}

/// The form of a token that a text begins as: what it begins with, and how long the shortest is.
fn known_form(text: &str) -> Option<(&'static str, usize)> {
    tokens::begin(text).map(|(begin, least)| (begin, begin.len() + least))
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
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
            "changeme",
            "your-api-key-here",
            "<YOUR_CLIENT_SECRET>",
            "secret_value",
            "sensitive value hidden",
            "ReplaceWithYourPassword",
            "password: changeme",
            "xxxxx8sYd",
            "Zx9v####",
            "ghp_000000000000000000000000000000000000",
            "—",
            "System.Security.SecureString",
            "System.String[]",
            "[object Object]",
            "[B@6d06d69c",
            "!vault",
            "!secret db_password",
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
            "correct horse battery staple",
            "changeme-7Kq",
            "mypassword",
            "example.org",
            "system.password1",
            "xxKq7mZ2tR9v",
            "Orders.Db.Prod",
            "!vaultKq7",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
