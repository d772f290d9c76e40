//! What a scanner found: its report, in the form that all of them are brought into.

use crate::clock::Timestamp;
use crate::secret::Secret;
use serde::Serialize;

/// What a scanner found.
#[derive(Debug)]
pub struct ScanReport {
    pub format: ScanFormat,
    /// In the report's order.
    pub findings: Vec<ScanFinding>,
}

/// Whose report it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ScanFormat {
    #[serde(rename = "gitleaks")]
    Gitleaks,
    #[serde(rename = "trufflehog")]
    TruffleHog,
    #[serde(rename = "sarif")]
    Sarif,
    #[serde(rename = "github")]
    GitHub,
}

impl ScanFormat {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gitleaks => "a gitleaks report",
            Self::TruffleHog => "a TruffleHog report",
            Self::Sarif => "a SARIF log",
            Self::GitHub => "a GitHub secret scanning alert",
        }
    }
}

/// One leak.
#[derive(Debug)]
pub struct ScanFinding {
    /// What kind of secret the scanner takes it for.
    pub rule: String,
    /// The leaked value; several where the scanner tells its parts apart, none where the report hides it.
    pub values: Vec<Secret>,
    /// Where it leaked, for the report of the run.
    pub found_at: String,
    pub since: Option<Since>,
}

/// Since when it has been out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    pub at: Timestamp,
    pub known: SinceWhat,
}

/// What the time is that of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SinceWhat {
    /// The commit or message that holds it.
    Written,
    /// When the scanner saw it; it may have been out before.
    Detected,
}
