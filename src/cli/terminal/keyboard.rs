//! What is typed while a display stands on the terminal: line by line, shown by the display itself and not echoed, so
//! that typing does not shift it.

use super::modes::{self, Mode, Taken};

/// Nobody types a longer answer.
const LONGEST_LINE: usize = 4_096;

/// What came from the keyboard.
#[derive(Debug)]
pub(crate) enum Typed {
    /// The line as it stands so far.
    SoFar(String),
    /// A whole line.
    Line(String),
}

/// The keyboard, until it is dropped.
#[derive(Debug)]
pub(crate) struct Keyboard {
    /// Where the terminal's modes cannot be set, lines are echoed as ever.
    _taken: Option<Taken>,
    line: Vec<u8>,
    /// Whether an escape sequence has begun: keys that are no characters.
    in_escape: bool,
}

impl Keyboard {
    /// Takes the keyboard; what was typed before is thrown away.
    pub(crate) fn open() -> Self {
        Self { _taken: modes::take(Mode::Keys).ok(), line: Vec::new(), in_escape: false }
    }

    /// What was typed before somebody asked is no answer.
    pub(crate) fn forget(&mut self) {
        modes::drop_pending();
        self.line.clear();
        self.in_escape = false;
    }

    /// What was typed since; what belongs to a hidden prompt is left to it.
    pub(crate) fn next(&mut self) -> Option<Typed> {
        if modes::is_hidden() {
            return None;
        }
        let (mut byte, mut came) = ([0], false);
        while let Ok(Some(1)) = modes::read(&mut byte) {
            came = true;
            if let Some(line) = self.take(byte[0]) {
                return Some(Typed::Line(line));
            }
        }
        came.then(|| Typed::SoFar(String::from_utf8_lossy(&self.line).trim_end_matches('\u{fffd}').to_owned()))
    }

    fn take(&mut self, byte: u8) -> Option<String> {
        if std::mem::take(&mut self.in_escape) {
            // `ESC [`, digits, and a letter or `~` at the end.
            self.in_escape = matches!(byte, b'[' | b'O' | b'0'..=b'9' | b';');
            return None;
        }
        match byte {
            b'\n' | b'\r' => return Some(String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned()),
            // Backspace takes a whole character away; ^U the whole line.
            0x7f | 0x08 => while self.line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            0x15 => self.line.clear(),
            0x1b => self.in_escape = true,
            control if control < 0x20 => {}
            other if self.line.len() < LONGEST_LINE => self.line.push(other),
            _ => {}
        }
        None
    }
}
