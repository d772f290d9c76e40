//! Folds over a journal's records: they ask nobody and store nothing.
//!
//! [`Status`] is where a run stands, [`Timeline`] what happened, [`Report`] the value that the report's templates see.

pub mod fact;
mod report;
mod status;
mod timeline;

pub use report::{Report, blast_radius};
pub use status::Status;
pub use timeline::{Entry, Timeline};
