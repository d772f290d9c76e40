//! The blast radius: a folder of Key Vault audit logs → who touched a secret, what else they touched, and what the
//! logs could not show. Usable without any runbook.
//!
//! ```text
//! archive  (folder → the files of this vault and window)
//!    └─► records (bytes → lines or list elements) ─► search (which are worth parsing) ─► event (one parsed record)
//!           └─► groups (who, where from, what, how often) ─► findings ─► blast radius ─► describe
//!    └─► coverage (what was read, what was missing)
//! ```
//! The main types are [`Query`] and [`BlastRadius`]. Invariants: a record that could not be read is counted, never
//! passed over in silence; no record is fatal; an empty log is "no evidence", never "no access"; memory does not grow
//! with the size of the log.

mod archive;
mod blast_radius;
mod coverage;
mod describe;
mod event;
mod findings;
mod groups;
mod question;
mod readers;
mod records;
mod rules;
mod scan;
mod search;
mod uri;

pub use blast_radius::{Access, BlastRadius, SecondOrder, Window, blast_radius};
pub use coverage::{Coverage, Gap};
pub use describe::describe;
pub use findings::{Evidence, Finding, Severity};
pub use question::{Own, Query};
pub use readers::{Reader, VersionRead, readers};
