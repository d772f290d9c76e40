//! An anchor outside: a time-stamping authority (RFC 3161) signs that a hash was known at a time.
//!
//! [`Authority::stamp`] asks for it, [`Stamp::read`] takes the answer apart and checks whose it is. What is stamped is a
//! journal's head, which is a SHA-256: whoever has the journal's last line and the authority's certificate checks it
//! without this program, `openssl ts -verify -digest HEAD -in HEAD.tsr -CAfile CA`.

mod authority;
mod certificates;
mod stamp;

pub use authority::Authority;
pub use certificates::Certificates;
pub use stamp::Stamp;
