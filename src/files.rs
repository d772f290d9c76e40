//! Files that we did not just make, opened in one place and as far as each is trusted.
//!
//! | who says where it lies | opened by | what is checked |
//! | --- | --- | --- |
//! | the user, on the command line | [`read_named`] | its size; a regular file or a device, or a descriptor that we were given |
//! | the user, who may have to wait for it | [`read_awaited`] | its size |
//! | a runbook, beside which it lies | [`open_beneath`] | that links do not lead away from there; a regular file |
//! | our configuration, which we trust | [`read_pointed`] | where its links end: a regular file, ours, in folders of ours |
//! | nobody: it lies where we look | [`read_found`] | a regular file, no link, ours, in folders of ours |
//! | our own state directory | [`read_own`], [`open_own`] | a regular file, no link, ours, in folders of ours |
//! | a log's archive, or whoever is told it by its digest | [`open_regular`], [`read_known`] | a regular file |
//!
//! *Ours* means, as for ssh and git: it belongs to who we are or to root, and nobody else may write to it. Under `sudo` it
//! may belong to who called it, as for git. A folder that others may write to lets them swap what lies in it, unless it is
//! sticky, as `/tmp` is. A group that holds nobody but its user, which is the usual one on many systems, is not others.
//! What is checked is the descriptor that is read, so that nothing can be swapped in between, and nothing waits at the
//! opening of a FIFO.

#![expect(clippy::disallowed_methods, reason = "this is where files are opened that we did not just make")]

use crate::failure::Failure;
use rustix::fs::OFlags;
use std::fmt;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Written by people: configurations, templates, answers.
pub const LARGEST_TEXT: usize = 4 << 20;
/// A key, a token, a certificate with its chain.
pub const LARGEST_CREDENTIAL: usize = 1 << 20;

const WRITABLE_BY_GROUP: u32 = 0o020;
const WRITABLE_BY_ANYBODY: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Why a file or a folder is not trusted. It travels in an [`io::Error`]; [`distrust`] finds it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distrust {
    path: PathBuf,
    reasons: Vec<String>,
    remedy: String,
}

impl Distrust {
    fn new(path: &Path, reasons: Vec<String>, remedy: impl Into<String>) -> Self {
        Self { path: path.to_owned(), reasons, remedy: remedy.into() }
    }

    /// What is told of it: the path, its owner and mode, and what to do.
    pub fn failure(&self) -> Failure {
        let mut failure = Failure::refused(format!("`{}` cannot be trusted", self.path.display())).help(&self.remedy);
        failure.reasons.clone_from(&self.reasons);
        failure
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, reasons, remedy } = self;
        write!(formatter, "`{}` cannot be trusted: {}; {remedy}", path.display(), reasons.join(", and "))
    }
}

impl std::error::Error for Distrust {}

impl From<Distrust> for io::Error {
    fn from(distrust: Distrust) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, distrust)
    }
}

/// Why a file was not opened, where that is because it is not trusted.
pub fn distrust(error: &io::Error) -> Option<&Distrust> {
    error.get_ref()?.downcast_ref()
}

/// Reads what the user named, whosesoever: a regular file, or what the shell handed over.
pub fn read_named(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    bounded(path, open_named(path)?, most)
}

/// Opens what the user named, for whoever bounds what is read of it. A FIFO that lies there would keep us waiting for
/// whoever may write into it; what the shell handed over (`<(…)`, `/dev/stdin`) is written by who called us.
pub fn open_named(path: &Path) -> io::Result<File> {
    if is_handed_over(path) {
        return File::open(path);
    }
    let file = OpenOptions::new().read(true).custom_flags(flags(OFlags::NONBLOCK)).open(path)?;
    let kind = file.metadata()?.file_type();
    // A device answers at once, `/dev/null` as well.
    if kind.is_char_device() { Ok(file) } else { regular(path, &file.metadata()?).map(|()| file) }
}

/// Reads what the user named and may have to wait for: a FIFO as well.
pub fn read_awaited(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    bounded(path, File::open(path)?, most)
}

/// Whether what lies there is written while it is read.
pub fn is_awaited(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.file_type().is_fifo())
}

/// Whether a path names a descriptor of ours.
fn is_handed_over(path: &Path) -> bool {
    let handed_over = ["/dev/fd/", "/proc/self/fd/", "/dev/stdin"];
    handed_over.iter().any(|begin| path.to_str().is_some_and(|path| path.starts_with(begin) && !path.contains("..")))
}

