//! What is served, for everybody who answers.

use super::door::Door;
use crate::cloud::actors::Actors;
use crate::cloud::world::Cloud;
use std::sync::Mutex;

/// What is served.
pub(crate) struct Served {
    pub(crate) door: Door,
    pub(crate) cloud: Cloud,
    /// The scenario's callers, while they are at work.
    pub(crate) actors: Mutex<Option<Actors>>,
}
