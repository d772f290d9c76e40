//! Which secret values this process has held, so that no answer can repeat one unseen.
//!
//! Every [`Secret`](crate::secret::Secret) that is worked with is remembered here for as long as the process lives, not
//! as text but as keyed digests of the ways in which it may be spelled: as it is, in hex, in base64 at any place of a
//! longer text; backwards; in capitals or small letters. [`holds`] takes what can be taken off a text (escapes of URLs,
//! JSON, HTML and C, one behind the other, codes of letters), and looks whether any of these stands in it.
//!
//! Base64 and base64url, wrapped lines, and capitals make no difference: both sides are brought into one form first.

use crate::redaction::names_a_credential;
use crate::visible::is_hidden;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, PoisonError, RwLock};
use url::Url;
use zeroize::Zeroizing;

/// What is shorter cannot be told from ordinary text, and is not looked for.
pub(crate) const SHORTEST: usize = 6;
/// What is longer is no ordinary word of ours: where such a value stands in a text, it was not meant as a word.
pub(crate) const LONGER_THAN_WORDS: usize = 12;
/// How many escapes one behind the other are taken off.
const DEEPEST: usize = 4;
/// The digests are computed modulo this prime.
const PRIME: u64 = (1 << 61) - 1;

static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(|| RwLock::new(Known::new()));

struct Known {
    /// The key of the digests; nobody outside the process knows it.
    base: u64,
    /// `base` to the power of one less than the width of a beginning.
    highest: u64,
    /// By the digest of how it begins: every spelling that is looked for.
    begins: HashMap<u64, Begun>,
    /// Values that were remembered before, by length and digest.
    values: HashSet<(usize, u64)>,
}

/// What begins alike: by its length, the digest of each spelling, and how long the value itself is.
type Begun = HashMap<usize, HashMap<u64, usize>>;

fn times(one: u64, other: u64) -> u64 {
    // The product of two numbers below the prime has at most 122 bits, and the remainder fits again.
    u64::try_from(u128::from(one) * u128::from(other) % u128::from(PRIME)).unwrap_or_default()
}

impl Known {
    fn new() -> Self {
        let mut key = [0; 8];
        // Without randomness the digests could be computed by others as well; nobody sees them.
        getrandom::fill(&mut key).ok();
        let base = u64::from_le_bytes(key) % (PRIME - 512) + 256;
        let highest = (1..SHORTEST).fold(1, |power, _| times(power, base));
        Self { base, highest, begins: HashMap::new(), values: HashSet::new() }
    }

    fn digest(&self, bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |digest, byte| self.with(digest, *byte))
    }

    fn with(&self, digest: u64, byte: u8) -> u64 {
        (times(digest, self.base) + u64::from(byte) + 1) % PRIME
    }

    fn remember(&mut self, value: &str) {
        let of = canonical(value).len();
        if of < SHORTEST || !self.values.insert((value.len(), self.digest(value.as_bytes()))) {
            return;
        }
        for spelling in spellings(value) {
            let form = canonical(&spelling);
            let Some(begin) = form.as_bytes().get(..SHORTEST) else { continue };
            let (begin, digest) = (self.digest(begin), self.digest(form.as_bytes()));
            let longest =
                self.begins.entry(begin).or_default().entry(form.len()).or_default().entry(digest).or_default();
            *longest = of.max(*longest);
        }
    }

    /// Whether a text in its canonical form holds a spelling of a value that is at least so long.
    fn stands_in(&self, text: &[u8], at_least: usize) -> bool {
        let mut digest = self.digest(text.get(..SHORTEST).unwrap_or_default());
        for (from, first) in text.iter().enumerate() {
            if from + SHORTEST > text.len() {
                return false;
            }
            let stands = |(length, alike): (&usize, &HashMap<u64, usize>)| {
                let there = text.get(from..from + length).and_then(|there| alike.get(&self.digest(there)));
                there.is_some_and(|of| *of >= at_least)
            };
            if self.begins.get(&digest).is_some_and(|begun| begun.iter().any(stands)) {
                return true;
            }
            let Some(next) = text.get(from + SHORTEST) else { return false };
            let without = (digest + PRIME - times(u64::from(*first) + 1, self.highest)) % PRIME;
            digest = self.with(without, *next);
        }
        false
    }
}

