//! The terminal: the live display, the screen at the end, prompts and keys.

mod asking;
mod entry;
pub(crate) mod keyboard;
pub(crate) mod left;
pub(crate) mod live;
pub(crate) mod modes;
pub(crate) mod people;
pub(crate) mod screen;
pub(crate) mod secret_prompt;
pub(crate) mod signing_in;
mod typed;
pub(crate) mod ui;
pub(crate) mod when;
mod wrapped;
