//! YAML text becomes a typed [`Runbook`], or a list of everything that is wrong with it.
//!
//! Knows no clock and no disk, and of Azure only what the URL of a secret looks like: it is given a text, a name for it,
//! and a [`Library`](source::Library) of the fragments that it may include. The places of a fragment are counted on from
//! the end of the text before, so that one number tells the file too.

mod decode;
mod decode_inputs;
pub mod diagnostic;
pub mod duration;
mod entries;
pub mod expression;
mod expression_places;
pub mod functions;
pub mod hints;
pub mod language;
pub mod model;
mod secrets;
pub mod source;
pub mod syntax;

pub use decode::{ReadRunbook, read};
pub use diagnostic::{Diagnostic, Diagnostics, Included, Span};
pub use model::Runbook;
pub use source::{NoLibrary, RunbookSource};
