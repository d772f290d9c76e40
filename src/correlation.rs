//! Request ids of our own, so that a run's calls can be found, and subtracted, in an audit trail.

use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

tokio::task_local! {
    static LABEL: String;
}

/// Makes the ids of one run's requests.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// The first 12 hex digits of each id, with the dash that stands among them.
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
