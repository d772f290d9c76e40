//! The command line: one file per command, each with its arguments and what it does.
//!
//! What they share: [`options`] of every command, [`exit`] codes, a [`session`] of things to work with, [`driving`] a run,
//! and the [`terminal`].

mod abandon;
mod actions;
mod answer;
mod audit;
mod audit_follow;
mod audit_known;
mod audit_tell;
mod audit_watch;
mod chat;
mod completing;
mod drill;
mod driving;
mod emulate;
mod ending;
mod exit;
mod find;
mod found;
mod inventory;
mod lint;
mod log;
mod options;
mod page;
mod past;
mod plan;
mod question;
mod report;
mod reported;
mod resume;
mod room;
mod run;
mod runbooks;
mod runs;
mod sarif;
mod schema;
mod scorecard;
mod serve;
mod session;
mod shell;
mod status;
mod suggestion;
mod terminal;
mod upload;
mod verify;

use crate::command_line::{self, Given};
use crate::failure::Failure;
use crate::visible;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use exit::{CommandError, Exit, Outcome, TABLE};
use options::{ColorChoice, Common};
use page::Page;
pub use session::BUILT_IN;
use std::ffi::OsString;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::ui::{Diagnostics, Ui};

/// Incident-response runbooks for leaked secrets in Azure Key Vault: rotate, revoke, prove, report. Every step is
/// journaled and can be resumed.
#[derive(Debug, Parser)]
#[command(name = "stanch", bin_name = "stanch", version, after_help = TABLE)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what a runbook would do, and whether it could; reads only
    Plan(driving::Args),
    /// Run a runbook: a path, or the name of a built-in
    Run(run::RunArgs),
    /// Go on with a run from its journal
    Resume(resume::Args),
    /// Show where a run stands
    Status(status::Args),
    /// List all runs
    Runs,
    /// Show what happened in a run, from its journal
    Log(log::Args),
    /// Answer yes to a gate
    Approve(answer::GateArgs),
    /// Answer no to a gate
    Reject(answer::GateArgs),
    /// Record the outcome of an action that stanch cannot verify
    Settle(answer::SettleArgs),
    /// Give an unfinished run up: it cannot be resumed, and another one can begin on what it worked on
    Abandon(abandon::Args),
    /// Bring a run of this machine to the store, so that others go on with it
    Upload(upload::Args),
    /// Check a journal's hash chain and print its head
    Verify(verify::Args),
    /// Build the report again, from the journal alone
    Report(report::Args),
    /// Find who read a secret, in an archive of the audit trail or a workspace
    Audit(audit::Args),
    /// Find which secret of which vault holds a leaked value
    Find(find::Args),
    /// List the secrets of vaults: age, owner, rotation due, runbook, last drilled
    Inventory(inventory::Args),
    /// Practise: play an incident on the embedded cloud and get a scorecard
    Drill(drill::Args),
    /// Serve the war room: one page on this machine that follows a run
    Serve(serve::Args),
    /// Serve the embedded cloud
    Emulate(emulate::Args),
    /// List the built-in runbooks, or show what one asks for and does
    Runbooks(runbooks::Args),
    /// Check runbooks; every problem at once
    Lint(lint::Args),
    /// Print the completions of a shell
    Completions(shell::CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(shell::ManArgs),
    /// Show what a step can do
    Actions(actions::Args),
    /// Print the JSON Schema of the runbook language
    Schema,
}

/// A failure as it is told, without colours.
pub fn told(failure: &Failure) -> String {
    Ui { json: false, quiet: false, color: false, results: false }.text(&terminal::ui::describe(failure))
}

