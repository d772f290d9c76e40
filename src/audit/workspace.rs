//! A Log Analytics workspace, asked in KQL. The query engine does the heavy lifting; what comes here are summaries.
//!
//! No limit truncates silently: an answer that is cut off, too large or partial is asked for again in halves of its
//! time, and what stays incomplete is a gap with its reason.

use super::columns::Fields;
use super::event::Event;
use super::files::reach_key;
use super::groups::Groups;
use super::kql::{self, MOST_PREFIXES, MOST_ROWS, SHAPES, Shape, Table};
use super::question::Question;
use super::reading::{Reading, hour_of, parse};
use super::times::Times;
use super::trail::{Callers, Reach, Sighting, Trail};
use crate::azure::{LogAnalytics, LogAnswer};
use crate::clock::Timestamp;
use crate::failure::Failure;
use chrono::TimeDelta;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Handle;

/// A stretch this short is not halved any more.
const SHORTEST_SLICE: TimeDelta = TimeDelta::minutes(10);
/// A question is not taken apart into more queries than this.
const MOST_SLICES: usize = 256;

type Row = Map<String, Value>;

/// A workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    logs: LogAnalytics,
    runtime: Handle,
    /// Tables that it turned out not to have.
    absent: Mutex<BTreeSet<Shape>>,
}

/// What a table holds of an hour.
#[derive(Debug)]
struct Hour {
    shape: Shape,
    first: String,
    last: String,
    count: u64,
}

/// What a question brought, over all its slices.
#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Row>,
    missing: Vec<(Timestamp, Timestamp, String)>,
    truncations: Vec<String>,
}

impl Workspace {
    pub(crate) fn new(logs: LogAnalytics, runtime: Handle) -> Self {
        Self { logs, runtime, absent: Mutex::default() }
    }

    fn shapes(&self) -> Vec<Shape> {
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        SHAPES.into_iter().filter(|shape| !absent.contains(shape)).collect()
    }

    /// A table, after those before it were asked: by then it is known which of them there are.
    fn table(&self, shape: Shape) -> Table {
        let beside_specific = shape == Shape::Diagnostics && self.shapes().contains(&Shape::Specific);
        Table { shape, beside_specific }
    }

    fn query(&self, shape: Shape, text: &str, span: Option<(Timestamp, Timestamp)>) -> Result<LogAnswer, Failure> {
        let answer = self.runtime.block_on(self.logs.query(text, span))?;
        if matches!(answer, LogAnswer::NoSuchTable) {
            self.absent.lock().unwrap_or_else(PoisonError::into_inner).insert(shape);
        }
        Ok(answer)
    }

    /// Asks about a stretch of time, in halves of it where one answer does not hold all.
    fn sliced(
        &self,
        shape: Shape,
        (from, to): (Timestamp, Timestamp),
        text: impl Fn(Timestamp, Timestamp) -> String,
    ) -> Result<Rows, Failure> {
        let mut rows = Rows::default();
        let mut left = vec![(from, to)];
        let mut asked = 0;
        while let Some((from, to)) = left.pop() {
            asked += 1;
            let can_halve = to - from > SHORTEST_SLICE && asked < MOST_SLICES;
            let halves = || {
                let middle = from + (to - from) / 2;
                [(middle, to), (from, middle)]
            };
            match self.query(shape, &text(from, to), Some((from, to)))? {
                LogAnswer::NoSuchTable => return Ok(rows),
                LogAnswer::Nothing => rows.missing.push((from, to, "the workspace gave an empty answer".to_owned())),
                LogAnswer::TooMuch(_) if can_halve => left.extend(halves()),
                LogAnswer::TooMuch(why) => {
                    rows.missing.push((from, to, format!("the workspace could not answer: {why}")));
                }
                LogAnswer::Rows(some, None) if some.len() <= MOST_ROWS => rows.rows.extend(some),
                LogAnswer::Rows(_, _) if can_halve => left.extend(halves()),
                LogAnswer::Rows(some, partial) => {
                    if some.len() > MOST_ROWS {
                        rows.truncations.push(format!(
                            "{} to {} holds more than {MOST_ROWS} different rows in `{}`; the others were not read",
                            from.format("%Y-%m-%d %H:%M:%S"),
                            to.format("%Y-%m-%d %H:%M:%S"),
                            shape.table()
                        ));
                    }
                    if let Some(why) = partial {
                        rows.missing.push((from, to, format!("the workspace answered in part: {why}")));
                    }
                    rows.rows.extend(some.into_iter().take(MOST_ROWS));
                }
            }
        }
        Ok(rows)
    }

