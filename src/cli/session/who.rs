//! Who is at work here: the name that is claimed, and what the machine knows.

#![expect(clippy::disallowed_methods, reason = "the environment holds names, and the kernel tells who is who in files")]

use crate::cli::exit::CommandError;
use crate::engine::person::{self, Seen};
use crate::failure::Failure;
use crate::journal::Claimant;
use crate::redaction::without_credentials;
use std::fs::read_to_string;
use std::io::{stderr, stdin};

/// What the kernel gives as the user who logged in where nobody did.
const NOBODY: u32 = u32::MAX;

/// What whoever is at work is called: what they say, else what the machine says.
pub(crate) fn operator() -> String {
    let set =
        |variable: &str| std::env::var(variable).ok().and_then(|name| person::name(&without_credentials(&name)).ok());
    let uid = uid();
    set("STANCH_OPERATOR")
        .or_else(|| set("USER"))
        .or_else(|| set("LOGNAME"))
        .or_else(|| login(uid).and_then(|login| person::name(&login).ok()))
        .unwrap_or_else(|| format!("user {uid}"))
}

/// Refuses a name that was given on purpose and is none.
pub(crate) fn check_operator() -> Result<(), CommandError> {
    let Some(name) = std::env::var_os("STANCH_OPERATOR").filter(|name| !name.is_empty()) else { return Ok(()) };
    person::name(&name.to_string_lossy()).map(drop).map_err(|why| {
        let failure = Failure::refused("STANCH_OPERATOR holds no name").because(why);
        CommandError::usage(failure.help("set it to the name that you answer with, or unset it"))
    })
}

/// The machine's name.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Who wants to work on a run.
pub(crate) fn claimant() -> Claimant {
    Claimant { operator: operator(), host: host(), takes_over: false }
}

/// What the machine knows of whoever started this process.
pub(crate) fn seen() -> Seen {
    let login_uid = read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
    let terminal = rustix::termios::ttyname(stdin(), Vec::new())
        .or_else(|_| rustix::termios::ttyname(stderr(), Vec::new()))
        .ok()
        .map(|name| name.to_string_lossy().into_owned());
    Seen { login_uid: login_uid.filter(|uid| *uid != NOBODY), terminal, ..seen_of(uid()) }
}

/// What the machine knows of a user.
pub(crate) fn seen_of(uid: u32) -> Seen {
    let boot = read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned());
    Seen { uid, login: login(uid), host: host(), boot, ..Seen::default() }
}

/// The user who started this process. Whoever makes himself another one, in a namespace of his own, stays who he is.
fn uid() -> u32 {
    let uid = rustix::process::getuid().as_raw();
    let map = read_to_string("/proc/self/uid_map").unwrap_or_default();
    let outside = map.lines().find_map(|line| {
        let mut numbers = line.split_whitespace().filter_map(|number| number.parse::<u32>().ok());
        let (inside, outside, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let distance = uid.checked_sub(inside).filter(|distance| *distance < count)?;
        outside.checked_add(distance)
    });
    outside.unwrap_or(uid)
}

fn login(uid: u32) -> Option<String> {
    nix::unistd::User::from_uid(uid.into()).ok().flatten().map(|user| user.name)
}
