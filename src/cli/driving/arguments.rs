//! What `run`, `plan` and their kin are given.

use crate::cli::completing;
use crate::cli::exit::CommandError;
use crate::cli::session;
use crate::cli::terminal::people::Answers;
use crate::cli::terminal::secret_prompt::StandardInput;
use crate::cli::terminal::ui::Ui;
use crate::failure::Failure;
use crate::runbook::syntax;
use crate::secret::{Nobody, SecretPrompt};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Path of a runbook, `-` for standard input, or the name of a built-in (`secret-exposure`)
    #[arg(add = completing::runbooks())]
    pub(super) runbook: String,
    /// An input
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    input: Vec<String>,
    /// Inputs from a JSON or YAML file; `-i` wins
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// The run's id [default: made from the time]
    #[arg(long, value_name = "ID")]
    pub(super) run_id: Option<String>,
    #[command(flatten)]
    pub(crate) answering: Answering,
}

/// Who answers what the run asks.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Answering {
    /// Answers to the questions of the run, by step, from a YAML file
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Read the value that a person has to enter from standard input
    #[arg(long)]
    secret_stdin: bool,
    /// Take the value that a person enters as it is, although it is not like the old one
    #[arg(long)]
    as_entered: bool,
}

impl Answering {
    /// Who is asked for a value: standard input if it was said so, a hidden prompt at a terminal, else nobody.
    pub(crate) fn secret_prompt(&self, ui: Ui) -> Arc<dyn SecretPrompt> {
        if self.secret_stdin || ui.asks() {
            return Arc::new(StandardInput { as_entered: self.as_entered });
        }
        Arc::new(Nobody)
    }

    /// The answers, if a file of them was given.
    pub(crate) fn read(&self) -> Result<Answers, CommandError> {
        self.answers.as_deref().map(Answers::read).transpose().map(Option::unwrap_or_default)
    }
}

impl Args {
    /// Arguments as another command gives them.
    pub(crate) fn played(runbook: &str, input: Vec<String>, answers: Option<PathBuf>) -> Self {
        let answering = Answering { answers, ..Answering::default() };
        Self { runbook: runbook.to_owned(), input, inputs: None, run_id: None, answering }
    }
}

pub(super) fn inputs(args: &Args) -> Result<Map<String, Value>, CommandError> {
    let mut given = Map::new();
    if let Some(path) = &args.inputs {
        let text = session::read_file(path, "the file of inputs")?;
        let wrong = |why: String| {
            let summary = format!("the file of inputs `{}` is no mapping of names to values", path.display());
            CommandError::usage(Failure::refused(summary).because(why).help("write one `NAME: VALUE` a line"))
        };
        let tree = syntax::parse(&text).map_err(|problem| {
            let line = text.get(..problem.span.offset).unwrap_or_default().split('\n').count();
            wrong(format!("line {line} is not YAML"))
        })?;
        given = match tree.as_written() {
            Value::Object(given) => given,
            _ => return Err(wrong(format!("it holds {}", tree.kind()))),
        };
        // It may be another file than was meant, of which nothing is shown.
        let is_name = |name: &String| name.chars().all(|letter| letter.is_alphanumeric() || "_-".contains(letter));
        if !given.keys().all(is_name) {
            let summary = format!("the file of inputs `{}` holds what cannot be the name of an input", path.display());
            return Err(CommandError::usage(Failure::refused(summary).help("write one `NAME: VALUE` a line")));
        }
    }
    for input in &args.input {
        let Some((name, value)) = input.split_once('=') else {
            let failure = Failure::refused(format!("`{input}` is not an input"));
            return Err(CommandError::usage(failure.help("write `-i NAME=VALUE`")));
        };
        given.insert(name.to_owned(), Value::from(value));
    }
    Ok(given)
}
