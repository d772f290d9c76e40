//! What one character stands for another by: escapes with a backslash, entities, percent signs, and those of mail.

use super::terminal::uncoloured;
use super::typesetting::{latex, rtf, seven_bits, untagged};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{Encoding, WINDOWS_1252};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

/// What is shorter is a word with signs in it.
const SHORTEST_BASE64: usize = 16;
/// What is longer, and has no other sign, is no words of a form.
const SHORTEST_BLOCK: usize = 64;

/// Where `+` is a blank.
pub(super) const FORMS: &str = "the encoding of forms";
/// Where `-` and `_` are signs of base64, which it is not to be read as words of.
pub(super) const ALPHABET: &str = "another alphabet of base64";

/// Gives what a text stands for, if that is another text.
type Reader = fn(&str) -> Option<Zeroizing<String>>;

/// What a program or a terminal that shows a text puts into it: the sign that tells it, how it is read, and what it is.
const SET: &[(&[char], Reader, &str)] = &[
    (&['\u{1b}', '\u{9b}', '\u{8}', '␛', '[', '^'], uncoloured, "colours of a terminal"),
    (&['<'], untagged, "tags of a page"),
    (&['\\'], rtf, "RTF"),
    (&['\\'], latex, "LaTeX"),
];

/// What a text stands for, read in each of these ways; only where that is another text.
pub(super) fn decoded(text: &str) -> Vec<(Zeroizing<String>, &'static str)> {
    let mut found: Vec<(Zeroizing<String>, &'static str)> = Vec::new();
    let mut take = |decoded: String, how: &'static str| {
        let decoded = Zeroizing::new(decoded);
        if *decoded != text && found.iter().all(|(known, _)| known.as_str() != *decoded) {
            found.push((decoded, how));
        }
    };
    if text.contains('%') {
        take(read(percent_decode_str(text).collect()), "percent-encoding");
        if text.contains('+') {
            take(read(percent_decode_str(&text.replace('+', " ")).collect()), FORMS);
        }
    } else if text.contains('+') && !text.contains(char::is_whitespace) && !is_block(text) {
        take(text.replace('+', " "), FORMS);
    }
    if text.contains('\\') {
        take(backslashes(text), "escapes with a backslash");
    }
    if text.contains('&') {
        take(html_escape::decode_html_entities(text).into_owned(), "XML or HTML entities");
    }
    for (sign, how) in [('+', "UTF-7"), ('&', "the UTF-7 of mailboxes")] {
        if text.contains(sign)
            && let Some(plain) = seven_bits(text, sign)
        {
            take(plain.to_string(), how);
        }
    }
    for (mark, read, how) in SET {
        if text.contains(*mark)
            && let Some(plain) = read(text)
        {
            take(plain.to_string(), how);
        }
    }
    if text.contains("<![CDATA[") {
        take(text.replace("<![CDATA[", "").replace("]]>", ""), "CDATA");
    }
    // A quote inside quotes is written twice in YAML, SQL, CSV and Visual Basic.
    for quote in ["''", "\"\""] {
        if text.contains(quote) {
            take(text.replace(quote, &quote[..1]), "doubled quotes");
        }
    }
    // PowerShell and SQL server of old; `$$` in Compose and Make, `%%` in batch files, `{{` in formats.
    for (twice, once) in [("$$", "$"), ("%%", "%"), ("{{", "{"), ("}}", "}")] {
        if text.contains(twice) {
            take(text.replace(twice, once), "doubled signs");
        }
    }
    if text.contains('`') {
        take(backticks(text), "escapes with a backtick");
    }
    if text.contains('^') {
        take(text.replace('^', ""), "escapes of a batch file");
    }
    if text.contains('=') {
        take(quoted_printable(text), "quoted-printable");
    }
    // UTF-8 that somebody took for a code page: `Ã¼` is `ü`.
    if let (bytes, _, false) = WINDOWS_1252.encode(text)
        && !text.is_ascii()
        && let Ok(meant) = std::str::from_utf8(&bytes)
    {
        take(meant.to_owned(), "letters of another code page");
    }
    // The same of ISO 8859-1, whose signs of control are some of those bytes.
    let bytes: Option<Vec<u8>> = text.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect();
    if let Some(meant) = bytes.filter(|_| !text.is_ascii()).and_then(|bytes| String::from_utf8(bytes).ok()) {
        take(meant, "letters of another code page");
    }
    if text.contains("=?") {
        take(mail_words(text), "the encoding of a mail's header");
    }
    if let Some(digits) = base64_digits(text) {
        take(digits, ALPHABET);
    }
    if let Some(spelled) = guid(text) {
        take(spelled, "another spelling of a GUID");
    } else if is_hexadecimal(text) {
        take(text.trim().to_ascii_lowercase(), "capital digits");
    }
    found
}

/// Bytes as text: UTF-8, else the code page of the West.
fn read(bytes: Vec<u8>) -> String {
    let bytes = Zeroizing::new(bytes);
    match std::str::from_utf8(&bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(&bytes).0.into_owned(),
    }
}

/// The digits of base64 in the alphabet of all, without padding, where they can be written another way.
fn base64_digits(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = text.trim_end_matches('=');
    let is_digits = bare.len() >= SHORTEST_BASE64
        && text.len() - bare.len() <= 2
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte));
    is_digits.then(|| bare.replace('-', "+").replace('_', "/"))
}

