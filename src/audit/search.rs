//! Which records are worth parsing: a block of bytes → the places of the candidates.
//!
//! The answer may be too generous, never too strict: a record without a candidate cannot be about what is sought, in
//! whatever spelling the parser reads. JSON stands inside of JSON text here, so quotes have backslashes or are escapes.
//! A block is looked at in tiles, with whatever the processor has for many bytes at once: two bytes of the name that
//! are rare in logs, at their distance, tell which tiles are looked at closely.

use super::plain::continues_name;
use super::spelled;
use super::trail::Callers;
use memchr::{memchr, memchr_iter, memchr2_iter};
use pulp::{Arch, Simd, WithSimd};
use std::collections::HashSet;
use std::ops::Range;

/// How many bytes are looked at together.
const TILE: usize = 256;
/// From frequent to rare in such logs: hexadecimal numbers, then the letters of addresses and claims.
const BY_FREQUENCY: &[u8; 37] = b"0123456789abcdeftsinorl-puhmygvkwzxqj";
/// How the names of the claim end that holds the object id.
const CLAIM: &[u8] = b"objectidentifier";
const SHORT_CLAIM: &[u8] = b"oid";
/// So many bytes at most may stand between a claim's name and its value.
const MOST_BETWEEN: usize = 256;

/// What makes a record worth parsing.
#[derive(Debug)]
pub(crate) enum Needle {
    /// It holds the secret's name, in any case, not as a part of a longer name; or a spelling that may hide it; or it
    /// says that the vault itself was changed.
    Secret { name: Vec<u8>, probe: Probe },
    /// One of these object ids (lower case) called. They are looked for behind their claim's name: logs are full of
    /// hexadecimal, on which a search for several ids at once gives up its speed.
    Callers { oids: HashSet<Vec<u8>>, beginnings: Box<[bool; 256]> },
    /// Whatever it is: of callers without an object id, entries cannot be told before they are parsed.
    Everything,
}

/// Two places in a name, and the bytes there, in lower case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    first: (usize, u8),
    second: (usize, u8),
}

impl Probe {
    fn of(name: &[u8]) -> Self {
        let rarity = |byte: u8| BY_FREQUENCY.iter().position(|known| *known == byte).unwrap_or(BY_FREQUENCY.len());
        let mut places: Vec<(usize, u8)> = name.iter().copied().enumerate().collect();
        places.sort_by_key(|(at, byte)| (std::cmp::Reverse(rarity(*byte)), *at));
        let first = places.first().copied().unwrap_or_default();
        // Two of the same byte say less than two different ones.
        let second = places.iter().find(|(_, byte)| *byte != first.1).or(places.get(1)).copied().unwrap_or(first);
        Self { first, second }
    }
}

impl Needle {
    /// Looks for a secret's name, given in lower case.
    pub(crate) fn secret(name: &str) -> Self {
        let name = name.as_bytes().to_vec();
        Self::Secret { probe: Probe::of(&name), name }
    }

    pub(crate) fn callers(callers: &Callers) -> Self {
        if callers.some_without_object_id {
            return Self::Everything;
        }
        let oids: HashSet<Vec<u8>> = callers.ids.iter().map(|oid| oid.clone().into_bytes()).collect();
        let mut beginnings = Box::new([false; 256]);
        for oid in &oids {
            if let Some(known) = beginnings.get_mut(beginning(oid)) {
                *known = true;
            }
        }
        Self::Callers { oids, beginnings }
    }

    /// Finds the candidates in a block.
    pub(crate) fn candidates(&self, block: &[u8], found: &mut Candidates) {
        found.firsts.clear();
        found.latest = None;
        match self {
            Self::Secret { probe, .. } => {
                Arch::new().dispatch(Pass { block, tiles: SecretTiles(*probe), needle: self, found })
            }
            Self::Callers { .. } => Arch::new().dispatch(Pass { block, tiles: CallerTiles, needle: self, found }),
            Self::Everything => {
                let lines = std::iter::once(0).chain(memchr_iter(b'\n', block).map(|end| end + 1));
                found.firsts.extend(lines.filter(|start| *start < block.len()));
            }
        }
    }

