//! What leaked, and whether a secret's value has to do with it.
//!
//! Equality is decided between keyed hashes, containment between keyed rests of windows, so how long a comparison takes
//! says nothing about how much of a guess was right. Both are compared in what all spellings of a text have in common.

use super::digest::{Digest, Likeness, is_fingerprint, likeness};
use super::heads::heads;
use super::layers::{
    Place, Walked, difference, folded, is_public, is_reference, is_referring, is_telling, looks_chosen, single_words,
    walk,
};
use super::matched::{Match, Reading};
use super::openings::{Openings, is_part, openings};
use super::placeholder::{is_covered, is_cut};
use crate::failure::Failure;
use crate::secret::Secret;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// How many parts of a leaked text are looked for.
const MOST_PARTS: usize = 64;
/// How many words of it are, of which each counts only as all of a secret or of a field that is named one.
const MOST_WORDS: usize = 1_000;
/// What is longer was not covered as a whole.
const LONGEST_COVERED: usize = 256;
/// A prime by whose rest windows are told apart before they are compared.
const PRIME: u64 = (1 << 61) - 1;

/// What leaked. Its memory is wiped when it is dropped.
pub struct Needle {
    key: Zeroizing<[u8; 32]>,
    /// What windows are told apart by: drawn anew each time, so that nobody can choose texts that look alike.
    base: u64,
    /// The leaked text itself, and what it stands for where it is encoded.
    wholes: Vec<Form>,
    /// Passwords and keys inside it, where it is a connection string, a URL, JSON, or a line of settings.
    parts: Vec<Form>,
    /// What it is recognised by where the value itself is not known.
    digests: Vec<Digest>,
    /// What of it is not looked for, in words.
    not_tried: Vec<&'static str>,
    /// What of it is encrypted or compressed.
    sealed: Option<&'static str>,
    /// The same where nothing was found: what was given may be no value.
    may_be_none: Option<&'static str>,
}

struct Form {
    text: Zeroizing<String>,
    /// What all spellings of it have in common, and the tag of that.
    folded: Zeroizing<String>,
    tag: [u8; 32],
    /// Where in the leaked text it stands.
    place: Place,
    /// The rest of the folded text by the prime, and of the sign that leaves a window as long.
    rest: u64,
    leaving: u64,
    kind: Kind,
    /// It may be looked for inside of other texts.
    is_telling: bool,
    /// It is told to everybody: certificates, public keys.
    is_public: bool,
}

/// What a form is of the leaked text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// All of it.
    Whole,
    /// What its name or its form tells to be secret.
    Part,
    /// A word, which may be anything: it counts only as all of a secret or of a field that is named one.
    Word,
}

/// What came of the comparison with one value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compared {
    pub(super) matched: Option<Match>,
    /// Whether everything in the value was looked at.
    pub(super) whole: bool,
    /// It is encrypted or compressed, or holds what is.
    pub(super) sealed: bool,
    /// What leaked stands in it, but only in what lets nobody in: a server, an account, an option.
    pub(super) harmless: bool,
}

impl std::fmt::Debug for Needle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Needle(…)")
    }
}

impl Needle {
    /// What leaked, in one text or, where a scanner tells the parts of a credential apart, in several.
    pub fn new(leaked: &[Secret]) -> Result<Self, Failure> {
        if !leaked.is_empty() && leaked.iter().all(|text| is_referring(text.expose())) {
            let failure = Failure::refused("what was given is a reference to a variable, not its value");
            return Err(failure.help("look up the value where it is set: the environment, the settings of the build"));
        }
        let mut needle = Self::empty()?;
        for text in leaked {
            needle.add(text.expose());
            needle.like(text.expose());
        }
        if leaked.iter().map(Secret::expose).all(is_fingerprint) && !needle.wholes.is_empty() {
            let failure = Failure::refused("what was given is what a scanner calls a finding by, and no value");
            return Err(failure.help("it names commit, file, rule and line: look up the value there, and give that"));
        }
        // A whole file may hold such a place among others.
        let is_one = |text: &str| text.len() < LONGEST_COVERED && text.trim().lines().count() < 2;
        let is_covered = |text: &str| is_one(text) && is_covered(text);
        if leaked.iter().map(Secret::expose).all(is_covered) && needle.digests.is_empty() && !needle.wholes.is_empty() {
            let failure = Failure::refused("what was given is no value: it is covered, cut short, or a hash of it");
            return Err(
                failure.help("look up the value itself where it leaked: the file, the commit, the page of the alert")
            );
        }
        if leaked.iter().all(|text| is_cut(text.expose())) {
            needle.not_tried.push("the rest of the value: it is shorter than all of its kind");
        }
        if needle.wholes.is_empty() {
            let help = "paste the value itself, or pipe it in: `… | stanch find --vault URL`";
            return Err(Failure::refused("there is no value to look for: it is empty").help(help));
        }
        Ok(needle)
    }

