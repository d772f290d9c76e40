//! What begins a run or takes it over, and drives it in this process: what `run`, `resume`, `plan` and `drill` share.

mod arguments;
mod at_work;
mod begin;
mod follow_up;
mod go;
mod lately;
mod pins;
mod prepare;
mod sign_ins;
mod stamp;
mod take_over;
mod targets;

pub(crate) use arguments::Args;
pub(crate) use begin::begin;
pub(crate) use follow_up::wait;
pub(crate) use go::{nobody_is_there, nobody_says_go};
pub(crate) use prepare::{Prepared, prepare};
pub(crate) use take_over::{TakingOver, go_on};
pub(crate) use targets::{take, targets};
