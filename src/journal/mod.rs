//! Append-only events on disk: one JSON object a line, each line holding the hash of the line before.
//!
//! [`Writer`] turns events into durable lines, [`Journal`] turns lines back into records, one by one, and refuses
//! what was changed. Where lines are kept is the [`Store`]'s affair alone, and where all that is kept of runs is the
//! [`RunStore`]'s; [`Runs`] are those of a store. A loop over `sha256sum` verifies a journal without this program.

mod blob;
mod delivery_log;
mod fingerprint_key;
mod folder;
mod held;
mod local;
mod lock;
mod reader;
mod record;
mod run_store;
mod store;
mod targets;
mod time_stamps;
mod upload;
mod uploaded;
mod writer;

pub use blob::{BlobRuns, LEASE, store_failure};
pub use delivery_log::{Delivery, DeliveryLog};
pub use folder::{NotARunId, RunFolder, Runs, valid_run_id};
pub use held::{HeldBy, Stands};
pub use lock::{Claimant, Holder, Life, Lock, LockError};
pub use reader::{Damage, DamageKind, Journal, ReadError};
pub use record::{FORMAT_VERSION, GENESIS, LONGEST_LINE, Record, line_hash};
pub use run_store::{Decide, LeftAnswer, Mark, Pinned, Presence, RunStore, Tell};
pub use store::{Fenced, Hold, LocalStore, Store};
pub use targets::{TargetError, Targets};
pub use time_stamps::stamps_beside;
pub use upload::Compared;
pub use uploaded::Upload;
pub use writer::{AppendError, Listener, Writer};