    /// What leaked, by something that recognises it: its value is not known.
    pub fn recognised(digest: Digest) -> Result<Self, Failure> {
        let mut needle = Self::empty()?;
        needle.digests.push(digest);
        needle.not_tried.push("the value itself: only its hash is known, and that of another spelling is another");
        Ok(needle)
    }

    /// Looks whether what was given is a digest in place of the value.
    fn like(&mut self, text: &str) {
        let (digest, doubt) = match likeness(text) {
            None => return,
            Some(Likeness::Perhaps(digest)) => (Some(digest), None),
            Some(Likeness::Digest(digest)) => (
                Some(digest),
                Some("the value itself: what was given looks like a digest of one, and no value that was read has it"),
            ),
            Some(Likeness::Sealed) => {
                (None, Some("the value itself: what was given looks like a hash, which cannot be compared with values"))
            }
        };
        self.digests.extend(digest);
        self.may_be_none = doubt;
    }

    /// With texts that a scanner points at inside of what leaked.
    pub fn pointing(mut self, parts: &[Secret]) -> Self {
        for part in parts.iter().map(Secret::expose) {
            let place = Place { part_of: Some("what the scanner points at"), ..Place::default() };
            if is_telling(part) {
                self.keep(part, place, Kind::Part);
            }
        }
        self
    }

    fn empty() -> Result<Self, Failure> {
        let mut key = Zeroizing::new([0; 32]);
        let mut base = [0; 8];
        for bytes in [key.as_mut_slice(), base.as_mut_slice()] {
            getrandom::fill(bytes).map_err(|error| {
                Failure::refused("the operating system gives no randomness").because(error.to_string())
            })?;
        }
        let base = u64::from_le_bytes(base) % (PRIME - 512) + 256;
        Ok(Self {
            key,
            base,
            wholes: Vec::new(),
            parts: Vec::new(),
            digests: Vec::new(),
            not_tried: Vec::new(),
            sealed: None,
            may_be_none: None,
        })
    }

    fn add(&mut self, text: &str) {
        let mut forms = Vec::new();
        let walked = walk(text, &mut |text, place| {
            if text.trim().is_empty() || is_reference(text) {
                return true;
            }
            let kind = match () {
                () if place.is_whole() => Kind::Whole,
                () if is_part(text, place) => Kind::Part,
                () if place.quoted && place.loose && looks_chosen(text) => Kind::Word,
                () => return true,
            };
            forms.push((kind, Zeroizing::new(text.to_owned()), place));
            true
        });
        if !walked.whole {
            self.not_tried.push("a part of the leaked text: it holds more texts than are looked at");
        }
        self.sealed = self.sealed.or(walked.sealed);
        let some = Place { loose: true, part_of: Some("a text"), ..Place::default() };
        let words = single_words(text).filter(|word| looks_chosen(word)).take(MOST_WORDS + 1);
        forms.extend(words.map(|word| (Kind::Word, Zeroizing::new(word.to_owned()), some)));
        // The same text may be several of them: the most that it is counts.
        forms.sort_by_key(|(kind, ..)| *kind);
        forms.into_iter().for_each(|(kind, text, place)| self.keep(&text, place, kind));
    }

    fn keep(&mut self, text: &str, place: Place, kind: Kind) {
        let folded = folded(text);
        let tag = tag(&self.key, &folded);
        // What is looked for as the whole need not be looked for as a part.
        if folded.is_empty() || self.wholes.iter().any(|other| other.tag == tag) {
            return;
        }
        if let Some(known) = self.parts.iter_mut().filter(|_| kind != Kind::Whole).find(|other| other.tag == tag) {
            // More may be known of it where it stands once more.
            if known.place.field.is_none() && place.field.is_some() {
                known.place = place;
            }
            return;
        }
        let most = if kind == Kind::Word { MOST_PARTS + MOST_WORDS } else { MOST_PARTS };
        if kind != Kind::Whole && self.parts.len() >= most {
            let cut = "some parts of the leaked text: it holds more than are looked for";
            if !self.not_tried.contains(&cut) {
                self.not_tried.push(cut);
            }
            return;
        }
        let (mut rest, mut leaving) = (0, 1);
        for byte in folded.bytes() {
            rest = (times(rest, self.base) + u64::from(byte)) % PRIME;
            leaving = times(leaving, self.base);
        }
        let form = Form {
            kind,
            is_telling: is_telling(text),
            is_public: is_public(text),
            text: Zeroizing::new(text.to_owned()),
            folded,
            tag,
            place,
            rest,
            leaving,
        };
        if kind == Kind::Whole { self.wholes.push(form) } else { self.parts.push(form) }
    }