    /// What the workspace holds of the vault at all.
    fn look(&self, question: &Question) -> Result<Reading, Failure> {
        let mut seen = Reading::default();
        let mut hours: BTreeMap<i64, Vec<Hour>> = BTreeMap::new();
        for shape in SHAPES {
            let span = (question.from, question.until);
            let rows = self.sliced(shape, span, |from, to| kql::hours(shape, question, from, to))?;
            if !self.shapes().contains(&shape) {
                continue;
            }
            seen.files += 1;
            for row in &rows.rows {
                let (first, last) = (text(row, "first_seen"), text(row, "last_seen"));
                if let Some(at) = parse(&first) {
                    let count = number(row, "entry_count");
                    hours.entry(hour_of(at)).or_default().push(Hour { shape, first, last, count });
                }
            }
            seen.missing.extend(rows.missing);
            seen.truncations.extend(rows.truncations);
            if let LogAnswer::Rows(rows, _) = self.query(shape, &kql::begins(shape, question), None)? {
                let begins = rows.first().filter(|row| number(row, "entry_count") > 0);
                let begins = begins.and_then(|row| parse(&text(row, "first_seen")));
                seen.log_begins = [seen.log_begins, begins].into_iter().flatten().min();
            }
        }
        if question.own.prefixes.len() > MOST_PREFIXES {
            seen.notes.push(format!(
                "of {} runs only the requests of the latest {MOST_PREFIXES} could be told from others'",
                question.own.prefixes.len()
            ));
        }
        if seen.files == 0 {
            seen.notes
                .push("the workspace has neither `AZKVAuditLogs` nor `AzureDiagnostics`: no vault logs to it".into());
        }
        let mut doubled = 0;
        for tables in hours.values() {
            let is_of = |shape| tables.iter().any(|hour| hour.shape == shape);
            doubled += u64::from(is_of(Shape::Specific) && is_of(Shape::Diagnostics));
            // What is logged to both tables is one entry: an hour has at least as many as its fuller table.
            let first = tables.iter().map(|hour| hour.first.as_str()).min().unwrap_or_default();
            let last = tables.iter().map(|hour| hour.last.as_str()).max().unwrap_or_default();
            let of = |shape| tables.iter().filter(|hour| hour.shape == shape).map(|hour| hour.count).sum();
            seen.entries(first, last, SHAPES.map(of).into_iter().max().unwrap_or(0));
        }
        if doubled > 0 {
            seen.notes.push(format!(
                "in {doubled} hours both `AZKVAuditLogs` and `AzureDiagnostics` hold entries of the vault: what is logged to both is counted once"
            ));
        }
        if seen.events > 0 {
            seen.vaults.insert(question.vault.name.clone());
        }
        Ok(seen)
    }
}

impl Trail for Workspace {
    fn describe(&self) -> String {
        format!("workspace {}", self.logs.id())
    }

    fn sight(&self, question: &Question) -> Result<Sighting, Failure> {
        let mut sighting = Sighting::default();
        let mut seen = self.look(question)?;
        for shape in self.shapes() {
            // The baseline and the window are never drawn together into one row.
            for (from, to) in [(question.from, question.since), (question.since, question.until)] {
                if from >= to {
                    continue;
                }
                let rows =
                    self.sliced(shape, (from, to), |from, to| kql::accesses(self.table(shape), question, (from, to)))?;
                for row in &rows.rows {
                    match event(row) {
                        Ok(event) => sighting.take(question, &event),
                        Err(why) => seen.unreadable(|| unreadable(shape, row, &why), true),
                    }
                }
                seen.missing.extend(rows.missing);
                seen.truncations.extend(rows.truncations);
            }
        }
        seen.missing.sort();
        seen.missing.dedup();
        sighting.seen = seen.finished();
        Ok(sighting)
    }