/// Whether a text is base64 that is too long to be words of a form: pieces of it are nobody's.
fn is_block(text: &str) -> bool {
    let bare = text.trim().trim_end_matches('=');
    bare.len() >= SHORTEST_BLOCK && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
}

/// A GUID as all write it: small digits in five groups. Some put braces around it, or leave the dashes out.
fn guid(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("urn:uuid:").unwrap_or(text).trim_matches(['{', '}', '(', ')']);
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let is_one = matches!(groups.as_slice(), [32] | [8, 4, 4, 4, 12]);
    let digits: String = text.chars().filter(|letter| *letter != '-').collect::<String>().to_ascii_lowercase();
    let is_one = is_one && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let group = |from: usize, to: usize| digits.get(from..to);
    let groups = [group(0, 8)?, group(8, 12)?, group(12, 16)?, group(16, 20)?, group(20, 32)?];
    is_one.then(|| groups.join("-"))
}

fn is_hexadecimal(text: &str) -> bool {
    let text = text.trim();
    text.len() >= SHORTEST_BASE64 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn backticks(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '`' => plain.extend(letters.next()),
            letter => plain.push(letter),
        }
    }
    plain
}

/// JSON, C, Java, Python, YAML, shell and properties: what the letter behind a backslash means in one of them.
fn backslashes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        let Some(letter) = rest.chars().next() else {
            plain.push('\\');
            break;
        };
        let behind = rest.get(letter.len_utf8()..).unwrap_or_default();
        rest = behind;
        match letter {
            'n' => plain.push('\n'),
            'r' => plain.push('\r'),
            't' => plain.push('\t'),
            'b' => plain.push('\u{8}'),
            'f' => plain.push('\u{c}'),
            'v' => plain.push('\u{b}'),
            'a' => plain.push('\u{7}'),
            'e' => plain.push('\u{1b}'),
            // A line that goes on: its end and the indentation behind it are none of the text.
            '\n' => rest = behind.trim_start_matches([' ', '\t']),
            '\r' => rest = behind.trim_start_matches('\n').trim_start_matches([' ', '\t']),
            'u' | 'U' | 'x' => match number(letter, behind) {
                Some((decoded, length)) => {
                    plain.push(decoded);
                    rest = behind.get(length..).unwrap_or_default();
                }
                None => plain.push(letter),
            },
            '0'..='7' => {
                let digits: String = std::iter::once(letter)
                    .chain(behind.chars().take_while(|digit| ('0'..='7').contains(digit)).take(2))
                    .collect();
                rest = behind.get(digits.len() - 1..).unwrap_or_default();
                plain.extend(u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32));
            }
            other => plain.push(other),
        }
    }
    plain.push_str(rest);
    plain
}

/// The character that the digits behind `u`, `U` or `x` name, and how long they are.
fn number(letter: char, behind: &str) -> Option<(char, usize)> {
    if let Some(inside) = behind.strip_prefix('{') {
        let end = inside.find('}').filter(|end| (1..=8).contains(end))?;
        let code = u32::from_str_radix(inside.get(..end)?, 16).ok()?;
        return Some((char::from_u32(code)?, end + 2));
    }
    let length = match letter {
        'u' => 4,
        'U' => 8,
        _ => 2,
    };
    let code = |text: &str| u32::from_str_radix(text.get(..length)?, 16).ok();
    let first = code(behind)?;
    // Characters beyond the first plane are written as two halves.
    if letter == 'u'
        && (0xD800..0xDC00).contains(&first)
        && let Some(second) = behind.get(length..).and_then(|rest| rest.strip_prefix("\\u")).and_then(code)
        && (0xDC00..0xE000).contains(&second)
    {
        let joined = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return Some((char::from_u32(joined)?, 2 * length + 2));
    }
    Some((char::from_u32(first)?, length))
}

/// `=?utf-8?B?…?=` and `=?iso-8859-1?Q?…?=`, as they stand in the header of a mail.
fn mail_words(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("=?") {
        let word = behind.split_once('?').and_then(|(charset, rest)| {
            let (how, rest) = rest.split_once('?')?;
            let (word, rest) = rest.split_once("?=")?;
            Some((mail_word(charset, how, word)?, rest))
        });
        // White space between two of them is none of the text.
        if !(before.trim().is_empty() && word.is_some()) {
            plain.push_str(before);
        }
        match word {
            Some((word, behind)) => {
                plain.push_str(&word);
                rest = behind;
            }
            None => {
                plain.push_str("=?");
                rest = behind;
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn mail_word(charset: &str, how: &str, word: &str) -> Option<String> {
    let bytes = Zeroizing::new(match how {
        "B" | "b" => STANDARD.decode(word).ok()?,
        "Q" | "q" => percent_decode_str(&word.replace('%', "%25").replace('_', " ").replace('=', "%")).collect(),
        _ => return None,
    });
    Some(Encoding::for_label(charset.as_bytes())?.decode_without_bom_handling(&bytes).0.into_owned())
}

fn quoted_printable(text: &str) -> String {
    let joined = text.replace("=\r\n", "").replace("=\n", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'=').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    read(bytes)
}
