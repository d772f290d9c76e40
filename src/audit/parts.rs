//! Lines that hold parts of longer ones → those.
//!
//! Container engines write no line longer than 16 KiB: the rest of an entry stands in the next one of the same stream.
//! Docker's has a line break at the end of its last part, and of the others not; CRI marks the parts with `P`.

use super::document::LONGEST_RECORD_BYTES;
use super::spelled;
use memchr::memmem;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a line turns out to be.
pub(super) enum Part {
    /// Whole by itself.
    None,
    /// A part whose end is awaited.
    Kept,
    /// The last one of these.
    Last(String),
}

/// OpenLines of lines whose ends are awaited, by their stream.
#[derive(Default)]
pub(super) struct OpenLines {
    open: BTreeMap<String, String>,
}

impl OpenLines {
    /// Takes a line in.
    ///
    /// # Errors
    /// Gives back what was awaiting its end in the same stream, and never came to it: this line begins another.
    pub(super) fn take(&mut self, line: &[u8]) -> Result<Part, String> {
        let is_docker = line.starts_with(b"{\"log\":");
        if line.starts_with(b"{") && !is_docker {
            return Ok(Part::None);
        }
        // The last byte of a line that is whole is a line break, which stands here as an escape.
        if is_docker && self.open.is_empty() && memmem::find(line, b"\\n\",").is_some() {
            return Ok(Part::None);
        }
        let piece = if is_docker { docker(line) } else { cri(line) };
        let Some(Piece { stream, text, ends }) = piece else { return Ok(Part::None) };
        let begins_one = text.trim_start().starts_with(['{', '[']);
        let is_whole = || begins_one && spelled::value(&text).is_some();
        let Some(earlier) = self.open.remove(&*stream) else {
            if ends || !begins_one || is_whole() {
                return Ok(Part::None);
            }
            self.open.insert(stream.into_owned(), text.into_owned());
            return Ok(Part::Kept);
        };
        if is_whole() || earlier.len() + text.len() > LONGEST_RECORD_BYTES {
            return Err(earlier);
        }
        let joined = earlier + &text;
        if ends || spelled::value(&joined).is_some() {
            return Ok(Part::Last(joined));
        }
        self.open.insert(stream.into_owned(), joined);
        Ok(Part::Kept)
    }

    /// What awaits its end in vain.
    pub(super) fn finish(&mut self) -> impl Iterator<Item = String> + use<> {
        std::mem::take(&mut self.open).into_values()
    }
}

#[derive(Deserialize)]
struct Docker<'l> {
    #[serde(borrow)]
    log: Cow<'l, str>,
    #[serde(borrow, default)]
    stream: Cow<'l, str>,
}

struct Piece<'l> {
    stream: Cow<'l, str>,
    text: Cow<'l, str>,
    ends: bool,
}

fn docker(line: &[u8]) -> Option<Piece<'_>> {
    let Docker { log, stream } = serde_json::from_slice(line).ok()?;
    Some(Piece { stream, ends: log.ends_with('\n'), text: log })
}

/// `2026-11-20T10:00:01.123456789Z stdout P {"time":…`
fn cri(line: &[u8]) -> Option<Piece<'_>> {
    let mut words = line.splitn(4, |byte| *byte == b' ');
    let (_, stream) = (words.next()?, words.next().filter(|stream| matches!(*stream, b"stdout" | b"stderr"))?);
    let ends = match words.next()? {
        b"P" => false,
        b"F" => true,
        _ => return None,
    };
    Some(Piece { stream: String::from_utf8_lossy(stream), text: String::from_utf8_lossy(words.next()?), ends })
}
