//! Texts that look like credentials. A runbook holds pointers to secrets, never a secret: what is found here is refused,
//! and never shown.

use super::diagnostic::{Diagnostic, Diagnostics, Span};
use super::source::LARGEST_RUNBOOK;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// What is known of the credentials that people leak most, from what their issuers publish about their form.
const FORMATS: [(&str, &str); 16] = [
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a Stripe key", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("a Slack webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20,})"),
    ("a Google key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("a client secret of Entra", r"\b[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34}"),
    ("an Azure key", r"\b[A-Za-z0-9+/]{86}=="),
    ("an Azure shared access signature", r"[?&;]sig=([A-Za-z0-9%+/=]{30,})"),
    ("a JSON web token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
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
    for (what, pattern) in PATTERNS.iter() {
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
