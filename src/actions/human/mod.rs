//! What only people can do.

pub(super) mod approve;
pub(super) mod by_hand;
mod no;
