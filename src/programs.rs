//! Programs of others: where they lie, what they are told of us, and how long and how much they are heard.
//!
//! A program gets its arguments, and of our environment what every program needs to find its way: no credential, no setting
//! of ours or of Azure's. Whoever names it may name more. It is found by its whole path or in the folders of the search path
//! that do not depend on where we are, and nobody but us and root may be able to write it.
//!
//! Each is the head of a process group, so that what it started ends with it: when it says too much, when it takes too
//! long, when nobody waits for it any more, and when this program ends. Only a death without warning (`kill -9`) leaves
//! one behind.

#![expect(clippy::disallowed_methods, reason = "this is where the environment of other programs is made")]

use crate::files;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// Handed on to every program, with `LC_…`.
const HANDED_ON: [&str; 5] = ["HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR"];
/// What Azure's own tools need: where their login lies, and the way out of a network.
pub const AZURE_TOOLS: [&str; 11] = [
    "AZURE_CONFIG_DIR",
    "AZD_CONFIG_DIR",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Where a program lies that is named by its whole path, or is in the search path.
pub fn find(name: &str) -> io::Result<PathBuf> {
    let path = Path::new(name);
    if path.is_absolute() {
        return files::check_program(path).map(|()| path.to_owned());
    }
    if path.components().count() != 1 || name.contains('/') {
        let error = format!("`{name}` depends on where stanch is started; write its whole path");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    let found = folders().into_iter().map(|folder| folder.join(path)).find(|path| files::is_program(path));
    let found = found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is in no folder of PATH"))?;
    files::check_program(&found).map(|()| found)
}

/// A program with a clean environment; `more` are the names of variables that it gets as well.
pub fn command(program: &Path, more: &[impl AsRef<str>]) -> Command {
    let mut command = Command::new(program);
    let more = more.iter().map(AsRef::as_ref).map(OsString::from);
    let localized =
        std::env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"LC_"));
    let names = HANDED_ON.iter().map(OsString::from).chain(localized).chain(more);
    command.env_clear().envs(names.filter_map(|name| Some((name.clone(), std::env::var_os(name)?))));
    if let Ok(path) = std::env::join_paths(folders()) {
        command.env("PATH", path);
    }
    command
}

/// The folders of the search path. An empty one means the folder where we are, as `.` does: neither is looked into.
fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path as &OsStr).filter(|folder| folder.is_absolute()).collect()
}

/// More than this no program has to say, on either of its outputs.
pub const LARGEST_OUTPUT: usize = 1 << 20;

/// Why there is no answer of a program.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    #[error("it cannot be started: {0}")]
    NotStarted(io::Error),
    #[error("it wrote more than {} KiB and was ended", LARGEST_OUTPUT >> 10)]
    TooMuch,
    #[error("it took longer than {} s and was ended", .0.as_secs())]
    TooLong(Duration),
    #[error("it broke off: {0}")]
    BrokenOff(io::Error),
}

/// The groups of those that are at work.
static AT_WORK: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn at_work() -> MutexGuard<'static, BTreeSet<i32>> {
    AT_WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends every program that is at work, and what they started.
pub fn end_all() {
    for group in at_work().iter() {
        end(*group);
    }
}

fn end(group: i32) {
    if let Some(group) = Pid::from_raw(group) {
        // It may have ended by itself.
        kill_process_group(group, Signal::KILL).ok();
    }
}

/// A program's group, ended when this is dropped unless it came to its end by itself. Its head is waited for by nobody
/// before, so that its number cannot be somebody else's.
struct Group(Option<i32>);

impl Group {
    fn of(child: &Child) -> Self {
        let group = child.id().and_then(|id| i32::try_from(id).ok());
        at_work().extend(group);
        Self(group)
    }

    fn came_to_its_end(mut self) {
        if let Some(group) = self.0.take() {
            at_work().remove(&group);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            end(group);
            at_work().remove(&group);
        }
    }
}

/// What a program's standard error is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaints {
    /// It may hold anything, and is not looked at.
    Dropped,
    Heard,
}

/// Starts a program, gives it its input, and waits for its end.
///
/// # Errors
/// If it cannot be started, says more than [`LARGEST_OUTPUT`], or takes longer than `longest`. It has ended then.
pub async fn ask(
    mut command: Command,
    input: &[u8],
    complaints: Complaints,
    longest: Duration,
) -> Result<Output, Unanswered> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(if complaints == Complaints::Heard { Stdio::piped() } else { Stdio::null() })
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(Unanswered::NotStarted)?;
    let group = Group::of(&child);
    let answer = tokio::time::timeout(longest, heard_out(&mut child, input)).await;
    match answer {
        Ok(Ok(output)) => {
            group.came_to_its_end();
            Ok(output)
        }
        Ok(Err(unanswered)) => Err(unanswered),
        Err(_) => Err(Unanswered::TooLong(longest)),
    }
}

async fn heard_out(child: &mut Child, input: &[u8]) -> Result<Output, Unanswered> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let give = async {
        if let Some(mut stdin) = stdin {
            // A program that does not read its input says by its exit status what it thinks of it.
            drop(stdin.write_all(input).await);
        }
        Ok(())
    };
    let ((), stdout, stderr) = tokio::try_join!(give, all_of(stdout), all_of(stderr))?;
    let status = child.wait().await.map_err(Unanswered::BrokenOff)?;
    Ok(Output { status, stdout, stderr })
}

async fn all_of(output: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, Unanswered> {
    let mut bytes = Vec::new();
    if let Some(output) = output {
        let most = LARGEST_OUTPUT as u64 + 1;
        output.take(most).read_to_end(&mut bytes).await.map_err(Unanswered::BrokenOff)?;
    }
    if bytes.len() > LARGEST_OUTPUT { Err(Unanswered::TooMuch) } else { Ok(bytes) }
}
