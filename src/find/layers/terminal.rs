//! What a terminal was told beside the text: colours, and letters that were struck over.

use zeroize::Zeroizing;

/// How the sign that begins such a command is written where it is shown, and not sent.
const WRITTEN: &[&str] = &["\\x1b", "\\x1B", "\\033", "\\e", "\\u001b", "\\u001B", "^[", "␛", "\u{9b}"];

/// The text without them.
pub(crate) fn uncoloured(text: &str) -> Option<Zeroizing<String>> {
    let mut plain = Zeroizing::new(text.to_owned());
    for written in WRITTEN.iter().filter(|written| text.contains(**written)) {
        let sent = if *written == "\u{9b}" { "\u{1b}[" } else { "\u{1b}" };
        // Nothing but a command of a terminal goes on with a bracket behind it.
        let (begin, end) = (format!("{written}["), "\u{1b}[");
        let (begin, end) = if *written == "\u{9b}" { (*written, sent) } else { (begin.as_str(), end) };
        plain = Zeroizing::new(plain.replace(begin, end));
    }
    if plain.contains('\u{1b}') {
        plain = without_commands(&plain);
    }
    plain = without_bare_colours(&plain);
    if plain.contains('\u{8}') {
        plain = without_struck(&plain);
    }
    (*plain != text).then_some(plain)
}

fn without_commands(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut pieces = text.split('\u{1b}');
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let behind = match piece.strip_prefix('[') {
            // `[0;31m`, `[K`: digits and signs up to a letter.
            Some(code) => code.find(|letter: char| ('@'..='~').contains(&letter)).and_then(|end| code.get(end + 1..)),
            // `]8;;https://…`, up to a bell, or to the next escape.
            None if piece.starts_with(']') => Some(piece.split_once('\u{7}').map_or("", |(_, rest)| rest)),
            // `(B`: a set of letters.
            None if piece.starts_with(['(', ')']) => piece.get(2..),
            None => piece.get(piece.chars().next().map_or(0, char::len_utf8)..),
        };
        plain.push_str(behind.unwrap_or_default());
    }
    plain
}

/// Without colours whose first sign was lost on the way: `[1;31m`, `[0m`.
fn without_bare_colours(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('[') {
        plain.push_str(before);
        let end = behind.find(|letter: char| !letter.is_ascii_digit() && letter != ';').unwrap_or(behind.len());
        match behind.get(end..).and_then(|behind| behind.strip_prefix('m')).filter(|_| end > 0) {
            Some(more) => rest = more,
            None => {
                plain.push('[');
                rest = behind;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// `x`, a step back, `x`: how pages of a manual print what is bold.
fn without_struck(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    for letter in text.chars() {
        if letter == '\u{8}' {
            plain.pop();
        } else {
            plain.push(letter);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_off_however_they_are_written() {
        for text in [
            "\u{1b}[31mab\u{1b}[0m\u{1b}[1mcd\u{1b}[0m",
            "\u{1b}[01;31m\u{1b}[Kabcd\u{1b}[m\u{1b}[K",
            "\\x1b[31mab\\x1b[0mcd",
            "\\033[1mabcd\\033[0m",
            "^[[32mabcd^[[0m",
            "[1;31mab[0mcd",
            "\u{1b}]8;;https://x\u{7}abcd\u{1b}]8;;\u{7}",
            "\u{1b}(Babcd",
            "a\u{8}ab\u{8}bc\u{8}cd\u{8}d",
        ] {
            assert_eq!(uncoloured(text).unwrap().as_str(), "abcd", "{text:?}");
        }
        for text in ["a[1]m", "list[0]", "abcd", "x[m", "\\e"] {
            assert!(uncoloured(text).is_none(), "{text}");
        }
    }
}
