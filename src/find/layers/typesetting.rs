//! How letters and signs are written where a program sets them: RTF, LaTeX, HTML's tags, and the seven bits of old mail.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::WINDOWS_1252;
use zeroize::Zeroizing;

/// What LaTeX has words for.
const WORDS: &[(&str, &str)] = &[
    ("textbackslash", "\\"),
    ("textasciicircum", "^"),
    ("textasciitilde", "~"),
    ("textunderscore", "_"),
    ("textdollar", "$"),
    ("textless", "<"),
    ("textgreater", ">"),
    ("textbar", "|"),
    ("textbraceleft", "{"),
    ("textbraceright", "}"),
    ("textquotedbl", "\""),
    ("textquotesingle", "'"),
    ("ss", "ß"),
    ("ae", "æ"),
    ("AE", "Æ"),
    ("aa", "å"),
    ("AA", "Å"),
    ("oe", "œ"),
    ("o", "ø"),
    ("O", "Ø"),
    ("l", "ł"),
    ("L", "Ł"),
    ("i", "ı"),
];
/// Its accents, and the mark that stands behind the letter in Unicode.
const ACCENTS: &[(char, char)] = &[
    ('"', '\u{308}'),
    ('\'', '\u{301}'),
    ('`', '\u{300}'),
    ('^', '\u{302}'),
    ('~', '\u{303}'),
    ('=', '\u{304}'),
    ('.', '\u{307}'),
    ('c', '\u{327}'),
    ('v', '\u{30c}'),
    ('u', '\u{306}'),
    ('H', '\u{30b}'),
    ('r', '\u{30a}'),
];

/// A letter in braces takes no more bytes.
const LONGEST_LETTER: usize = 5;

/// A text in which each of these signs is read together with what stands behind it: `read` writes what both stand for, and gives
/// the rest; nothing where the text is none of its kind. Nothing as well where it stays as it is.
fn rewritten<'t>(
    text: &'t str,
    sign: char,
    read: impl Fn(&'t str, &mut String) -> Option<&'t str>,
) -> Option<Zeroizing<String>> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(sign) {
        plain.push_str(before);
        rest = read(behind, &mut plain)?;
    }
    plain.push_str(rest);
    (*plain != text).then_some(plain)
}

/// RTF: `\'e4` is a byte of the code page, `\u228?` a number with what older programs show in its place.
pub(super) fn rtf(text: &str) -> Option<Zeroizing<String>> {
    if !(text.contains("\\'") || text.contains("\\u")) {
        return None;
    }
    rewritten(text, '\\', |behind, plain| {
        let byte = behind.strip_prefix('\'').and_then(|digits| u8::from_str_radix(digits.get(..2)?, 16).ok());
        let number = behind.strip_prefix('u').and_then(|digits| {
            let end = digits.find(|letter: char| !letter.is_ascii_digit() && letter != '-')?;
            let number: i32 = digits.get(..end)?.parse().ok()?;
            let code = u32::try_from(if number < 0 { number + 0x10000 } else { number }).ok()?;
            Some((char::from_u32(code)?, 1 + end + digits.get(end..)?.chars().next().map_or(0, char::len_utf8)))
        });
        match (byte, number) {
            (Some(byte), _) => {
                plain.push_str(&WINDOWS_1252.decode_without_bom_handling(&[byte]).0);
                Some(behind.get(3..).unwrap_or_default())
            }
            (None, Some((letter, length))) => {
                plain.push(letter);
                Some(behind.get(length..).unwrap_or_default())
            }
            (None, None) => {
                // `\{`, `\}` and `\\` are the signs themselves.
                let sign = behind.chars().next().filter(|sign| "{}\\".contains(*sign));
                plain.push(sign.unwrap_or('\\'));
                Some(behind.get(usize::from(sign.is_some())..).unwrap_or_default())
            }
        }
    })
}

