//! An entry's category and operation → of which other log it is, if it is none of what was asked of a vault.
//!
//! Much is written of a vault that says nothing of who read a secret: what its subscription logs of its settings, what its
//! policies find, what is measured of it. None of it covers a time.

use super::naming::says_something;

/// What an entry is of, in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OtherLog(pub(crate) String);

const ACTIVITY: [&str; 8] =
    ["administrative", "policy", "security", "servicehealth", "resourcehealth", "alert", "autoscale", "recommendation"];

/// Of which other log an entry is that names no secret of a vault.
pub(super) fn other_log(category: &str, operation: &str, metric: &str) -> Option<OtherLog> {
    let (category, operation) = (category.trim(), operation.trim());
    let other = |text: &str| Some(OtherLog(text.to_owned()));
    if is_audit_event(category) {
        return None;
    }
    if says_something(metric) {
        return other("platform metrics, which hold no reads of secrets: bring the vault's audit log (`AuditEvent`)");
    }
    let is_sign_in = operation.eq_ignore_ascii_case("Sign-in activity");
    if category.to_ascii_lowercase().contains("signin") || is_sign_in {
        return other("a sign-in log of Entra, which holds no reads of secrets");
    }
    if operation.contains(['/', ' ']) || ACTIVITY.contains(&category.to_ascii_lowercase().as_str()) {
        return other(ACTIVITY_LOG);
    }
    if says_something(category) {
        return Some(OtherLog(format!("a log of the category `{}`, not of a vault's audit events", short(category))));
    }
    (!says_something(operation))
        .then(|| OtherLog("records that name no operation, so none of a vault's audit log".to_owned()))
}

/// Whether a category is that of a vault's audit log, however its words are joined.
fn is_audit_event(category: &str) -> bool {
    let letters = category.bytes().filter(u8::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase());
    letters.eq(*b"auditevent")
}

const ACTIVITY_LOG: &str =
    "an activity log, which holds no reads of secrets: export the vault's own audit log (`AuditEvent`)";

fn short(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(60).collect()
}
