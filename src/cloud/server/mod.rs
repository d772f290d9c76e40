//! From a connection to an answer: the one part of the cloud that knows all the others.

mod certificates;
mod dispatcher;
mod door;
mod error;
mod listener;
mod options;
mod ready;
mod running;
mod served;
mod socket;

pub use error::Error;
pub use options::Options;
pub use ready::Ready;
pub use running::{Running, serve};
