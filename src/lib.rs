//! stanch stops a leaked secret from bleeding: a runbook is checked, driven step by step against Azure Key Vault, and
//! every step is journaled, so that it can be resumed and proven.
//!
//! # The way of the data
//!
//! ```text
//!  runbooks/*.yaml ─► runbook (text → typed, every value with its place) ─► plan (checked, ordered, inputs typed)
//!                                                                           │     └─► preflight (reads only)
//!   ┌─────────────────────────── driver: the only loop ─────────────────────┴─────────────────────────────┐
//!   │ engine::next(order, state, now) ─► commands ─► actions ─► durable: effect, observation, gate, timer │
//!   │        ▲ pure, no clock                            │          intent durable BEFORE sending         │
//!   │        │                                           │          outcome: done | refused | unknown     │
//!   │        │                                           └─► issuers · azure · notify · audit             │
//!   │   state.apply(event) ◄──── journal ◄──── durable                                                    │
//!   └─────────────────────────────────────────────────────────────────────────────────────────────────────┘
//!  journal ─► evidence (typed, from every journal that was ever written) ─► one verdict, one line on the leaked value
//!               └─► report (status, timeline, documents) · cli (terminal, JSON, exit code) · messages · scorecard
//! ```
//!
//! There is one event type, written first and read by everyone: what was shown live can be shown again.
//!
//! # The walk of one effect
//!
//! `- uses: keyvault/disable_old`, from the runbook's line to the verdict on the screen:
//!
//! 1. `runbook/decode.rs` reads the step; `plan/check/mod.rs` holds it against what the action says of itself.
//! 2. `engine/next.rs` says that it is the step's turn; `driver/mod.rs` carries the order out, `driver/begin.rs` evaluates
//!    its parameters, records that it begins, and calls the action.
//! 3. `actions/keyvault/disable_old.rs` reads the versions (`azure/vault.rs`), lets `vault/history.rs` say which are older
//!    than the kept one, and observes that once (`durable/observation.rs`): a second life disables the same ones.
//! 4. For each it asks `durable/effect.rs` for an effect, named in `evidence/names.rs`, with a request and a probe.
//! 5. `durable/effect.rs` records the intent through `durable/ledger.rs`; `journal/writer.rs` chains it, and
//!    `journal/store.rs` or `journal/blob/` makes it durable. Only then the request goes out: `azure/vault.rs`,
//!    `azure/transport.rs`.
//! 6. The outcome is recorded: done, refused, or unknown. An unknown one is asked about by the probe, in this life or the
//!    next, and sent again only if the vault says that it did not happen.
//! 7. `engine/state.rs` folds each record as it is written; `driver/mod.rs` records the step's end, and asks again what is next.
//! 8. `evidence/reading.rs` turns the records into evidence, `evidence/known.rs` gathers it, `evidence/verdict.rs` judges.
//! 9. `report/`, `cli/terminal/screen.rs`, `cli/scorecard.rs` and, as `run.verdict`, the runbook's messages show that.
//!
//! # What never happens
//!
//! - The engine never learns the time by itself, and never sends anything.
//! - No effect is sent before its intent is durable, and none twice without asking the other side in between, unless
//!   the receiver knows a repetition by its key, or a repetition harms less than a loss.
//! - After a failed append nothing is appended, and nothing is sent.
//! - No process sends for a run that another machine has taken over: what it may not append to, it does not act on
//!   (`journal/blob/`).
//! - No run goes on in two places: one that is uploaded goes on at its store alone, and not before it is whole there.
//! - Nobody but `evidence` judges whether a leak is contained, and nobody shows another verdict than that one.
//! - No output, observation or effect is read by its name outside its action's file and `evidence`, and nobody asks for an
//!   action by its name: others speak of a step by what it is for (`plan::Aim`).
//! - No answer of the audit trail comes without its coverage; what was not seen is never taken for what did not happen.
//! - A secret value never leaves the action that handles it: it goes to the vault and to its issuer, nowhere else.
//! - No answer becomes text of ours before it was looked at whole for every value that the process works with (`told`).
//! - No file says who signed in: whoever takes an answer finds it out by the tenant's keys; and no token is handed on
//!   (`sign_in`).
//! - No address carries a credential further than to where it comes in (`redaction`).
//! - No drill reads or sends a real credential: no variable, no program, no file but those of its own folder.
//! - No run works on what another run holds: a target belongs to a run until it is over, or has failed before
//!   it changed anything, whatever becomes of its process.
//! - No run stays for what reaches a log late: it is put off durably, and done by whoever goes on with the run.
//! - No older version is disabled before a newer one is listed and enabled.
//! - No new credential exists in one memory only: it is staged in the vault, or its issuer tells it again (`issuers`).
//! - No random value takes the place of a credential that anybody is known to issue.
//! - What a tag of a secret says is not believed where it could lead a privileged request astray: it is checked against
//!   the secret's own value first.
//! - No answer is taken without a bound on its bytes once unpacked, its entries, its pages and its time
//!   (`azure/answer.rs`, `azure/listing.rs`, `programs.rs`).
//! - No command outlives a signal by five seconds, whatever it waits for (`cli/ending.rs`).
//! - No file is opened whose name somebody else could choose, or whose place somebody else could take, unless `files` has
//!   looked at what was opened; what a tag says is never a path.
//! - Only `cli` prints, in one place, through one filter: nothing that others wrote acts on a terminal (`visible`), and
//!   no command that is shown holds it unquoted (`command_line`).
//! - Only the edges touch the clock, the environment and files; `clippy.toml` keeps them there.
//! - `cloud`, the embedded cloud, knows no runbook: everyone reaches it over HTTP, as they reach the real one.
//! - No file knows one that knows it, and no folder: imports have no circle.
//!
//! The arrows between the modules, and what stands where, are tests (`tests/it/architecture.rs` and its folder). What to
//! touch for what, and what the words mean, is in `CONTRIBUTING.md`.
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

