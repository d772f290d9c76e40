//! A text that stands in another one, beside a name or without.

use zeroize::Zeroizing;

/// A text in a text.
pub(super) struct Part<'a> {
    pub(super) text: Zeroizing<String>,
    pub(super) part_of: &'static str,
    pub(super) name: &'a str,
    /// It stands there without a name, and may be anything.
    pub(super) loose: bool,
    /// It stands in quotes.
    pub(super) quoted: bool,
}

impl<'a> Part<'a> {
    pub(super) fn named(text: &str, part_of: &'static str, name: &'a str) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), part_of, name, loose: false, quoted: false }
    }

    pub(super) fn loose(text: &str) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), part_of: "a text", name: "", loose: true, quoted: false }
    }
}