/// Runs the program; gives its exit code.
pub fn main() -> ExitCode {
    harden();
    std::panic::set_hook(Box::new(|panic| terminal::ui::panicked(panic.location())));
    if completing::answered(Arguments::command, std::env::args_os()) {
        return ExitCode::SUCCESS;
    }
    let arguments = match parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return complain(error).into(),
    };
    let ui = ui(&arguments.common);
    command_line::give(given(&arguments.common));
    let _terminal = terminal::modes::GivenBack;
    let outcome = ending::listen().and_then(|()| match &arguments.command {
        // Gigabytes of log are read in a few megabytes; what waits for answers would be a tenth of them.
        Command::Audit(args) if args.asks_nobody() => audit::run_on_files(&arguments.common, ui, args),
        _ => wait_for(arguments, ui),
    });
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            ui.error(&error);
            error.exit.into()
        }
    }
}

/// What somebody needs who is in a hurry, or new.
const FIRST_WORDS: &str = "\
Incident-response runbooks for leaked secrets in Azure Key Vault: rotate, revoke, prove, report.

a secret has leaked     stanch plan secret-exposure -i secret=https://VAULT.vault.azure.net/secrets/NAME \\
                          -i exposed_at=2026-11-22T21:40:00Z      changes nothing; `run` in place of `plan` begins
only a value is known   stanch find --vault https://VAULT.vault.azure.net
practise                stanch drill

a run was interrupted   stanch status, then stanch resume
everything else         stanch --help";

/// What commands that are shown need. What the environment says is there when one is pasted.
#[expect(clippy::disallowed_methods, reason = "options may stand in the environment")]
fn given(common: &Common) -> Given {
    let shown = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let state_dir = common.state_dir.clone().filter(|folder| {
        std::env::var_os("STANCH_STATE_DIR").is_none_or(|of_environment| of_environment != folder.as_os_str())
    });
    // A journal may keep what a step says: it is read in other folders as well.
    let state_dir = state_dir.map(|folder| std::path::absolute(&folder).unwrap_or(folder));
    let named = |state: &String| std::env::var("STANCH_STATE").is_ok_and(|of_environment| of_environment == *state);
    let state = common.state.clone().filter(|state| !named(state));
    Given { state_dir: shown(&state_dir), state, config: shown(&common.config), cloud: shown(&common.cloud) }
}

/// The program with one command alone.
#[derive(Debug, Parser)]
#[command(name = "stanch", bin_name = "stanch", version, disable_help_subcommand = true)]
struct Alone {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: AuditAlone,
}

#[derive(Debug, Subcommand)]
enum AuditAlone {
    Audit(audit::Args),
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Gigabytes of log are read in a few megabytes; building what all other commands take would be a third of them.
    // Whatever is wrong, or asks for help, is answered below.
    if arguments.get(1).is_some_and(|command| command == "audit")
        && let Ok(matches) = without_empty_variables(Alone::command()).try_get_matches_from(&arguments)
        && let Ok(Alone { common, command: AuditAlone::Audit(args) }) = Alone::from_arg_matches(&matches)
    {
        return Ok(Arguments { common, command: Command::Audit(args) });
    }
    let matches = without_empty_variables(Arguments::command()).try_get_matches_from(arguments)?;
    Arguments::from_arg_matches(&matches)
}

/// Says what the parser of arguments says. It quotes them as they stand; where that is not what a reader would see, it is
/// asked about what is.
fn complain(error: clap::Error) -> Exit {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        && std::env::args_os().len() == 1
    {
        let ui = Ui { json: false, quiet: false, color: wants_color(ColorChoice::Auto), results: true };
        ui.error(&CommandError::page(Exit::Usage, Page::document(FIRST_WORDS)));
        return Exit::Usage;
    }
    if !error.use_stderr() {
        drop(error.print());
        return Exit::Done;
    }
    let seen = std::env::args_os().map(|argument| visible::line(&argument.to_string_lossy()).into());
    let error = parse(seen).err().filter(clap::Error::use_stderr).unwrap_or(error);
    let ui = Ui { json: false, quiet: false, color: wants_color(ColorChoice::Auto), results: true };
    let text = error.render().to_string();
    let text = text.replacen("error:", &ui.red("error:"), 1);
    ui.error(&CommandError::page(Exit::Usage, Page::document(&text)));
    Exit::Usage
}

