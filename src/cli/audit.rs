//! `stanch audit`: the blast radius by itself.

use super::audit_known::known_names;
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::terminal::ui::Ui;
use super::{audit_follow, audit_tell, audit_watch, session};
use crate::actions::SIGN_IN;
use crate::audit::{self, BlastRadius, DateOrder, Own, Place, Query, Source, Times, Zone};
use crate::azure::Azure;
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use crate::runbook::duration;
use crate::vault::{SecretUrl, VaultUrl};
use chrono::{DateTime, TimeDelta, Utc};
use session::Session;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the audit trail is archived: a folder (`insights-logs-auditevent`), a file of it or one exported from a
    /// portal (JSON, CSV), or one that Event Hubs captured (Avro), or the URL of a container [default: as the configuration says]
    #[arg(long, value_name = "DIR|FILE|URL", conflicts_with = "workspace")]
    archive: Option<String>,
    /// The Log Analytics workspace that the vault logs to, by its id
    #[arg(long, value_name = "ID")]
    workspace: Option<String>,
    /// The secret, by its URL; with a version, if it is known which one leaked
    #[arg(long, value_name = "URL", required_unless_present = "follow")]
    secret: Option<String>,
    /// Since when (RFC 3339)
    #[arg(long, value_name = "TIME", required_unless_present = "follow")]
    since: Option<String>,
    /// Until when [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Object ids of known callers, one a line; a name may follow
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// Read so much of the log before `--since` to learn who and what is ordinary, for example 14d
    #[arg(long, value_name = "DURATION")]
    baseline: Option<String>,
    /// Another vault in which to look for what the unrecognised callers did; repeat it for more
    #[arg(long, value_name = "URL")]
    vault: Vec<String>,
    /// The zone of times in files that name none: `UTC`, `+01:00`, or a place like `Europe/Berlin`
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// What comes first in dates like 03/04/2026: `day-first` or `month-first`
    #[arg(long, value_name = "ORDER")]
    date_order: Option<String>,
    /// Print the accesses as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print new accesses as they reach the log; those of the version in `--secret` alone, if it names one
    #[arg(long, conflicts_with_all = ["csv", "until"])]
    watch: bool,
    /// Ask a run's question again, and show what has reached the log since it was answered
    #[arg(long, value_name = "RUN", conflicts_with_all = ["secret", "since", "until", "archive", "workspace", "watch", "csv", "vault", "baseline", "timezone", "date_order"])]
    follow: Option<String>,
    /// Tell a configured channel of new accesses as well, each once, also over restarts; repeat it for more channels
    #[arg(long, value_name = "CHANNEL", requires = "watch")]
    notify: Vec<String>,
    /// How often to look
    #[arg(long, value_name = "DURATION", default_value = "15s", requires = "watch")]
    every: String,
    /// How long to watch [default: until it is interrupted]
    #[arg(long = "for", value_name = "DURATION", requires = "watch")]
    span: Option<String>,
}

impl Args {
    /// Whether it looks once, into files alone. Such a question waits for no answer, so it needs no runtime.
    pub(super) fn asks_nobody(&self) -> bool {
        self.archive.as_ref().is_some_and(|archive| !archive.contains("://")) && !self.watch
    }
}

/// What is asked, and where.
struct Asked {
    secret: SecretUrl,
    session: Session,
    query: Query,
    source: Source,
    /// The way to the source, where it is not on this machine.
    azure: Option<Azure>,
}

impl Asked {
    fn new(common: &Common, args: &Args) -> Result<Self, CommandError> {
        let secret = SecretUrl::parse(args.secret.as_deref().unwrap_or_default()).map_err(CommandError::usage)?;
        let session = Session::open(common, None)?;
        let query = query(common, &session, &secret, args)?;
        let (source, azure) = source(&session, &secret, args)?;
        if query.since >= query.until && !args.watch {
            let failure = Failure::refused("the window is empty: `--since` is not before `--until`");
            return Err(CommandError::usage(failure));
        }
        Ok(Self { secret, session, query, source, azure })
    }
}

