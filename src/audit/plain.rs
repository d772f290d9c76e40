//! What a record says plainly that nobody parsed: which of those without a candidate have nothing to say, and which of those
//! that cannot be read may be about any secret.

use super::operation::is_of_one_secret;
use super::spelled;
use super::uri::{LONGEST_MASK, is_masked};
use memchr::{memchr_iter, memmem, memrchr2};
use std::sync::LazyLock;

/// Whether a record that holds no candidate plainly is an entry of the audit log about something else: it need not be parsed
/// to know that it has nothing to say. In doubt it is parsed.
#[derive(Debug, Default)]
pub(crate) struct Plainly {
    /// Where in a record these stood the last times: those of one file are much alike.
    category: LatestPlaces,
    secret: LatestPlaces,
}

type Finder = LazyLock<memmem::Finder<'static>>;
const CATEGORY: &[u8; 10] = b"AuditEvent";
static FIND_CATEGORY: Finder = LazyLock::new(|| memmem::Finder::new(CATEGORY));
const SECRETS: &[u8; 9] = b"/secrets/";
static FIND_SECRETS: Finder = LazyLock::new(|| memmem::Finder::new(SECRETS));
static OPERATION_NAME: Finder = LazyLock::new(|| memmem::Finder::new(b"\"operationName\":\""));
static OPERATION: Finder = LazyLock::new(|| memmem::Finder::new(b"Secret"));

impl Plainly {
    pub(crate) fn is_of_something_else(&mut self, record: &[u8]) -> bool {
        let Some(at) = self.category.find(CATEGORY, &FIND_CATEGORY, record) else { return false };
        // As Azure writes it, the operation stands right behind.
        let behind = record.get(at + CATEGORY.len()..).unwrap_or_default();
        let operation = behind.strip_prefix(b"\",\"operationName\":\"").and_then(word);
        if operation.and_then(<[u8]>::first).is_some_and(|first| !first.eq_ignore_ascii_case(&b's')) {
            return true;
        }
        let secret = self.secret.find(SECRETS, &FIND_SECRETS, record);
        if secret.is_some_and(|at| is_name_at(record, at + SECRETS.len())) {
            return true;
        }
        let names_operation =
            || OPERATION_NAME.find(record).and_then(|at| record.get(at + OPERATION_NAME.needle().len()..));
        (operation.is_some() || names_operation().is_some_and(|rest| word(rest).is_some()))
            && !leaves_secret_open(record)
    }
}

/// The letters and digits in front of a quote, if that is all there is.
fn word(rest: &[u8]) -> Option<&[u8]> {
    let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric())?;
    rest.get(..end).filter(|word| !word.is_empty() && rest.get(end) == Some(&b'"'))
}

/// Whether a record seems to be of something that was done to one secret, and does not say to which.
fn leaves_secret_open(record: &[u8]) -> bool {
    let names_one = || FIND_SECRETS.find_iter(record).any(|at| is_name_at(record, at + SECRETS.len()));
    let mut operations = OPERATION.find_iter(record).filter_map(|at| record.get(at..));
    let is_of_one = operations.any(|operation| {
        let end = operation.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(operation.len());
        // `Secrets` is a word of addresses and of user agents.
        end > b"Secrets".len() && is_of_one_secret(operation.get(..end).unwrap_or_default())
    });
    is_of_one && !names_one()
}

/// Whether a record that could not be read may be about any secret: it says that it is about one and not about which, or
/// hides what it says in base64.
pub(crate) fn may_be_of_any(record: &[u8]) -> bool {
    let begins_base64 = |at: usize| {
        let text = record.get(at..).unwrap_or_default();
        spelled::BASE64_OF_ENTRIES.iter().any(|beginning| text.starts_with(beginning.as_bytes()))
    };
    leaves_secret_open(record) || begins_base64(0) || memchr_iter(b'"', record).any(|at| begins_base64(at + 1))
}

/// Where something stood in the latest records: it is behind words of a few lengths.
#[derive(Debug, Default)]
struct LatestPlaces {
    places: [usize; 4],
    oldest: usize,
}

impl LatestPlaces {
    /// Looks where it stood before, then around there, then everywhere.
    fn find<const N: usize>(&mut self, what: &[u8; N], finder: &memmem::Finder<'_>, record: &[u8]) -> Option<usize> {
        const AROUND: usize = 48;
        let is_at = |at: &usize| record.get(*at..).and_then(<[u8]>::first_chunk) == Some(what);
        if let Some(at) = self.places.iter().find(|at| is_at(at)) {
            return Some(*at);
        }
        let latest = self.places[(self.oldest + 3) % 4];
        let start = latest.saturating_sub(AROUND);
        let near = record.get(start..latest + 2 * AROUND).unwrap_or_default();
        let at = finder.find(near).map(|at| start + at).or_else(|| finder.find(record))?;
        self.places[self.oldest] = at;
        self.oldest = (self.oldest + 1) % 4;
        Some(at)
    }
}

/// Whether a name stands here, in an address, that is whole, and no mask.
fn is_name_at(record: &[u8], at: usize) -> bool {
    let rest = record.get(at..).unwrap_or_default();
    let end = rest.iter().position(|byte| !OF_NAMES[usize::from(*byte)]);
    let Some((name, behind)) = end.and_then(|end| rest.split_at_checked(end)) else { return false };
    // A mask may be a row of `x`, however long.
    let begins_plainly = |byte: &u8| byte.is_ascii_alphanumeric() && !byte.eq_ignore_ascii_case(&b'x');
    let is_plain = name.len() > LONGEST_MASK && name.first().is_some_and(begins_plainly);
    let is_mask = || std::str::from_utf8(name).is_ok_and(is_masked);
    !name.is_empty() && ends_as_it_began(record.get(..at).unwrap_or_default(), behind) && (is_plain || !is_mask())
}

/// Whether an address goes on behind the name, or is in the same quotes there as where it begins. In others, the text that
/// holds it is cut off, and who knows how the name goes on.
fn ends_as_it_began(before: &[u8], behind: &[u8]) -> bool {
    if matches!(behind.first(), Some(b'/' | b'?')) {
        return true;
    }
    let escapes = behind.iter().take_while(|byte| **byte == b'\\').count();
    let Some(quote) = behind.get(escapes).filter(|byte| b"\"'".contains(byte)) else { return false };
    let Some(begin) = memrchr2(b'"', b'\'', before) else { return false };
    let escapes_before = before.iter().take(begin).rev().take_while(|byte| **byte == b'\\').count();
    before.get(begin) == Some(quote) && escapes == escapes_before
}

/// Which bytes names have: it is asked of each byte of a name in every line.
const OF_NAMES: [bool; 256] = {
    let mut of_names = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        of_names[byte] = (byte as u8).is_ascii_alphanumeric() || byte == b'-' as usize;
        byte += 1;
    }
    of_names
};

pub(super) fn continues_name(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| OF_NAMES[usize::from(*byte)])
}