/// LaTeX: `\"a`, `\'{e}`, `\_`, `\textbackslash{}`.
pub(super) fn latex(text: &str) -> Option<Zeroizing<String>> {
    rewritten(text, '\\', |behind, plain| {
        let word = WORDS.iter().find_map(|(word, sign)| {
            let rest = behind.strip_prefix(word)?;
            let is_end = !rest.starts_with(|letter: char| letter.is_ascii_alphabetic());
            is_end.then(|| (*sign, rest.strip_prefix("{}").unwrap_or_else(|| rest.strip_prefix(' ').unwrap_or(rest))))
        });
        let accent = || {
            let sign = behind.chars().next()?;
            let mark = ACCENTS.iter().find(|(accent, _)| *accent == sign)?.1;
            let behind = behind.get(sign.len_utf8()..)?;
            // Those that are letters themselves need braces, or a space.
            let (inside, rest) = match behind.strip_prefix('{') {
                Some(inside) => {
                    let end = inside.bytes().take(LONGEST_LETTER).position(|byte| byte == b'}')?;
                    (inside.get(..end)?, inside.get(end + 1..)?)
                }
                None if sign.is_ascii_alphabetic() => return None,
                None => behind.split_at(behind.chars().next()?.len_utf8()),
            };
            let mut letters = inside.chars();
            let letter = letters.next().filter(|letter| letter.is_alphabetic() && letters.as_str().is_empty());
            // `\^{}` is the sign itself.
            match (letter, inside) {
                (Some(letter), _) => Some((format!("{letter}{mark}"), rest)),
                (None, "") => Some((sign.to_string(), rest)),
                _ => None,
            }
        };
        match (word, accent()) {
            (Some((sign, more)), _) => {
                plain.push_str(sign);
                Some(more)
            }
            (None, Some((letter, more))) => {
                plain.push_str(&letter);
                Some(more)
            }
            (None, None) => {
                let sign = behind.chars().next().filter(|sign| "#$%&_{}".contains(*sign));
                plain.push(sign.unwrap_or('\\'));
                Some(behind.get(usize::from(sign.is_some())..).unwrap_or_default())
            }
        }
    })
}

/// HTML without its tags, as pages mark a part of a text: `ab<mark>cd</mark>`.
pub(super) fn untagged(text: &str) -> Option<Zeroizing<String>> {
    rewritten(text, '<', |behind, plain| {
        let is_tag = behind.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/' || letter == '!');
        let end = behind.find(['<', '>']).filter(|_| is_tag);
        match end.and_then(|end| behind.get(end..)?.strip_prefix('>')) {
            Some(more) => Some(more),
            None => {
                plain.push('<');
                Some(behind)
            }
        }
    })
}

/// UTF-7, where what is no ASCII stands in base64 between `+` and `-`; in the names of mailboxes between `&` and `-`.
pub(super) fn seven_bits(text: &str, sign: char) -> Option<Zeroizing<String>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    rewritten(text, sign, |behind, plain| {
        let is_digit = |letter: char| letter.is_ascii_alphanumeric() || letter == '/' || letter == '+' || letter == ',';
        let end = behind.find(|letter: char| !is_digit(letter)).unwrap_or(behind.len());
        let digits = behind.get(..end).unwrap_or_default().replace(',', "/");
        let more = behind.get(end..).unwrap_or_default();
        let closed = more.strip_prefix('-');
        let bytes = Zeroizing::new(engine.decode(digits).unwrap_or_default());
        let letters = super::letters::units(&bytes);
        match (letters, closed) {
            (None, Some(closed)) if end == 0 => {
                plain.push(sign);
                Some(closed)
            }
            (Some(letters), _) => {
                plain.push_str(&letters);
                Some(closed.unwrap_or(more))
            }
            // What is no such text leaves all of it as it is.
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_normalization::UnicodeNormalization;

    #[test]
    fn each_way_of_setting_a_letter_is_read() {
        let read = |text: Option<Zeroizing<String>>| text.unwrap().nfc().collect::<String>();
        for text in [r"P\'e4ss\'7bw", r"P\u228?ss\{w", r"P\u228aess\{w"] {
            let plain = read(rtf(text));
            assert!(plain == "Päss{w" || plain == "Päess{w", "{text}: {plain}");
        }
        for (text, plain) in [
            (r#"P\"ass\_w\"ord"#, "Päss_wörd"),
            (r"caf\'{e}\textbackslash{}n\^{}x\&y", "café\\n^x&y"),
            (r"Stra\ss{}e\#1 \o re", "Straße#1 øre"),
            (r"\c{c}a\v{s}", "çaš"),
        ] {
            assert_eq!(read(latex(text)), plain, "{text}");
        }
        for (text, plain) in
            [("ab<mark>cd</mark>", "abcd"), ("<b>x</b>y<br/>", "xy"), ("a<1>b", "a<1>b"), ("x < y > z", "x < y > z")]
        {
            assert_eq!(untagged(text).map_or(text.to_owned(), |plain| plain.to_string()), plain);
        }
        for (text, plain) in [("P+AOQ-ss+-w", "Päss+w"), ("Kq7+ACE-mZ2+ACM-t", "Kq7!mZ2#t"), ("+AOQA9g-", "äö")] {
            assert_eq!(read(seven_bits(text, '+')), plain, "{text}");
        }
        assert_eq!(read(seven_bits("P&AOQ-ss&-w", '&')), "Päss&w");
        for text in ["abc+def/ghi", "a+b", "1+1=2"] {
            assert!(seven_bits(text, '+').is_none(), "{text}");
        }
    }
}