    fn reach(&self, question: &Question, callers: &Callers) -> Result<Reach, Failure> {
        let mut reach = Reach::default();
        let span = (question.since, question.until);
        let odd = callers.ids.iter().filter(|id| !kql::can_be_quoted(id)).count();
        if odd > 0 {
            reach.truncations.push(format!("{odd} callers have ids of an odd form and were not looked for elsewhere"));
        }
        for shape in self.shapes() {
            if let LogAnswer::Rows(rows, _) =
                self.query(shape, &kql::vaults(shape, question, span.0, span.1), Some(span))?
            {
                let name = |row: &Row| text(row, "entry_resource").rsplit('/').next().unwrap_or("").to_lowercase();
                reach.vaults.extend(rows.iter().map(name));
            }
            if odd == callers.ids.len() {
                continue;
            }
            let rows =
                self.sliced(shape, span, |from, to| kql::reach(self.table(shape), question, &callers.ids, (from, to)))?;
            add(question, callers, &rows.rows, &mut reach.groups);
            reach.truncations.extend(rows.truncations);
            reach.truncations.extend(rows.missing.into_iter().map(|(from, to, why)| {
                format!("what the unrecognised callers did elsewhere from {from} to {to} is not known in full: {why}")
            }));
        }
        Ok(reach)
    }

    fn events(&self, question: &Question, take: &mut dyn FnMut(&Event<'_>)) -> Result<(), Failure> {
        for shape in self.shapes() {
            let span = (question.since, question.until);
            let rows = self.sliced(shape, span, |from, to| kql::events(self.table(shape), question, (from, to)))?;
            for event in rows.rows.iter().filter_map(|row| event(row).ok()) {
                if event.names(&question.secret) && question.is_of_own_vault(&event) {
                    take(&event);
                }
            }
        }
        Ok(())
    }
}

fn add(question: &Question, callers: &Callers, rows: &[Row], groups: &mut Groups) {
    for event in rows.iter().filter_map(|row| event(row).ok()) {
        if callers.ids.contains(&event.caller)
            && let Some(key) = reach_key(question, &event)
        {
            groups.add(key, &event, None);
        }
    }
}

/// A row of a summary as an event that stands for many.
fn event(row: &Row) -> Result<Event<'static>, String> {
    let field = |name: &str| text(row, name).into();
    let fields = Fields {
        time: field("first_seen"),
        resource_id: field("entry_resource"),
        category: "".into(),
        operation: field("entry_operation"),
        signature: field("entry_signature"),
        status: field("entry_status"),
        address: field("entry_ip"),
        // Of the request's id only as much as makes it ours.
        correlation: field("entry_own"),
        oid: field("entry_oid"),
        appid: field("entry_appid"),
        upn: field("entry_upn"),
        resource: field("entry_principal"),
        id: field("entry_id"),
        request_uri: field("entry_path"),
        user_agent: field("entry_agent"),
        metric: "".into(),
        aside: "".into(),
        unread: None,
    };
    let mut event = Event::new(fields, &Times::default())?;
    let last = text(row, "last_seen");
    let at = parse(&last).ok_or("it has no time that can be read")?;
    event.count = number(row, "entry_count").max(1);
    event.last = Some((last, at));
    Ok(event)
}

fn unreadable(shape: Shape, row: &Row, why: &str) -> super::reading::Unreadable {
    let text = Value::Object(row.clone()).to_string();
    super::reading::Unreadable::new(shape.table(), 0, why.to_owned(), text.as_bytes())
}

fn text(row: &Row, name: &str) -> String {
    match row.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

fn number(row: &Row, name: &str) -> u64 {
    match row.get(name) {
        Some(Value::Number(number)) => number.as_u64().or_else(|| number.as_f64().map(|real| real as u64)).unwrap_or(0),
        Some(Value::String(text)) => text.parse().unwrap_or(0),
        _ => 0,
    }
}
