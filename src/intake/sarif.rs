//! SARIF 2.1.0, as gitleaks, Semgrep, Nosey Parker and others write it: what leaked is the snippet of a result's region, or
//! stands in it.

use super::finding::{Entry, Format, ScanFinding, SinceWhat};
use super::parts::{Seen, at, line, list, place, text, values};
use super::subject::{Subject, of_rule, of_tool};
use super::times::{ToldTime, since};
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "sarif",
    title: "a SARIF log",
    shapes: "JSON",
    told_by: "`runs` with `version` 2.1",
    value: "the snippet of the region, and the region's columns in it, where the tool writes one",
    place: "repository, file, line and commit",
    time: "the commit's where the tool keeps it (gitleaks, Nosey Parker, Kingfisher), else the run's",
    read,
};

fn read(document: &Value) -> Option<Entry> {
    let runs = document.get("runs")?.as_array()?;
    if !text(document, "version").starts_with("2.1") {
        return None;
    }
    let mut entry = Entry::default();
    if runs.is_empty() {
        entry.unfinished.push("it holds no run: the tool did not come to one".to_owned());
    }
    for run in runs {
        // A tool that did not come to a result leaves them out, or writes `null`.
        let elsewhere = list(run.get("externalPropertyFileReferences").unwrap_or(&Value::Null), "results");
        if !elsewhere.is_empty() {
            entry.unfinished.push("results of a run stand in other files, which it only names".to_owned());
        }
        let Some(results) = run.get("results").and_then(Value::as_array) else {
            if elsewhere.is_empty() {
                entry.unfinished.push("a run of it holds no results: the tool did not come to any".to_owned());
            }
            continue;
        };
        let gone = results.iter().filter(|result| text(result, "baselineState") == "absent").count();
        if gone > 0 {
            let what = if gone == 1 { "1 result is" } else { &format!("{gone} results are") };
            entry.unfinished.push(format!(
                "{what} gone since the tool's baseline, and not counted: what leaked then is known still"
            ));
        }
        for result in results.iter().filter(|result| is_there(result)) {
            match (result.is_object(), subject(run, result)) {
                (false, _) => entry.unread.push("a result is no object".to_owned()),
                (true, Subject::Others) => entry.others += 1,
                (true, _) => entry.findings.push(finding(run, result)),
            }
        }
        entry.unfinished.extend(silence(run).filter(|_| results.is_empty()).map(str::to_owned));
        entry.unfinished.extend(trouble(run).map(str::to_owned));
    }
    Some(entry)
}

/// Whether a result is one of this run: not gone since an earlier one, and no word that all is well.
fn is_there(result: &Value) -> bool {
    text(result, "baselineState") != "absent" && !["pass", "notApplicable"].contains(&text(result, "kind"))
}

/// Where a run speaks against itself.
fn trouble(run: &Value) -> Option<&'static str> {
    let failed = |invocation: &Value| {
        let notes = ["toolExecutionNotifications", "toolConfigurationNotifications"];
        let mut notes = notes.iter().flat_map(|name| list(invocation, name));
        let code = invocation.get("exitCode").and_then(Value::as_i64);
        invocation.get("executionSuccessful").and_then(Value::as_bool) == Some(false)
            || invocation.get("exitSignalName").is_some()
            || invocation.get("processStartFailureMessage").is_some()
            // Scanners end with 1 where they found something.
            || code.is_some_and(|code| !(0..=1).contains(&code))
            || notes.any(|note| text(note, "level") == "error")
    };
    let any = list(run, "invocations").iter().any(failed);
    any.then_some("the tool says that its run failed: it may not have looked everywhere")
}

/// Every rule of a run's tool and of what extends it.
fn rules(run: &Value) -> impl Iterator<Item = &Value> {
    let extensions = run.pointer("/tool/extensions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    run.pointer("/tool/driver").into_iter().chain(extensions).flat_map(|component| list(component, "rules"))
}

/// Why a run without results does not say that there are no secrets: only whoever looks for them can.
fn silence(run: &Value) -> Option<&'static str> {
    let tool = at(run, "/tool/driver/name");
    let mut subjects: Vec<Subject> = rules(run).map(|rule| of_rule(&rule.to_string())).collect();
    subjects.extend([of_tool(tool), of_rule(tool)]);
    if subjects.contains(&Subject::Secrets) {
        return None;
    }
    Some(match rules(run).next().is_some() || of_tool(tool) == Subject::Others {
        true => "the tool's rules are about code, packages or settings: it did not look for secrets",
        false => "it names no rule about secrets: it does not tell whether the tool looked for them",
    })
}

/// What a result is about, as far as its rule tells.
fn subject(run: &Value, result: &Value) -> Subject {
    let id = rule_id(result);
    let rule = rules(run).find(|rule| text(rule, "id") == id).map(Value::to_string).unwrap_or_default();
    match of_rule(&format!("{id} {rule} {}", at(result, "/message/text"))) {
        Subject::Unsaid => of_tool(at(run, "/tool/driver/name")),
        told => told,
    }
}