    /// What of the leaked text could not be looked for, as far as what was found does not answer it.
    pub fn not_tried(&self, is_found: bool) -> Vec<String> {
        let sealed = self.sealed.map(|what| format!("what is inside of the leaked text: it is {what}"));
        let doubts = sealed.into_iter().chain(self.may_be_none.map(str::to_owned)).filter(|_| !is_found);
        self.not_tried.iter().map(|part| (*part).to_owned()).chain(doubts).collect()
    }

    /// What a value has to do with it, if anything: the strongest that holds.
    pub(super) fn compare(&self, value: &Secret) -> Compared {
        let (mut best, walked) = self.strongest(value, None);
        let mut harmless = false;
        if best.is_some_and(|best| matches!(best, Match::Inside { .. } | Match::SharesPart { .. })) {
            (best, _) = self.strongest(value, Some(&openings(value)));
            harmless = best.is_none();
        }
        let own = folded(value.expose());
        if best.is_none_or(|best| best.rank() > Match::InLeak.rank())
            && is_telling(value.expose())
            && let Some(probe) = self.probe(&own)
            && self.wholes.iter().any(|form| self.contains(&form.folded, &probe))
        {
            best = Some(Match::InLeak);
        }
        Compared { matched: best, whole: walked.whole, sealed: walked.sealed.is_some(), harmless }
    }

    fn strongest(&self, value: &Secret, openings: Option<&Openings>) -> (Option<Match>, Walked) {
        let mut best: Option<Match> = None;
        let walked = walk(value.expose(), &mut |text, place| {
            let found = self.compare_text(text, place, openings);
            if let Some(found) = found.filter(|found| best.is_none_or(|best| found.rank() < best.rank())) {
                best = Some(found);
            }
            true
        });
        (best, walked)
    }

    /// Whether what stands of a form in a text lets somebody in: not where it stands there all the same without what does.
    fn opens(&self, form: &Form, text: &str, place: Place, openings: &Openings) -> bool {
        let is_innocent =
            || openings.innocent.iter().any(|innocent| bool::from(tag(&self.key, innocent).ct_eq(&form.tag)));
        if place.innocent || is_innocent() {
            return false;
        }
        let mut rest = Zeroizing::new(text.to_owned());
        for opening in &openings.texts {
            rest = Zeroizing::new(rest.replace(opening.as_str(), "\0"));
        }
        openings.texts.is_empty() || !self.contains(&rest, form)
    }

    fn compare_text(&self, text: &str, place: Place, openings: Option<&Openings>) -> Option<Match> {
        if let Some(digest) = self.digests.iter().find(|digest| digest.is_of(text)) {
            return Some(Match::Hashed { place, by: digest.name() });
        }
        let own = folded(text);
        if own.is_empty() {
            return None;
        }
        let own_tag = tag(&self.key, &own);
        let reading = |form: &Form| Reading {
            encoded: form.place.encoded,
            part_of: form.place.part_of,
            written_with: (tag(&self.key, text) != tag(&self.key, &form.text))
                .then(|| difference(text.trim(), form.text.trim()))
                .filter(|_| bool::from(own_tag.ct_eq(&form.tag)) && text.trim() != form.text.trim()),
        };
        // A piece without a name counts only if it is no chance.
        let counts = !place.loose || is_telling(text);
        // Whose name or form tells that it is secret needs nothing around it that does.
        let is_opening = place.is_whole() || is_part(text, place);
        let opens = |form: &Form| openings.is_none_or(|openings| self.opens(form, &own, place, openings));
        let is_same_text = |form: &Form| counts && bool::from(form.tag.ct_eq(&own_tag));
        let equal =
            |form: &&Form| is_same_text(form) && (place.is_whole() || !form.is_public) && (is_opening || opens(form));
        // What stands in what all of a kind begin with accuses nobody.
        let is_common = |form: &Form| {
            heads(&own).into_iter().any(|head| own.get(head).is_some_and(|head| self.contains(head, form)))
        };
        let holds = |form: &&Form| {
            let may = form.is_telling && !form.is_public && form.kind != Kind::Word;
            may && self.contains(&own, form) && !is_common(form) && opens(form)
        };
        if let Some(form) = self.wholes.iter().find(equal) {
            let leak = reading(form);
            return Some(match place.is_whole() {
                true => Match::Value { place, leak },
                false => Match::Inside { place, leak, partly: false, doubtful: false },
            });
        }
        if let Some(form) = self.wholes.iter().find(holds) {
            // What covers no field, and less than half of it, may be a part of anything.
            let covers = |opening: &Zeroizing<String>| form.folded.contains(opening.as_str());
            let all = openings.is_some_and(|openings| openings.texts.iter().any(covers));
            let doubtful = !all && form.folded.len() * 2 < own.len();
            return Some(Match::Inside { place, leak: reading(form), partly: !all, doubtful });
        }
        let is_named = place.is_whole() || place.is_named_secret();
        let is_same = |form: &&Form| equal(form) && (is_named || (form.is_telling && form.kind != Kind::Word));
        if let Some(form) = self.parts.iter().find(is_same) {
            return Some(Match::SharesPart { place, leak: reading(form), doubtful: !form.is_telling });
        }
        let form = self.parts.iter().find(holds)?;
        let place = Place { part_of: place.part_of.or(Some("a text")), ..place };
        Some(Match::SharesPart { place, leak: reading(form), doubtful: !form.is_telling })
    }

