//! A text and everything that stands in it: the fields of JSON, of a connection string or a URL, what is in lines of
//! settings, behind escapes, base64 and percent-encoding, in PEM and PFX, and what is inside those again.

mod der;
mod encodings;
mod escapes;
mod fields;
mod fold;
mod lines;
mod references;
mod sealed;
mod shell;
mod telling;

use fields::{Pairs, bare_name, is_innocent, known_name, parts, pieces};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

pub(super) use der::head as key_head;
pub(super) use encodings::is_public;
pub(super) use fields::single_words;
pub(super) use fold::{difference, folded};
pub(crate) use lines::without_prefix;
pub(super) use references::{is_reference, is_referring};
pub use telling::SHORTEST;
pub(super) use telling::{is_address, is_guid, is_host, is_telling, looks_chosen, looks_random};

/// What is looked through, for people.
pub const LAYERS: &[&str] = &[
    "the text itself",
    "white space and quotes around it",
    "line breaks, indentation and forms of Unicode",
    "marks before its lines (diff, quotation, remark, log), and strings that a program joins",
    "JSON",
    "escapes (JSON, C, YAML, shell, XML, HTML, URL, mail), and letters of other code pages",
    "base64 and hexadecimal digits",
    "PEM and PFX without a password",
    "connection strings, URLs, lines of settings and pairs",
];

/// How deep texts are looked for in texts.
const DEEPEST: u8 = 6;
/// More texts than this in one value, or more bytes of them for each of its own, are not looked at: it would be the value's
/// author who decides how long it takes.
const MOST: usize = 4_000;
const MOST_BYTES: usize = 64;
const LEAST_BYTES: usize = 2 << 20;

/// Where in a secret a text stands. It names no name that the secret's author made up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// What it is a part of: `JSON`, `a connection string`, `a URL`; nothing where it is the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<&'static str>,
    /// The field's name, where it is one that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
    /// How it is encoded there: `base64`, `percent-encoding`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoded: Option<&'static str>,
    /// It stands there without a name, between others.
    #[serde(skip)]
    pub(super) loose: bool,
    /// It stands in quotes, as a program's strings do.
    #[serde(skip)]
    pub(super) quoted: bool,
    /// Its name says that it is a secret; `key` and `value` alone say that of anything.
    #[serde(skip)]
    pub(super) named: bool,
    /// Its name says that it is no secret: an account, a server, a version.
    #[serde(skip)]
    pub(super) innocent: bool,
    /// What it stands in has a name that says so.
    #[serde(skip)]
    pub(super) sheltered: bool,
    /// What stood before each of its lines was taken off.
    #[serde(skip)]
    pub(super) unmarked: bool,
}

impl Place {
    fn within(self, part_of: &'static str, name: &str) -> Self {
        let (field, innocent) = (known_name(name), is_innocent(name));
        let anything = ["key", "value"].iter().any(|word| word.eq_ignore_ascii_case(name));
        let sheltered = (self.sheltered || self.innocent) && field.is_none();
        Self { part_of: Some(part_of), field, named: field.is_some() && !anything, innocent, sheltered, ..self }
    }

    fn encoded(self, encoded: &'static str) -> Self {
        Self { encoded: Some(encoded), ..self }
    }

    /// Whether it is the whole text, perhaps encoded.
    pub(super) fn is_whole(self) -> bool {
        self.part_of.is_none()
    }

    /// Whether its name says that it is a secret.
    pub(super) fn is_named_secret(self) -> bool {
        !self.loose && self.named
    }
}

/// What came of going through a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walked {
    /// Every text in it was visited.
    pub(super) whole: bool,
    /// What of it is closed: encrypted or compressed.
    pub(super) sealed: Option<&'static str>,
}

/// Calls `visit` with the text and with every text in it, until it gives false.
pub(super) fn walk(text: &str, visit: &mut impl FnMut(&str, Place) -> bool) -> Walked {
    let mut walk = Walk {
        visit,
        left: MOST,
        bytes: LEAST_BYTES.max(MOST_BYTES * text.len()),
        stopped: false,
        cut: false,
        sealed: None,
        hasher: RandomState::new(),
        seen: HashMap::new(),
    };
    walk.text(text, Place::default(), DEEPEST);
    Walked { whole: !walk.cut, sealed: walk.sealed }
}

