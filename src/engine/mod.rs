//! The decisions of a run. Pure: no input or output, no clock, no randomness, nothing asynchronous.
//!
//! [`State::apply`] folds events into a state; [`next`] says, from the order of the steps, the state and the time
//! that it is given, what should happen now. The engine never learns the time by itself and never sends anything.

mod answering;
pub mod event;
mod illegal;
mod next;
pub mod person;
mod retry;
mod state;
mod step;

pub use illegal::IllegalEvent;
pub use next::{Command, OnFailure, Order, OrderedStep, next};
pub use retry::RetryPolicy;
pub use state::{Abandoned, State};
pub use step::{
    EffectPhase, EffectState, GateAnswer, GateState, StepState, StepStatus, TimerState, item_id, split_item,
};
