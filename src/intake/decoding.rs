//! The bytes of a report become text: UTF-8, UTF-16 as some shells write it, or either of them compressed.

use crate::failure::Failure;
use flate2::read::MultiGzDecoder;
use std::io::Read;
use zeroize::Zeroizing;

/// A larger report is not read.
pub const LARGEST_REPORT: usize = 32 << 20;
/// More bytes than one in so many that are no text: it is none.
const MOST_BROKEN: usize = 50;

/// The report as text, and what of it could not be read.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) text: Zeroizing<String>,
    pub(super) unread: Vec<String>,
}

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Failure> {
    let mut unread = Vec::new();
    if let Some(archive) = archive(bytes) {
        let failure = Failure::refused(format!("this is {archive}, and no report"));
        return Err(failure.help("take the report out of it, and give that"));
    }
    let unpacked;
    let bytes = if bytes.starts_with(&[0x1F, 0x8B]) {
        unpacked = unpack(bytes, &mut unread)?;
        unpacked.as_slice()
    } else {
        bytes
    };
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes, &mut unread),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes, &mut unread),
        // Without a mark: every second byte of what is mostly ASCII is zero.
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => wide(bytes, u16::from_le_bytes, &mut unread),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => wide(bytes, u16::from_be_bytes, &mut unread),
        bytes => String::from_utf8_lossy(bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes)).into_owned(),
    };
    let text = uncoloured(Zeroizing::new(text));
    let strange = |letter: char| letter == '\u{fffd}' || letter == '\0';
    let broken = text.chars().filter(|letter| strange(*letter)).count();
    if broken * MOST_BROKEN > text.chars().count() {
        return Err(Failure::refused("the report is not text").help("write it anew with the scanner, as JSON"));
    }
    // What the scanner itself could not read stands in the report as well; what we could not is ours to say.
    if broken > 0 && std::str::from_utf8(bytes).is_err() && unread.is_empty() && !text.is_empty() {
        unread
            .push(format!("{broken} characters are neither UTF-8 nor UTF-16; the values that hold them are not known"));
    }
    Ok(Decoded { text, unread })
}

/// Without the colours that a terminal was sent: no format holds them unescaped.
fn uncoloured(text: Zeroizing<String>) -> Zeroizing<String> {
    if !text.contains('\u{1b}') {
        return text;
    }
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut pieces = text.split('\u{1b}');
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let behind = match piece.strip_prefix('[') {
            // `[0;31m`, `[K`: digits and signs up to a letter.
            Some(code) => code.find(|letter: char| ('@'..='~').contains(&letter)).and_then(|end| code.get(end + 1..)),
            // `]8;;https://…`, up to a bell, or to the next escape.
            None if piece.starts_with(']') => Some(piece.split_once('\u{7}').map_or("", |(_, rest)| rest)),
            None => piece.get(piece.chars().next().map_or(0, char::len_utf8)..),
        };
        plain.push_str(behind.unwrap_or_default());
    }
    plain
}

fn wide(bytes: &[u8], join: fn([u8; 2]) -> u16, unread: &mut Vec<String>) -> String {
    let pairs = bytes.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        unread.push("it breaks off inside a character".to_owned());
    }
    let units: Vec<u16> = pairs.filter_map(|pair| Some(join(pair.try_into().ok()?))).collect();
    let text = String::from_utf16_lossy(&units);
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

fn unpack(bytes: &[u8], unread: &mut Vec<String>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut text = Zeroizing::new(Vec::new());
    let read = MultiGzDecoder::new(bytes).take(LARGEST_REPORT as u64 + 1).read_to_end(&mut text);
    if text.len() > LARGEST_REPORT {
        return Err(too_large());
    }
    if read.is_err() {
        unread.push("the compressed file breaks off or is damaged".to_owned());
    }
    Ok(text)
}

pub(super) fn too_large() -> Failure {
    let summary = format!("the report is larger than {} MiB", LARGEST_REPORT >> 20);
    Failure::refused(summary).help("give it the findings of one incident only")
}

fn archive(bytes: &[u8]) -> Option<&'static str> {
    let begins: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "a ZIP archive"),
        (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
        (b"\xFD7zXZ\0", "a compressed file (xz)"),
        (b"\x28\xB5\x2F\xFD", "a compressed file (zstd)"),
        (b"BZh", "a compressed file (bzip2)"),
        (b"%PDF", "a PDF"),
        (b"SQLite format 3", "a database (SQLite)"),
    ];
    begins.iter().find(|(begin, _)| bytes.starts_with(begin)).map(|(_, name)| *name)
}
