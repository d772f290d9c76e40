//! `stanch audit`: the blast radius by itself.

use super::Common;
use super::exit::{CommandError, Exit, Outcome};
use super::session;
use super::ui::Ui;
use crate::audit::{self, Own, Query};
use crate::azure::SecretUrl;
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of an archive of the audit trail (`insights-logs-auditevent`)
    #[arg(long, value_name = "DIR")]
    archive: PathBuf,
    /// The secret, by its URL
    #[arg(long, value_name = "URL")]
    secret: String,
    /// Since when (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: String,
    /// Until when [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Object ids of known callers, one a line
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
}

pub(crate) fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    let secret = SecretUrl::parse(&args.secret).map_err(CommandError::usage)?;
    let session = session::Session::open(common, None)?;
    let mut known: BTreeSet<String> = session.config.known_callers();
    if let Some(path) = &args.known {
        let text = session::read_file(path, "the list of known callers")?;
        known.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_lowercase));
    }
    let query = Query {
        vault: secret.vault.name.clone(),
        vault_host: secret.vault.host.clone(),
        secret: secret.name.clone(),
        since: time(&args.since, "--since")?,
        until: args.until.as_deref().map(|until| time(until, "--until")).transpose()?.unwrap_or_else(clock::now),
        known,
        own: Own { prefixes: session::runs(common).map(|runs| session::own_prefixes(&runs)).unwrap_or_default() },
    };
    if query.since >= query.until {
        let failure = Failure::refused("the window is empty: `--since` is not before `--until`");
        return Err(CommandError::usage(failure));
    }
    let found = audit::blast_radius(&args.archive, &query).map_err(CommandError::usage)?;
    if ui.json {
        ui.json(&found);
    } else {
        ui.data(&audit::describe(&found));
    }
    Ok(Exit::Done)
}

fn time(text: &str, option: &str) -> Result<Timestamp, CommandError> {
    DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc)).map_err(|_| {
        let failure = Failure::refused(format!("`{text}` is not a time for `{option}`"));
        CommandError::usage(failure.help("RFC 3339 with the zone, for example 2026-11-22T21:40:00Z"))
    })
}
