//! `stanch emulate`: the embedded cloud as a process of its own.

#![expect(
    clippy::disallowed_methods,
    reason = "the scenario is a file that the user named, and may point into the environment"
)]

use super::completing;
use super::ending::InOrder;
use super::exit::{CommandError, Outcome};
use super::options::Common;
use super::terminal::ui::Ui;
use crate::cloud::scenario::Scenario;
use crate::cloud::{self, Limits, Options};
use crate::command_line::CommandLine;
use crate::failure::Failure;
use crate::files::{self, LARGEST_TEXT};
use crate::runbook::diagnostic::nearest;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; loopback only
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Serve HTTPS, signed by an authority of its own
    #[arg(long)]
    tls: bool,
    /// Seed secrets and play consumers and attackers: a file, or the name of a built-in scenario
    #[arg(long, value_name = "FILE", add = completing::scenarios())]
    scenario: Option<String>,
    /// Where the audit trail, certificates and credentials are kept [default: a folder that goes with the process]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Enforce the published limits: 300 creates and 4,000 other calls per vault in 10 s
    #[arg(long)]
    limits: bool,
    /// Written, by a rename, once connections are accepted
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

pub(crate) async fn run(_common: &Common, ui: Ui, args: Args) -> Outcome {
    if !args.listen.ip().is_loopback() {
        let failure = Failure::refused(format!("`{}` is not a loopback address", args.listen));
        return Err(CommandError::usage(
            failure.help("the embedded cloud gives tokens to everyone; it listens on 127.0.0.1 or [::1] only"),
        ));
    }
    let scenario = args.scenario.as_deref().map(read_scenario).transpose()?;
    // The folder goes with the process, however it is told to end.
    let in_order = InOrder::hold();
    let temporary = match &args.data {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(|error| unwritable(&std::env::temp_dir(), &error))?),
    };
    let data = args.data.clone().or_else(|| temporary.as_ref().map(|folder| folder.path().to_owned()));
    let options = Options {
        listen: args.listen,
        tls: args.tls,
        scenario,
        limits: args.limits.then_some(Limits::PUBLISHED),
        ready_file: args.ready_file.clone(),
        ..Options::new(data.unwrap_or_default())
    };
    let running = cloud::serve(options).await.map_err(|error| cannot_start(&error))?;
    ui.note(&format!("serving {}", running.ready().base_url));
    if let Some(path) = &args.ready_file {
        ui.note(&format!("use it with `--cloud {}`; stop it with Ctrl-C", path.display()));
    }
    let told = in_order.wait().await;
    running.shutdown().await;
    drop(temporary);
    Ok(told)
}

fn cannot_start(error: &cloud::Error) -> CommandError {
    let source = std::error::Error::source(error);
    let failure = Failure::refused("the embedded cloud cannot start").because(error.to_string());
    match source.and_then(|source| source.downcast_ref()).and_then(files::distrust) {
        Some(distrust) => CommandError::refused(distrust.failure().help("name a folder of yours with `--data`")),
        None => {
            CommandError::program(source.into_iter().fold(failure, |failure, why| failure.because(why.to_string())))
        }
    }
}

/// A scenario by its file or its name.
pub(crate) fn read_scenario(name: &str) -> Result<Scenario, CommandError> {
    let text = match Scenario::builtin_text(name) {
        Some(text) => text.to_owned(),
        None => files::text_named(Path::new(name), LARGEST_TEXT).map_err(|error| {
            let names: Vec<&str> = Scenario::builtin_names().collect();
            let failure = Failure::refused(format!("the scenario `{name}` cannot be read")).because(error.to_string());
            CommandError::usage(failure.help(match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("give a path, or the name of a built-in: {}", names.join(", ")),
            }))
        })?,
    };
    let mut scenario = Scenario::parse(&text).map_err(|problem| {
        CommandError::usage(Failure::refused(format!("the scenario `{name}` cannot be used")).because(problem))
    })?;
    let set = |variable: &str| std::env::var(variable).ok().filter(|value| !value.is_empty());
    scenario.fetch(&set).map_err(|missing| {
        let summary = format!("the scenario `{name}` needs a server of yours, and is not told which");
        let why = format!("not set in the environment: {}", missing.join(", "));
        let show = CommandLine::stanch("drill").name(name).words("--show");
        let help = format!("`{show}` prints the scenario, and at its head how to set it up");
        CommandError::usage(Failure::refused(summary).because(why).help(help).and("nothing was changed"))
    })?;
    Ok(scenario)
}

fn unwritable(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::program(
        Failure::refused(format!("`{}` cannot be written", path.display())).because(error.to_string()),
    )
}
