//! The blast radius: an audit trail of Key Vault → who touched a secret, what else they touched, and what the trail could
//! not show. Usable without any runbook.
//!
//! ```text
//! source ─► trail ─┬─ files  (folder · blobs: pruned by place, read side by side)
//!                  │    └─► unpack (what a file is) ─┬─ records · document (JSON → records) ─► search (which are worth
//!                  │                                 │    parsing) ─► raw (Azure's own shape), or entries · columns
//!                  │                                 ├─ sheet (a table: rows, by what quotes mean in it) ─► columns
//!                  │                                 └─ avro (captured events) ─► records
//!                  │         ─► spelled, python (members in other spellings), json (a name stands once), parts (lines that were
//!                  │            split), owner (whose entries these are), partial (what an answer leaves out)
//!                  │         ─► event, operation, status, other_log; times (which moment is meant), seems (what a file is that holds nothing)
//!                  └─ workspace (kql: summaries by the query engine → events that stand for many)
//!         ─► groups (who, where from, what, how often, at which pace) ─► findings (rules) ─► blast radius ─► describe
//!         ─► reading ─► coverage, gaps (what was read, what was missing, and which is more likely)
//! ```
//! The main types are [`Source`], [`Query`] and [`BlastRadius`]. Invariants: a record that could not be read is counted,
//! never passed over in silence; no record is fatal; an empty log is "no evidence", never "no access"; memory does not
//! grow with the size of the log; what is looked at before an entry is parsed passes over nothing that the parser would
//! read; which secret an entry names is decided in one place, whatever the source.

mod address;
mod answer;
mod avro;
mod blast_radius;
mod blobs;
mod columns;
mod copies;
mod coverage;
mod describe;
mod document;
mod entries;
mod event;
mod files;
mod findings;
mod flat;
mod folder;
mod frames;
mod gaps;
mod groups;
mod json;
mod kql;
mod late;
mod naming;
mod operation;
mod other_log;
mod owner;
mod pace;
mod partial;
mod parts;
mod place;
mod plain;
mod python;
mod question;
mod raw;
mod readers;
mod reading;
mod records;
mod roles;
mod rows;
mod rules;
mod scan;
mod search;
mod second_order;
mod seems;
mod sheet;
mod source;
mod spelled;
mod status;
mod store;
mod table;
mod thresholds;
mod times;
mod trail;
mod unpack;
mod uri;
mod watch;
mod who;
mod workspace;

pub use answer::{Answer, Covered};
pub use blast_radius::{Access, BlastRadius, Window, blast_radius};
pub use coverage::{CLOCK_SKEW, Coverage, LATENESS, Nothing, UnreadableSample};
pub use describe::{describe, describe_basis};
pub use findings::{Evidence, Finding, Severity};
pub use gaps::{Gap, Likely};
pub use late::{Late, LateLook, NoAnswer, late};
pub use question::{Own, Query};
pub use readers::{Reader, VersionRead, readers};
pub use second_order::SecondOrder;
pub use source::{Place, Source};
pub use table::csv;
pub use thresholds::Thresholds;
pub use times::{DateOrder, Times, Zone};
pub use watch::{Sight, Watch};
