//! One shape for every complaint about a text: what, where, and what to do.

use crate::visible;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceSpan};
use serde::Serialize;
use std::fmt;

/// A place in a text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    pub offset: usize,
    pub length: usize,
}

impl Span {
    /// The same place where its text begins at an offset.
    pub(super) fn moved(self, offset: usize) -> Self {
        Self { offset: self.offset + offset, ..self }
    }
}

/// One problem of a text.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub message: String,
    pub span: Span,
    /// What stands under the underlined place.
    pub label: Option<String>,
    pub help: Option<String>,
    pub warning: bool,
    /// The name of the rule that it breaks, for programs that sort problems.
    pub rule: &'static str,
}

impl Diagnostic {
    /// A problem that keeps the text from being used.
    pub fn error(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span, label: None, help: None, warning: false, rule: "form" }
    }

    /// A text that can be used, but hardly means what it says.
    pub fn warning(message: impl Into<String>, span: Span) -> Self {
        Self { warning: true, ..Self::error(message, span) }
    }

    fn word(&self) -> &'static str {
        if self.warning { "warning" } else { "error" }
    }

    /// Names the rule that is broken.
    #[must_use]
    pub fn rule(mut self, rule: &'static str) -> Self {
        self.rule = rule;
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names the underlined place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Offers the nearest of some names, if one is near.
    #[must_use]
    pub fn suggest<'a>(self, word: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(word, names) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }
}

/// The name most like a word, if any is like it at all.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &&str| strsim::jaro_winkler(&word.to_lowercase(), &name.to_lowercase());
    let mut best: Option<(&str, f64)> = None;
    for name in names {
        let like = likeness(&name);
        if like > 0.8 && best.is_none_or(|(_, most)| like > most) {
            best = Some((name, like));
        }
    }
    best.map(|(name, _)| name)
}

/// Every problem of one text, and of those that it includes.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// The text's name: a path, or the name of a built-in.
    pub name: String,
    pub text: String,
    /// Texts that it includes. The places of their problems are counted on from the end of the text before.
    pub included: Vec<Included>,
    pub found: Vec<Diagnostic>,
}

/// An included text.
#[derive(Clone, Debug)]
pub struct Included {
    pub name: String,
    pub text: String,
    /// Where its places begin, in bytes.
    pub offset: usize,
}

/// A problem's line and column, counted from 1, and the column after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
    pub end_column: usize,
}

/// More problems than these are not shown as text; nobody reads on.
const MOST_SHOWN: usize = 100;
/// Nor does anybody read on after so many bytes; lines may be long.
const ENOUGH_SHOWN: usize = 200_000;
/// Nor does anybody look for a place in a longer line, in bytes.
const LONGEST_LINE_SHOWN: usize = 1_000;

impl Diagnostics {
    /// The problems of one text by itself.
    pub fn of(name: impl Into<String>, text: impl Into<String>, found: Vec<Diagnostic>) -> Self {
        Self { name: name.into(), text: text.into(), included: Vec::new(), found }
    }

    /// A file that shows no sign of being what it is taken for: of its text nothing is kept, so that nothing is shown.
    pub fn another_file(name: impl Into<String>, what: &str, schema: &str) -> Self {
        let problem = Diagnostic::error(format!("this is no {what}"), Span::default()).rule("schema").help(format!(
            "a {what} begins with `schema: {schema}`; nothing of this file is shown, because it may be another one than was meant"
        ));
        Self::of(name, "", vec![problem])
    }

    /// How many errors there are, and how many warnings.
    pub fn count(&self) -> (usize, usize) {
        let warnings = self.found.iter().filter(|problem| problem.warning).count();
        (self.found.len() - warnings, warnings)
    }

    /// The text in which a problem stands: its name, the text, and where its places begin.
    fn source(&self, diagnostic: &Diagnostic) -> (&str, &str, usize) {
        let offset = diagnostic.span.offset;
        match self.included.iter().rev().find(|included| included.offset <= offset) {
            Some(included) => (&included.name, &included.text, included.offset),
            None => (&self.name, &self.text, 0),
        }
    }

    /// The name of the file in which a problem stands.
    pub fn file(&self, diagnostic: &Diagnostic) -> &str {
        self.source(diagnostic).0
    }

    /// Where a problem stands in its file.
    pub fn position(&self, diagnostic: &Diagnostic) -> Position {
        let (_, text, base) = self.source(diagnostic);
        let offset = (diagnostic.span.offset - base).min(text.len());
        let before = text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let under = text.get(offset..).unwrap_or_default().get(..diagnostic.span.length).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1;
        Position { line, column, end_column: column + under.chars().count() }
    }

    /// Whether the line of a problem, or one beside it, is too long to be shown.
    fn is_in_long_lines(&self, diagnostic: &Diagnostic) -> bool {
        let (_, text, base) = self.source(diagnostic);
        let (before, after) = text.split_at_checked(diagnostic.span.offset - base).unwrap_or((text, ""));
        let mut before = before.rsplit('\n');
        let mut after = after.split('\n');
        let own = before.next().map_or(0, str::len) + after.next().map_or(0, str::len);
        let beside = before.next().into_iter().chain(after.next()).map(str::len);
        beside.chain([own]).any(|length| length > LONGEST_LINE_SHOWN)
    }

    /// A problem with its place, but without the lines around it.
    fn without_lines(&self, diagnostic: &Diagnostic) -> String {
        let Position { line, column, .. } = self.position(diagnostic);
        let mut text = format!(
            "{}: {}\n   ╭─[{}:{line}:{column}]\n   │ the lines here are too long to be shown\n   ╰────\n",
            diagnostic.word(),
            visible::line(&diagnostic.message),
            visible::line(self.file(diagnostic))
        );
        if let Some(help) = &diagnostic.help {
            text.push_str(&format!("  help: {}\n", visible::line(help)));
        }
        text
    }

    /// All of them as text, each with its line shown and its place underlined.
    pub fn render(&self) -> String {
        let handler =
            GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_links(false).with_width(110);
        let mut out = String::new();
        let mut shown_so_far = 0;
        for diagnostic in self.found.iter().take(MOST_SHOWN) {
            if out.len() > ENOUGH_SHOWN {
                break;
            }
            shown_so_far += 1;
            if self.is_in_long_lines(diagnostic) {
                out.push_str(&self.without_lines(diagnostic));
                continue;
            }
            let (name, text, base) = self.source(diagnostic);
            let shown = Shown { diagnostic, base, source: NamedSource::new(visible::line(name), text.to_owned()) };
            let mut text = String::new();
            if handler.render_report(&mut text, &shown).is_err() {
                text = visible::line(&diagnostic.message);
            }
            let word = diagnostic.word();
            let text = text.trim_start().trim_start_matches(['×', '⚠', ' ']);
            out.push_str(&format!("{word}: {}\n", text.trim_end()));
        }
        if let Some(more @ 1..) = self.found.len().checked_sub(shown_so_far) {
            out.push_str(&format!("and {more} more\n"));
        }
        out
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render())
    }
}

impl std::error::Error for Diagnostics {}

/// A diagnostic as the renderer wants it.
#[derive(Debug)]
struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    base: usize,
    source: NamedSource<String>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&visible::line(&self.diagnostic.message))
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(if self.diagnostic.warning { Severity::Warning } else { Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(visible::line(help)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = SourceSpan::new((self.diagnostic.span.offset - self.base).into(), self.diagnostic.span.length);
        let label = LabeledSpan::new_with_span(self.diagnostic.label.as_deref().map(visible::line), span);
        Some(Box::new(std::iter::once(label)))
    }
}