struct Walk<'a, F> {
    visit: &'a mut F,
    /// How many more texts are looked at, and how many bytes of them.
    left: usize,
    bytes: usize,
    /// The visitor knows enough.
    stopped: bool,
    /// There was more than is looked at.
    cut: bool,
    sealed: Option<&'static str>,
    hasher: RandomState,
    /// The texts that were visited, and whether a name was known for them.
    seen: HashMap<u64, bool>,
}

impl<F: FnMut(&str, Place) -> bool> Walk<'_, F> {
    fn text(&mut self, text: &str, place: Place, deeper: u8) {
        if text.is_empty() || self.stopped || self.cut {
            return;
        }
        // The same text may be come upon again with its name.
        let named = place.field.is_some() || place.is_whole();
        match self.seen.get_mut(&self.hasher.hash_one(text)) {
            Some(known) if *known || !named => return,
            Some(known) => *known = true,
            None => drop(self.seen.insert(self.hasher.hash_one(text), named)),
        }
        if self.left == 0 || self.bytes < text.len() {
            self.cut = true;
            return;
        }
        self.left -= 1;
        self.bytes -= text.len();
        if !(self.visit)(text, place) {
            self.stopped = true;
            return;
        }
        if deeper > 0 {
            self.inside(text, place, deeper - 1);
        }
    }

    fn inside(&mut self, text: &str, place: Place, deeper: u8) {
        for bare in bare(text) {
            self.text(bare, place, deeper);
        }
        let is_json = self.json(text, place, deeper);
        if !place.unmarked {
            for bare in lines::unmarked(text) {
                let place = Place { unmarked: true, ..place.encoded("marks before its lines") };
                let some = Place { loose: true, part_of: place.part_of.or(Some("a text")), ..place };
                self.text(&bare.text, if bare.whole { place } else { some }, deeper);
            }
        }
        for joined in if is_json { Vec::new() } else { lines::joined(text) } {
            if joined.whole {
                self.text(&joined.text, place.encoded("strings that a program joins"), deeper);
                continue;
            }
            let place = place.within("a program's strings", bare_name(joined.name));
            // Whoever joins it calls it a key: it is no word of a list.
            let named = place.field.is_some();
            self.text(&joined.text, Place { loose: place.loose || !named, named, quoted: true, ..place }, deeper);
        }
        for (name, block) in lines::blocks(text) {
            self.text(&block, place.within("lines of settings", bare_name(name)), deeper);
        }
        for word in shell::words(text) {
            let place = place.encoded("quotes of a shell");
            match word.name {
                Some(name) => self.text(&word.text, place.within("a command", bare_name(name)), deeper),
                None if word.whole => self.text(&word.text, place, deeper),
                None => self.text(&word.text, Place { loose: true, ..place.within("a command", "") }, deeper),
            }
        }
        let decoded = encodings::decoded(text);
        self.sealed = self.sealed.or(decoded.sealed);
        for found in &decoded.behind {
            let place = Place { part_of: found.part_of.or(place.part_of), ..place.encoded(found.encoded) };
            self.text(&found.text, place, deeper);
        }
        if !text.contains("-----BEGIN ") || text.len() > 2 * encodings::LONGEST_KEY {
            let pairs = match place {
                place if place.encoded == Some("base64") => Pairs::Login,
                place if place.is_whole() => Pairs::Sure,
                place if place.loose => Pairs::Loose,
                _ => Pairs::No,
            };
            for part in if is_json { pieces(text) } else { parts(text, pairs) } {
                if self.stopped || self.cut {
                    return;
                }
                let place = place.within(part.part_of, part.name);
                let place = Place { loose: place.loose || part.loose, quoted: part.quoted, ..place };
                self.text(&part.text, place, deeper);
            }
        }
        let is_base64 = place.encoded == Some(escapes::ALPHABET);
        for (decoded, how) in escapes::decoded(text).into_iter().filter(|(_, how)| !is_base64 || *how != escapes::FORMS)
        {
            self.text(&decoded, place.encoded(how), deeper);
        }
    }

    /// Gives whether the text is an object or a list.
    fn json(&mut self, text: &str, place: Place, deeper: u8) -> bool {
        if !text.trim_start().starts_with(['{', '[', '"']) {
            return false;
        }
        let Ok(value) = serde_json::from_str::<Value>(text) else { return false };
        self.value(&value, place, "", deeper);
        value.is_object() || value.is_array()
    }

    fn value(&mut self, value: &Value, place: Place, name: &str, deeper: u8) {
        match value {
            // A text in quotes is the text itself.
            Value::String(text) if name.is_empty() && place.is_whole() => {
                self.text(text, place.encoded("JSON escapes"), deeper)
            }
            Value::String(text) => self.text(text, place.within("JSON", name), deeper),
            Value::Array(values) => {
                let place = Place { part_of: Some("JSON"), ..place };
                values.iter().for_each(|value| self.value(value, place, name, deeper));
            }
            Value::Object(entries) => {
                let place = Place { part_of: Some("JSON"), ..place };
                entries.iter().for_each(|(name, value)| self.value(value, place, name, deeper));
            }
            Value::Number(number) => self.text(&number.to_string(), place.within("JSON", name), 0),
            Value::Null | Value::Bool(_) => {}
        }
    }
}

