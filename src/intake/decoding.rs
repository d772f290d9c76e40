//! The bytes of a report become text: UTF-8, UTF-16 as some shells write it, or either of them compressed.

use crate::failure::Failure;
use crate::find::{uncoloured, wide};
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
    let text = match wide(bytes) {
        Some(wide) => {
            if !wide.whole {
                unread.push("it breaks off inside a character".to_owned());
            }
            wide.text
        }
        None => {
            let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
            Zeroizing::new(String::from_utf8_lossy(bytes).into_owned())
        }
    };
    // No format holds the colours of a terminal unescaped.
    let text = uncoloured(&text).filter(|_| text.contains('\u{1b}')).unwrap_or(text);
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
