//! What a run works on, kept from every other run until the run is over.
//!
//! The fact stands in the journal of the run, nowhere else: `run_opened` and the observation `locked` name its targets,
//! `run_finished` as completed and `run_abandoned` say that it holds none any more. The file of a target,
//! `STATE/locks/SHA-256`, only says in whose journal to look: a line for each run that took it, the last of them is
//! the holder. So that one journal is read, however many runs there are.
//!
//! *Nothing is lost:* the line is durable before the run's first record is, and so before anything is sent; it is never
//! taken away, whatever becomes of the process. *Nothing leaks:* a line whose run has no journal, or one that does not
//! name the target, holds nothing once the process that wrote it is dead; and nothing has to be written when a target
//! becomes free, as it does with the record that ends the run. A torn line was written by a run that never began. The
//! system's lock on the file is held only while it is read and written, so that of two at once one is the first.

use super::folder::{Runs, valid_run_id};
use super::held::{HeldBy, Stands};
use super::lock::{Claimant, Holder, Life};
use super::run_store::Presence;
use crate::engine::State;
use sha2::{Digest, Sha256};
use std::io;
/// So many earlier runs on a target are looked at.
const LOOKED_AT: usize = 8;

/// What keeps other runs from the targets of this one.
#[derive(Debug)]
pub struct Targets {
    runs: Runs,
    run: String,
    /// Secrets of one name in two worlds are not the same: the real one, and each cloud of a drill.
    world: String,
    claimant: Claimant,
}

/// Why a target was not got.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("another run holds it")]
    Held(Box<HeldBy>),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Targets {
    /// None is taken yet. `world` is [`RunOpened::world`](crate::engine::event::RunOpened::world) of the run.
    pub fn new(runs: Runs, run: &str, world: &str, claimant: Claimant) -> Self {
        Self { runs, run: run.to_owned(), world: world.to_owned(), claimant }
    }

    /// Takes a target for this run, until the run is over. Durable when it returns.
    pub fn take(&self, target: &str) -> Result<(), TargetError> {
        let mut held = None;
        self.runs.store().claim(&self.file(target), &mut |text| {
            let claim = claims(text).next().filter(|claim| claim.run != self.run);
            held = claim.and_then(|claim| self.judge(target, claim, true));
            if held.is_some() || claims(text).next().is_some_and(|claim| claim.run == self.run) {
                return Ok(None);
            }
            let mut line = serde_json::to_vec(&Holder::new(&self.run, &self.claimant)).map_err(io::Error::other)?;
            line.push(b'\n');
            Ok(Some(line))
        })?;
        held.map_or(Ok(()), |held| Err(TargetError::Held(Box::new(held))))
    }

    /// The other run that holds a target, if one does. Nothing is written.
    pub fn held(&self, target: &str) -> io::Result<Option<HeldBy>> {
        let Some(text) = self.runs.store().claims(&self.file(target))? else { return Ok(None) };
        let claim = claims(&text).next().filter(|claim| claim.run != self.run);
        Ok(claim.and_then(|claim| self.judge(target, claim, false)))
    }

    /// The runs that took a target, this one left out: the latest first, and not all of them where they are many.
    pub fn earlier(&self, target: &str) -> io::Result<Vec<String>> {
        let Some(text) = self.runs.store().claims(&self.file(target))? else { return Ok(Vec::new()) };
        let mut runs: Vec<String> = Vec::new();
        for claim in claims(&text).filter(|claim| claim.run != self.run) {
            if runs.len() < LOOKED_AT && !runs.contains(&claim.run) {
                runs.push(claim.run);
            }
        }
        Ok(runs)
    }

    fn name(&self, target: &str) -> String {
        format!("{}{target}", self.world).to_lowercase()
    }

    fn file(&self, target: &str) -> String {
        format!("locks/{}", hex::encode(Sha256::digest(self.name(target))))
    }

    /// Whether the run of a claim holds the target still, and how it stands. Where another run takes the target because one
    /// never began, that one must not begin any more.
    fn judge(&self, target: &str, claim: Holder, takes: bool) -> Option<HeldBy> {
        let held = |stands| Some(HeldBy { target: target.to_owned(), claim: claim.clone(), stands });
        let folder = self.runs.folder(&claim.run).ok()?;
        let unreadable = |why: String| held(Stands::Unreadable { folder: folder.place(), why });
        match folder.presence() {
            Ok(Presence::There) => {}
            Ok(_) => {
                let (store, file) = (self.runs.store(), self.file(target));
                match store.life(&file, &claim, &self.claimant.host) {
                    Life::Alive => return held(Stands::Beginning),
                    Life::NotKnown => return held(Stands::NotKnown(store.place(&file))),
                    Life::Dead if !takes => return None,
                    Life::Dead => {}
                }
                let kept = store.keep_from_beginning(&claim.run).and_then(|kept| Ok((kept, folder.presence()?)));
                match kept {
                    // It may have begun a moment before.
                    Ok((true, Presence::There)) => {}
                    Ok((true, _)) => return None,
                    Ok((false, _)) => return held(Stands::Beginning),
                    Err(why) => return unreadable(why.to_string()),
                }
            }
            Err(why) => return unreadable(why.to_string()),
        }
        let state = match folder.state() {
            Ok((_, state)) => state,
            Err(why) => return unreadable(why.to_string()),
        };
        if !state.holds_targets() {
            return None;
        }
        if let Ok(Some(upload)) = folder.uploaded() {
            return if self.names(&state, target) { held(Stands::Uploaded(upload.to)) } else { None };
        }
        let worker = folder.holder();
        // A live process may be about to record it.
        let holds = worker.is_some() || self.names(&state, target);
        if holds { held(Stands::Unfinished { state: Box::new(state), worker }) } else { None }
    }

    fn names(&self, state: &State, target: &str) -> bool {
        let own = self.name(target);
        let world = state.opened().map(|opened| opened.world()).unwrap_or_default();
        state.targets().iter().any(|named| format!("{world}{named}").to_lowercase() == own)
    }
}

/// The claims in a target's file, the last one first. What is none is passed over: a torn line, or one of a run that
/// cannot be.
fn claims(text: &str) -> impl Iterator<Item = Holder> {
    let claims = text.lines().rev().filter_map(|line| serde_json::from_str::<Holder>(line).ok());
    claims.filter(|claim| valid_run_id(&claim.run).is_ok())
}