/// Remembers a value, and what in it lets whoever has it in.
pub(crate) fn remember(value: &str) {
    let parts = parts(value);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.remember(value);
    parts.iter().for_each(|part| known.remember(part));
    if parts.is_empty() {
        halves(value).iter().for_each(|half| known.remember(half));
    }
}

/// The halves of a text that is nothing but a key, and what lies between them. A text of several words has parts that
/// anybody may say.
fn halves(value: &str) -> Vec<Zeroizing<String>> {
    let letters = Zeroizing::new(value.chars().collect::<Vec<char>>());
    let half = letters.len() / 2;
    if half < LONGER_THAN_WORDS || value.contains("://") || value.chars().any(char::is_whitespace) {
        return Vec::new();
    }
    let from = [0, half / 2, letters.len() - half];
    from.iter().filter_map(|from| Some(Zeroizing::new(letters.get(*from..from + half)?.iter().collect()))).collect()
}

/// Whether a text holds, in any spelling, a value that was remembered and is at least so long.
pub(crate) fn holds(text: &str, at_least: usize) -> bool {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if known.begins.is_empty() {
        return false;
    }
    let mut layer = Zeroizing::new(text.to_owned());
    for _ in 0..DEEPEST {
        if readings(&layer).any(|reading| known.stands_in(canonical(&reading).as_bytes(), at_least)) {
            return true;
        }
        let below = unescaped(&layer, escape);
        if *below == *layer {
            return false;
        }
        layer = below;
    }
    false
}

/// Whether a text shares a run of so many characters, in one form, with what lets somebody in in one of these values.
pub(crate) fn shares<'a>(text: &str, values: impl IntoIterator<Item = &'a str>, run: usize) -> bool {
    let form = canonical(text);
    let text: Vec<char> = form.chars().collect();
    values.into_iter().any(|value| {
        let inside = parts(value);
        let parts: Vec<&str> =
            if inside.is_empty() { vec![value] } else { inside.iter().map(|part| part.as_str()).collect() };
        parts.into_iter().any(|part| {
            let part = canonical(part);
            let run = run.min(part.chars().count()).min(text.len()).max(SHORTEST);
            text.windows(run).any(|window| part.contains(&*Zeroizing::new(window.iter().collect::<String>())))
        })
    })
}

/// What in a value lets whoever has it in, where the value is more than that: the password of a URL or what follows
/// its host, the token behind `Bearer`, members of JSON and parts of a connection string that are named so.
pub(crate) fn parts(value: &str) -> Vec<Zeroizing<String>> {
    let owned = |text: &str| Zeroizing::new(text.to_owned());
    let value = value.trim();
    let scheme = ["Bearer ", "Basic "].iter().find_map(|scheme| value.strip_prefix(scheme));
    if let Some(token) = scheme {
        return vec![owned(token)];
    }
    if value.starts_with('{') {
        let mut found = Vec::new();
        if let Ok(json) = serde_json::from_str::<Value>(value) {
            members(&json, &mut found);
        }
        return found;
    }
    if let Some((_, rest)) = value.split_once("://")
        && let Ok(url) = Url::parse(value)
    {
        if let Some(password) = url.password() {
            return vec![
                owned(password),
                Zeroizing::new(percent_decode_str(password).decode_utf8_lossy().into_owned()),
            ];
        }
        // Who knows the address of a web hook may call it: its path is the secret.
        let path = rest.split_once('/').map(|(_, path)| path).filter(|path| path.len() >= LONGER_THAN_WORDS);
        return path.map(owned).into_iter().collect();
    }
    let pairs = value.split([';', '\n', '&', ',']).filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| names_a_credential(name)).map(|(_, value)| owned(value.trim())).collect()
}

fn members(json: &Value, found: &mut Vec<Zeroizing<String>>) {
    match json {
        Value::Object(object) => object.iter().for_each(|(name, value)| match value {
            Value::String(text) if names_a_credential(name) => found.push(Zeroizing::new(text.clone())),
            value => members(value, found),
        }),
        Value::Array(items) => items.iter().for_each(|item| members(item, found)),
        _ => {}
    }
}

fn backwards(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.chars().rev().collect())
}

/// The ways to read a text as it stands: what is an escape in one is a part of the value in another.
fn readings(text: &str) -> impl Iterator<Item = Zeroizing<String>> {
    let ways: [fn(&str) -> Zeroizing<String>; 5] =
        [|text| Zeroizing::new(text.to_owned()), backwards, |text| unescaped(text, byte), bytes, letters];
    ways.into_iter().map(move |way| way(text))
}