    /// A text as a form that is looked for in others.
    fn probe(&self, folded: &Zeroizing<String>) -> Option<Form> {
        let mut probe = Self {
            key: self.key.clone(),
            base: self.base,
            wholes: Vec::new(),
            parts: Vec::new(),
            digests: Vec::new(),
            not_tried: Vec::new(),
            sealed: None,
            may_be_none: None,
        };
        probe.keep(folded, Place::default(), Kind::Whole);
        probe.wholes.pop()
    }

    /// Whether a text holds a form. Every window is looked at to its end: how long that takes says nothing of how much of
    /// it was right.
    fn contains(&self, text: &str, form: &Form) -> bool {
        let (text, inner) = (text.as_bytes(), form.folded.as_bytes());
        if inner.is_empty() || inner.len() > text.len() {
            return false;
        }
        let (mut rest, mut found) = (0, Choice::from(0));
        for (at, byte) in text.iter().enumerate() {
            rest = (times(rest, self.base) + u64::from(*byte)) % PRIME;
            let Some(begin) = (at + 1).checked_sub(inner.len()) else { continue };
            if let Some(left) = begin.checked_sub(1).and_then(|left| text.get(left)) {
                rest = (rest + PRIME - times(u64::from(*left), form.leaving)) % PRIME;
            }
            if rest == form.rest
                && let Some(window) = text.get(begin..=at)
            {
                found |= window.ct_eq(inner);
            }
        }
        bool::from(found)
    }

    /// The text with everything that leaked taken out, for what a scanner or a commit says about it.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for form in self.wholes.iter().chain(&self.parts).filter(|form| form.text.trim().len() >= 4) {
            text = text.replace(form.text.as_str(), "[redacted]").replace(form.text.trim(), "[redacted]");
        }
        text
    }
}

fn times(one: u64, other: u64) -> u64 {
    // Both are below the prime, and so is the rest of their product.
    u64::try_from(u128::from(one) * u128::from(other) % u128::from(PRIME)).unwrap_or_default()
}

fn tag(key: &[u8; 32], text: &str) -> [u8; 32] {
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needle(text: &str) -> Needle {
        Needle::new(&[Secret::new(text.to_owned())]).unwrap()
    }

    fn compare(leaked: &str, value: &str) -> Option<Match> {
        needle(leaked).compare(&Secret::new(value.to_owned())).matched
    }

    #[test]
    fn a_value_is_recognised_whole_inside_and_around() {
        let connection = "Server=tcp:db;User Id=app;Password=c0rrect-horse;Encrypt=true";
        assert!(matches!(compare("c0rrect-horse\n", "c0rrect-horse"), Some(Match::Value { .. })));
        assert!(matches!(compare("YzBycmVjdC1ob3JzZQ==", "c0rrect-horse"), Some(Match::Value { .. })));
        assert!(matches!(compare("c0rrect-horse", connection), Some(Match::Inside { .. })));
        assert!(matches!(compare("c0rrect-horse", "prefix c0rrect-horse suffix"), Some(Match::Inside { .. })));
        assert!(matches!(compare(connection, "postgres://app:c0rrect-horse@db/x"), Some(Match::SharesPart { .. })));
        assert!(matches!(
            compare(r#"password = "c0rrect-horse"  # todo"#, "c0rrect-horse"),
            Some(Match::SharesPart { doubtful: false, .. })
        ));
        assert_eq!(compare("c0rrect-horse", "another value altogether"), None);
    }

    #[test]
    fn short_texts_are_not_found_by_chance() {
        assert_eq!(compare("abc", "xxabcxx"), None);
        assert_eq!(compare("a long sentence that leaked", "sent"), None);
        assert!(matches!(compare("abc", "abc"), Some(Match::Value { .. })));
        assert!(matches!(compare("abc", "Server=db;Pwd=abc"), Some(Match::Inside { .. })));
        assert!(Needle::new(&[Secret::new(" \n".to_owned())]).is_err());
    }

    #[test]
    fn what_is_said_about_a_leak_does_not_hold_it() {
        let needle = needle("c0rrect-horse");
        assert_eq!(needle.redact("config/c0rrect-horse.yaml:3"), "config/[redacted].yaml:3");
        assert_eq!(format!("{needle:?}"), "Needle(…)");
    }
}
