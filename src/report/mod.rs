//! A run's journal, told: folds over its records that ask nobody and store nothing, and the documents made of them.
//!
//! [`Status`] is where a run stands, [`Entry`] one thing that happened, [`Report`] the value that the report's templates see,
//! [`render`] the document made of it.

mod document;
mod escape;
pub mod fact;
mod model;
mod ocsf;
mod status;
mod timeline;

pub use document::{Format, Templates, handover, render, write};
pub use model::{About, History, Left, Report, secret};
pub use status::Status;
pub use timeline::{Days, Entry};