/// The numbers in a text, one by one, with what separates them left out.
fn numbers(text: &str) -> impl Iterator<Item = u32> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter_map(|word| match ["0x", "0X", "x"].iter().find_map(|mark| word.strip_prefix(mark)) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    })
}

/// What a list of bytes spells.
fn bytes(text: &str) -> Zeroizing<String> {
    // No list is longer than its text, so that nothing is left behind where it grows.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    bytes.extend(numbers(text).filter_map(|number| u8::try_from(number).ok()));
    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a list of codes of letters spells.
fn letters(text: &str) -> Zeroizing<String> {
    let mut letters = Zeroizing::new(String::with_capacity(text.len()));
    letters.extend(numbers(text).filter_map(char::from_u32));
    letters
}

/// The form in which spellings are compared: small letters, one alphabet of base64, without what nobody sees, and what
/// texts are wrapped and separated by.
fn canonical(text: &str) -> Zeroizing<String> {
    let mut form = Zeroizing::new(String::with_capacity(text.len()));
    for letter in text.chars() {
        match letter {
            '+' | '-' | ':' | '.' | ',' | '_' | '/' | '|' => {}
            letter if letter.is_whitespace() || is_hidden(letter) => {}
            letter if letter.is_ascii() => form.push(letter.to_ascii_lowercase()),
            letter => form.extend(letter.to_lowercase()),
        }
    }
    form
}

/// The ways in which a value may be spelled, escapes aside.
fn spellings(value: &str) -> Vec<Zeroizing<String>> {
    let mut variants = vec![Zeroizing::new(value.to_owned())];
    variants.push(Zeroizing::new(value.to_lowercase()));
    variants.push(Zeroizing::new(value.to_uppercase()));
    variants.dedup();
    variants.extend(variants.iter().map(|variant| backwards(variant)).collect::<Vec<_>>());
    let mut spellings = Vec::with_capacity(variants.len() * 9);
    for variant in variants {
        // As Windows writes text: two bytes a letter.
        let wide = Zeroizing::new(variant.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
        for bytes in [variant.as_bytes(), wide.as_slice()] {
            spellings.push(Zeroizing::new(hex::encode(bytes)));
            for offset in 0..3 {
                spellings.push(in_base64(bytes, offset));
            }
        }
        spellings.push(variant);
    }
    spellings
}

/// The part of a base64 text that is the same whatever stands around the value, after so many other bytes.
fn in_base64(value: &[u8], offset: usize) -> Zeroizing<String> {
    let mut padded = Zeroizing::new(vec![0; offset]);
    padded.extend_from_slice(value);
    let whole = Zeroizing::new(STANDARD_NO_PAD.encode(&*padded));
    let before = [0, 2, 3].get(offset).copied().unwrap_or_default();
    // The last letter of an incomplete group depends on what follows.
    let after = whole.len() - usize::from(!padded.len().is_multiple_of(3));
    Zeroizing::new(whole.get(before..after).unwrap_or_default().to_owned())
}

/// The text without one layer of the escapes that are known so.
fn unescaped(text: &str, escape: fn(&str) -> Option<(usize, Code<'_>)>) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = rest.find(['%', '\\', '&', '=', '0']) {
        bytes.extend_from_slice(rest.get(..at).unwrap_or_default().as_bytes());
        rest = rest.get(at..).unwrap_or_default();
        let (length, code) = escape(rest).unwrap_or((1, Code::Text(rest.get(..1).unwrap_or_default())));
        match code {
            Code::Byte(byte) => bytes.push(byte),
            Code::Letter(letter) => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            Code::Text(text) => bytes.extend_from_slice(text.as_bytes()),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
}

enum Code<'a> {
    Byte(u8),
    Letter(char),
    Text(&'a str),
}

/// The digits that a text begins with, at most so many; their number, and what they say.
fn digits(text: &str, radix: u32, most: usize) -> Option<(usize, u32)> {
    let length = text.chars().take(most).take_while(|letter| letter.is_digit(radix)).count();
    Some((length, u32::from_str_radix(text.get(..length)?, radix).ok()?))
}

/// The byte that a text begins with as mail or a dump writes it: `=4E`, `0x4e`, and the end of a line that goes on.
fn byte(text: &str) -> Option<(usize, Code<'_>)> {
    let goes_on = ["=\r\n", "=\n"].into_iter().find(|end| text.starts_with(end));
    if let Some(end) = goes_on {
        return Some((end.len(), Code::Text("")));
    }
    let mark = ["=", "0x", "0X"].into_iter().find(|mark| text.starts_with(mark))?;
    let (2, byte) = digits(text.get(mark.len()..)?, 16, 2)? else { return None };
    Some((mark.len() + 2, Code::Byte(u8::try_from(byte).ok()?)))
}

/// The escape that a text begins with, and its length: of URLs, of JSON and C, of HTML.
fn escape(text: &str) -> Option<(usize, Code<'_>)> {
    match text.chars().next()? {
        '%' => {
            let (2, byte) = digits(text.get(1..)?, 16, 2)? else { return None };
            Some((3, Code::Byte(u8::try_from(byte).ok()?)))
        }
        '\\' => backslash(text.get(1..)?).map(|(length, code)| (1 + length, code)),
        '&' => reference(text.get(1..)?).map(|(length, code)| (1 + length, code)),
        _ => None,
    }
}

/// What follows a backslash.
fn backslash(text: &str) -> Option<(usize, Code<'_>)> {
    let first = text.chars().next()?;
    if let Some(inside) = text.get(1..).and_then(|rest| rest.strip_prefix('{')).filter(|_| "xu".contains(first)) {
        let (length, code) = digits(inside, 16, 8)?;
        return inside.get(length..)?.starts_with('}').then_some((length + 3, Code::Letter(char::from_u32(code)?)));
    }
    match first {
        'u' => {
            let (4, high) = digits(text.get(1..)?, 16, 4)? else { return None };
            let pair = text.get(5..).and_then(|rest| digits(rest.strip_prefix("\\u")?, 16, 4));
            if let (0xD800..0xDC00, Some((4, low @ 0xDC00..0xE000))) = (high, pair) {
                return Some((11, Code::Letter(char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))?)));
            }
            Some((5, Code::Letter(char::from_u32(high)?)))
        }
        'U' => {
            let (8, code) = digits(text.get(1..)?, 16, 8)? else { return None };
            Some((9, Code::Letter(char::from_u32(code)?)))
        }
        'x' => {
            let (length, byte) = digits(text.get(1..)?, 16, 2)?;
            Some((1 + length, Code::Byte(u8::try_from(byte).ok()?)))
        }
        'n' | 'r' | 't' | 'b' | 'f' => Some((1, Code::Text(""))),
        '0'..='7' => {
            let (length, byte) = digits(text, 8, 3)?;
            Some((length, Code::Byte(u8::try_from(byte).ok()?)))
        }
        letter => Some((letter.len_utf8(), Code::Letter(letter))),
    }
}

/// What follows an ampersand. Readers of HTML forgive a number, and the oldest names, without their end.
fn reference(text: &str) -> Option<(usize, Code<'_>)> {
    let ended = |length: usize| length + usize::from(text.get(length..).is_some_and(|rest| rest.starts_with(';')));
    if let Some(number) = text.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']);
        let (length, code) = hex.map_or_else(|| digits(number, 10, 9), |hex| digits(hex, 16, 8))?;
        return Some((ended(1 + usize::from(hex.is_some()) + length), Code::Letter(char::from_u32(code)?)));
    }
    let mut named = NAMED.iter().filter(|(name, _)| text.starts_with(name));
    let (name, letter) = named.find(|(name, _)| ended(name.len()) > name.len() || OLDEST.contains(name))?;
    Some((ended(name.len()), Code::Text(letter)))
}

const OLDEST: [&str; 5] = ["amp", "lt", "gt", "quot", "nbsp"];
const NAMED: [(&str, &str); 29] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("equals", "="),
    ("plus", "+"),
    ("sol", "/"),
    ("bsol", "\\"),
    ("commat", "@"),
    ("num", "#"),
    ("percnt", "%"),
    ("dollar", "$"),
    ("excl", "!"),
    ("colon", ":"),
    ("semi", ";"),
    ("quest", "?"),
    ("ast", "*"),
    ("Hat", "^"),
    ("grave", "`"),
    ("lpar", "("),
    ("rpar", ")"),
    ("lsqb", "["),
    ("rsqb", "]"),
    ("lcub", "{"),
    ("rcub", "}"),
    ("nbsp", " "),
    ("shy", ""),
    ("tilde", "~"),
];
