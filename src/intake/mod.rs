//! A scanner's report becomes findings: what leaked, where, and since when. Usable without any runbook.
//!
//! Reports come from outside and may be anything; whatever they hold besides the leaked values is cut to what can be
//! shown, and nothing of them is ever repeated in an error. What cannot be read is counted and said: that nothing leaked
//! follows only from a report that was read whole.

mod azure_devops;
mod decoding;
mod detect_secrets;
mod documents;
mod finding;
mod formats;
mod ggshield;
mod gitguardian;
mod github;
mod gitlab;
mod gitleaks;
mod junit;
mod kingfisher;
mod nosey_parker;
mod parts;
mod rows;
mod sarif;
mod semgrep;
mod times;
mod trivy;
mod trufflehog;

use crate::failure::Failure;
use decoding::{decode, too_large};
use documents::Documents;
use serde_json::Value;

pub use decoding::LARGEST_REPORT;
pub use finding::{Format, ScanFinding, ScanReport, Since, SinceWhat, ValueHash};
pub use formats::FORMATS;
pub use parts::said;

/// Reads a report of any format that is known.
pub fn read(bytes: &[u8]) -> Result<ScanReport, Failure> {
    if bytes.len() > LARGEST_REPORT {
        return Err(too_large());
    }
    let decoded = decode(bytes)?;
    if decoded.text.trim().is_empty() {
        let help =
            "an empty file is no answer: a scanner that found nothing writes `[]` or `null`; look whether it ran";
        return Err(Failure::refused("the report is empty").help(help));
    }
    let Documents { list, unread, empty, .. } = documents(&decoded.text);
    let mut report = ScanReport { format: None, findings: Vec::new(), unread: decoded.unread };
    report.unread.extend(unread);
    let mut reading = Reading { report, unknown: 0, others: None, is_answer: empty.is_some(), announced: 0 };
    for document in &list {
        reading.document(document, true);
    }
    if let Some((format, _)) = empty.as_ref().and_then(formats::entry) {
        reading.report.format = Some(format);
    }
    reading.end(&decoded.text)
}

/// The documents of a report of any shape.
fn documents(text: &str) -> Documents {
    let begin = text.trim_start();
    if begin.starts_with('<') {
        return junit::documents(begin);
    }
    let documents = Documents::of_json(text);
    let rows = if documents.list.is_empty() { rows::documents(text) } else { None };
    rows.unwrap_or(documents)
}

/// A report while it is read.
struct Reading<'a> {
    report: ScanReport,
    /// Entries that are of no format.
    unknown: usize,
    /// The first of them.
    others: Option<&'a Value>,
    /// Whether something said that there may be nothing to find.
    is_answer: bool,
    /// How many verified findings the scanner's own log speaks of.
    announced: usize,
}

impl<'a> Reading<'a> {
    /// Lists are taken apart, and lists of them: pages stand in one another.
    fn document(&mut self, document: &'a Value, is_outside: bool) {
        match document {
            Value::Array(list) => {
                self.is_answer |= list.is_empty() || !is_outside;
                list.iter().for_each(|entry| self.document(entry, false));
            }
            // gitleaks writes `null` where nothing was found.
            Value::Null if is_outside => self.is_answer = true,
            entry => {
                if let Some((format, entry)) = formats::entry(entry) {
                    self.report.format.get_or_insert(format);
                    self.report.findings.extend(entry.findings);
                    self.report.unread.extend(entry.unread);
                } else if trufflehog::is_log(entry) {
                    self.is_answer = true;
                    self.announced += trufflehog::announced(entry);
                    self.report.unread.extend(trufflehog::trouble(entry));
                } else {
                    self.unknown += 1;
                    self.others.get_or_insert(entry);
                }
            }
        }
    }

    fn end(self, text: &str) -> Result<ScanReport, Failure> {
        let Self { mut report, unknown, others, is_answer, announced } = self;
        let known = report.format.is_some() || !report.findings.is_empty();
        if !known && (unknown > 0 || !is_answer) {
            if others.is_none()
                && let Some(why) = report.unread.first().filter(|why| why.starts_with("line "))
            {
                return Err(Failure::refused("the report cannot be read")
                    .because(why)
                    .help("write it anew with the scanner"));
            }
            let failure = Failure::refused("this is no report that is known")
                .because(format!("it seems to be {}", formats::seems(text, others)));
            return Err(failure.help(
                "`stanch find --formats` lists what can be read; or pipe the value itself in, without `--from`",
            ));
        }
        if unknown > 0 {
            let plural = if unknown == 1 { "entry is" } else { "entries are" };
            report.unread.push(format!("{unknown} {plural} no finding of the kind of the others"));
        }
        if announced > report.findings.len() {
            let found = report.findings.len();
            report
                .unread
                .push(format!("the scanner's log speaks of {announced} verified findings, and {found} are here"));
        }
        report.findings = report.findings.into_iter().map(parts::shown).collect();
        Ok(report)
    }
}
