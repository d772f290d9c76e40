//! What everybody who asks Azure something needs.

use super::identity::Identity;
use super::transport::Transport;

/// The way to Azure, and who goes it.
#[derive(Clone, Debug)]
pub struct Azure {
    pub transport: Transport,
    pub identity: Identity,
}
