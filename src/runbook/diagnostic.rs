//! One shape for every complaint about a text: what, where, and what to do.

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceSpan};
use serde::Serialize;
use std::fmt;

/// A place in a text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    pub offset: usize,
    pub length: usize,
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
}

impl Diagnostic {
    /// A problem that keeps the text from being used.
    pub fn error(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span, label: None, help: None, warning: false }
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

/// Every problem of one text.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// The text's name: a path, or the name of a built-in.
    pub name: String,
    pub text: String,
    pub found: Vec<Diagnostic>,
}

/// A problem's line and column, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Diagnostics {
    /// Where a problem stands.
    pub fn position(&self, diagnostic: &Diagnostic) -> Position {
        let before = self.text.get(..diagnostic.span.offset.min(self.text.len())).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Position { line: before.matches('\n').count() + 1, column }
    }

    /// All of them as text, each with its line shown and its place underlined.
    pub fn render(&self) -> String {
        let handler =
            GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_links(false).with_width(110);
        let mut out = String::new();
        for diagnostic in &self.found {
            let shown = Shown { diagnostic, source: NamedSource::new(&self.name, self.text.clone()) };
            let mut text = String::new();
            if handler.render_report(&mut text, &shown).is_err() {
                text = diagnostic.message.clone();
            }
            let word = if diagnostic.warning { "warning" } else { "error" };
            let text = text.trim_start().trim_start_matches(['×', '⚠', ' ']);
            out.push_str(&format!("{word}: {}\n", text.trim_end()));
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
    source: NamedSource<String>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(if self.diagnostic.warning { Severity::Warning } else { Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = SourceSpan::new(self.diagnostic.span.offset.into(), self.diagnostic.span.length);
        let label = LabeledSpan::new_with_span(self.diagnostic.label.clone(), span);
        Some(Box::new(std::iter::once(label)))
    }
}
