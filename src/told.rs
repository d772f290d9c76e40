//! What somebody else said, made fit to be kept, shown and sent on.
//!
//! A program of the team's, an issuer, a vault, a proxy, a receiver of messages: whoever answers may repeat what was sent
//! to it, by mistake or on purpose. Nothing that an answer says becomes text of ours but through [`told`].

use crate::known;
use crate::redaction::without_credentials;
use crate::secret::Secret;

/// What stands in the place of an answer that repeated a value. The whole of it goes: nobody knows what else it holds.
pub const WITHHELD: &str = "the answer repeated a secret value, and is not shown";
/// What stands where an answer was cut.
const CUT: &str = " … (cut off here)";
/// More of an answer than this is not kept, in characters.
const LONGEST: usize = 500;
/// An answer with so many characters of a value in a row, or half of it, repeats it.
const LONGEST_RUN: usize = 16;
/// A tag of a vault takes no longer name.
const LONGEST_NAME: usize = 256;
/// So many characters in a row a name may not share with a value.
const RUN_IN_NAME: usize = 8;

/// What an answer says, unless it repeats a value that this process has held, in any spelling. Addresses lose their
/// credentials. It is cut only after it was looked at whole, so that no cut hides a value from the look.
pub fn told(text: &str) -> String {
    let text = text.trim();
    if known::holds(text, known::SHORTEST) {
        return WITHHELD.to_owned();
    }
    let text = without_credentials(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}{CUT}", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

/// The same, and nothing that holds a good part of one of these values either.
pub fn told_about(text: &str, values: &[&Secret]) -> String {
    let repeats = |value: &&Secret| {
        let half = value.expose().chars().count() / 2;
        known::shares(text, [value.expose()], half.clamp(known::SHORTEST, LONGEST_RUN))
    };
    if values.iter().any(repeats) { WITHHELD.to_owned() } else { told(text) }
}

/// A text of a vault that is kept whole, such as a tag, unless it repeats a value that is longer than a word.
pub fn unless_repeated(text: &str) -> String {
    if known::holds(text, known::LONGER_THAN_WORDS) { WITHHELD.to_owned() } else { text.to_owned() }
}

/// The name that somebody else gives a thing, without credentials: nothing where that is no name, because it is too long,
/// or holds a value or a part of one.
pub fn named(name: &str, values: &[&Secret]) -> Option<String> {
    let name = name.trim();
    let repeats = known::holds(name, known::SHORTEST)
        || known::shares(name, values.iter().map(|value| value.expose()), RUN_IN_NAME);
    let name = without_credentials(name);
    let is_one = !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
    (is_one && !repeats).then(|| name.into_owned())
}