/// The same as a text.
pub fn text_named(path: &Path, most: usize) -> io::Result<String> {
    text(read_named(path, most)?)
}

/// Reads a file that nobody named: it lies where we look.
pub fn read_found(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    read_own(&real_folder(&folder_of(path))?.join(name), most)
}

/// Reads a file that our configuration points to.
pub fn read_pointed(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    read_found(&fs::canonicalize(path)?, most)
}

/// The same as a text.
pub fn text_pointed(path: &Path, most: usize) -> io::Result<String> {
    text(read_pointed(path, most)?)
}

/// Reads a regular file whose bytes are told from others by a digest, so that nothing else of it has to be trusted.
pub fn read_known(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    bounded(path, open_regular(path)?, most)
}

/// The same as a text.
pub fn text_known(path: &Path, most: usize) -> io::Result<String> {
    text(read_known(path, most)?)
}

/// Reads a file of our state directory.
pub fn read_own(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    bounded(path, open_own(path, OpenOptions::new().read(true))?, most)
}

/// The same as a text.
pub fn text_own(path: &Path, most: usize) -> io::Result<String> {
    text(read_own(path, most)?)
}

/// Opens a file of our state directory, as the options say; one that they create is ours. Its folder, and the way there,
/// may be links of ours to where nobody else may write: a run's folder among them.
pub fn open_own(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    check_folder(&folder_of(path))?;
    let opened = options.custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK)).open(path);
    let file = opened.map_err(|error| match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => link(path).into(),
        _ => error,
    })?;
    let found = file.metadata()?;
    regular(path, &found)?;
    ours(path, &found, false)?;
    Ok(file)
}

/// Opens a file whose content is judged elsewhere, but that must not make anybody wait.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(flags(OFlags::NONBLOCK)).open(path)?;
    regular(path, &file.metadata()?)?;
    Ok(file)
}

/// Opens a regular file below a folder: no link leads out of it.
pub fn open_beneath(folder: &Path, path: &str) -> io::Result<File> {
    let root = fs::canonicalize(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
    let real = fs::canonicalize(root.join(path))?;
    if real.starts_with(&root) {
        return open_regular(&real);
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "it leads out of the runbook's folder"))
}

/// Writes a file whole or not at all, in the place of whatever lay there, for its owner's eyes only.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Makes a folder of ours, for its owner's eyes only, unless it is there; then it must be ours.
pub fn make_folder(path: &Path) -> io::Result<()> {
    check_place(path)?;
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    check_folder(path)
}

/// Checks the place of a folder, which need not exist yet: nobody else may put anything in it, or in its place.
pub fn check_place(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    if path.exists() {
        return check_folder(&path);
    }
    match path.ancestors().find(|folder| folder.exists()) {
        Some(folder) => check_way(folder, true),
        None => Ok(()),
    }
}

/// Whether a file may be started.
pub fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
}

/// Checks a program that is to be started, wherever links lead: nobody else may have written it, or put it there.
pub fn check_program(path: &Path) -> io::Result<()> {
    let real = fs::canonicalize(path)?;
    let found = fs::metadata(&real)?;
    regular(&real, &found)?;
    ours(&real, &found, false)?;
    check_folder(&folder_of(path))?;
    check_folder(&folder_of(&real))
}

fn check_folder(path: &Path) -> io::Result<()> {
    check_way(path, false)
}

/// Checks a folder and those above it, along the links on the way and along what they lead to. `may_be_sticky` says
/// whether the last one may be one where others have files of theirs.
fn check_way(path: &Path, may_be_sticky: bool) -> io::Result<()> {
    let given = std::path::absolute(path)?;
    let real = fs::canonicalize(&given)?;
    let ways = if given == real { vec![&real] } else { vec![&given, &real] };
    for way in ways {
        for (up, folder) in way.ancestors().enumerate() {
            let found = fs::symlink_metadata(folder)?;
            if found.is_symlink() {
                owned(folder, &found)?;
            } else {
                ours(folder, &found, up > 0 || may_be_sticky)?;
            }
        }
    }
    if real.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// Whether it belongs to somebody we trust.
fn owned(path: &Path, found: &Metadata) -> io::Result<()> {
    match whose(found) {
        None => Ok(()),
        Some(reason) => Err(Distrust::new(path, vec![reason], remedies(path, true, false)).into()),
    }
}

/// Whether it belongs to somebody we trust, and nobody else may write to it.
fn ours(path: &Path, found: &Metadata, may_be_sticky: bool) -> io::Result<()> {
    let mode = found.mode();
    let is_sticky = may_be_sticky && found.is_dir() && mode & STICKY != 0;
    let by_group = mode & WRITABLE_BY_GROUP != 0 && !is_private_group(found.gid());
    let is_open = !is_sticky && (by_group || mode & WRITABLE_BY_ANYBODY != 0);
    let owner = whose(found);
    let writers =
        if mode & WRITABLE_BY_ANYBODY != 0 { "everybody".to_owned() } else { format!("group {}", found.gid()) };
    let open = is_open.then(|| format!("{writers} may write to it (mode {:04o})", mode & 0o7777));
    let reasons: Vec<String> = owner.clone().into_iter().chain(open).collect();
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(Distrust::new(path, reasons, remedies(path, owner.is_some(), is_open)).into()),
    }
}

