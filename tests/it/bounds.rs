//! What others say, and how long they take, is bounded; and so is how long the program takes to end.

mod answers;
mod hostile;
mod programs;
mod servers;
mod signals;
