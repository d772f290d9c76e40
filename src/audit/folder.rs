//! A folder → the files of the vaults and the time that are asked about, opened as streams of bytes.
#![expect(clippy::disallowed_methods, reason = "an archive on disk is an edge: its files are listed and opened here")]

use super::place::{CONTAINER, Place, is_log};
use super::question::Question;
use super::store::{Listing, LogFile, Store};
use super::unpack::{Unpacked, unpack};
use crate::failure::Failure;
use crate::files;
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// An archive on disk: the container's folder, the one it lies in, one below it, or a single file.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Store for Folder {
    fn describe(&self) -> String {
        self.path.display().to_string()
    }

    fn list(&self, question: &Question) -> Result<Listing, Failure> {
        let archive = &self.path;
        let metadata = fs::metadata(archive).map_err(|error| {
            Failure::refused(format!("no audit archive at `{}`", archive.display()))
                .because(error.to_string())
                .help(format!("give the `{CONTAINER}` folder, the folder it lies in, or one below it"))
        })?;
        if metadata.is_file() {
            let name = archive.display().to_string();
            return Ok(Listing { files: vec![LogFile::new(name, &Place::default())], ..Listing::default() });
        }
        if !metadata.is_dir() {
            return Err(Failure::refused(format!("`{}` is no file and no folder", archive.display()))
                .because("it is a pipe, a socket or a device, and the log is read more than once")
                .help("write what it gives into a file, and give that one"));
        }
        let root = fs::canonicalize(archive).map_err(|error| cannot_list(archive, &error))?;
        let names: Vec<String> =
            root.components().map(|component| component.as_os_str().to_string_lossy().into_owned()).collect();
        let Some(place) = Place::of_path(names.iter().map(String::as_str), question) else {
            return Ok(Listing::default());
        };
        let walk = Walk { question, root, visited: Mutex::default() };
        let mut listing = walk.folder(archive, &place)?;
        listing.files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(listing)
    }

    fn open<'s>(&'s self, file: &LogFile) -> io::Result<Box<dyn Read + 's>> {
        Ok(Box::new(files::open_regular(Path::new(&file.name))?))
    }
}

struct Walk<'q> {
    question: &'q Question,
    root: PathBuf,
    visited: Mutex<BTreeSet<PathBuf>>,
}

/// What lies in a folder.
struct Inside {
    path: PathBuf,
    name: String,
    is_link: bool,
}

impl Walk<'_> {
    fn folder(&self, folder: &Path, place: &Place) -> Result<Listing, Failure> {
        let (folders, files) = look_into(folder)?;
        let mut listing = Listing::default();
        // A file that was decompressed beside its original would count twice.
        let has_twin = |name: &str| name.strip_suffix(".gz").is_some_and(|plain| files.contains(plain));
        for name in files.iter().filter(|name| !has_twin(name)) {
            let path = folder.join(name);
            let file = LogFile::new(path.to_string_lossy().into_owned(), place);
            // What systems put into every folder, and what a log was called for a while.
            let is_hidden = name.starts_with(['.', '_']);
            if !place.meets(self.question) {
                if is_log(name) && !is_hidden {
                    let length = fs::metadata(&path).map_or(0, |file| file.len());
                    listing.beside.push((file, length));
                }
                continue;
            }
            if (is_log(name) && !is_hidden) || begins_as_log(&path) {
                listing.files.push(file);
            } else if !is_hidden && fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
                listing.passed_over.push(file);
            }
        }
        let is_other = |inside: &&Inside| place.holds_vaults() && place.enter(&inside.name, self.question).is_none();
        listing.other_vaults = folders.iter().filter(is_other).map(|inside| inside.name.to_lowercase()).collect();
        let mut inner: Vec<(&Inside, Place)> = Vec::new();
        let places: Vec<(&Inside, Place)> =
            folders.iter().filter_map(|inside| Some((inside, place.enter(&inside.name, self.question)?))).collect();
        if place.start().is_none() && place.vault.as_deref() == Some(&self.question.vault.name) {
            let first =
                places.iter().filter(|(_, place)| place.start().is_some()).min_by_key(|(_, place)| place.start());
            listing.log_begins = first.and_then(|(inside, place)| self.begins(&inside.path, place.clone()));
        }
        for (inside, place) in places {
            let is_near = place.meets(self.question) || place.is_beside(self.question);
            listing.has_other_times |= !is_near;
            if is_near && (!inside.is_link || self.is_new(&inside.path)?) {
                inner.push((inside, place));
            }
        }
        let below: Vec<Listing> =
            inner.par_iter().map(|(inside, place)| self.folder(&inside.path, place)).collect::<Result<_, _>>()?;
        below.into_iter().for_each(|below| listing.merge(below));
        Ok(listing)
    }

    /// Where the first hour below a folder of the tree begins.
    fn begins(&self, folder: &Path, place: Place) -> Option<crate::clock::Timestamp> {
        if place.hour().is_some() {
            return place.start();
        }
        let (folders, _) = look_into(folder).ok()?;
        let inner = folders.iter().filter_map(|inside| Some((inside, place.enter(&inside.name, self.question)?)));
        let mut inner: Vec<_> = inner.filter(|(_, inner)| inner.start().is_some()).collect();
        inner.sort_by_key(|(_, inner)| inner.start());
        inner.into_iter().find_map(|(inside, inner)| self.begins(&inside.path, inner))
    }

    /// Whether a linked folder lies outside of the archive and was not seen before: links may go round in circles.
    fn is_new(&self, link: &Path) -> Result<bool, Failure> {
        let target = fs::canonicalize(link).map_err(|error| cannot_list(link, &error))?;
        let mut visited = self.visited.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(!target.starts_with(&self.root) && !self.root.starts_with(&target) && visited.insert(target))
    }
}

/// Whether a file is a log by what it begins with, whatever it is called.
fn begins_as_log(path: &Path) -> bool {
    let source = files::open_regular(path).and_then(|file| unpack(Box::new(file), ""));
    source.is_ok_and(Unpacked::begins_as_log)
}

/// The folders and the names of the files in a folder, in order.
fn look_into(folder: &Path) -> Result<(Vec<Inside>, BTreeSet<String>), Failure> {
    let mut folders = Vec::new();
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(|error| cannot_list(folder, &error))? {
        let entry = entry.map_err(|error| cannot_list(folder, &error))?;
        let kind = entry.file_type().map_err(|error| cannot_list(&entry.path(), &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_link = kind.is_symlink();
        if kind.is_dir() || (is_link && entry.path().is_dir()) {
            folders.push(Inside { path: entry.path(), name, is_link });
        } else {
            files.insert(name);
        }
    }
    folders.sort_by(|one, other| one.name.cmp(&other.name));
    Ok((folders, files))
}

fn cannot_list(path: &Path, error: &io::Error) -> Failure {
    Failure::refused(format!("the audit archive cannot be listed at `{}`", path.display()))
        .because(error.to_string())
        .help("let this user read the whole archive, or give the folder of this vault alone")
}
