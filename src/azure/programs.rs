//! `az` and `azd`, which the official client starts for a person's token.

use crate::programs::{self, AZURE_TOOLS, Complaints, Unanswered};
use async_trait::async_trait;
use azure_identity::Executor;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

/// A token that is at hand comes within seconds; one that has to be fetched, within some more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts them, bounded as every other program.
#[derive(Debug)]
pub(super) struct Programs;

#[async_trait]
impl Executor for Programs {
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let mut command = programs::command(Path::new(program), &AZURE_TOOLS);
        command.args(arguments);
        programs::ask(command, b"", Complaints::Heard, PATIENCE).await.map_err(|unanswered| match unanswered {
            Unanswered::NotStarted(error) | Unanswered::BrokenOff(error) => error,
            Unanswered::TooLong(_) | Unanswered::TooMuch => io::Error::other(unanswered.to_string()),
        })
    }
}
