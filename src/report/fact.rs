//! What a finished step is worth knowing for, in one line.

use serde_json::{Map, Value};

/// A version id as people read it.
pub fn short_version(version: &str) -> String {
    match version.get(..4) {
        Some(start) if version.len() > 8 => format!("{start}…"),
        _ => version.to_owned(),
    }
}

/// One fact about a done step, from its action's name and its outputs. Empty where there is nothing to say.
pub fn fact(uses: &str, outputs: &Map<String, Value>) -> String {
    let text = |name: &str| outputs.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| outputs.get(name).and_then(Value::as_u64).unwrap_or_default();
    let count = |name: &str| outputs.get(name).and_then(Value::as_array).map_or(0, Vec::len);
    if let Some(items) = outputs.get("items").and_then(Value::as_array) {
        let done = items.iter().filter(|item| item.get("status").and_then(Value::as_str) == Some("done")).count();
        return format!("{done} of {} done", items.len());
    }
    let texts = |name: &str| {
        let listed = outputs.get(name).and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    match uses {
        "keyvault/find" => found(outputs, text("secret"), count("secrets")),
        "keyvault/list" => {
            let skipped = count("skipped");
            let left = if skipped == 0 { String::new() } else { format!(", {skipped} left alone") };
            format!("{}{left}", counted(number("count"), "secret"))
        }
        "keyvault/check" => format!(
            "{}, {} enabled; current {}; as {} ({})",
            counted(number("versions"), "version"),
            number("enabled"),
            short_version(text("current")),
            text("principal"),
            text("identity")
        ),
        "keyvault/rotate" => {
            let issued = match text("credential") {
                "" => String::new(),
                credential => format!(", it holds {} of {}", short_version(credential), text("provider")),
            };
            format!("version {} is current{issued}", short_version(text("version")))
        }
        "provider/find" => {
            let breaks = outputs.get("breaks").and_then(|breaks| breaks.get("overlap")).and_then(Value::as_str);
            format!("{}; ending the old one breaks: {}", text("because"), breaks.unwrap_or("nobody"))
        }
        "provider/retire" if text("by") == "stanch" => format!("killed {}", texts("retired")),
        "provider/retire" => match text("by").strip_prefix("nobody: ") {
            Some(why) => format!("nothing to kill: {why}"),
            None => format!("killed by {}", text("by")),
        },
        "provider/prove" => issuer_proof(count("proven") as u64, count("not_proven") as u64, text("answer")),
        "provider/close" => {
            let cleaned = match count("cleaned") {
                0 => "nothing was left behind".to_owned(),
                _ => format!("took away {}", texts("cleaned")),
            };
            format!("{cleaned}; {} hold", counted(count("checked") as u64, "check"))
        }
        "appservice/refresh" if !text("because").is_empty() => format!("no site was looked at: {}", text("because")),
        "appservice/refresh" => {
            let pinned = names(outputs, "pinned", "site");
            let told = format!("{} refreshed", counted(count("refreshed") as u64, "site"));
            if pinned.is_empty() { told } else { format!("{told}; pinned to an old version: {}", pinned.join(", ")) }
        }
        "keyvault/await_readers" => readers(outputs, text("evidence"), text("because"), count("moved")),
        "keyvault/revoke" => {
            format!(
                "{} disabled, {} were disabled before",
                counted(count("disabled") as u64, "version"),
                count("already_disabled")
            )
        }
        "keyvault/prove_revoked" => {
            format!("{} refused with 403 SecretDisabled", counted(count("proven") as u64, "old version"))
        }
        "keyvault/reconcile" if count("late") == 0 => "nothing arrived late".to_owned(),
        "keyvault/reconcile" => format!("{} arrived late and was put right", counted(count("late") as u64, "version")),
        "audit/blast_radius" if text("source").is_empty() => format!("not known: {}", text("because")),
        "audit/blast_radius" => format!(
            "{} by {} known and {} unknown {}",
            counted(number("reads"), "read"),
            number("known"),
            number("unknown"),
            if number("unknown") == 1 { "principal" } else { "principals" }
        ),
        "human/approve" => format!("approved by {}", text("by")),
        "http/check" => format!("answered {}", number("status")),
        "report/write" => text("path").to_owned(),
        notify if notify.starts_with("notify/") => match outputs.get("sent") {
            Some(Value::Bool(true)) => format!("sent through {}", text("channel")),
            _ => format!("not sent: {}", text("because")),
        },
        _ => String::new(),
    }
}

/// Whether a step is done without having done what it is for: a message that nobody got.
pub fn was_not_told(uses: &str, outputs: &Map<String, Value>) -> bool {
    uses.starts_with("notify/") && outputs.get("sent") == Some(&Value::Bool(false))
}

fn found(outputs: &Map<String, Value>, secret: &str, secrets: usize) -> String {
    let more = if secrets > 1 { format!(" and {} more", secrets - 1) } else { String::new() };
    let not_read = outputs.get("not_read").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let not_read: Vec<&str> = not_read.collect();
    let not_read = if not_read.is_empty() { String::new() } else { format!("; not read: {}", not_read.join(", ")) };
    let by_hand = outputs.get("by_hand").and_then(Value::as_array).into_iter().flatten();
    let by_hand: Vec<&str> = by_hand.filter_map(|held| held.get("secret")?.as_str()).collect();
    let by_hand = if by_hand.is_empty() { String::new() } else { format!("; left to you: {}", by_hand.join(", ")) };
    format!("in {secret}{more}{by_hand}{not_read}")
}

fn readers(outputs: &Map<String, Value>, evidence: &str, because: &str, moved: usize) -> String {
    if evidence == "none" {
        return format!("waited without looking: {because}");
    }
    let mut told = Vec::new();
    if moved > 0 {
        told.push(format!("{} moved", counted(moved as u64, "reader")));
    }
    for (list, what) in [("left_behind", "not seen on it"), ("pinned", "pinned to an old version")] {
        let names = names(outputs, list, "name");
        if !names.is_empty() {
            told.push(format!("{what}: {}", names.join(", ")));
        }
    }
    match (told.is_empty(), because) {
        (true, "") => "nobody else was seen reading it".to_owned(),
        (true, because) if evidence == "audit" => format!("nobody else was seen reading it; {because}"),
        (true, because) => format!("not known who reads it: {because}"),
        (false, because) if evidence == "part" => format!("{}; {because}", told.join("; ")),
        (false, _) => told.join("; "),
    }
}

fn issuer_proof(proven: u64, not_proven: u64, answer: &str) -> String {
    match (proven, not_proven) {
        (0, 0) if !answer.is_empty() => answer.to_owned(),
        (0, 0) => "no old version was left to try".to_owned(),
        (0, left) => format!("not proven at the issuer: {} could not be tried", counted(left, "old version")),
        (proven, 0) => format!("{} refused by the issuer with {answer}", counted(proven, "old version")),
        (proven, left) => {
            format!("{} refused by the issuer with {answer}; {left} could not be tried", counted(proven, "old version"))
        }
    }
}

fn names<'a>(outputs: &'a Map<String, Value>, list: &str, field: &str) -> Vec<&'a str> {
    let listed = outputs.get(list).and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(|entry| entry.get(field)?.as_str()).collect()
}

/// `1 version`, `2 versions`.
pub fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
