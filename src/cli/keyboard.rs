//! What is typed while a display stands on the terminal: line by line, shown by the display itself and not echoed, so
//! that typing does not shift it.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{Read, stdin};
use std::sync::Mutex;
use tokio::sync::mpsc;

/// The terminal's modes as they were before; nothing while they are untouched.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

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
    while stdin().lock().read(&mut byte).is_ok_and(|count| count == 1) {
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

fn so_far(line: &[u8]) -> Typed {
    Typed::SoFar(String::from_utf8_lossy(line).trim_end_matches('\u{fffd}').to_owned())
}