/// Without the white space, the sign that a list ends its entries with, and the quotes around it.
fn bare(text: &str) -> Vec<&str> {
    let trimmed = text.trim();
    let mut found = vec![trimmed];
    for text in [trimmed, trimmed.trim_end_matches([',', ';']).trim_end()] {
        found.push(text);
        for (open, close) in [
            ('"', '"'),
            ('\'', '\''),
            ('`', '`'),
            ('<', '>'),
            ('(', ')'),
            ('“', '”'),
            ('‘', '’'),
            ('«', '»'),
            ('„', '“'),
        ] {
            if let Some(inside) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
                found.push(inside);
            }
        }
    }
    found.retain(|bare| *bare != text);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str, wanted: &str) -> Vec<Place> {
        let mut found = Vec::new();
        walk(text, &mut |text, place| {
            if text == wanted {
                found.push(place);
            }
            true
        });
        found
    }

    #[test]
    fn texts_are_found_where_people_put_them() {
        use base64::Engine;
        let base64 = base64::engine::general_purpose::STANDARD.encode(r#"{"db":{"password":"s3cr3t/+pass"}}"#);
        for text in [
            "s3cr3t/+pass",
            "  s3cr3t/+pass\n",
            "'s3cr3t/+pass'",
            r#"{"db":{"password":"s3cr3t\/+pass"}}"#,
            "Server=db;User Id=app;Password=s3cr3t/+pass;Encrypt=true",
            "Server=db;Password=\"s3cr3t/+pass\"",
            "postgres://app:s3cr3t%2F%2Bpass@db.example:5432/orders?sslmode=require",
            "s3cr3t%2F%2Bpass",
            "https://store.blob.core.windows.net/c?sv=2024&sig=s3cr3t%2F%2Bpass",
            "export DB_USER=app\nDB_PASSWORD=s3cr3t/+pass\n",
            "czNjcjN0LytwYXNz",
            base64.as_str(),
        ] {
            assert!(!places(text, "s3cr3t/+pass").is_empty(), "{text}");
        }
    }

    #[test]
    fn a_place_says_what_it_is_and_no_name_that_somebody_made_up() {
        let place = places("Server=db;Password=hunter2hunter2", "hunter2hunter2").pop().unwrap();
        assert_eq!((place.part_of, place.field), (Some("a connection string"), Some("password")));
        let place = places(r#"{"tok_live_abc":"hunter2hunter2"}"#, "hunter2hunter2").pop().unwrap();
        assert_eq!((place.part_of, place.field), (Some("JSON"), None));
    }

    #[test]
    fn what_is_deep_or_wide_is_not_followed_for_ever() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let wide = format!("[{}]", vec!["\"a=b;c=d\""; 50_000].join(","));
        let mut packed = "x=y;".repeat(20);
        for _ in 0..12 {
            use base64::Engine;
            packed = base64::engine::general_purpose::STANDARD.encode(&packed);
        }
        for text in [deep, wide, packed, "%25".repeat(100_000), "=".repeat(100_000), "a;".repeat(100_000)] {
            let mut visited = 0;
            walk(&text, &mut |_, _| {
                visited += 1;
                true
            });
            assert!(visited <= MOST, "{visited}");
        }
    }
}
