//! Texts that look like credentials. A runbook holds pointers to secrets, never a secret: what is found here is refused,
//! and never shown.

use super::diagnostic::{Diagnostic, Diagnostics, Span};
use super::source::LARGEST_RUNBOOK;
use crate::tokens;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// What else lets somebody in, beside the tokens that are known by their form.
const FORMATS: [(&str, &str); 5] = [
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    ("a Slack webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20,})"),
    ("an Azure shared access signature", r"[?&;]sig=([A-Za-z0-9%+/=]{30,})"),
    (
        "a password in a connection string",
        r#"(?i)\b(?:password|pwd|accountkey|sharedaccesskey)=([^\s;"'${<*][^\s;"']{5,})"#,
    ),
    ("a password in a URL", r"://[^\s/:@${]+:([^\s/@${<*]{3,})@"),
];

static PATTERNS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    FORMATS.iter().filter_map(|(what, pattern)| Regex::new(pattern).ok().map(|regex| (*what, regex))).collect()
});

/// Shorter texts stand in too many others to be hidden wherever they stand.
const SHORTEST: usize = 3;

/// A text that looks like a credential.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    what: &'static str,
    range: Range<usize>,
    text: String,
}

/// Every text in it that looks like a credential, wherever it stands, in comments too.
pub(super) fn find(text: &str) -> Vec<Literal> {
    let mut found = Vec::new();
    let others = PATTERNS.iter().map(|(what, pattern)| (*what, pattern));
    for (what, pattern) in tokens::inside().chain(others) {
        // A group holds the secret itself, where the rest only tells what it is.
        for hit in pattern.captures_iter(text).filter_map(|hit| hit.get(1).or(hit.get(0))) {
            found.push(Literal { what, range: hit.range(), text: hit.as_str().to_owned() });
        }
    }
    found
}

/// A text without them; every place in it stays where it is.
pub(super) fn masked(text: &str, literals: &[Literal]) -> String {
    literals.iter().fold(text.to_owned(), |text, literal| text.replace(&literal.text, &"*".repeat(literal.text.len())))
}

/// Complains about those of one text, which begins at an offset.
pub(super) fn complain(literals: &[Literal], offset: usize, problems: &mut Vec<Diagnostic>) {
    for literal in literals {
        let span = Span { offset: literal.range.start, length: literal.range.len() }.moved(offset);
        let problem = Diagnostic::error(format!("this looks like {}", literal.what), span)
            .rule("secret")
            .label("not shown")
            .help(
                "a runbook points to secrets, it never holds one: name its place in the vault; and treat this one as leaked",
            );
        problems.push(problem);
    }
}

impl Diagnostics {
    /// The same problems without what stands at some places, and without anything that looks like a credential:
    /// neither is shown, nor repeated. Each place comes with the value that stands there.
    pub fn hiding(mut self, secrets: &[(Span, String)]) -> Self {
        // What is too large was not read, and is not shown at all.
        for text in std::iter::once(&mut self.text).chain(self.included.iter_mut().map(|part| &mut part.text)) {
            if text.len() > LARGEST_RUNBOOK {
                text.clear();
            }
        }
        let mut literals = find(&self.text);
        literals.extend(self.included.iter().flat_map(|part| find(&part.text)));
        for (span, value) in secrets {
            // As it is written, and as it is meant: quotes and escapes may make a difference.
            let written = self.written(*span).trim_matches(['"', '\'']).to_owned();
            let lines = value.lines().map(|line| line.trim().to_owned());
            for text in lines.chain([written]).filter(|text| text.len() >= SHORTEST) {
                literals.push(Literal { what: "a secret", range: 0..0, text });
            }
        }
        // The longest first: a shorter one may be a part of it.
        literals.sort_by_key(|literal| std::cmp::Reverse(literal.text.len()));
        if literals.is_empty() {
            return self;
        }
        self.text = masked(&self.text, &literals);
        for part in &mut self.included {
            part.text = masked(&part.text, &literals);
        }
        for problem in &mut self.found {
            problem.message = masked(&problem.message, &literals);
            problem.help = problem.help.as_ref().map(|help| masked(help, &literals));
            problem.label = problem.label.as_ref().map(|label| masked(label, &literals));
        }
        self
    }

    fn written(&self, span: Span) -> &str {
        let included = self.included.iter().rev().find(|part| part.offset <= span.offset);
        let (text, offset) = included.map_or((&self.text, 0), |part| (&part.text, part.offset));
        text.get(span.offset - offset..span.offset - offset + span.length).unwrap_or_default()
    }
}
