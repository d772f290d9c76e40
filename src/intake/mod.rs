//! A scanner's report becomes findings: what leaked, where, and since when. Usable without any runbook.
//!
//! Reports come from outside and may be anything; whatever they hold besides the leaked values is cut to what can be
//! shown, and nothing of them is ever repeated in an error.

mod documents;
mod finding;
mod github;
mod gitleaks;
mod parts;
mod sarif;
mod trufflehog;

use crate::failure::Failure;
use documents::{decode, documents};
use parts::shown;

pub use finding::{ScanFinding, ScanFormat, ScanReport, Since, SinceWhat};
pub use parts::said;

/// A larger report is not read.
pub const LARGEST_REPORT: usize = 32 << 20;

/// Reads a report of any format that is known.
pub fn read(bytes: &[u8]) -> Result<ScanReport, Failure> {
    let ScanReport { format, findings } = raw(bytes)?;
    Ok(ScanReport { format, findings: findings.into_iter().map(shown).collect() })
}

fn raw(bytes: &[u8]) -> Result<ScanReport, Failure> {
    if bytes.len() > LARGEST_REPORT {
        let summary = format!("the report is larger than {} MiB", LARGEST_REPORT >> 20);
        return Err(Failure::refused(summary).help("give it the findings of one incident only"));
    }
    let text = decode(bytes)?;
    let documents = documents(&text)?;
    if let [only] = documents.as_slice() {
        if let Some(findings) = sarif::findings(only) {
            return Ok(ScanReport { format: ScanFormat::Sarif, findings });
        }
        if let Some(findings) = github::findings(only) {
            return Ok(ScanReport { format: ScanFormat::GitHub, findings });
        }
        if let Some(findings) = gitleaks::findings(only) {
            return Ok(ScanReport { format: ScanFormat::Gitleaks, findings });
        }
    }
    match trufflehog::findings(&documents) {
        Some(findings) => Ok(ScanReport { format: ScanFormat::TruffleHog, findings }),
        None => Err(Failure::refused("this is no report that is known").help(
            "known are the JSON of gitleaks and TruffleHog, SARIF 2.1.0, and GitHub secret scanning alerts; or pipe the value itself in",
        )),
    }
}