fn rule_id(result: &Value) -> &str {
    match text(result, "ruleId") {
        "" => at(result, "/rule/id"),
        rule => rule,
    }
}

fn finding(run: &Value, result: &Value) -> ScanFinding {
    let nowhere = Value::Null;
    let location = result.pointer("/locations/0/physicalLocation").unwrap_or(&nowhere);
    let repository = at(run, "/versionControlProvenance/0/repositoryUri");
    let rule = rule_id(result);
    let commit = ["/partialFingerprints/commitSha", "/locations/0/properties/git_metadata/commit/id"];
    let commit =
        commit.iter().map(|pointer| at(result, pointer)).find(|commit| !commit.is_empty()).unwrap_or_else(|| {
            at(result, "/locations/0/logicalLocations/0/properties/commit_provenance/commit_metadata/commit_id")
        });
    let region = location.get("region").unwrap_or(&nowhere);
    let mut snippets = Vec::new();
    let mut pointed = Vec::new();
    for location in list(result, "locations").iter().chain(list(result, "relatedLocations")) {
        let Some(location) = location.get("physicalLocation") else { continue };
        let (whole, part) = snippet(location);
        snippets.extend(whole);
        pointed.extend(part);
    }
    let found_at =
        place(Some(repository), &decoded(at(location, "/artifactLocation/uri")), line(region, "startLine"), commit);
    // Somebody said that it does not matter; whoever found it may think otherwise.
    let is_suppressed = list(result, "suppressions").iter().any(|told| text(told, "status") != "rejected");
    let rule = if is_suppressed { format!("{rule}, suppressed in the report") } else { rule.to_owned() };
    let mut finding =
        Seen { rule: &rule, values: values(snippets), found_at, since: time(run, result) }.finding(&FORMAT);
    if !finding.values.is_empty() {
        finding.parts = values(pointed);
    }
    finding
}

/// A path of an address, as it is called on a disk.
fn decoded(uri: &str) -> String {
    percent_encoding::percent_decode_str(uri)
        .decode_utf8()
        .map(|path| path.into_owned())
        .unwrap_or_else(|_| uri.to_owned())
}

/// The snippet of a location, and what of it the columns point at, where the snippet is more than that.
fn snippet(location: &Value) -> (Option<String>, Option<String>) {
    let nowhere = Value::Null;
    let region = location.get("region").unwrap_or(&nowhere);
    let around = location.get("contextRegion").unwrap_or(&nowhere);
    let (text, begins) = match (at(region, "/snippet/text"), at(around, "/snippet/text")) {
        ("", around_it) => (around_it, line(around, "startLine")),
        (own, _) => (own, line(region, "startLine")),
    };
    if text.is_empty() {
        return (None, None);
    }
    (Some(text.to_owned()), columns(text, begins, region))
}

fn columns(text: &str, begins: Option<u64>, region: &Value) -> Option<String> {
    let first = line(region, "startLine")?;
    let last = line(region, "endLine").unwrap_or(first);
    let lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches('\r')).collect();
    let index = |number: u64| usize::try_from(number.checked_sub(begins.unwrap_or(first))?).ok();
    let wanted = lines.get(index(first)?..=index(last)?)?;
    let mut wanted: Vec<Vec<char>> = wanted.iter().map(|line| line.chars().collect()).collect();
    // Columns are counted from 1, and the last is behind the text.
    if let Some(end) = line(region, "endColumn").and_then(|column| usize::try_from(column.checked_sub(1)?).ok()) {
        let line = wanted.last_mut()?;
        (end <= line.len()).then_some(())?;
        line.truncate(end);
    }
    let start =
        line(region, "startColumn").and_then(|column| usize::try_from(column.checked_sub(1)?).ok()).unwrap_or(0);
    let line = wanted.first_mut()?;
    (start < line.len()).then_some(())?;
    line.drain(..start);
    let pointed: Vec<String> = wanted.into_iter().map(|line| line.into_iter().collect()).collect();
    Some(pointed.join("\n")).filter(|pointed| pointed != text && !pointed.trim().is_empty())
}

fn time(run: &Value, result: &Value) -> ToldTime {
    let written = [
        "/partialFingerprints/date",
        "/locations/0/properties/git_metadata/commit/date",
        "/locations/0/logicalLocations/0/properties/commit_provenance/commit_metadata/committer_timestamp",
    ];
    let written = ToldTime::first(written.iter().map(|pointer| since(at(result, pointer), SinceWhat::Written)));
    let detected = || since(at(result, "/provenance/firstDetectionTimeUtc"), SinceWhat::Detected);
    let scanned = || since(at(run, "/invocations/0/startTimeUtc"), SinceWhat::Scanned);
    written.or_else(detected).or_else(scanned)
}