/// The durable protocol between an action and the journal: effects, observations, gates, timers.
pub mod durable;

/// Append-only, hash-chained events on disk or in a container; the locks of runs, and what each keeps from the others.
pub mod journal;

/// The only loop.
pub mod driver;

/// What a run knows: one enum of evidence, and the one verdict that follows from it.
pub mod evidence;

/// Secrets and their versions: which one stays, which are older, which came late. No HTTP.
pub mod vault;

/// Who really issues a credential: one file per issuer, the vault itself one of them.
pub mod issuers;

/// What a step can do: one file per action.
pub mod actions;

/// Telling people: one file per channel.
pub mod notify;

/// A run in a chat: one message that changes as the run goes, and buttons that answer its gates.
pub mod slack;

/// What files of settings are read with.
pub mod settings;

/// The blast radius: who read a secret, from the audit trail; usable without any runbook.
pub mod audit;

/// Which secret of which vault holds a value; usable without any runbook.
pub mod find;

/// Scanners' reports: what leaked, where, and since when.
pub mod intake;

/// `stanch.yaml`: identity, audit sources, channels, whose secrets there are, references to secrets.
pub mod config;

/// An anchor of the journal outside: RFC 3161 time stamps of its head.
pub mod timestamp;

/// A person's own sign-in, checked against the keys that the tenant publishes.
pub mod sign_in;

/// Azure's HTTP: routing, identity, the vault, blobs, log queries, the resource manager, Microsoft Graph.
pub mod azure;

/// Status, timeline and report: folds over the journal, and the documents made of them.
pub mod report;

/// The embedded cloud.
pub mod cloud;

/// The command line, one file per command: the only place that prints.
pub mod cli;

/// The only way to learn the time.
pub mod clock;

/// Commands of this program as they are shown: quoted for a shell.
pub mod command_line;

/// Request ids of our own, so that a run's calls can be told apart in an audit trail.
pub mod correlation;

/// Files that we did not just make, opened as far as each is trusted.
pub mod files;

/// Programs of others: found, started with a clean environment, bounded, and ended with this one.
pub mod programs;

/// What went wrong, in the words a tired person needs.
pub mod failure;

/// What others wrote, fit to be seen: which characters act in place of being seen.
pub mod visible;

/// A value that cannot be printed, serialised or cloned by accident.
pub mod secret;

/// Which secret values this process has held: digests of their spellings.
mod known;

/// Addresses without the credentials in them.
pub mod redaction;

/// What somebody else said, fit to be kept, shown and sent on.
pub mod told;
