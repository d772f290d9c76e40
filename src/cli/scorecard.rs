//! The scorecard of a drill: what the cloud saw, held against the scenario's targets.

use super::exit::Exit;
use super::page::Page;
use super::terminal::ui::Ui;
use crate::clock::Timestamp;
use crate::cloud::scenario::Targets;
use crate::engine::event::Answer;
use crate::evidence::{Evidence, Known, Verdict};
use crate::notify::KINDS;
use chrono::DateTime;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the cloud saw before and after the response.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) began: Timestamp,
    pub(super) before: Value,
    pub(super) after: Value,
    pub(super) vault: String,
    pub(super) secret: String,
    /// Whether every secret of the vault is to be rotated, not the leaked one alone.
    pub(super) all_secrets: bool,
    /// Consumers that are meant to fail.
    pub(super) pinned: Vec<String>,
    pub(super) exit: Exit,
}

/// One line of the scorecard.
#[derive(Debug, Serialize)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) met: bool,
    /// What was seen.
    pub(super) seen: String,
    /// What was wanted.
    pub(super) wanted: String,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Scorecard {
    pub(super) targets: Vec<Target>,
    /// What the run itself says; the targets say what the cloud saw.
    pub(super) verdict: Verdict,
    /// Those who said yes or no at its gates: whoever practises may have played them all.
    people: Vec<String>,
}

impl Scorecard {
    /// Judges what was seen; the journal tells only what the run itself claims.
    pub(super) fn new(observed: &Observed, targets: &Targets, known: &Known) -> Self {
        let mut lines = vec![ended(observed), one_new_version(observed), old_versions(observed)];
        lines.extend(times(observed, targets));
        lines.extend(at_the_issuer(observed, targets));
        // Where nobody attacks, nobody can be shut out or found.
        if list(&observed.after, "attackers").next().is_some() {
            lines.push(attackers_shut_out(observed));
            lines.extend(attackers_found(observed, known));
        }
        lines.push(messages(observed));
        lines.extend(consumers(observed, targets));
        lines.extend(pinned_named(observed, known));
        let answers = known.state().steps().filter_map(|(_, step)| step.gate.as_ref()?.answer.as_ref());
        let people = answers.filter(|answer| answer.answer != Answer::Expired).map(|answer| answer.who()).collect();
        Self { targets: lines, verdict: known.verdict(), people }
    }

    /// Whether every target was met.
    pub(super) fn passed(&self) -> bool {
        self.targets.iter().all(|target| target.met)
    }

    /// The scorecard as text.
    pub(super) fn render(&self, ui: Ui) -> Page {
        let met = self.targets.iter().filter(|target| target.met).count();
        let mut page = Page::of("");
        page.line(format!("DRILL scorecard: {met} of {} targets met", self.targets.len()));
        for target in &self.targets {
            let mark = if target.met { ui.green("✓") } else { ui.red("✗") };
            let wanted = if target.met { String::new() } else { format!("  (wanted: {})", target.wanted) };
            page.line(format!("  {mark} {:<26} {}{wanted}", target.name, target.seen));
        }
        if !self.people.is_empty() {
            let people = self.people.join("; ");
            page.line(format!("  who answered: {people} (claimed: in a drill one person may play everybody)"));
        }
        page
    }
}

fn target(name: &'static str, met: bool, seen: impl Into<String>, wanted: impl Into<String>) -> Target {
    Target { name, met, seen: seen.into(), wanted: wanted.into() }
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn time(value: &Value, name: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text(value, name)).ok().map(Into::into)
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    let milliseconds = i32::try_from((to - from).num_milliseconds()).unwrap_or(i32::MAX);
    f64::from(milliseconds) / 1000.0
}

fn ended(observed: &Observed) -> Target {
    let met = observed.exit == Exit::Done;
    target("the run", met, if met { "completed" } else { "did not complete" }, "completed")
}

/// The secrets that are to be rotated.
fn secrets(observed: &Observed) -> Vec<String> {
    let all = observed.before.pointer(&format!("/vaults/{}/secrets", observed.vault)).and_then(Value::as_object);
    match all.filter(|_| observed.all_secrets) {
        Some(all) => all.keys().cloned().collect(),
        None => vec![observed.secret.clone()],
    }
}