/// Why the owner is not trusted; nothing if it is.
fn whose(found: &Metadata) -> Option<String> {
    let (owner, own) = (found.uid(), own_uid());
    let is_trusted = owner == own || owner == 0 || (own == 0 && Some(owner) == sudo_uid());
    (!is_trusted).then(|| format!("it belongs to uid {owner}, and you are uid {own}"))
}

fn remedies(path: &Path, owner: bool, mode: bool) -> String {
    let plain = |character: char| character.is_alphanumeric() || "-_./+=:@,".contains(character);
    let shown = path.display().to_string();
    let shown = if shown.chars().all(plain) { shown } else { "PATH".to_owned() };
    let commands =
        [owner.then(|| format!("`chown {} {shown}`", own_uid())), mode.then(|| format!("`chmod go-w {shown}`"))];
    let commands: Vec<String> = commands.into_iter().flatten().collect();
    format!("look at who put it there, then {}", commands.join(" and "))
}

fn regular(path: &Path, found: &Metadata) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let what = if found.is_dir() { "it is a folder" } else { "it is a FIFO, a socket or a device" };
    Err(Distrust::new(path, vec![format!("{what}, no regular file")], "look at who put it there, then take it away")
        .into())
}

fn link(path: &Path) -> Distrust {
    let reason = "it is a symbolic link, which may lead anywhere".to_owned();
    Distrust::new(path, vec![reason], "look at who put it there, then put the file itself in its place")
}

/// A user may call root's programs by `sudo` on files of theirs: git trusts these as well.
fn sudo_uid() -> Option<u32> {
    std::env::var("SUDO_UID").ok()?.parse().ok()
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether a group is the one that a user has alone, which lets systems give all files to it that a user makes: it has the
/// user's name, and nobody else is in it.
fn is_private_group(group: u32) -> bool {
    let own = own_uid();
    if own == 0 {
        return false;
    }
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (users, groups) = (read("/etc/passwd"), read("/etc/group"));
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<String>>();
    let (own, group) = (own.to_string(), group.to_string());
    let user = users.lines().map(fields).find(|fields| fields.get(2) == Some(&own) && fields.get(3) == Some(&group));
    let Some(name) = user.and_then(|fields| fields.first().cloned()) else { return false };
    let is_alone = users.lines().map(fields).filter(|fields| fields.get(3) == Some(&group)).count() == 1;
    let group = groups.lines().map(fields).find(|fields| fields.get(2) == Some(&group));
    let is_named = |fields: &Vec<String>| {
        let members = fields.get(3).map(String::as_str).unwrap_or_default();
        fields.first() == Some(&name) && (members.is_empty() || members == name)
    };
    is_alone && group.as_ref().is_some_and(is_named)
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// A folder by its links' ends, once the way there is checked.
fn real_folder(folder: &Path) -> io::Result<PathBuf> {
    check_folder(folder)?;
    fs::canonicalize(folder)
}

fn flags(flags: OFlags) -> i32 {
    i32::try_from(flags.bits()).unwrap_or_default()
}

fn bounded(path: &Path, file: File, most: usize) -> io::Result<Vec<u8>> {
    let expected = file.metadata().ok().and_then(|found| usize::try_from(found.len()).ok()).unwrap_or_default();
    // A value that is read lies in memory once: the buffer does not grow.
    let mut bytes = Vec::with_capacity(expected.min(most) + 1);
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() <= most {
        return Ok(bytes);
    }
    let error = format!("`{}` is too large: at most {most} bytes are read", path.display());
    Err(io::Error::new(io::ErrorKind::FileTooLarge, error))
}

/// What is left to read of an open file, unless it is more than it should be.
pub fn rest(file: &mut File, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() <= most { Ok(bytes) } else { Err(io::ErrorKind::FileTooLarge.into()) }
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}
