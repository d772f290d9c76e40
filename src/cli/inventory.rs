//! `stanch inventory`: what secrets there are, how old, whose, when they are due, and whether the answer to a leak has
//! been practised. No value is read.

use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::past::Past;
use super::session::{self, Session};
use super::terminal::ui::{Ui, describe};
use crate::azure::{ListedSecret, Vault};
use crate::clock::{self, Timestamp};
use crate::command_line::CommandLine;
use crate::config::SecretFacts;
use crate::failure::Failure;
use crate::intake::said;
use crate::report::fact::counted;
use crate::vault::{SecretUrl, VaultUrl};
use chrono::TimeDelta;
use serde::Serialize;
use std::cmp::Reverse;

/// What is due within this long is shown as soon due.
const SOON_DAYS: i64 = 14;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A vault, by its URL; several may be given [default: the vaults of the configuration]
    #[arg(long, value_name = "URL")]
    vault: Vec<String>,
}

/// One vault.
#[derive(Serialize)]
struct Listing {
    vault: VaultUrl,
    secrets: Vec<Row>,
    /// Why it could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

/// One secret.
#[derive(Serialize)]
struct Row {
    secret: String,
    #[serde(skip)]
    name: String,
    enabled: bool,
    /// Whether it belongs to a certificate, which Key Vault rotates by itself.
    managed: bool,
    created: Timestamp,
    age_days: i64,
    expires: Option<Timestamp>,
    /// With the usual runbook where none is named.
    #[serde(flatten)]
    facts: SecretFacts,
    /// What is said where a tag names a runbook that is not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook_not_followed: Option<String>,
    /// When the current version expires, or has been there for as long as it should.
    rotation_due: Option<Timestamp>,
    overdue: bool,
    /// When the runbook that fits was practised to its end last, from this state directory.
    last_drilled: Option<Timestamp>,
    last_run: Option<String>,
    last_run_at: Option<Timestamp>,
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    let session = Session::open(common, None)?;
    let vaults = session.vaults(&args.vault)?;
    let runs = session::runs(common)?;
    let past = Past::read(&runs).map_err(|error| session::cannot_list(&runs, &error))?;
    let azure = session.azure(&session::fingerprints(&runs)?.request_prefix())?;
    let mut listings = Vec::new();
    for vault in vaults {
        let listed = async { Vault::open(&vault, &azure)?.secrets().await };
        let (mut secrets, failure) = match listed.await {
            Ok(secrets) => (secrets, None),
            Err(failure) => (Vec::new(), Some(failure)),
        };
        secrets.sort_by(|one, other| one.name.cmp(&other.name));
        let mut secrets: Vec<Row> = secrets.iter().map(|secret| row(&session, &past, &vault, secret)).collect();
        // What is due first stands first; what is never due stands last.
        secrets.sort_by_key(|row| (row.rotation_due.is_none(), row.rotation_due, Reverse(row.age_days)));
        listings.push(Listing { vault, secrets, failure });
    }
    if ui.json {
        ui.json(&serde_json::json!({ "vaults": listings, "unreadable_runs": past.unreadable }));
    } else {
        for listing in &listings {
            ui.data(&text(ui, listing, past.unreadable == 0));
        }
    }
    if past.unreadable > 0 {
        ui.note(&format!(
            "{} cannot be read, and do not count; see `{}`",
            counted(past.unreadable as u64, "run"),
            CommandLine::stanch("runs")
        ));
    }
    match listings.into_iter().find_map(|listing| listing.failure) {
        Some(failure) => Err(CommandError::refused(failure)),
        None => Ok(Exit::Done),
    }
}

fn row(session: &Session, past: &Past, vault: &VaultUrl, listed: &ListedSecret) -> Row {
    let (now, current) = (clock::now(), &listed.current);
    let secret = format!("{}/secrets/{}", vault.url(), listed.name);
    let mut facts = session.config().inventory.facts(&vault.name, &listed.name, &current.tags);
    let good_for = facts.rotate_every.and_then(|period| TimeDelta::from_std(period).ok());
    let until = good_for.and_then(|period| current.created.checked_add_signed(period));
    let rotation_due = [until, current.expires].into_iter().flatten().min();
    let url = SecretUrl { vault: vault.clone(), name: listed.name.clone(), version: None };
    let fitting = session::fitting_runbook(session.config(), &url, &current.tags);
    let last_drilled = past.drilled(&fitting.runbook);
    facts.runbook = Some(fitting.runbook);
    let last_run = past.last_run(&secret, session.mode());
    Row {
        name: listed.name.clone(),
        enabled: current.enabled,
        managed: current.managed,
        created: current.created,
        age_days: (now - current.created).num_days(),
        expires: current.expires,
        rotation_due,
        overdue: current.enabled && !current.managed && rotation_due.is_some_and(|due| due <= now),
        last_drilled,
        runbook_not_followed: fitting.not_followed,
        last_run: last_run.map(|(run, _)| run.to_owned()),
        last_run_at: last_run.map(|(_, at)| at),
        secret,
        facts,
    }
}

/// The table. Where not `all_runs` could be read, one of the others may have done what no run is known to have done.
fn text(ui: Ui, listing: &Listing, all_runs: bool) -> Page {
    let mut page = Page::of("");
    page.line(listing.vault.url());
    if let Some(failure) = &listing.failure {
        page.add(describe(failure).after(&format!("  {} ", ui.red("not listed:")), "  "));
        return page;
    }
    let day = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%d").to_string());
    let known = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), said);
    let of_runs = |at: Option<Timestamp>, none: &str| match at {
        None if !all_runs => "not known".to_owned(),
        None => none.to_owned(),
        at => day(at),
    };
    let header = ["secret", "age", "owner", "issuer", "due", "runbook", "last drilled", "last run"].map(str::to_owned);
    let cells = |row: &Row| {
        [
            row.name.clone(),
            format!("{}d", row.age_days),
            known(&row.facts.owner),
            known(&row.facts.issuer.clone().or_else(|| row.facts.provider.clone())),
            day(row.rotation_due),
            known(&row.facts.runbook),
            of_runs(row.last_drilled, "never"),
            of_runs(row.last_run_at, "-"),
        ]
    };
    let rows: Vec<[String; 8]> = listing.secrets.iter().map(cells).collect();
    let width = |column: usize| {
        let all = rows.iter().chain(std::iter::once(&header));
        all.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    page.line(format!("  {}", ui.dim(&line(&header))));
    for (row, cells) in listing.secrets.iter().zip(&rows) {
        page.line(format!("  {}{}", line(cells), mark(ui, row)));
    }
    page.line(summary(listing, all_runs));
    page
}

