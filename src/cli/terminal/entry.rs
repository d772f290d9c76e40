//! A value while it is entered at a terminal: bytes become the value, and what is known of whether it is whole.
//!
//! A paste that the terminal marks is whole at its mark, and Enter takes it. Without marks a line break is an end only
//! if nothing follows it, and what names its own end (a PEM, a JSON object) is not whole without it.

use super::typed::{PASTE_BEGINS, PASTE_ENDS};
use std::time::Duration;
use zeroize::Zeroizing;

/// Key Vault takes 25 KiB; a leaked file that holds a value may be larger.
pub(super) const LARGEST: usize = 256 << 10;
/// Bytes of one key come together.
const ONE_KEY: Duration = Duration::from_millis(250);
/// A paste whose end does not come.
const STALLED: Duration = Duration::from_secs(1);
/// How long nothing must follow a line break that ends the value: after a paste with marks, after one line, after
/// several, which are a paste without marks.
const AFTER_MARKS: Duration = Duration::from_millis(150);
const AFTER_ONE_LINE: Duration = Duration::from_millis(800);
const AFTER_LINES: Duration = Duration::from_millis(1500);

/// A key that is no part of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Interrupt,
    Stop,
    /// Ctrl-D.
    End,
}

/// Where the value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// More may come; what would end it.
    Open(&'static str),
    Whole,
}

/// What was entered so far.
#[derive(Default)]
pub(super) struct Entry {
    bytes: Zeroizing<Vec<u8>>,
    /// A key that sends several bytes, as far as it has come.
    escape: Vec<u8>,
    in_paste: bool,
    marked: bool,
    /// The last byte was a line break that may be the end.
    broke: bool,
    after_return: bool,
    /// Something came with a key that is no part of the value, and is gone.
    lost: bool,
    pub(super) too_large: bool,
}

impl Entry {
    /// Takes in what came after `gap` without anything. A key that is no part of the value ends it: the rest of what
    /// came with it is gone.
    pub(super) fn feed(&mut self, chunk: &[u8], gap: Duration) -> Option<Key> {
        if gap > ONE_KEY && !self.in_paste {
            self.escape.clear();
        }
        // A single Ctrl-C is somebody who gives up: no paste comes byte by byte, and no text holds one.
        let stalled = self.in_paste && chunk.len() == 1 && (gap > STALLED || chunk == [0x03]);
        for (place, byte) in chunk.iter().enumerate() {
            let taken = if self.in_paste && !stalled { self.pasted(*byte) } else { self.typed(*byte) };
            if taken.is_some() {
                self.lost |= place + 1 < chunk.len();
                return taken;
            }
        }
        None
    }

    fn pasted(&mut self, byte: u8) -> Option<Key> {
        self.escape.push(byte);
        if self.escape == PASTE_ENDS {
            self.escape.clear();
            (self.in_paste, self.marked) = (false, true);
            (self.broke, self.after_return) = (false, false);
        } else if !PASTE_ENDS.starts_with(&self.escape) {
            for byte in std::mem::take(&mut self.escape) {
                self.push(byte);
            }
        }
        None
    }

    fn typed(&mut self, byte: u8) -> Option<Key> {
        if !self.escape.is_empty() || byte == 0x1b {
            self.escape(byte);
            return None;
        }
        match byte {
            0x03 | 0x1c => return Some(Key::Interrupt),
            0x04 => return Some(Key::End),
            0x1a => return Some(Key::Stop),
            0x15 => self.clear(),
            0x08 | 0x7f => {
                while self.bytes.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
                (self.broke, self.after_return) = (false, false);
            }
            b'\n' if self.after_return => self.after_return = false,
            b'\r' | b'\n' => {
                self.push(byte);
                self.broke = true;
            }
            _ => {
                self.push(byte);
                self.broke = false;
            }
        }
        None
    }

    /// Keys that are no characters send several bytes, which are no part of a value.
    fn escape(&mut self, byte: u8) {
        self.escape.push(byte);
        let over = match self.escape.as_slice() {
            [_] | [_, b'[' | b'O'] => false,
            [_, b'[', .., last] => (0x40..=0x7e).contains(last),
            _ => true,
        };
        if self.escape == PASTE_BEGINS {
            self.in_paste = true;
            self.broke = false;
        }
        if over {
            self.escape.clear();
        }
    }

    fn push(&mut self, byte: u8) {
        // Terminals send the line breaks of a paste as returns.
        let follows_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        if byte == b'\n' && follows_return {
            return;
        }
        if self.bytes.len() >= LARGEST {
            self.too_large = true;
            return;
        }
        // A growing vector would leave copies behind; `main` wipes all memory that is given back.
        self.bytes.push(if byte == b'\r' { b'\n' } else { byte });
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    /// Where the value stands after `quiet` without anything.
    pub(super) fn stand(&self, quiet: Duration) -> Stand {
        if self.in_paste {
            return Stand::Open("the end of the paste has not come yet");
        }
        if self.lost {
            return Stand::Open("a part of it is lost; Ctrl-U begins anew");
        }
        if !self.broke {
            return Stand::Open(if self.bytes.is_empty() { "" } else { "Enter ends it" });
        }
        let lines = self.lines();
        let enough = match (self.marked, lines) {
            (true, _) => AFTER_MARKS,
            (false, 0 | 1) => AFTER_ONE_LINE,
            (false, _) => AFTER_LINES,
        };
        if quiet < enough {
            return Stand::Open("it ends when nothing more comes");
        }
        self.unfinished().map_or(Stand::Whole, Stand::Open)
    }

    /// Why it cannot be the whole value, if it names an end of its own that did not come.
    pub(super) fn unfinished(&self) -> Option<&'static str> {
        if self.in_paste {
            return Some("the end of the paste did not come");
        }
        if self.lost {
            return Some("more came with a key that is no part of it, and is lost");
        }
        let text = String::from_utf8_lossy(&self.bytes);
        let text = Zeroizing::new(text.into_owned());
        if let Some((_, after)) = text.rsplit_once("-----BEGIN ") {
            let label = after.split("-----").next().unwrap_or_default();
            if !after.contains(&format!("-----END {label}-----")) {
                return Some("its END line is missing");
            }
        }
        let is_json = text.trim_start().starts_with(['{', '[']);
        let ends_early = |error: serde_json::Error| error.is_eof();
        if is_json && serde_json::from_str::<serde::de::IgnoredAny>(&text).is_err_and(ends_early) {
            return Some("its last bracket is missing");
        }
        None
    }

    /// How much it is, never what.
    pub(super) fn size(&self) -> String {
        let characters = self.bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        let characters = characters.saturating_sub(usize::from(self.broke));
        let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        match self.lines() {
            0 | 1 => plural(characters, "character"),
            lines => format!("{}, {}", plural(characters, "character"), plural(lines, "line")),
        }
    }

    fn lines(&self) -> usize {
        let breaks = self.bytes.iter().filter(|byte| **byte == b'\n').count();
        breaks + usize::from(self.bytes.last().is_some_and(|last| *last != b'\n'))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }
}
