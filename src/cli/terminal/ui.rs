//! The only place that prints: data to standard output, all else to standard error.

use crate::cli::exit::{CommandError, Shown};
use crate::failure::Failure;
use crate::redaction::without_credentials;
use serde::Serialize;
use std::io::{IsTerminal, Write, stderr, stdout};

/// How to speak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) color: bool,
    /// Whether data is printed: not that of a command inside another one, which prints its own.
    pub(crate) results: bool,
}

impl Ui {
    /// Data: what was asked for, without the credentials of an address. A reader that went away is not an error.
    pub(crate) fn data(self, text: &str) {
        self.own(&without_credentials(text));
    }

    /// Data that the program itself holds, as it stands there: an address in it is an example.
    pub(crate) fn own(self, text: &str) {
        if !self.results {
            return;
        }
        let mut out = stdout().lock();
        drop(out.write_all(text.as_bytes()));
        drop(out.flush());
    }

    /// Data as one JSON object.
    pub(crate) fn json(self, value: &impl Serialize) {
        if let Ok(text) = serde_json::to_string_pretty(value) {
            self.data(&format!("{text}\n"));
        }
    }

    /// A note on what is going on.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            drop(writeln!(stderr().lock(), "{}", without_credentials(text)));
        }
    }

    /// What a person at the terminal is asked; shown however quiet.
    pub(crate) fn ask(self, text: &str) {
        drop(writeln!(stderr().lock(), "{text}"));
    }

    /// What was entered so far, on a line of its own that is written anew each time: its end, if it is too long.
    pub(crate) fn entered(self, text: &str) {
        if !stderr().is_terminal() {
            return;
        }
        let most = self.width().saturating_sub(6);
        let hidden = text.chars().count().saturating_sub(most);
        let mark = if hidden > 0 { "…" } else { "" };
        let end: String = text.chars().skip(hidden).collect();
        let mut out = stderr().lock();
        drop(write!(out, "\r\u{1b}[K  > {mark}{end}"));
        drop(out.flush());
    }

    /// Leaves the line of what was entered.
    pub(crate) fn leave_entered(self) {
        if stderr().is_terminal() {
            drop(writeln!(stderr().lock()));
        }
    }

    /// How many columns the terminal has.
    pub(crate) fn width(self) -> usize {
        let columns = rustix::termios::tcgetwinsize(stderr()).map_or(0, |size| size.ws_col);
        if columns == 0 { 80 } else { usize::from(columns) }
    }

    /// An error; shown however quiet.
    pub(crate) fn error(self, error: &CommandError) {
        let text = match &error.shown {
            Shown::Text(text) => text.trim_end().to_owned(),
            Shown::Failure(failure) => format!("{} {}", self.red("error:"), describe(failure)),
        };
        drop(writeln!(stderr().lock(), "{}", without_credentials(&text)));
    }

    /// Whether a person may be looking, and typing.
    pub(crate) fn is_terminal(self) -> bool {
        stderr().is_terminal() && std::io::stdin().is_terminal()
    }

    /// Whether a person at the terminal is asked: not where only results are wanted.
    pub(crate) fn asks(self) -> bool {
        self.is_terminal() && !self.json && !self.quiet
    }

    /// Whether something that moves can be shown.
    pub(crate) fn shows_progress(self) -> bool {
        stderr().is_terminal()
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31;1", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32;1", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33;1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A failure in the house's layout: what, then why, then what to do.
pub(crate) fn describe(failure: &Failure) -> String {
    let mut text = failure.summary.clone();
    for reason in &failure.reasons {
        text.push_str(&format!("\n  {}", reason.replace('\n', "\n  ")));
    }
    if let Some(help) = &failure.help {
        text.push_str(&format!("\n  help: {}", help.replace('\n', "\n  ")));
    }
    text
}