fn versions<'a>(state: &'a Value, observed: &Observed, secret: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let pointer = format!("/vaults/{}/secrets/{secret}", observed.vault);
    state.pointer(&pointer).and_then(Value::as_array).into_iter().flatten()
}

fn is_ours(version: &Value) -> bool {
    version.pointer("/tags/stanch-run").is_some()
}

fn one_new_version(observed: &Observed) -> Target {
    let added = |secret: &String| {
        let before = versions(&observed.before, observed, secret).count();
        versions(&observed.after, observed, secret).count().saturating_sub(before)
    };
    let secrets = secrets(observed);
    let added: Vec<usize> = secrets.iter().map(added).collect();
    let met = added.iter().all(|added| *added == 1);
    let seen = match added.as_slice() {
        [only] => only.to_string(),
        all if met => format!("1 of each of {} secrets", all.len()),
        all => format!("{all:?}"),
    };
    target("new versions", met, seen, "exactly 1, whatever was lost on the way")
}

fn old_versions(observed: &Observed) -> Target {
    let enabled = |version: &&Value| version.get("enabled") == Some(&Value::Bool(true));
    let left = |secret: &String| {
        versions(&observed.after, observed, secret).filter(|version| !is_ours(version)).filter(enabled).count()
    };
    let left: usize = secrets(observed).iter().map(left).sum();
    target("old versions still enabled", left == 0, left.to_string(), "0")
}

