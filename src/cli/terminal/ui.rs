//! The only place that prints: data to standard output, all else to standard error.
//!
//! Everything goes through [`Ui::shown`]: what others wrote cannot steer a terminal there, and our own colours can. They
//! are marks until then, which nobody else can write, because they are drawn anew by every process.

use crate::cli::exit::{CommandError, Shown};
use crate::cli::page::Page;
use crate::failure::Failure;
use crate::redaction::without_credentials;
use crate::visible;
use serde::Serialize;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::sync::LazyLock;

/// How to speak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) color: bool,
    /// Whether data is printed: not that of a command inside another one, which prints its own.
    pub(crate) results: bool,
}

/// What stands before the letter of a style. It is made of what is no character, and would not be shown from anywhere
/// else; where nothing can be drawn, there are no colours.
static MARK: LazyLock<Option<String>> = LazyLock::new(|| {
    let mut drawn = [0; 16];
    getrandom::fill(&mut drawn).ok()?;
    drawn.iter().map(|byte| char::from_u32(0xfdd0 + u32::from(byte & 31))).collect()
});

/// The styles by their letters, and what a terminal is told for them.
const STYLES: [(char, &str); 5] = [('r', "31;1"), ('g', "32;1"), ('y', "33;1"), ('d', "2"), ('0', "0")];

impl Ui {
    /// Data: what was asked for, without the credentials of an address. A reader that went away is not an error.
    pub(crate) fn data(self, page: &Page) {
        self.write(page.lines().iter().map(|line| self.shown(&without_credentials(line))));
    }

    /// Data that the program itself holds, as it stands there: an address in it is an example.
    pub(crate) fn own(self, page: &Page) {
        self.write(page.lines().iter().map(|line| self.shown(line)));
    }

    fn write(self, lines: impl Iterator<Item = String>) {
        if !self.results {
            return;
        }
        let mut text = String::new();
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        write_out(&text);
    }

    /// Data as one JSON object.
    pub(crate) fn json(self, value: &impl Serialize) {
        if let Ok(text) = serde_json::to_string_pretty(value)
            && self.results
        {
            write_out(&format!("{}\n", visible::json(&text)));
        }
    }

    /// Data as one of many JSON objects, each on a line.
    pub(crate) fn json_line(self, value: &impl Serialize) {
        if let Ok(text) = serde_json::to_string(value)
            && self.results
        {
            write_out(&format!("{}\n", visible::json(&text)));
        }
    }

    /// A note on what is going on, one line.
    pub(crate) fn note(self, text: &str) {
        self.notes(&Page::of(text));
    }

    /// A note of several lines.
    pub(crate) fn notes(self, page: &Page) {
        if !self.quiet {
            self.tell(page);
        }
    }

    /// What a person at the terminal is asked; shown however quiet.
    pub(crate) fn ask(self, question: &Page) {
        self.tell(question);
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
        drop(write!(out, "\r\u{1b}[K  > {mark}{}", visible::line(&end)));
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
        match &error.shown {
            Shown::Page(page) => self.tell(page),
            Shown::Failure(failure) => self.tell(&describe(failure).after(&format!("{} ", self.red("error:")), "")),
        }
    }

    fn tell(self, page: &Page) {
        drop(stderr().lock().write_all(self.text(page).as_bytes()));
    }

    /// A page as it is told.
    pub(crate) fn text(self, page: &Page) -> String {
        page.lines().iter().map(|line| format!("{}\n", self.shown(&without_credentials(line)))).collect()
    }

    /// One line as a terminal may get it.
    pub(crate) fn shown(self, line: &str) -> String {
        let Some(mark) = MARK.as_deref().filter(|_| self.color) else { return visible::line(line) };
        let mut pieces = line.split(mark);
        let mut shown = pieces.next().map(visible::line).unwrap_or_default();
        for piece in pieces {
            let style = STYLES.iter().find(|(letter, _)| piece.starts_with(*letter));
            if let Some((letter, code)) = style {
                shown.push_str(&format!("\u{1b}[{code}m{}", visible::line(&piece[letter.len_utf8()..])));
            }
        }
        shown
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
        self.paint('r', text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint('g', text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint('y', text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint('d', text)
    }

    fn paint(self, style: char, text: &str) -> String {
        match MARK.as_deref().filter(|_| self.color) {
            Some(mark) => format!("{mark}{style}{text}{mark}0"),
            None => text.to_owned(),
        }
    }
}

fn write_out(text: &str) {
    let mut out = stdout().lock();
    drop(out.write_all(text.as_bytes()));
    drop(out.flush());
}

/// A failure in the house's layout: what, then why, each line behind a bar because others said it, then what to do.
pub(crate) fn describe(failure: &Failure) -> Page {
    let mut page = Page::of(failure.summary.clone());
    for line in failure.reasons.iter().flat_map(|reason| reason.lines()) {
        page.line(format!("  │ {line}"));
    }
    for (index, line) in failure.help.iter().flat_map(|help| help.lines()).enumerate() {
        page.line(format!("  {}{line}", if index == 0 { "help: " } else { "" }));
    }
    page
}

/// Where diagnostics go: standard error, each event a line of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Diagnostics;

impl Write for Diagnostics {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = visible::line(text.strip_suffix('\n').unwrap_or(&text));
        stderr().lock().write_all(format!("{line}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        stderr().flush()
    }
}

/// Says that the program is at fault. What a panic tells may hold what others wrote, or a value: only its place is said.
pub(crate) fn panicked(place: Option<&std::panic::Location<'_>>) {
    let place = place.map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    let text = format!(
        "error: stanch is at fault: it panicked{place}\n  help: report this line; a run goes on with `stanch resume`\n"
    );
    drop(stderr().lock().write_all(text.as_bytes()));
}
