//! GitHub secret scanning: alerts of the REST interface, one or a list or pages of them, their locations, and the
//! webhooks `secret_scanning_alert` and `secret_scanning_alert_location`. A webhook never holds the value.

use super::finding::{Entry, Format, ScanFinding, SinceWhat};
use super::parts::{Seen, first, line, link, place, text, values};
use super::times::{ToldTime, since};
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "github",
    title: "a GitHub secret scanning alert",
    shapes: "JSON of the interface and of `gh api` (--paginate, --slurp, --jq), web hooks, locations",
    told_by: "`secret_type` with `number`; a location's `type` with `details`",
    value: "`secret`; none in web hooks, locations and with `hide_secret`",
    place: "repository, file, line, commit, and the alert's page",
    time: "when the alert was created",
    read,
};

fn read(document: &Value) -> Option<Entry> {
    let is_alert = |value: &Value| value.get("secret_type").is_some() && value.get("number").is_some();
    if is_alert(document) {
        return Some(Entry::from(vec![finding(document, document)]));
    }
    if let Some(alert) = document.get("alert").filter(|alert| is_alert(alert)) {
        return Some(Entry::from(vec![finding(alert, document)]));
    }
    location(document)
}

/// `around` is the webhook's payload, or the alert itself.
fn finding(alert: &Value, around: &Value) -> ScanFinding {
    let location = around.pointer("/location/details").or_else(|| alert.get("first_location_detected"));
    let repository = [around, alert].into_iter().find_map(|value| value.pointer("/repository/full_name")?.as_str());
    let inside = location.and_then(|location| inside(repository, location)).or_else(|| place(repository, "", None, ""));
    let found_at = match (inside, link(text(alert, "html_url"))) {
        (Some(inside), Some(page)) => Some(format!("{inside}, {page}")),
        (inside, page) => inside.or(page),
    };
    let rule = first(alert, &["secret_type_display_name", "secret_type"]);
    let leaked = alert.get("publicly_leaked").and_then(Value::as_bool) == Some(true);
    let rule = if leaked { format!("{rule}, publicly leaked") } else { rule.to_owned() };
    let since = since(text(alert, "created_at"), SinceWhat::Detected);
    Seen { rule: &rule, values: values([text(alert, "secret")]), found_at, since }.finding(&FORMAT)
}

/// A commit's place, or the address of the issue, comment, discussion or pull request.
fn inside(repository: Option<&str>, location: &Value) -> Option<String> {
    let address = location.as_object()?.iter().find(|(name, value)| {
        name.ends_with("_url") && !matches!(name.as_str(), "blob_url" | "commit_url") && value.is_string()
    });
    let address = address.and_then(|(_, address)| address.as_str()).and_then(link);
    let file = place(repository, text(location, "path"), line(location, "start_line"), text(location, "commit_sha"));
    if text(location, "path").is_empty() { address.or(file) } else { file }
}

/// One entry of `…/alerts/N/locations`: a place without a value.
fn location(entry: &Value) -> Option<Entry> {
    let details = entry.get("details").filter(|details| details.is_object())?;
    const KINDS: &[&str] = &["commit", "wiki_commit", "issue_", "discussion", "pull_request"];
    let kind = text(entry, "type");
    if !KINDS.iter().any(|known| kind.starts_with(known)) {
        return None;
    }
    let parts = Seen {
        rule: "a location of an alert",
        values: Vec::new(),
        found_at: inside(None, details),
        since: ToldTime::Nothing,
    };
    Some(parts.entry(&FORMAT))
}
