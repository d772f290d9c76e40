//! A folder → the files of one vault and window, opened as streams of plain bytes.
//!
//! The tree is `[insights-logs-auditevent/]resourceId=/…/VAULTS/VAULT/y=/m=/d=/h=/m=00/PT1H.json[.gz]`, entered at any
//! level. A folder is left out only if its own name says that it holds another vault, service or time.
#![expect(clippy::disallowed_methods, reason = "the archive is an edge: its files are listed and opened here alone")]

use super::coverage::{LATENESS, hour_of};
use super::question::Question;
use crate::clock::Timestamp;
use crate::failure::Failure;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Utc};
use flate2::read::MultiGzDecoder;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const CONTAINER: &str = "insights-logs-auditevent";
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// One file of the log.
#[derive(Debug)]
pub(crate) struct LogFile {
    pub(crate) path: PathBuf,
    /// The hour its folder stands for, counted from 1970; none outside of the tree.
    pub(crate) hour: Option<i64>,
}

/// The files of the question's vault and window, in order.
///
/// # Errors
/// If `archive` does not exist or a folder in it cannot be read: an answer from a part of the log would look whole.
pub(crate) fn find_files(archive: &Path, question: &Question) -> Result<Vec<LogFile>, Failure> {
    let metadata = fs::metadata(archive).map_err(|error| {
        Failure::refused(format!("no audit archive at `{}`", archive.display()))
            .because(error.to_string())
            .help(format!("give the `{CONTAINER}` folder, the folder it lies in, or one below it"))
    })?;
    if metadata.is_file() {
        return Ok(vec![LogFile { path: archive.to_owned(), hour: None }]);
    }
    let root = fs::canonicalize(archive).map_err(|error| cannot_list(archive, &error))?;
    let container = archive.join(CONTAINER);
    let start = if container.is_dir() { container } else { archive.to_owned() };
    let Some(place) = Place::of_root(&root, question) else {
        return Ok(Vec::new());
    };
    let mut walk = Walk { question, root, visited: BTreeSet::new(), files: Vec::new() };
    walk.folder(&start, &place)?;
    walk.files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(walk.files)
}

/// Opens a file, decompressing it if it is compressed, whatever its name.
///
/// # Errors
/// If it cannot be opened or its first bytes cannot be read.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = File::open(path)?;
    let mut beginning = Vec::with_capacity(GZIP_MAGIC.len());
    file.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut beginning)?;
    let compressed = beginning == GZIP_MAGIC;
    let whole = io::Cursor::new(beginning).chain(file);
    Ok(if compressed { Box::new(MultiGzDecoder::new(io::BufReader::new(whole))) } else { Box::new(whole) })
}

struct Walk<'q> {
    question: &'q Question,
    root: PathBuf,
    visited: BTreeSet<PathBuf>,
    files: Vec<LogFile>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, place: &Place) -> Result<(), Failure> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(folder).map_err(|error| cannot_list(folder, &error))? {
            names.insert(entry.map_err(|error| cannot_list(folder, &error))?.file_name());
        }
        for name in &names {
            let path = folder.join(name);
            let text = name.to_string_lossy();
            let metadata = fs::symlink_metadata(&path).map_err(|error| cannot_list(&path, &error))?;
            let is_link = metadata.is_symlink();
            let is_folder = if is_link { path.is_dir() } else { metadata.is_dir() };
            if !is_folder {
                // A file that was decompressed beside its original would count twice.
                let has_twin =
                    text.strip_suffix(".gz").is_some_and(|plain| names.contains(plain.as_ref() as &std::ffi::OsStr));
                if is_log(&text) && !has_twin {
                    self.files
                        .push(LogFile { path, hour: place.start().filter(|_| place.hour.is_some()).map(hour_of) });
                }
                continue;
            }
            let inner = place.enter(&text, self.question).filter(|inner| inner.meets(self.question));
            if let Some(inner) = inner
                && (!is_link || self.is_new(&path)?)
            {
                self.folder(&path, &inner)?;
            }
        }
        Ok(())
    }

    /// Whether a linked folder lies outside of the archive and was not seen before: links may go round in circles.
    fn is_new(&mut self, link: &Path) -> Result<bool, Failure> {
        let target = fs::canonicalize(link).map_err(|error| cannot_list(link, &error))?;
        Ok(!target.starts_with(&self.root) && !self.root.starts_with(&target) && self.visited.insert(target))
    }
}

/// Where in the tree a folder lies.
#[derive(Clone, Debug, Default)]
struct Place {
    parent: String,
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: Option<u32>,
}

impl Place {
    /// The place of the given folder, unless it belongs to another vault or service. What lies above the tree is the
    /// user's, and means nothing.
    fn of_root(root: &Path, question: &Question) -> Option<Self> {
        let names = root.components().map(|component| component.as_os_str().to_string_lossy());
        let mut names = names.skip_while(|name| !name.to_lowercase().starts_with("resourceid="));
        names.try_fold(Self::default(), |place, name| place.enter(&name, question))
    }

    /// The place of a folder inside of this one, unless its name says that it belongs to another vault or service.
    fn enter(&self, name: &str, question: &Question) -> Option<Self> {
        let lower = name.to_lowercase();
        let foreign = match self.parent.as_str() {
            "vaults" => lower != question.vault,
            "providers" => lower != "microsoft.keyvault",
            _ => lower.starts_with("insights-") && lower != CONTAINER,
        };
        if foreign {
            return None;
        }
        let mut inner = self.clone();
        match lower.split_once('=') {
            Some(("y", year)) => inner.year = year.parse().ok(),
            // Below the hour, `m=` is the minute.
            Some(("m", month)) if self.hour.is_none() => inner.month = month.parse().ok(),
            Some(("d", day)) => inner.day = day.parse().ok(),
            Some(("h", hour)) => inner.hour = hour.parse().ok(),
            _ => {}
        }
        inner.parent = lower;
        Some(inner)
    }

    /// Whether the folder may hold entries of the window: an entry lies in the hour it reached the archive in, which may
    /// be a little after it happened.
    fn meets(&self, question: &Question) -> bool {
        let (Some(start), Some(end)) = (self.start(), self.end()) else {
            return true;
        };
        end > question.since && start - question.until < LATENESS
    }

    fn first_day(&self) -> Option<NaiveDate> {
        let month = self.month.unwrap_or(1);
        NaiveDate::from_ymd_opt(self.year?, month, self.day.unwrap_or(1))
    }

    fn start(&self) -> Option<Timestamp> {
        self.first_day()?.and_hms_opt(self.hour.unwrap_or(0), 0, 0).map(|start| start.and_utc())
    }

    fn end(&self) -> Option<Timestamp> {
        if self.hour.is_some() {
            return self.start()?.checked_add_signed(TimeDelta::hours(1));
        }
        let day = self.first_day()?;
        let next = match (self.month, self.day) {
            (Some(_), Some(_)) => day.checked_add_days(Days::new(1)),
            (Some(_), None) => day.checked_add_months(Months::new(1)),
            _ => NaiveDate::from_ymd_opt(day.year() + 1, 1, 1),
        };
        next?.and_hms_opt(0, 0, 0).map(|end| DateTime::<Utc>::from_naive_utc_and_offset(end, Utc))
    }
}

fn is_log(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".json", ".jsonl", ".ndjson", ".log"].iter().any(|extension| name.ends_with(extension))
}

fn cannot_list(path: &Path, error: &io::Error) -> Failure {
    Failure::refused(format!("the audit archive cannot be listed at `{}`", path.display()))
        .because(error.to_string())
        .help("let this user read the whole archive, or give the folder of this vault alone")
}
