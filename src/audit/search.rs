//! Which records are worth parsing: bytes → the place of the next candidate.
//!
//! The answer may be too generous, never too strict: a record without a candidate cannot be about what is sought.

use crate::failure::Failure;
use memchr::{memchr, memchr2};
use regex::bytes::{Regex, RegexBuilder};
use std::collections::HashSet;

/// What makes a record worth parsing.
#[derive(Debug)]
pub(crate) enum Needle {
    /// It holds the secret's name, in any case, not as a part of a longer name.
    Secret(Regex),
    /// One of these object ids (lower case) called. Object ids are looked for behind their claim's name: logs are
    /// full of hexadecimal, on which a search for several ids at once gives up its speed.
    Callers { claim: Regex, oids: HashSet<Vec<u8>> },
}

impl Needle {
    pub(crate) fn secret(name: &str) -> Result<Self, Failure> {
        build(RegexBuilder::new(&regex::escape(name)).case_insensitive(true)).map(Self::Secret)
    }

    pub(crate) fn callers<'a>(oids: impl Iterator<Item = &'a String>) -> Result<Self, Failure> {
        let oids = oids.map(|oid| oid.clone().into_bytes()).collect();
        let claim = build(&mut RegexBuilder::new(r#"(?:objectidentifier|"oid)"\s*:\s*""#))?;
        Ok(Self::Callers { claim, oids })
    }

    /// The first candidate at or behind `from`.
    pub(crate) fn find(&self, haystack: &[u8], from: usize) -> Option<usize> {
        let mut from = from;
        while from <= haystack.len() {
            match self {
                Self::Secret(name) => {
                    let found = name.find_at(haystack, from)?;
                    let before = found.start().checked_sub(1).and_then(|at| haystack.get(at));
                    if !continues_name(before) && !continues_name(haystack.get(found.end())) {
                        return Some(found.start());
                    }
                    from = found.start() + 1;
                }
                Self::Callers { claim, oids } => {
                    let found = claim.find_at(haystack, from)?;
                    let value = haystack.get(found.end()..).unwrap_or_default();
                    let value = value.get(..memchr(b'"', value)?).unwrap_or_default();
                    if oids.contains(&value.to_ascii_lowercase()) {
                        return Some(found.start());
                    }
                    from = found.end();
                }
            }
        }
        None
    }
}

/// The first place at or behind `from` where an escape spells a letter, digit, dash or slash, so that a name may stand
/// there without its bytes: `%2D`, `\u002d`.
pub(crate) fn find_escape(haystack: &[u8], from: usize) -> Option<usize> {
    let mut from = from;
    loop {
        let at = from + memchr2(b'%', b'\\', haystack.get(from..)?)?;
        let digits = match haystack.get(at) {
            Some(b'%') => haystack.get(at + 1..at + 3),
            _ => haystack
                .get(at + 1..at + 6)
                .filter(|escape| escape.to_ascii_lowercase().starts_with(b"u00"))
                .and_then(|escape| escape.get(3..)),
        };
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if byte.is_some_and(|byte| continues_name(Some(&byte)) || byte == b'/' || byte == b'%') {
            return Some(at);
        }
        from = at + 1;
    }
}

fn continues_name(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn build(pattern: &mut RegexBuilder) -> Result<Regex, Failure> {
    let regex = pattern.unicode(false).build();
    regex.map_err(|error| Failure::refused("the search cannot be built").because(error.to_string()))
}