fn mark(ui: Ui, row: &Row) -> String {
    let soon = row.rotation_due.is_some_and(|due| due <= clock::now() + TimeDelta::days(SOON_DAYS));
    match (row.managed, row.enabled, row.overdue) {
        (true, _, _) => ui.dim("  of a certificate"),
        (_, false, _) => ui.dim("  disabled"),
        (_, _, true) => format!("  {}", ui.red("overdue")),
        _ if soon => format!("  {}", ui.yellow("due soon")),
        _ => String::new(),
    }
}

/// What a review would ask.
fn summary(listing: &Listing, all_runs: bool) -> String {
    let live = || listing.secrets.iter().filter(|row| row.enabled && !row.managed);
    let count = |fits: fn(&&Row) -> bool| live().filter(fits).count();
    let drilled = match all_runs {
        true => "with a runbook that was never drilled from here",
        false => "with a runbook of which no drill is known",
    };
    let told: Vec<String> = [
        (count(|row| row.overdue), "overdue"),
        (count(|row| row.facts.owner.is_none()), "without an owner"),
        (count(|row| row.rotation_due.is_none()), "never due: no expiry and no rotation period"),
        (count(|row| row.last_drilled.is_none()), drilled),
        (count(|row| row.runbook_not_followed.is_some()), "with a tag that names no runbook of ours, so not followed"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let told = if told.is_empty() { "nothing is left to say".to_owned() } else { told.join("; ") };
    format!("  {}: {told}", counted(listing.secrets.len() as u64, "secret"))
}