    /// Whether a candidate begins at a place.
    fn begins_at(&self, block: &[u8], at: usize) -> bool {
        let Some(rest) = block.get(at..) else { return false };
        match self {
            Self::Secret { name, .. } => match rest.first() {
                Some(b'%' | b'\\') => spells(rest),
                // The last byte of a quote, or of the escape of one.
                Some(b'"' | b'2') if is_vault_change(rest) => true,
                _ => {
                    rest.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name))
                        && !continues_name(at.checked_sub(1).and_then(|before| block.get(before)))
                        && !continues_name(rest.get(name.len()))
                }
            },
            Self::Callers { oids, beginnings } => {
                let behind = without_case(rest, CLAIM).or_else(|| without_case(rest, SHORT_CLAIM));
                let escaped = || (rest.starts_with(b"\\") && spells(rest)) || hides(rest);
                behind.map_or_else(escaped, |behind| calls(behind, oids, beginnings))
            }
            Self::Everything => true,
        }
    }
}

/// Where candidates stand in a block.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// The first of each line that has any, in order.
    firsts: Vec<usize>,
    /// The latest, whether it was its line's first or not.
    latest: Option<usize>,
}

impl Candidates {
    pub(crate) fn firsts(&self) -> impl Iterator<Item = usize> + use<'_> {
        self.firsts.iter().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.firsts.is_empty()
    }

    /// Takes those of a tile. A long line may consist of nothing else; its first is enough.
    fn take(&mut self, block: &[u8], of_tile: &mut [usize]) {
        of_tile.sort_unstable();
        for at in of_tile.iter().copied() {
            let between = self.latest.map(|latest| block.get(latest..at).unwrap_or_default());
            if between.is_none_or(|between| memchr(b'\n', between).is_some()) {
                self.firsts.push(at);
            }
            self.latest = Some(at);
        }
    }
}

/// What tells the tiles that may hold a candidate.
trait Tiles {
    /// How many bytes behind a tile it looks at.
    fn reach(&self) -> usize;
    /// Which kinds of candidates may begin in the first [`TILE`] bytes of `bytes`, of which there are as many and the reach;
    /// zero for none.
    fn may_begin_in(&self, bytes: &[u8]) -> u8;
}

const NAME: u8 = 1;
const VAULT: u8 = 2;
const LONG: u8 = 4;
const SHORT: u8 = 8;
const ESCAPE: u8 = 16;
const HIDDEN: u8 = 32;
const ANY: u8 = NAME | VAULT | LONG | SHORT | ESCAPE | HIDDEN;

fn tile(bytes: &[u8], at: usize) -> Option<&[u8; TILE]> {
    bytes.get(at..at + TILE)?.try_into().ok()
}

struct SecretTiles(Probe);

impl Tiles for SecretTiles {
    #[inline(always)]
    fn reach(&self) -> usize {
        self.0.first.0.max(self.0.second.0).max(1)
    }

    #[inline(always)]
    fn may_begin_in(&self, bytes: &[u8]) -> u8 {
        let Probe { first, second } = self.0;
        let (Some(own), Some(next)) = (tile(bytes, 0), tile(bytes, 1)) else { return ANY };
        let (Some(one), Some(other)) = (tile(bytes, first.0), tile(bytes, second.0)) else { return ANY };
        // What fits is zero here, and stays the least: a processor does that with the fewest steps.
        let (mut names, mut others) = (u8::MAX, u8::MAX);
        for ((own, next), (one, other)) in own.iter().zip(next).zip(one.iter().zip(other)) {
            // A letter and its capital differ in this bit; digits and dashes have it set.
            names = names.min(((one ^ first.1) | (other ^ second.1)) & !0x20);
            // A quote, or the digit 2 that its escape ends with: they differ in this bit.
            let vault = ((own ^ b'2') & !0x10) | (next ^ b'V');
            others = others.min(own ^ b'%').min(own ^ b'\\').min(vault);
        }
        (u8::from(names == 0) * NAME) | (u8::from(others == 0) * (ESCAPE | VAULT))
    }
}