/// Calls of others than the scenario's people, on the leaked secret, by method.
fn first_call(observed: &Observed, method: &str, last: bool) -> Option<Timestamp> {
    let paths: Vec<String> = secrets(observed).iter().map(|secret| format!("/secrets/{secret}")).collect();
    let wanted = |call: &&Value| {
        let path = text(call, "path");
        text(call, "method") == method
            && paths
                .iter()
                .any(|wanted| path.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
            && !text(call, "at").is_empty()
    };
    let mut times = list(&observed.after, "calls").filter(wanted).filter_map(|call| time(call, "at"));
    if last { times.last() } else { times.next() }
}

fn times(observed: &Observed, targets: &Targets) -> Vec<Target> {
    // The first request that arrived is the one that counted: the answer may have been lost.
    let challenged = first_call(observed, "PUT", true);
    let rotated = challenged.map(|at| seconds(observed.began, at));
    let contained = first_call(observed, "PATCH", true).map(|at| seconds(observed.began, at));
    let mut lines = Vec::new();
    for (name, took, within) in
        [("rotated", rotated, targets.rotated_within), ("leaked value dead", contained, targets.contained_within)]
    {
        let Some(within) = within else { continue };
        let met = took.is_some_and(|took| took <= within.as_secs_f64());
        let seen = took.map_or_else(|| "never".to_owned(), |took| format!("after {took:.1} s"));
        lines.push(target(name, met, seen, format!("within {within:?}")));
    }
    lines
}

/// What became of the credential where it was issued, as its issuer says.
fn at_the_issuer(observed: &Observed, targets: &Targets) -> Vec<Target> {
    let of = |state| list(state, "issued").find(|issued| text(issued, "secret") == observed.secret);
    let (Some(before), Some(after)) = (of(&observed.before), of(&observed.after)) else { return Vec::new() };
    let (issuer, yes) = (text(after, "issuer"), Some(&Value::Bool(true)));
    let took = time(after, "leaked_refused_at").map(|at| seconds(observed.began, at));
    let within = targets.killed_within.map_or(f64::MAX, |within| within.as_secs_f64());
    let dead = after.get("leaked_accepted") != yes;
    let seen = match took.filter(|_| dead) {
        Some(took) => format!("after {took:.1} s, by {issuer}"),
        None => format!("never: {issuer} still takes it"),
    };
    let wanted = targets.killed_within.map_or(String::new(), |within| format!(" within {within:?}"));
    let met = dead && took.is_some_and(|took| took <= within);
    let mut lines = vec![target("leaked credential refused", met, seen, format!("refused by its issuer{wanted}"))];
    let works = after.get("current_accepted") == yes;
    let seen = if works { "accepted by its issuer" } else { "refused by its issuer" };
    lines.push(target("the new credential", works, seen, "accepted by its issuer"));
    if let (Some(before), Some(after)) = (living(before), living(after)) {
        let seen = format!("{after} living, as before");
        let seen = if after == before { seen } else { format!("{after} living, {before} before") };
        lines.push(target("credentials at the issuer", after == before, seen, "as many as before"));
    }
    lines
}

fn living(issued: &Value) -> Option<u64> {
    issued.get("living").and_then(Value::as_u64)
}

fn attackers_shut_out(observed: &Observed) -> Target {
    let open = |attacker: &&Value| {
        let refused = time(attacker, "first_refused");
        refused.is_none() || time(attacker, "last_success") > refused
    };
    let open: Vec<&str> =
        list(&observed.after, "attackers").filter(open).map(|attacker| text(attacker, "name")).collect();
    let met = open.is_empty();
    let seen =
        if met { "refused, and never let in again".to_owned() } else { format!("still let in: {}", open.join(", ")) };
    target("the attacker", met, seen, "refused")
}

/// Judged where the runbook looks for the blast radius of the leaked secret.
fn attackers_found(observed: &Observed, known: &Known) -> Option<Target> {
    if observed.all_secrets {
        return None;
    }
    let found = known.blast_radius();
    let named = |oid: &str| found.is_some_and(|found| found.unknown_callers.iter().any(|caller| caller == oid));
    let reached = |oid: &str, secret: &str| {
        let touched = found.into_iter().flat_map(|found| &found.second_order);
        touched.into_iter().any(|touched| touched.oid == oid && touched.secret == secret)
    };
    let mut missed = Vec::new();
    for attacker in list(&observed.after, "attackers") {
        if !named(text(attacker, "oid")) {
            missed.push(text(attacker, "name").to_owned());
        }
        for other in list(attacker, "others").filter(|other| other.get("successes").and_then(Value::as_u64) > Some(0)) {
            if !reached(text(attacker, "oid"), text(other, "secret")) {
                missed.push(format!("{} at {}", text(attacker, "name"), text(other, "secret")));
            }
        }
    }
    let met = missed.is_empty();
    let seen = if met {
        "names the attacker, and what else it touched".to_owned()
    } else {
        format!("misses {}", missed.join(", "))
    };
    Some(target("the blast radius", met, seen, "every unrecognised caller"))
}

fn messages(observed: &Observed) -> Target {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for sent in list(&observed.after, "notifications") {
        *counts.entry(text(sent, "channel")).or_default() += 1;
    }
    let channels = KINDS.iter().map(|kind| kind.name);
    let wrong: Vec<&str> = channels.filter(|channel| counts.get(channel) != Some(&1)).collect();
    let met = wrong.is_empty();
    let seen = if met { "every channel, once".to_owned() } else { format!("not once: {}", wrong.join(", ")) };
    target("messages", met, seen, "every channel, once")
}

fn consumers(observed: &Observed, targets: &Targets) -> Option<Target> {
    let most = targets.consumers_down?;
    let down: Vec<String> = list(&observed.after, "consumers")
        .filter(|consumer| consumer.get("down_ms").and_then(Value::as_u64) > Some(0))
        .map(|consumer| text(consumer, "name").to_owned())
        .collect();
    let unexpected: Vec<&String> = down.iter().filter(|name| !observed.pinned.contains(name)).collect();
    let met = unexpected.is_empty() && down.len() <= usize::try_from(most).unwrap_or(usize::MAX);
    let seen = match down.as_slice() {
        [] => "no consumer had an outage".to_owned(),
        down => format!("{}: {}", if met { "expected outage" } else { "outage" }, down.join(", ")),
    };
    Some(target("downtime", met, seen, format!("at most {most}, and only those pinned to a version")))
}

/// Those who will fail must be told of, by name, before the report.
fn pinned_named(observed: &Observed, known: &Known) -> Option<Target> {
    if observed.pinned.is_empty() {
        return None;
    }
    let oids: Vec<&str> = list(&observed.after, "consumers")
        .filter(|consumer| observed.pinned.iter().any(|name| name == text(consumer, "name")))
        .map(|consumer| text(consumer, "oid"))
        .collect();
    let told = |oid: &&str| {
        known.items().iter().any(|item| match &item.evidence {
            Evidence::Adopted(adoption) => adoption.pinned.iter().any(|reader| reader.oid == *oid),
            _ => false,
        })
    };
    let met = oids.iter().all(told);
    let seen = if met { format!("named: {}", observed.pinned.join(", ")) } else { "not named".to_owned() };
    Some(target("pinned readers", met, seen, "named before their version is disabled"))
}