/// A variable of the environment that is set to nothing counts as not set. An option with nothing behind it does not:
/// `--cloud "$FORGOTTEN"` must not become a real run.
#[expect(clippy::disallowed_methods, reason = "options may stand in the environment")]
fn without_empty_variables(command: clap::Command) -> clap::Command {
    command.mut_args(|argument| {
        let value = argument.get_env().and_then(std::env::var_os);
        if value.is_some_and(|value| value.is_empty()) { argument.env(None::<&'static str>) } else { argument }
    })
}

/// Runs a command that asks others and waits for their answers.
fn wait_for(arguments: Arguments, ui: Ui) -> Outcome {
    trace(arguments.common.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| {
        CommandError::program(crate::failure::Failure::refused(format!("the program cannot start: {error}")))
    })?;
    let outcome = runtime.block_on(dispatch(arguments, ui));
    // A read may still be under way, from a terminal or a pipe; it must not keep the program from ending.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(arguments: Arguments, ui: Ui) -> Outcome {
    session::check_operator()?;
    let common = arguments.common;
    match arguments.command {
        Command::Plan(args) => plan::run(&common, ui, args).await,
        Command::Run(args) => run::run(&common, ui, args).await,
        Command::Resume(args) => resume::run(&common, ui, args).await,
        Command::Status(args) => status::run(&common, ui, &args),
        Command::Runs => runs::run(&common, ui),
        Command::Log(args) => log::run(&common, ui, &args),
        Command::Approve(args) => answer::approve(&common, ui, args).await,
        Command::Reject(args) => answer::reject(&common, ui, args).await,
        Command::Settle(args) => answer::settle(&common, ui, args).await,
        Command::Abandon(args) => abandon::run(&common, ui, args).await,
        Command::Upload(args) => upload::run(&common, ui, args).await,
        Command::Verify(args) => verify::run(&common, ui, &args),
        Command::Report(args) => report::run(&common, ui, &args),
        Command::Audit(args) => audit::run(&common, ui, args).await,
        Command::Find(args) => find::run(&common, ui, args).await,
        Command::Inventory(args) => inventory::run(&common, ui, args).await,
        Command::Drill(args) => drill::run(&common, ui, args).await,
        Command::Serve(args) => serve::run(&common, ui, args).await,
        Command::Emulate(args) => emulate::run(&common, ui, args).await,
        Command::Runbooks(args) => runbooks::run(ui, &args),
        Command::Lint(args) => lint::run(ui, &args),
        Command::Completions(args) => shell::completions(ui, &args),
        Command::Man(args) => shell::man(ui, &args, Arguments::command()),
        Command::Actions(args) => actions::run(ui, &args),
        Command::Schema => schema::run(ui),
    }
}

fn ui(common: &Common) -> Ui {
    let color = wants_color(common.color);
    Ui { json: common.json, quiet: common.quiet, color, results: true }
}

#[expect(clippy::disallowed_methods, reason = "NO_COLOR is a wish of the environment")]
fn wants_color(choice: ColorChoice) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let wished = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            wished && stderr().is_terminal()
        }
    }
}

/// A core dump would hold secret values.
fn harden() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    // A machine that does not allow it has its own rules for dumps; the run goes on.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).ok();
    set_dumpable_behavior(DumpableBehavior::NotDumpable).ok();
}

/// Diagnostics go to standard error; the Azure crates' own tracing never holds a value or a token.
fn trace(verbose: u8) {
    use tracing::Level;
    use tracing_subscriber::filter::{EnvFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let layer = tracing_subscriber::fmt::layer().with_writer(|| Diagnostics).with_ansi(false);
    let registry = tracing_subscriber::registry().with(layer);
    // The filter of the environment knows patterns, which take some memory to make ready.
    if let Ok(filter) = EnvFilter::try_from_default_env() {
        drop(registry.with(filter).try_init());
        return;
    }
    let targets = match verbose {
        0 => Targets::new().with_default(Level::ERROR),
        1 => Targets::new().with_target("stanch", Level::INFO),
        _ => Targets::new().with_target("stanch", Level::DEBUG),
    };
    drop(registry.with(targets).try_init());
}
