//! `stanch audit --follow RUN`: asks a run's question again, and shows what has reached the log since it was answered.
//!
//! Logs are late, and a run ends when the secret is contained, not when the log is complete. The journal stays as it is:
//! what is shown here is an amendment to its report, not a part of it.

use super::audit_known::{Known, known_names};
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::session::{self, Session};
use super::terminal::ui::Ui;
use crate::actions;
use crate::actions::SIGN_IN;
use crate::audit::{self, Late, Own, Place, Query, Source};
use crate::clock;
use crate::command_line::{self, CommandLine};
use crate::failure::Failure;
use crate::report;
use crate::vault::SecretUrl;
use serde_json::json;
use std::path::Path;

pub(super) async fn run(common: &Common, ui: Ui, run: &str, known: Option<&Path>) -> Outcome {
    let folder = session::existing(common, run)?;
    let steps = session::plan_of(&folder)?.planned(&actions::catalogue());
    let (_, known_before) = session::known(&folder, steps)?;
    let before = known_before.last_look().cloned();
    let url = report::secret(&known_before);
    let (Some(before), false) = (before, url.is_empty()) else {
        let failure = Failure::refused(format!("the run `{run}` has no answer about the audit trail to follow up"));
        return Err(CommandError::usage(
            failure.help(format!("ask by `{}`", CommandLine::stanch("audit").words("--secret URL --since TIME"))),
        ));
    };
    let secret = SecretUrl::parse(&url).map_err(CommandError::usage)?;
    let session = Session::open(common, known_before.state().opened())?;
    let trail = session.config().audit_trail(&secret.vault.name);
    let Some(place) = trail.place else {
        let failure = Failure::refused(format!("nothing says where the audit trail of `{}` lies", secret.vault.name));
        return Err(CommandError::usage(failure.help("set `audit` in stanch.yaml")));
    };
    let azure = session.azure("")?;
    let source = match place {
        Place::Path(path) => Source::path(path),
        place => Source::open(&place, &azure, &secret.vault.host).map_err(CommandError::usage)?,
    }
    .with_times(trail.times);
    let prefixes = session::runs(common).map(|runs| session::own_prefixes(&runs)).unwrap_or_default();
    // The run knew who it was: without that, requests from elsewhere would be news.
    let caller = azure.identity.caller_within(SIGN_IN, &secret.vault.host).await;
    let Known { ids: listed, names, notes } = known_names(&session, &secret, known)?;
    let query = Query {
        baseline: trail.baseline,
        thresholds: trail.thresholds,
        known: listed,
        names,
        notes,
        own: Own { prefixes, run: Some(run.to_owned()), caller },
        ..Query::new(&secret, before.window.since, clock::now())
    };
    let after = tokio::task::spawn_blocking(move || audit::blast_radius(&source, &query))
        .await
        .map_err(|error| Failure::refused("the audit trail could not be read").because(error.to_string()))
        .and_then(|after| after)
        .map_err(CommandError::usage)?;
    let late = audit::late(&before, &after);
    if ui.json {
        ui.json(&json!({ "run": run, "late": late, "blast_radius": after }));
    } else {
        ui.data(&describe(run, &late));
    }
    // A question that rests on nothing is not answered.
    Ok(if after.coverage.nothing().is_some() { Exit::Refused } else { Exit::Done })
}

fn describe(run: &str, late: &Late) -> Page {
    let moment = |at: Option<clock::Timestamp>| {
        at.map_or_else(|| "nothing".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S").to_string())
    };
    let (before, now) = (moment(late.horizon_before), moment(late.horizon));
    let mut page = Page::of(format!("{run}: the log spoke until {before} (UTC), and now until {now}"));
    match late.horizon {
        Some(_) if late.is_empty() => page.line("nothing has arrived that was not known"),
        Some(_) => {}
        None => page.line("no entry of this vault could be read: whether anything has arrived is not known"),
    }
    for access in late.accesses.iter().filter(|access| !access.own) {
        let kind = if access.known { "known" } else { "UNKNOWN" };
        page.line(format!(
            "  {kind:7} {}  {}  {} ×{}  {}  {}  last {}",
            access.name,
            access.ip,
            access.operation,
            access.count,
            access.version,
            access.all_statuses(),
            access.last
        ));
    }
    for row in &late.second_order {
        let command =
            if row.command.is_empty() { String::new() } else { format!("  → {}", command_line::here(&row.command)) };
        page.line(format!("  touched {}/{} {} ×{}{command}", row.vault, row.secret, row.operation, row.count));
    }
    late.findings.iter().for_each(|finding| page.line(format!("  finding {}", finding.summary)));
    page
}
