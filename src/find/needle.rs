//! What leaked, and whether a secret's value has to do with it.
//!
//! Equality is decided between keyed hashes, containment over windows of a fixed time each, so how long a comparison
//! takes says nothing about how much of a guess was right.

use super::layers::{Place, walk};
use crate::failure::Failure;
use crate::secret::Secret;
use hmac::{Hmac, Mac};
use serde::Serialize;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// A text that is shorter is found only where it is the whole value or a whole field: inside a longer text it would
/// be found by chance.
const SHORTEST_INSIDE: usize = 8;
/// Longer leaks are compared as a whole and by their parts, but values are not looked for in them.
const LONGEST_HAYSTACK: usize = 64 << 10;
/// How many parts of a leaked text are looked for.
const MOST_PARTS: usize = 64;

/// What leaked. Its memory is wiped when it is dropped.
pub struct Needle {
    key: Zeroizing<[u8; 32]>,
    /// The leaked text itself, and what it stands for where it is encoded.
    wholes: Vec<Form>,
    /// Passwords and keys inside it, where it is a connection string, a URL or JSON.
    parts: Vec<Form>,
}

struct Form {
    text: Zeroizing<String>,
    tag: [u8; 32],
}

/// What a secret's value has to do with the leaked text, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Match {
    /// It is the leaked value.
    Value {
        #[serde(flatten)]
        place: Place,
    },
    /// The leaked value is a part of it.
    Inside {
        #[serde(flatten)]
        place: Place,
    },
    /// A password or key inside the leaked text stands in it.
    SharesPart {
        #[serde(flatten)]
        place: Place,
    },
    /// It stands inside the leaked text.
    InLeak,
}

impl Match {
    /// The stronger, and the more that is known of the place, the lower.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Value { .. } => 0,
            Self::Inside { place } => 3 - u8::from(place.part_of.is_some()) - u8::from(place.field.is_some()),
            Self::SharesPart { .. } => 4,
            Self::InLeak => 5,
        }
    }

    /// In words: `it is the leaked value`.
    pub fn describe(self) -> String {
        let at = |place: Place| {
            let field = place.field.map(|field| format!("the field `{field}` of ")).unwrap_or_default();
            let part = place.part_of.map(|part| {
                format!(
                    ", as {}",
                    if field.is_empty() { format!("a part of {part}") } else { format!("{field}{part}") }
                )
            });
            let encoded = place.encoded.map(|encoded| format!(", behind {encoded}"));
            part.unwrap_or_default() + &encoded.unwrap_or_default()
        };
        match self {
            Self::Value { place } => format!("it is the leaked value{}", at(place)),
            Self::Inside { place } => format!("it holds the leaked value{}", at(place)),
            Self::SharesPart { place } => {
                format!("it holds a password or key that stands in the leaked text{}", at(place))
            }
            Self::InLeak => "the leaked text holds it".to_owned(),
        }
    }
}

impl std::fmt::Debug for Needle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Needle(…)")
    }
}

impl Needle {
    /// What leaked, in one text or, where a scanner tells the parts of a credential apart, in several.
    pub fn new(leaked: &[Secret]) -> Result<Self, Failure> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut())
            .map_err(|error| Failure::refused("the operating system gives no randomness").because(error.to_string()))?;
        let mut needle = Self { key, wholes: Vec::new(), parts: Vec::new() };
        for text in leaked {
            needle.add(text.expose());
        }
        if needle.wholes.is_empty() {
            let help = "paste the value itself, or pipe it in: `… | stanch find --vault URL`";
            return Err(Failure::refused("there is no value to look for: it is empty").help(help));
        }
        Ok(needle)
    }

    fn add(&mut self, text: &str) {
        let (mut wholes, mut parts) = (Vec::new(), Vec::new());
        walk(text, &mut |text, place| {
            if text.trim().is_empty() {
                return true;
            }
            if place.is_whole() {
                wholes.push(Zeroizing::new(text.to_owned()));
            } else if place.field.is_some() && text.len() >= SHORTEST_INSIDE && parts.len() < MOST_PARTS {
                parts.push(Zeroizing::new(text.to_owned()));
            }
            true
        });
        for (texts, forms) in [(wholes, true), (parts, false)] {
            for text in texts {
                let form = Form { tag: tag(&self.key, &text), text };
                let known = if forms { &mut self.wholes } else { &mut self.parts };
                if !known.iter().any(|other| other.tag == form.tag) {
                    known.push(form);
                }
            }
        }
    }

    /// What a value has to do with it, if anything: the strongest that holds.
    pub fn compare(&self, value: &Secret) -> Option<Match> {
        let mut best: Option<Match> = None;
        let mut take = |found: Match| {
            if best.is_none_or(|best| found.rank() < best.rank()) {
                best = Some(found);
            }
        };
        walk(value.expose(), &mut |text, place| {
            let own = tag(&self.key, text);
            if self.wholes.iter().any(|form| bool::from(form.tag.ct_eq(&own))) {
                take(if place.is_whole() { Match::Value { place } } else { Match::Inside { place } });
            } else if self.wholes.iter().any(|form| contains(text, &form.text)) {
                take(Match::Inside { place });
            } else if self.parts.iter().any(|form| bool::from(form.tag.ct_eq(&own)) || contains(text, &form.text)) {
                take(Match::SharesPart { place });
            }
            true
        });
        let whole = value.expose().trim();
        if best.is_none()
            && self.wholes.iter().any(|form| form.text.len() <= LONGEST_HAYSTACK && contains(&form.text, whole))
        {
            return Some(Match::InLeak);
        }
        best
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

fn tag(key: &[u8; 32], text: &str) -> [u8; 32] {
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Whether a text holds another one that is long enough to be no chance. Every window is looked at to its end.
fn contains(text: &str, inner: &str) -> bool {
    let (text, inner) = (text.as_bytes(), inner.as_bytes());
    if inner.len() < SHORTEST_INSIDE || inner.len() > text.len() {
        return false;
    }
    let found = text.windows(inner.len()).fold(Choice::from(0), |found, window| found | window.ct_eq(inner));
    bool::from(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needle(text: &str) -> Needle {
        Needle::new(&[Secret::new(text.to_owned())]).unwrap()
    }

    fn compare(leaked: &str, value: &str) -> Option<Match> {
        needle(leaked).compare(&Secret::new(value.to_owned()))
    }

    #[test]
    fn a_value_is_recognised_whole_inside_and_around() {
        let connection = "Server=tcp:db;User Id=app;Password=c0rrect-horse;Encrypt=true";
        assert!(matches!(compare("c0rrect-horse\n", "c0rrect-horse"), Some(Match::Value { .. })));
        assert!(matches!(compare("YzBycmVjdC1ob3JzZQ==", "c0rrect-horse"), Some(Match::Value { .. })));
        assert!(matches!(compare("c0rrect-horse", connection), Some(Match::Inside { .. })));
        assert!(matches!(compare("c0rrect-horse", "prefix c0rrect-horse suffix"), Some(Match::Inside { .. })));
        assert!(matches!(compare(connection, "postgres://app:c0rrect-horse@db/x"), Some(Match::SharesPart { .. })));
        assert!(matches!(compare(r#"password = "c0rrect-horse"  # todo"#, "c0rrect-horse"), Some(Match::InLeak)));
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
