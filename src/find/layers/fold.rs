//! Texts that differ only in how they are written: line breaks and indentation, forms of Unicode, signs that a word
//! processor puts in place of others.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The text that all spellings of it have in common.
pub(crate) fn folded(text: &str) -> Zeroizing<String> {
    let is_nothing = |letter: char| {
        letter.is_whitespace()
            || matches!(letter, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
    };
    let plain = |letter: char| match letter {
        '‘' | '’' | '‚' | '‛' | '′' => '\'',
        '“' | '”' | '„' | '‟' | '″' => '"',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => '-',
        letter => letter,
    };
    if text.is_ascii() {
        return Zeroizing::new(text.chars().filter(|letter| !is_nothing(*letter)).collect());
    }
    // Signs are made plain on both sides: what is put together may give another sign.
    Zeroizing::new(
        text.chars()
            .filter(|letter| !is_nothing(*letter))
            .map(plain)
            .nfkc()
            .map(plain)
            .filter(|letter| !is_nothing(*letter))
            .collect(),
    )
}

/// How two texts differ that have this in common.
pub(crate) fn difference(one: &str, other: &str) -> &'static str {
    let letters = |text: &str| Zeroizing::new(text.split_whitespace().collect::<String>());
    if *letters(one) == *letters(other) { "other line breaks or spaces" } else { "another form of Unicode" }
}
