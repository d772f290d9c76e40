//! stanch stops a leaked secret from bleeding: a runbook is checked, driven step by step against Azure Key Vault, and
//! every step is journaled, so that it can be resumed and proven.
//!
//! # The way of the data
//!
//! ```text
//!  runbooks/*.yaml ─► runbook (text → typed, every value with its place) ─► plan (checked, ordered, inputs typed)
//!                                                                             │     └─► preflight (reads only)
//!   ┌──────────────────────────────── driver: the only loop ──────────────────┴───────────┐
//!   │ engine::next(order, state, now) ─► commands ─► actions ── effect("publish", …) ──►   │
//!   │        ▲ pure, no clock                         │  intent durable BEFORE sending     │
//!   │   state.apply(event) ◄──── journal ◄────────────┘  outcome: done | refused | unknown │
//!   └───────────────────────────────────────────────────────────────────────────────────────┘
//!  journal ─► report (status, timeline, documents) · cli (terminal, JSON)
//! ```
//!
//! There is one event type, written first and read by everyone: what was shown live can be shown again.
//!
//! # What never happens
//!
//! - The engine never learns the time by itself, and never sends anything.
//! - No effect is sent before its intent is durable, and none twice without asking the other side in between, unless
//!   the receiver knows a repetition by its key.
//! - After a failed append nothing is appended, and nothing is sent.
//! - A secret value never leaves the action that handles it: it goes to the vault and to its issuer, nowhere else.
//! - No run stays for what reaches a log late: it is put off durably, and done by whoever goes on with the run.
//! - No older version is disabled before a newer one is listed and enabled.
//! - No new credential exists in one memory only: it is staged in the vault, or its issuer tells it again (`issuers`).
//! - No random value takes the place of a credential that anybody is known to issue.
//! - What a tag of a secret says is not believed where it could lead a privileged request astray: it is checked against
//!   the secret's own value first.
//! - Only `cli` prints. Only the edges touch the clock, the environment and files; `clippy.toml` keeps them there.
//! - `cloud`, the embedded cloud, knows no runbook: everyone reaches it over HTTP, as they reach the real one.
//!
//! The arrows between the modules are a test (`tests/it/architecture.rs`).
//!
//! # The modules, in the order of the flow

/// YAML text becomes a typed runbook, or everything that is wrong with it.
pub mod runbook;

/// A runbook plus inputs becomes a plan that can no longer be wrong about itself.
pub mod plan;

/// What a plan would do, seen before anything is changed: reads only.
pub mod preflight;

/// The decisions: pure.
pub mod engine;

/// Append-only, hash-chained events on disk.
pub mod journal;

/// The only loop.
pub mod driver;

/// What a run knows: one enum of evidence, and the one verdict that follows from it.
pub mod evidence;

/// The durable protocol between an action and the journal.
pub mod durable;

/// Secrets and their versions, whatever vault they lie in.
pub mod vault;

/// Telling people: one file per channel.
pub mod notify;

/// What a step can do.
pub mod actions;

/// Who really issues a credential.
pub mod issuers;

/// Azure's HTTP: routing, identity, the vault, blobs, log queries, the resource manager, Microsoft Graph.
pub mod azure;

/// What files of settings are read with.
pub mod settings;

/// `stanch.yaml`: identity, audit sources, channels, references to secrets.
pub mod config;

/// The blast radius: who read a secret, from the audit trail; usable without any runbook.
pub mod audit;

/// Which secret of which vault holds a value; usable without any runbook.
pub mod find;

/// Scanners' reports: what leaked, where, and since when.
pub mod intake;

/// Status, timeline and report: folds over the journal, and the documents made of them.
pub mod report;

/// The embedded cloud.
pub mod cloud;

/// The command line: the only place that prints.
pub mod cli;

/// The only way to learn the time.
pub mod clock;

/// Request ids of our own, so that a run's calls can be told apart in an audit trail.
pub mod correlation;

/// What went wrong, in the words a tired person needs.
pub mod failure;

/// A value that cannot be printed, serialised or cloned by accident.
pub mod secret;
