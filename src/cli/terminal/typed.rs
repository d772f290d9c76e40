//! What was typed or pasted at a terminal, as far as somebody must wait for the rest of it who does not want it any more:
//! what comes after the terminal was given back is the shell's, which shows, runs and remembers it.

use std::time::Duration;

pub(super) const PASTE_BEGINS: &[u8] = b"\x1b[200~";
pub(super) const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// How long nothing must come: in a paste whose end is marked and did not come, after something that may go on, and
/// where nothing is expected.
const IN_PASTE: Duration = Duration::from_secs(2);
const UNFINISHED: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_millis(200);

pub(super) struct Typed {
    in_paste: bool,
    unfinished: bool,
    /// How many bytes of the next mark have come.
    matched: usize,
}

impl Typed {
    pub(super) const fn nothing() -> Self {
        Self { in_paste: false, unfinished: false, matched: 0 }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.unfinished |= !bytes.is_empty();
        for byte in bytes {
            let mark = if self.in_paste { PASTE_ENDS } else { PASTE_BEGINS };
            // A mark has its first byte nowhere else.
            let goes_on = mark.get(self.matched) == Some(byte);
            self.matched = if goes_on { self.matched + 1 } else { usize::from(mark.first() == Some(byte)) };
            if self.matched == mark.len() {
                (self.in_paste, self.matched) = (!self.in_paste, 0);
            }
        }
    }

    /// How long nothing must come before the rest of it does not come any more.
    pub(super) fn quiet(&self) -> Duration {
        match (self.in_paste, self.unfinished) {
            (true, _) => IN_PASTE,
            (false, true) => UNFINISHED,
            (false, false) => QUIET,
        }
    }

    pub(super) fn is_unfinished(&self) -> bool {
        self.in_paste || self.unfinished
    }
}

#[cfg(test)]
mod tests {
    use super::{IN_PASTE, QUIET, Typed, UNFINISHED};

    #[test]
    fn the_end_of_a_paste_is_waited_for_wherever_its_marks_are_cut() {
        let whole = b"a\x1b[20\x1b[200~b\x1b\x1b[2\x1b[200~c\x1b[201~d";
        for cut in 0..whole.len() {
            let mut typed = Typed::nothing();
            assert_eq!(typed.quiet(), QUIET);
            let (first, rest) = whole.split_at(cut);
            typed.feed(first);
            let in_paste = (11..whole.len() - 1).contains(&cut);
            let expected = if in_paste { IN_PASTE } else { UNFINISHED };
            assert_eq!(typed.quiet(), if cut == 0 { QUIET } else { expected }, "{cut}");
            typed.feed(rest);
            assert_eq!(typed.quiet(), UNFINISHED, "{cut}");
        }
    }
}
