//! Who is at the other end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who is at the other end, and the switch that cuts the line.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) is_encrypted: bool,
    cut: Arc<AtomicBool>,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr, is_encrypted: bool) -> Self {
        Self { address, is_encrypted, cut: Arc::default() }
    }

    /// Nothing is sent on this connection any more; it is reset at the next try.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }
}
