//! Every call to the cloud, as the control shows it.

use crate::clock::Timestamp;
use serde::Serialize;

/// One call.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Call {
    pub(crate) at: Timestamp,
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    /// 0: nothing was answered and nothing was done.
    pub(crate) status: u16,
    pub(crate) client_request_id: Option<String>,
    pub(crate) user_agent: Option<String>,
    /// The connection was cut before or after the effect.
    pub(crate) dropped: Option<&'static str>,
}
