//! GitHub Advanced Security for Azure DevOps: alerts of its interface.

use super::finding::{Entry, Format, ScanFinding, SinceWhat};
use super::parts::{Seen, at, first, line, list, place, text, values};
use super::times::since;
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "azure-devops",
    title: "alerts of Advanced Security for Azure DevOps",
    shapes: "JSON of the interface: one, a list, or `value`",
    told_by: "`alertId` with `alertType` or `truncatedSecret`",
    value: "none, but with `expand=validationFingerprint`",
    place: "repository, file, line and commit",
    time: "when it was introduced, else when it was first seen",
    read,
};

fn read(document: &Value) -> Option<Entry> {
    if is_alert(document) {
        return Some(alerts(std::slice::from_ref(document)));
    }
    let page = document.get("value")?.as_array()?;
    let is_empty_page = page.is_empty() && document.get("count").is_some_and(Value::is_u64);
    if !is_empty_page && !page.iter().any(is_alert) {
        return None;
    }
    let mut entry = alerts(page);
    if is_empty_page {
        let what = "an empty list, as every list of Azure DevOps is written: it does not tell that it is one of alerts";
        entry.unfinished.push(what.to_owned());
    }
    let promised = document.get("count").and_then(Value::as_u64).unwrap_or(0);
    if promised > page.len() as u64 {
        let alerts = if promised == 1 { "1 alert" } else { &format!("{promised} alerts") };
        entry.unread.push(format!("it speaks of {alerts}, and holds {}: a page of it may be missing", page.len()));
    }
    Some(entry)
}

fn is_alert(value: &Value) -> bool {
    value.get("alertId").is_some() && (value.get("alertType").is_some() || value.get("truncatedSecret").is_some())
}

fn alerts(list: &[Value]) -> Entry {
    let mut entry = Entry::default();
    for alert in list {
        if !is_alert(alert) {
            entry.unread.push("an entry is no alert".to_owned());
        } else if is_about_a_secret(alert) {
            entry.findings.push(finding(alert));
        } else {
            entry.others += 1;
        }
    }
    entry
}

/// The same interface speaks of code and of packages.
fn is_about_a_secret(alert: &Value) -> bool {
    match alert.get("alertType") {
        Some(Value::String(kind)) => kind.eq_ignore_ascii_case("secret"),
        Some(Value::Number(kind)) => kind.as_u64() == Some(2),
        _ => true,
    }
}

fn finding(alert: &Value) -> ScanFinding {
    let nowhere = Value::Null;
    let location = list(alert, "physicalLocations").first().unwrap_or(&nowhere);
    let line = location.get("region").and_then(|region| line(region, "lineStart").or(self::line(region, "startLine")));
    let file = first(location, &["filePath"]);
    let found_at = place(Some(text(alert, "repositoryUrl")), file, line, at(location, "/versionControl/commitHash"));
    // `truncatedSecret` is no value, whatever it looks like.
    let mut told = Vec::new();
    for print in list(alert, "validationFingerprints") {
        if let Ok(print) = serde_json::from_str::<Value>(text(print, "validationFingerprintJson")) {
            texts(&print, &mut told, 0);
        }
    }
    let introduced = since(text(alert, "introducedDate"), SinceWhat::Written);
    let since = introduced.or_else(|| since(text(alert, "firstSeenDate"), SinceWhat::Detected));
    Seen { rule: text(alert, "title"), values: values(told), found_at, since }.finding(&FORMAT)
}

/// The texts of a fingerprint that are long enough to be a value.
fn texts(value: &Value, found: &mut Vec<String>, depth: usize) {
    match value {
        Value::String(text) if text.len() >= 8 => found.push(text.clone()),
        Value::Array(values) if depth < 8 => values.iter().for_each(|value| texts(value, found, depth + 1)),
        Value::Object(members) if depth < 8 => members.values().for_each(|value| texts(value, found, depth + 1)),
        _ => {}
    }
}
