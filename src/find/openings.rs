//! Which texts let somebody in: of a leaked text the parts that are looked for, of a value those by which it is recognised.

use super::heads::{hook_tokens, is_head};
use super::layers::{
    LISTED, Place, folded, is_address, is_guid, is_host, is_public, is_telling, looks_chosen, looks_random, walk,
};
use super::placeholder::is_covered;
use crate::known;
use crate::secret::Secret;
use zeroize::Zeroizing;

/// How many texts of a value are told that let somebody in.
const MOST_OPENINGS: usize = 128;
/// A part that is shorter is not even looked for as a whole field.
const SHORTEST_PART: usize = 6;
/// A part whose name says nothing is taken for a phrase from this length on.
const SHORTEST_PHRASE: usize = 12;

/// Whether a text in the leaked text is a part that may be found elsewhere by itself.
pub(super) fn is_part(text: &str, place: Place) -> bool {
    let is_short = text.trim().len() < SHORTEST_PART;
    // Whoever encodes a text without a name hides more than a word.
    let is_hidden = || {
        place.encoded.is_some_and(|encoded| ["base64", LISTED].contains(&encoded))
            && is_telling(text)
            && text.bytes().any(|byte| byte.is_ascii_digit())
    };
    let tells = || place.is_named_secret() || looks_random(text) || is_hidden();
    // What is told to everybody, what all of a kind begin with, and what stands in place of a value are no part.
    !is_short && !place.innocent && tells() && !is_public(text) && !is_head(text) && !is_covered(text)
}

/// Whether something in a text has a name that says that it is a secret, and looks like one.
pub fn names_a_secret(text: &str) -> bool {
    let mut is_named = false;
    walk(text, &mut |part, place| {
        is_named |= place.is_named_secret() && is_part(part, place) && (looks_random(part) || looks_chosen(part));
        !is_named
    });
    is_named
}

/// What in a value lets somebody in, as far as its names and forms tell, and what has a name that says that it does not.
#[derive(Default)]
pub(super) struct Openings {
    pub(super) texts: Vec<Zeroizing<String>>,
    pub(super) innocent: Vec<Zeroizing<String>>,
}

pub(super) fn openings(value: &Secret) -> Openings {
    let (mut found, mut innocent): (Vec<Zeroizing<String>>, Vec<Zeroizing<String>>) = (Vec::new(), Vec::new());
    walk(value.expose(), &mut |text, place| {
        if place.innocent && innocent.len() < MOST_OPENINGS {
            innocent.push(folded(text));
        }
        // Of a name that says nothing: what is no word of a setting.
        let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
        let may = !place.loose && !place.innocent && !place.sheltered && is_telling(text) && !is_host(text);
        let may = may && (has_digit || text.trim().len() >= SHORTEST_PHRASE) && place.encoded.is_none();
        let opens = is_part(text, place) || (may && !is_public(text) && !is_guid(text) && !is_address(text));
        if !place.is_whole() && opens && found.len() < MOST_OPENINGS && !is_structured(text) {
            found.push(folded(text));
        }
        true
    });
    // The path of an address, and what else the whole value tells.
    let told = known::parts(value.expose());
    found.extend(told.iter().filter(|part| is_telling(part)).map(|part| folded(part)));
    let whole = folded(value.expose());
    let tokens = hook_tokens(&whole).filter_map(|(_, token)| whole.get(token));
    found.extend(tokens.filter(|token| is_telling(token)).map(|token| Zeroizing::new(token.to_owned())));
    // What holds another one is more than that.
    found.sort_by_key(|text| text.len());
    let mut least: Vec<Zeroizing<String>> = Vec::new();
    for text in found {
        if least.iter().all(|known| !text.contains(known.as_str())) {
            least.push(text);
        }
    }
    innocent.retain(|innocent| !least.contains(innocent));
    Openings { texts: least, innocent }
}

/// Whether a text has parts of its own, which tell better what lets somebody in.
fn is_structured(text: &str) -> bool {
    let is_name = |name: &str| name.chars().all(|letter| letter.is_alphanumeric() || " _-.".contains(letter));
    let is_field = |(name, value): (&str, &str)| !name.trim().is_empty() && is_name(name) && !value.is_empty();
    let mut is_structured = text.split([';', '&', ',']).skip(1).filter_map(|field| field.split_once('=')).any(is_field);
    walk(text, &mut |_, place| {
        is_structured |= !place.is_whole() && !place.loose && place.is_named_secret();
        !is_structured
    });
    is_structured
}
