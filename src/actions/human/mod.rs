//! What only people can do.

pub(super) mod approve;
