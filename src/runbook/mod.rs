//! YAML text becomes a typed [`Runbook`], or a list of everything that is wrong with it.
//!
//! Knows no Azure, no clock and no disk: it is given a text and a name for it.

mod decode;
pub mod diagnostic;
pub mod duration;
pub mod expression;
pub mod model;
pub mod syntax;

pub use decode::read;
pub use diagnostic::{Diagnostic, Diagnostics, Span};
pub use model::Runbook;