struct CallerTiles;

impl Tiles for CallerTiles {
    #[inline(always)]
    fn reach(&self) -> usize {
        CLAIM.len()
    }

    #[inline(always)]
    fn may_begin_in(&self, bytes: &[u8]) -> u8 {
        let (Some(own), Some(second), Some(third)) = (tile(bytes, 0), tile(bytes, 1), tile(bytes, 2)) else {
            return ANY;
        };
        let (mut longs, mut shorts, mut escapes, mut hiddens) = (u8::MAX, u8::MAX, u8::MAX, u8::MAX);
        for ((own, second), third) in own.iter().zip(second).zip(third) {
            let letter = own ^ b'o';
            longs = longs.min((letter | (third ^ b'j')) & !0x20);
            shorts = shorts.min((letter | (second ^ b'i') | (third ^ b'd')) & !0x20);
            escapes = escapes.min(own ^ b'\\');
            // A text in base64 that holds JSON begins with an `e`. Both quotes have these bits, and little else.
            hiddens = hiddens.min(((own ^ b'"') & 0xFA) | (second ^ b'e'));
        }
        (u8::from(longs == 0) * LONG)
            | (u8::from(shorts == 0) * SHORT)
            | (u8::from(escapes == 0) * ESCAPE)
            | (u8::from(hiddens == 0) * HIDDEN)
    }
}

/// One pass over a block.
struct Pass<'a, T> {
    block: &'a [u8],
    tiles: T,
    needle: &'a Needle,
    found: &'a mut Candidates,
}

impl<T: Tiles> WithSimd for Pass<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let reach = self.tiles.reach();
        let mut at = 0;
        while let Some(bytes) = self.block.get(at..at + TILE + reach) {
            let kinds = self.tiles.may_begin_in(bytes);
            if kinds != 0 {
                look_closely(self.block, at..at + TILE, kinds, self.needle, self.found);
            }
            at += TILE;
        }
        look_closely(self.block, at..self.block.len(), ANY, self.needle, self.found);
    }
}

#[inline(never)]
fn look_closely(block: &[u8], places: Range<usize>, kinds: u8, needle: &Needle, found: &mut Candidates) {
    let ahead = |ahead: usize| {
        let end = block.len().min(places.end + ahead);
        block.get(places.start + ahead..end).unwrap_or_default()
    };
    let mut of_tile = Vec::new();
    let mut take = |at: usize| {
        let at = places.start + at;
        if needle.begins_at(block, at) {
            of_tile.push(at);
        }
    };
    if let Needle::Secret { probe: Probe { first: (place, byte), .. }, .. } = needle
        && kinds & NAME != 0
    {
        memchr2_iter(*byte, byte.to_ascii_uppercase(), ahead(*place)).for_each(&mut take);
    }
    if kinds & VAULT != 0 {
        memchr_iter(b'V', ahead(1)).for_each(&mut take);
    }
    if kinds & LONG != 0 {
        // `j` is the rarest letter of the long claim's name, and its third.
        memchr2_iter(b'j', b'J', ahead(2)).for_each(&mut take);
    }
    if kinds & SHORT != 0 {
        memchr2_iter(b'd', b'D', ahead(2)).for_each(&mut take);
    }
    if kinds & HIDDEN != 0 {
        memchr_iter(b'e', ahead(1)).for_each(&mut take);
    }
    if kinds & ESCAPE != 0 {
        memchr2_iter(b'%', b'\\', ahead(0)).for_each(&mut take);
    }
    found.take(block, &mut of_tile);
}

/// Whether an escape here spells a letter, digit, dash, slash or another escape, so that a name may stand there without
/// its bytes: `%2D`, `\u002d`.
fn spells(rest: &[u8]) -> bool {
    let digits = match rest.first() {
        Some(b'%') => rest.get(1..3),
        Some(b'\\') => rest
            .get(1..6)
            .filter(|escape| escape.to_ascii_lowercase().starts_with(b"u00"))
            .and_then(|escape| escape.get(3..)),
        _ => None,
    };
    let byte = digits
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| u8::from_str_radix(digits, 16).ok());
    byte.is_some_and(|byte| continues_name(Some(&byte)) || byte == b'/' || byte == b'%')
}

