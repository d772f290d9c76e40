//! GitHub secret scanning: alerts of the REST interface, one or a list, and the webhooks `secret_scanning_alert` and
//! `secret_scanning_alert_location`. A webhook never holds the value.

use super::finding::{ScanFinding, Since, SinceWhat};
use super::parts::{not_stated, place, text, time, values};
use serde_json::Value;

/// The findings, if these are alerts.
pub(super) fn findings(document: &Value) -> Option<Vec<ScanFinding>> {
    let is_alert = |value: &Value| value.get("secret_type").is_some() && value.get("number").is_some();
    if let Some(list) = document.as_array().filter(|list| !list.is_empty()) {
        return list.iter().all(is_alert).then(|| list.iter().map(|alert| finding(alert, alert)).collect());
    }
    if is_alert(document) {
        return Some(vec![finding(document, document)]);
    }
    let alert = document.get("alert").filter(|alert| is_alert(alert))?;
    Some(vec![finding(alert, document)])
}

/// `around` is the webhook's payload, or the alert itself.
fn finding(alert: &Value, around: &Value) -> ScanFinding {
    let nowhere = Value::Null;
    let location = around.pointer("/location/details").or_else(|| alert.get("first_location_detected"));
    let location = location.unwrap_or(&nowhere);
    let repository = [around, alert].into_iter().find_map(|value| value.pointer("/repository/full_name")?.as_str());
    let line = location.get("start_line").and_then(Value::as_u64);
    let inside = place(repository, text(location, "path"), line, text(location, "commit_sha"));
    let page = text(alert, "html_url");
    let page = Some(page).filter(|page| page.starts_with("https://"));
    let found_at = match (inside, page) {
        (Some(inside), Some(page)) => format!("{inside}, {page}"),
        (Some(inside), None) => inside,
        (None, page) => page.map_or_else(not_stated, str::to_owned),
    };
    let rule = match text(alert, "secret_type_display_name") {
        "" => text(alert, "secret_type"),
        name => name,
    };
    let leaked = alert.get("publicly_leaked").and_then(Value::as_bool) == Some(true);
    let rule = if leaked { format!("{rule}, publicly leaked") } else { rule.to_owned() };
    ScanFinding {
        rule,
        values: values(&[text(alert, "secret")]),
        found_at,
        since: time(text(alert, "created_at")).map(|at| Since { at, known: SinceWhat::Detected }),
    }
}
