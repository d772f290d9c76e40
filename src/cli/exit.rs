//! The exit codes, documented once; scripts rely on them.

use crate::cli::page::Page;
use crate::failure::Failure;
use serde_json::{Value, json};
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Completed, or the question was answered.
    Done,
    /// An error of the program itself, or of the machine it runs on.
    Program,
    /// Wrong usage, or a runbook, configuration or input that does not pass the checks.
    Usage,
    /// The run stopped on a failed step; it can be resumed.
    Failed,
    /// The run waits for a person or a timer.
    Waiting,
    /// Preflight failed, another run holds the lock, the runbook changed, or the journal is damaged.
    Refused,
    /// The drill missed a target.
    Missed,
    /// Stopped by the keyboard; the journal is whole.
    Interrupted,
    /// Told to end, or left by its terminal; the journal is whole.
    Terminated,
}

/// The table of `--help`.
pub(crate) const TABLE: &str = "\
Exit codes:
  0    completed, or the question was answered
  1    an error of the program itself
  2    wrong usage, or a runbook, configuration or input that does not pass the checks
  3    the run stopped on a failed step (it can be resumed)
  4    the run waits for a person or a timer (approve, settle)
  5    refused: preflight failed, another run holds the lock, the runbook changed, the journal is damaged
  6    the drill missed a target
  130  interrupted (143: terminated); the journal is whole and the run can be resumed";

impl Exit {
    /// The number that scripts see.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Program => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Waiting => 4,
            Self::Refused => 5,
            Self::Missed => 6,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do what it was asked to.
#[derive(Debug)]
pub(crate) struct CommandError {
    pub(crate) exit: Exit,
    pub(crate) shown: Shown,
}

/// What is shown of it.
#[derive(Debug)]
pub(crate) enum Shown {
    /// What, why, and what to do.
    Failure(Failure),
    /// Text that is laid out already.
    Page(Page),
}

/// What commands give back.
pub(crate) type Outcome = Result<Exit, CommandError>;

impl CommandError {
    /// A failure with its exit code.
    pub(crate) fn new(exit: Exit, failure: Failure) -> Self {
        Self { exit, shown: Shown::Failure(failure) }
    }

    /// Laid out text with its exit code.
    pub(crate) fn page(exit: Exit, page: Page) -> Self {
        Self { exit, shown: Shown::Page(page) }
    }

    /// What it says, for scripts.
    pub(crate) fn object(&self) -> Value {
        match &self.shown {
            Shown::Failure(Failure { summary, reasons, help, .. }) => {
                json!({ "summary": summary, "reasons": reasons, "help": help })
            }
            Shown::Page(page) => json!({ "summary": page.lines().join("\n"), "reasons": [], "help": null }),
        }
    }

    /// Wrong usage.
    pub(crate) fn usage(failure: Failure) -> Self {
        Self::new(Exit::Usage, failure)
    }

    /// Refused.
    pub(crate) fn refused(failure: Failure) -> Self {
        Self::new(Exit::Refused, failure)
    }

    /// An error of the machine or the program.
    pub(crate) fn program(failure: Failure) -> Self {
        Self::new(Exit::Program, failure)
    }
}