/// Whether a text in base64 that holds JSON begins behind the quote, or the escape of one, that is here. It may hide who
/// called: what hides a secret's name leaves open which one it is, and needs no search.
fn hides(rest: &[u8]) -> bool {
    let quote = rest.first().filter(|byte| b"\"'".contains(byte)).and_then(|_| rest.get(1..));
    let text = quote.or_else(|| [b"\\u0022", b"\\u0027"].into_iter().find_map(|escape| without_case(rest, escape)));
    // So many of its characters in a row are no word. A line break in it may be an escape.
    let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=\\".contains(byte);
    let text = text.filter(|text| spelled::BASE64_OF_AN_OBJECT.iter().any(|beginning| text.starts_with(beginning)));
    text.and_then(|text| text.get(..16)).is_some_and(|text| text.iter().all(is_of_base64))
}

/// Whether an operation on the vault itself is named here, other than looking at it.
fn is_vault_change(rest: &[u8]) -> bool {
    let verb = rest.get(1..).and_then(|rest| rest.strip_prefix(b"Vault"));
    verb.is_some_and(|verb| verb.strip_prefix(b"Get").is_none_or(|rest| continues_name(rest.first())))
}

/// Whether one of `oids` is the value of the claim that ends where `behind` begins.
fn calls(behind: &[u8], oids: &HashSet<Vec<u8>>, beginnings: &[bool; 256]) -> bool {
    // A table says of which type the column is.
    let behind = without_case(behind, b"_g").or_else(|| without_case(behind, b"_s")).unwrap_or(behind);
    let mut value = behind;
    while let Some(rest) = between(value).filter(|rest| behind.len() - rest.len() <= MOST_BETWEEN) {
        value = rest;
    }
    if value.len() == behind.len() {
        return false;
    }
    // The claim's name is itself a value, in a list of names and values: whose it is stands anywhere.
    if matches!(value.first(), Some(b',' | b'}' | b']')) {
        return true;
    }
    let value = without_case(value, b"urn:uuid:").unwrap_or(value);
    if !beginnings.get(beginning(value)).copied().unwrap_or_default() {
        return false;
    }
    let end = value.iter().position(|byte| !continues_name(Some(byte)) && *byte != b'_').unwrap_or(value.len());
    let value = value.get(..end).map(<[u8]>::to_ascii_lowercase).unwrap_or_default();
    oids.contains(&value)
        || (value.len() == 32 && oids.iter().any(|oid| value.iter().eq(oid.iter().filter(|byte| **byte != b'-'))))
}

/// What follows, if a part of what stands between a name and its value is here: quotes, a colon, as themselves or as
/// escapes, white space, the bracket of a list or of an id.
fn between(rest: &[u8]) -> Option<&[u8]> {
    match rest.first()? {
        b'"' | b'\'' | b':' | b'[' | b'{' | b'(' | b' ' | b'\t' | b'\r' | b'\n' => rest.get(1..),
        b'\\' => {
            let escaped = rest.get(1..)?;
            let escape = escaped.get(..5).filter(|escape| escape.starts_with(b"u00"));
            if escape.is_some() { escaped.get(5..) } else { Some(escaped) }
        }
        _ => None,
    }
}

/// The rest behind a beginning (lower case) that is compared without case.
fn without_case<'r>(rest: &'r [u8], beginning: &[u8]) -> Option<&'r [u8]> {
    let (found, behind) = rest.split_at_checked(beginning.len())?;
    found.eq_ignore_ascii_case(beginning).then_some(behind)
}

/// The first bytes of an object id mixed into one, without case.
fn beginning(oid: &[u8]) -> usize {
    let mixed = oid.iter().take(8).fold(0_u8, |mixed, byte| mixed.wrapping_mul(31) ^ (byte | 0x20));
    usize::from(mixed)
}
