//! Request ids of our own, so that a run's calls can be found, and subtracted, in an audit trail.
//!
//! An id is a GUID: what all ids of this program begin with ([`MARK`]), what those of one run go on with, then a hash of
//! what the request is for. The mark lets a run on another machine find them as well; it is no secret, so it is believed
//! only together with the principal that called (`audit::Own`).

use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

tokio::task_local! {
    static LABEL: String;
}

/// What the ids of all requests of this program begin with, whoever runs it: six hex digits, for ever the same.
pub const MARK: &str = "57a4c4";
/// The digits that a run's ids have in common, the mark among them: forty bits tell runs apart.
const COMMON_DIGITS: usize = 16;

/// How the request ids of one of our runs, or of the searches of one user, begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix {
    /// As it stands in the ids, dashes included.
    pub text: String,
    /// Whose they are; nothing for a search outside of any run.
    pub run: Option<String>,
}

impl<T: Into<String>> From<T> for Prefix {
    fn from(text: T) -> Self {
        Self { text: text.into(), run: None }
    }
}

/// A beginning of request ids, of at least ten digits that nobody else has (hex), in the form that they have in a GUID.
pub fn prefix(digits: &str) -> String {
    let digits: String = MARK.chars().chain(digits.chars()).take(COMMON_DIGITS).collect();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-{}", part(0, 8), part(8, 12), part(12, 16))
}

/// Makes the ids of one run's requests.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// How each id begins, with the dashes that stand among the digits.
    prefix: String,
    counter: Arc<AtomicU64>,
}

impl Correlation {
    /// Ids that begin with `prefix`.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), counter: Arc::new(AtomicU64::new(0)) }
    }

    /// A GUID: the run's prefix, then a hash of what the request is for and how many there were before.
    pub fn next(&self) -> String {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let label = LABEL.try_with(Clone::clone).unwrap_or_default();
        let digest = Sha256::new()
            .chain_update(&self.prefix)
            .chain_update(label)
            .chain_update(std::process::id().to_be_bytes())
            .chain_update(number.to_be_bytes())
            .finalize();
        let prefix = self.prefix.chars().filter(char::is_ascii_hexdigit);
        let digits: String = prefix.chain(hex::encode(digest).chars()).take(32).collect();
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }
}

/// Names what the requests of a future are for.
pub async fn scope<F: Future>(label: String, future: F) -> F::Output {
    LABEL.scope(label, future).await
}