/// Looks into files, with all cores.
pub(crate) fn run_on_files(common: &Common, ui: Ui, args: &Args) -> Outcome {
    let Asked { secret, query, source, .. } = Asked::new(common, args)?;
    let found = audit::blast_radius(&source, &query).map_err(CommandError::usage)?;
    show(ui, args, &secret, &found)
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    if let Some(run) = &args.follow {
        return audit_follow::run(common, ui, run, args.known.as_deref()).await;
    }
    let Asked { secret, session, mut query, source, azure } = Asked::new(common, &args)?;
    if let Some(azure) = azure {
        // Who we are tells our requests from elsewhere; whether the source can be asked is seen when it is.
        query.own.caller = azure.identity.caller_within(SIGN_IN, &secret.vault.host).await;
    }
    if args.watch {
        let every = span(&args.every, "--every")?;
        let until = args.span.as_deref().map(|text| span(text, "--for")).transpose()?.map(|span| clock::now() + span);
        let listeners = audit_tell::Listeners::open(common, &session, &query, &args.notify)?;
        return audit_watch::run(ui, source, query, audit_watch::Pace { every, until }, listeners).await;
    }
    let found = tokio::task::spawn_blocking(move || audit::blast_radius(&source, &query))
        .await
        .map_err(|error| Failure::refused("the audit trail could not be read").because(error.to_string()))
        .and_then(|found| found)
        .map_err(CommandError::usage)?;
    show(ui, &args, &secret, &found)
}

fn show(ui: Ui, args: &Args, secret: &SecretUrl, found: &BlastRadius) -> Outcome {
    if ui.json {
        ui.json(found);
    } else if args.csv {
        ui.data(&Page::document(&audit::csv(found, &secret.vault.name).map_err(CommandError::program)?));
        ui.notes(&Page::document(&audit::describe_basis(found)));
    } else {
        ui.data(&Page::document(&audit::describe(found)));
    }
    // A question that rests on nothing is not answered.
    Ok(if found.coverage.nothing().is_some() { Exit::Refused } else { Exit::Done })
}

fn query(common: &Common, session: &Session, secret: &SecretUrl, args: &Args) -> Result<Query, CommandError> {
    let trail = session.config().audit_trail(&secret.vault.name);
    let (known, names) = known_names(session, secret, args.known.as_deref())?;
    let baseline = args.baseline.as_deref().map(|text| span(text, "--baseline")).transpose()?.or(trail.baseline);
    let until = args.until.as_deref().map(|until| time(until, "--until")).transpose()?.unwrap_or_else(clock::now);
    let vaults = args.vault.iter().map(|url| VaultUrl::parse(url).map_err(CommandError::usage));
    Ok(Query {
        baseline,
        known,
        names,
        other_vaults: vaults.collect::<Result<_, _>>()?,
        own: Own {
            prefixes: session::runs(common).map(|runs| session::own_prefixes(&runs)).unwrap_or_default(),
            ..Own::default()
        },
        thresholds: trail.thresholds,
        ..Query::new(secret, time(args.since.as_deref().unwrap_or_default(), "--since")?, until)
    })
}

fn source(session: &Session, secret: &SecretUrl, args: &Args) -> Result<(Source, Option<Azure>), CommandError> {
    let trail = session.config().audit_trail(&secret.vault.name);
    let zone = args.timezone.as_deref().map(Zone::parse).transpose().map_err(CommandError::usage)?;
    let order = args.date_order.as_deref().map(DateOrder::parse).transpose().map_err(CommandError::usage)?;
    let times = Times { zone: zone.or(trail.times.zone), order: order.or(trail.times.order) };
    let named = match (&args.archive, &args.workspace) {
        (Some(archive), _) => Some(Place::archive(archive).map_err(CommandError::usage)?),
        (None, Some(workspace)) => Some(Place::workspace(workspace).map_err(CommandError::usage)?),
        (None, None) => trail.place,
    };
    match named {
        Some(Place::Path(path)) => Ok((Source::path(path).with_times(times), None)),
        Some(place) => {
            let azure = session.azure("")?;
            let source = Source::open(&place, &azure, &secret.vault.host).map_err(CommandError::usage)?;
            Ok((source.with_times(times), Some(azure)))
        }
        None => Err(CommandError::usage(
            Failure::refused(format!("nothing says where the audit trail of `{}` lies", secret.vault.name))
                .help("give `--archive DIR|FILE|URL` or `--workspace ID`, or set `audit` in stanch.yaml"),
        )),
    }
}

fn span(text: &str, option: &str) -> Result<TimeDelta, CommandError> {
    let span = duration::parse(text).and_then(|span| TimeDelta::from_std(span).map_err(|error| error.to_string()));
    span.map_err(|why| {
        CommandError::usage(Failure::refused(format!("`{text}` is no time for `{option}`")).because(why))
    })
}

fn time(text: &str, option: &str) -> Result<Timestamp, CommandError> {
    DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc)).map_err(|_| {
        let failure = Failure::refused(format!("`{text}` is not a time for `{option}`"));
        CommandError::usage(failure.help("RFC 3339 with the zone, for example 2026-11-22T21:40:00Z"))
    })
}
