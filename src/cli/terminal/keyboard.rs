//! What is typed while a display stands on the terminal: line by line, shown by the display itself and not echoed, so
//! that typing does not shift it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::stdin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// The terminal's modes as they were before; nothing while they are untouched.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Whether a value is asked for that must not be shown: until it is given, what is typed belongs to that question.
static HIDDEN: AtomicBool = AtomicBool::new(false);

/// Leaves what is typed to a hidden prompt, or takes it again.
pub(crate) fn hide(hidden: bool) {
    HIDDEN.store(hidden, Ordering::SeqCst);
}

/// Whether what is typed belongs to a hidden prompt.
pub(crate) fn is_hidden() -> bool {
    HIDDEN.load(Ordering::SeqCst)
}

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
    typed: mpsc::UnboundedReceiver<Typed>,
}

impl Keyboard {
    /// Takes the keyboard. Where the terminal's modes cannot be set, lines are echoed as ever.
    pub(crate) fn open() -> Self {
        if let Ok(before) = tcgetattr(stdin()) {
            let mut modes = before.clone();
            modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            // What was typed before somebody asked is thrown away.
            if tcsetattr(stdin(), OptionalActions::Flush, &modes).is_ok()
                && let Ok(mut kept) = BEFORE.lock()
            {
                kept.get_or_insert(before);
            }
        }
        let (send, typed) = mpsc::unbounded_channel();
        // The thread ends with the program: a read from a terminal cannot be called off.
        std::thread::spawn(move || read(&send));
        Self { typed }
    }

    /// What was typed and not yet looked at.
    pub(crate) fn next(&mut self) -> Option<Typed> {
        self.typed.try_recv().ok()
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        give_back();
    }
}

/// Sets the terminal's modes back, however the program ends.
pub(crate) fn give_back() {
    if let Ok(mut kept) = BEFORE.lock()
        && let Some(before) = kept.take()
    {
        tcsetattr(stdin(), OptionalActions::Now, &before).ok();
    }
}

fn read(send: &mpsc::UnboundedSender<Typed>) {
    let mut line: Vec<u8> = Vec::new();
    let mut byte = [0];
    loop {
        // While a hidden prompt stands there, a key that waits is no reason to look again at once.
        if is_hidden() {
            rest();
            continue;
        }
        if !is_typed() {
            continue;
        }
        // Past the standard library's buffer, in which a key would wait unseen.
        if !rustix::io::read(stdin(), &mut byte).is_ok_and(|count| count == 1) {
            return;
        }
        let typed = match byte[0] {
            b'\n' | b'\r' => Typed::Line(String::from_utf8_lossy(&std::mem::take(&mut line)).into_owned()),
            // Backspace takes a whole character away; ^U the whole line.
            0x7f | 0x08 => {
                let mut text = String::from_utf8_lossy(&line).into_owned();
                text.pop();
                line = text.into_bytes();
                so_far(&line)
            }
            0x15 => {
                line.clear();
                so_far(&line)
            }
            control if control < 0x20 => continue,
            other => {
                line.push(other);
                so_far(&line)
            }
        };
        if send.send(typed).is_err() {
            return;
        }
    }
}

/// Waits a moment for a key; says whether one may be read that is not meant for a hidden prompt.
fn is_typed() -> bool {
    let moment = Timespec { tv_sec: 0, tv_nsec: 30_000_000 };
    let input = stdin();
    let mut keys = [PollFd::new(&input, PollFlags::IN)];
    poll(&mut keys, Some(&moment)).is_ok_and(|ready| ready > 0) && !is_hidden()
}

fn rest() {
    let moment = Timespec { tv_sec: 0, tv_nsec: 30_000_000 };
    poll(&mut [], Some(&moment)).ok();
}

fn so_far(line: &[u8]) -> Typed {
    Typed::SoFar(String::from_utf8_lossy(line).trim_end_matches('\u{fffd}').to_owned())
}
