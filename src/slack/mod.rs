//! A run in a chat: an app of Slack's with a bot. One message per run that changes as the run goes, and buttons that answer
//! a gate. The app is reached from inside, over Socket Mode: nothing here listens on an address.
//!
//! Whoever presses a button is known by the id that Slack gives them, which the configuration maps to a name. Only names
//! that stand there answer; the rules of the gate are those of any other answer, and are not looked at here.

mod app;
mod notice;
mod posted;
mod press;
mod socket;

pub use app::SlackApp;
pub use notice::{Asked, Notice};
pub use posted::Posted;
pub use press::{Press, Pressed};
pub use socket::{Standing, listen};
