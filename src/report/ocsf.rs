//! The report as an OCSF event, for systems that collect findings: class Incident Finding (2005), schema 1.3.0.

use crate::report::Report;
use chrono::NaiveDateTime;
use serde_json::{Value, json};

/// Maps a report. Times are milliseconds since 1970, as the schema has them.
pub(super) fn incident_finding(report: &Report) -> Value {
    let contained = report.verdict.contained;
    let (activity_id, activity_name) = if contained { (3, "Close") } else { (2, "Update") };
    // Resolved, or in progress.
    let (status_id, status) = if contained { (4, "Resolved") } else { (2, "In Progress") };
    let (severity_id, severity) =
        if report.blast_radii.iter().any(|radius| radius.unknown_callers > 0) { (5, "Critical") } else { (4, "High") };
    let findings: Vec<Value> = std::iter::once(json!({
        "uid": report.run.id,
        "title": format!("Leaked secret: {}", report.secret),
        "desc": report.verdict.detail,
        "first_seen_time": milliseconds(&report.exposure.from),
    }))
    .chain(report.blast_radii.iter().flat_map(|radius| &radius.findings).enumerate().map(|(index, finding)| {
        json!({ "uid": format!("{}/{index}", report.run.id), "title": finding.summary, "desc": finding.severity })
    }))
    .collect();
    let mut event = json!({
        "activity_id": activity_id,
        "activity_name": activity_name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2005,
        "class_name": "Incident Finding",
        "type_uid": 200_500 + activity_id,
        "time": milliseconds(&report.run.last),
        "start_time": milliseconds(&report.run.began),
        "end_time": milliseconds(&report.exposure.to),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "message": report.verdict.headline,
        "desc": report.verdict.detail,
        "finding_info_list": findings,
        "metadata": {
            "version": "1.3.0",
            "uid": report.evidence.head,
            "product": { "name": "stanch", "vendor_name": "stanch", "version": report.run.program_version },
        },
        "unmapped": {
            "drill": report.run.drill,
            "journal_head": report.evidence.head,
            "verdict": report.verdict.verdict.state,
            "open": report.verdict.verdict.open,
            "leaked_value": report.verdict.leaked_value,
        },
    });
    leave_out_unknown(&mut event);
    event
}

/// What is not known is left out: the schema has no null.
fn leave_out_unknown(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(leave_out_unknown);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_unknown),
        _ => {}
    }
}

fn milliseconds(time: &str) -> Option<i64> {
    NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%SZ").ok().map(|time| time.and_utc().timestamp_millis())
}
