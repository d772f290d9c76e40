//! A digest in place of a value: whoever holds only that still finds the version whose digest it is.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use md5::Digest as _;
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// How a digest is made.
type Made = fn(&[u8]) -> Vec<u8>;
/// The digests that are known by their length, in bytes.
const ALGORITHMS: &[(&str, usize, Made)] = &[
    ("MD5", 16, |bytes| Md5::digest(bytes).to_vec()),
    ("SHA-1", 20, made::<Sha1>),
    ("SHA-224", 28, made::<Sha224>),
    ("SHA-256", 32, made::<Sha256>),
    ("SHA-384", 48, made::<Sha384>),
    ("SHA-512", 64, made::<Sha512>),
];
/// What stands before a digest that says what it is, in small letters and without what separates words.
const NAMES: &[&str] = &["md5", "sha", "sha1", "sha224", "sha256", "sha384", "sha512"];
/// Hashes that take a salt, or a long time: nothing can be compared with them.
const SEALED: &[&str] = &[
    "$2a$", "$2b$", "$2x$", "$2y$", "$1$", "$5$", "$6$", "$y$", "$7$", "$argon2", "$scrypt$", "$pbkdf2", "pbkdf2:",
    "pbkdf2_", "scrypt:", "argon2:", "bcrypt:", "bcrypt$", "{ssha", "{pbkdf2", "{crypt}", "$apr1$", "hmac-sha",
    "hmac:",
];

fn made<D: sha2::Digest>(bytes: &[u8]) -> Vec<u8> {
    D::digest(bytes).to_vec()
}

/// What is known of a value of which only the digest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    name: &'static str,
    bytes: Vec<u8>,
    /// What was digested behind the value.
    behind: String,
}

impl Digest {
    /// The digest of a value with a text behind it, as hexadecimal digits.
    pub fn of_hex(digits: &str, behind: String) -> Option<Self> {
        Some(Self { behind, ..Self::of_bytes(hex::decode(digits).ok()?)? })
    }

    fn of_bytes(bytes: Vec<u8>) -> Option<Self> {
        let (name, _, _) = ALGORITHMS.iter().find(|(_, length, _)| *length == bytes.len())?;
        Some(Self { name, bytes, behind: String::new() })
    }

    /// `SHA-256`.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is that of a text, or of its line.
    pub(super) fn is_of(&self, text: &str) -> bool {
        let of = ALGORITHMS.iter().find(|(name, _, _)| *name == self.name).map(|(_, _, of)| of);
        ["", "\n"].iter().any(|end| {
            let bytes = Zeroizing::new([text, &self.behind, end].concat());
            of.is_some_and(|of| of(bytes.as_bytes()) == self.bytes)
        })
    }
}

/// What a text may be in place of a value.
#[derive(Debug)]
pub(super) enum Likeness {
    /// It says so, or has the digits and the length of one.
    Digest(Digest),
    /// It has the length of one, and keys have it as well.
    Perhaps(Digest),
    /// It cannot be compared with anything.
    Sealed,
}

/// What a text looks like, if it looks like a digest.
pub(super) fn likeness(text: &str) -> Option<Likeness> {
    let text = text.trim().trim_matches(['"', '\'', '`']);
    let begins = |begin: &&str| text.get(..begin.len()).is_some_and(|text| text.eq_ignore_ascii_case(begin));
    if SEALED.iter().any(begins) {
        return Some(Likeness::Sealed);
    }
    let (named, digits) = without_name(text);
    // It may be a value all the same.
    let mut joined = Zeroizing::new(String::with_capacity(digits.len()));
    joined.extend(digits.chars().filter(|letter| *letter != ':'));
    if let Some(digest) = hex::decode(joined.as_str()).ok().and_then(Digest::of_bytes) {
        return Some(Likeness::Digest(digest));
    }
    let bare = digits.trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare)).ok()?;
    let digest = Digest::of_bytes(bytes)?;
    Some(if named { Likeness::Digest(digest) } else { Likeness::Perhaps(digest) })
}

/// `sha256:…`, `SHA-256=…`, `sha256-…`, `{SHA}…`, `md5 …`.
fn without_name(text: &str) -> (bool, &str) {
    let text = text.strip_prefix('{').unwrap_or(text);
    for (at, sign) in text.char_indices().take(12).filter(|(_, letter)| ":=-} ".contains(*letter)) {
        let (name, rest) = text.split_at(at);
        let name: String = name.chars().filter(|letter| *letter != '-').collect();
        if NAMES.contains(&name.to_ascii_lowercase().as_str()) && !rest.starts_with("-1") && !rest.starts_with("-2") {
            return (true, rest.get(sign.len_utf8()..).unwrap_or_default().trim());
        }
    }
    (false, text)
}

/// Whether a text is what scanners call a finding by: commit, file, rule and line. It holds no value.
pub(super) fn is_fingerprint(text: &str) -> bool {
    let parts: Vec<&str> = text.trim().split(':').collect();
    let [commit, file, .., rule, line] = parts.as_slice() else { return false };
    let is_commit = commit.len() == 40 && commit.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_commit
        && !file.is_empty()
        && !rule.is_empty()
        && !line.is_empty()
        && line.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_told_from_what_is_none() {
        let value = "Kq7mZ2tR9vL4xPp0";
        let hex = |of: Made| hex::encode(of(value.as_bytes()));
        for (_, _, of) in ALGORITHMS {
            let digits = hex(*of);
            let spaced: Vec<String> =
                digits.as_bytes().chunks(2).map(|two| String::from_utf8_lossy(two).into()).collect();
            for text in [digits.clone(), digits.to_uppercase(), format!("\"{digits}\""), spaced.join(":")] {
                let Some(Likeness::Digest(digest)) = likeness(&text) else { panic!("{text}") };
                assert!(digest.is_of(value) && !digest.is_of("another"), "{text}");
            }
        }
        let sha = hex(made::<Sha256>);
        for text in [
            format!("sha256:{sha}"),
            format!("SHA-256={sha}"),
            format!("sha256-{}", STANDARD_NO_PAD.encode(made::<Sha256>(value.as_bytes()))),
        ] {
            assert!(matches!(likeness(&text), Some(Likeness::Digest(digest)) if digest.is_of(value)), "{text}");
        }
        for text in ["$2b$12$abcdefghijklmnopqrstuv", "pbkdf2:sha256:1000$salt$00", "{SSHA}abc", "$argon2id$v=19$m=1"] {
            assert!(matches!(likeness(text), Some(Likeness::Sealed)), "{text}");
        }
        for text in [value, "c0rrect-horse", "", "abcdef", "sha-1 is weak", "4f1c9a0b7d2e"] {
            assert!(likeness(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_name_of_a_finding_is_no_value() {
        assert!(is_fingerprint("4f1c9a0b7d2e8f6a5b3c1d0e9f8a7b6c5d4e3f2a:deploy/prod.env:stripe-access-token:12"));
        assert!(!is_fingerprint("a:b:c:12") && !is_fingerprint("Kq7mZ2tR9vL4xPp0"));
    }
}
