//! Who really issues a credential. One file per issuer.

mod random;

pub(crate) use random::{LETTERS_AND_DIGITS, Random};
