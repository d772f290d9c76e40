//! What each Key Vault operation does to a vault.
//!
//! One function an operation, each from a request to an answer or a [`Refusal`]; nothing here knows HTTP. The vault
//! has been brought up to `now` before (see [`Vault::finish_due`]).

use super::backup;
use super::bundle::{Origin, Shape};
use super::paging::{Marker, PageRequest};
use super::refusal::Refusal;
use super::secret_request::{Attributes, SetRequest, UpdateRequest};
use crate::clock::Timestamp;
use crate::cloud::world::vault::{Deletion, Entry, Phase, Vault, Version, fresh_version_id, whole_seconds};
use crate::secret::Secret;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SECONDS_PER_DAY: i64 = 86_400;

/// An operation that was carried out.
#[derive(Debug)]
pub(crate) struct Completed {
    /// Nothing: 204.
    pub(crate) body: Option<Value>,
    /// The object's address with the version that was returned, for the audit trail.
    pub(crate) id: Option<String>,
}

impl Completed {
    fn object(body: Value) -> Self {
        let id = body.get("id").and_then(Value::as_str).map(str::to_owned);
        Self { body: Some(body), id }
    }
}

/// A vault under one of its addresses at one moment.
#[derive(Debug)]
pub(crate) struct VaultOperations<'a> {
    pub(crate) vault: &'a mut Vault,
    pub(crate) origin: Origin,
    pub(crate) now: Timestamp,
}

const PLAIN: Shape = Shape { value: false, versioned: true, deletion: None };
const WITH_VALUE: Shape = Shape { value: true, versioned: true, deletion: None };
const LISTED: Shape = Shape { value: false, versioned: false, deletion: None };

impl VaultOperations<'_> {
    /// Stores a new version, which becomes the latest, even when it is disabled.
    pub(crate) fn set(&mut self, name: &str, request: SetRequest) -> Result<Completed, Refusal> {
        match self.vault.entry(name).map(|entry| entry.phase) {
            None | Some(Phase::Live) => {}
            Some(Phase::Deleting { .. } | Phase::Purging { .. }) => return Err(Refusal::being_deleted(name)),
            Some(Phase::Deleted(_)) => return Err(Refusal::deleted_but_recoverable(name)),
            Some(Phase::Recovering { .. }) => return Err(Refusal::being_recovered(name)),
        }
        let is_managed = |entry: &Entry| entry.latest().is_some_and(|version| version.managed);
        if self.vault.entry(name).is_some_and(is_managed) {
            return Err(Refusal::managed_by_certificate("set"));
        }
        let seconds = whole_seconds(self.now);
        let version = self.vault.add(
            name,
            Version {
                id: fresh_version_id(),
                sequence: 0,
                value: Arc::new(Secret::new(request.value)),
                content_type: request.content_type,
                enabled: request.attributes.enabled.unwrap_or(true),
                not_before: request.attributes.not_before,
                expires: request.attributes.expires,
                created: seconds,
                updated: seconds,
                tags: request.tags,
                managed: false,
            },
        );
        let entry = self.live(name)?;
        Ok(Completed::object(self.origin.bundle(entry, &version, WITH_VALUE)))
    }

    /// The value of a version, or of the latest. A disabled latest version is not skipped.
    pub(crate) fn get(&self, name: &str, version: Option<&str>) -> Result<Completed, Refusal> {
        let entry = self.live(name)?;
        let version = entry.version(version).ok_or_else(|| missing(name, version))?;
        if !version.enabled {
            return Err(Refusal::disabled());
        }
        Ok(Completed::object(self.origin.bundle(entry, version, WITH_VALUE)))
    }

    /// Changes the members that were sent and no others; tags are replaced as a whole.
    pub(crate) fn update(
        &mut self,
        name: &str,
        id: Option<&str>,
        request: UpdateRequest,
    ) -> Result<Completed, Refusal> {
        self.live(name)?;
        let updated = whole_seconds(self.now);
        let entry = self.vault.entry_mut(name).ok_or_else(|| Refusal::not_found(name))?;
        let version = entry.version_mut(id).ok_or_else(|| missing(name, id))?;
        if version.managed {
            return Err(Refusal::managed_by_certificate("update"));
        }
        let Attributes { enabled, not_before, expires } = request.attributes;
        version.enabled = enabled.unwrap_or(version.enabled);
        version.not_before = not_before.or(version.not_before);
        version.expires = expires.or(version.expires);
        if request.content_type.is_some() {
            version.content_type = request.content_type;
        }
        if request.tags.is_some() {
            version.tags = request.tags;
        }
        version.updated = updated;
        let version = version.clone();
        let entry = self.live(name)?;
        Ok(Completed::object(self.origin.bundle(entry, &version, PLAIN)))
    }

    /// A page of the secrets, by upper-cased name. Deleted ones keep their rows, so a page can be short or empty.
    pub(crate) fn list(&self, page: &PageRequest) -> Completed {
        self.list_rows(
            page,
            |_| true,
            |entry| {
                if !entry.is_live() {
                    return None;
                }
                entry.latest().map(|version| self.origin.bundle(entry, version, LISTED))
            },
        )
    }

    /// A page of the deleted secrets, by upper-cased name.
    pub(crate) fn list_deleted(&self, page: &PageRequest) -> Completed {
        let has_row = |entry: &Entry| !entry.is_live();
        self.list_rows(page, has_row, |entry| {
            let Phase::Deleted(deletion) = entry.phase else { return None };
            let shape = Shape { deletion: Some(deletion), ..LISTED };
            entry.latest().map(|version| self.origin.bundle(entry, version, shape))
        })
    }

    fn list_rows(
        &self,
        page: &PageRequest,
        has_row: impl Fn(&Entry) -> bool,
        shown: impl Fn(&Entry) -> Option<Value>,
    ) -> Completed {
        let marker = page.marker.as_ref().map(|marker| marker.row.as_str());
        let mut rows = self.vault.rows_from(marker).filter(|(_, entry)| has_row(entry)).peekable();
        let first = rows.peek().map(|(row, _)| (*row).clone());
        if let Some(body) = page.empty_page(self.origin.profile.empty_pages, first) {
            return Completed { body: Some(body), id: None };
        }
        let on_page: Vec<Value> = rows.by_ref().take(page.size()).filter_map(|(_, entry)| shown(entry)).collect();
        let next = rows.next().map(|(row, _)| Marker { row: row.clone(), after_empty_page: false });
        Completed { body: Some(page.page(on_page, next.as_ref())), id: None }
    }

    /// A page of a secret's versions, by version id, which is no order of time. A secret that does not exist has
    /// no versions: that is an empty page, not an error.
    pub(crate) fn list_versions(&self, name: &str, page: &PageRequest) -> Completed {
        let Some(entry) = self.vault.entry(name).filter(|entry| entry.is_live()) else {
            return Completed { body: Some(page.page(Vec::new(), None)), id: None };
        };
        let row_of = |version: &Version| format!("{}/{}", entry.name, version.id).to_ascii_uppercase();
        let start = page.marker.as_ref().and_then(|marker| marker.row.rsplit('/').next()).unwrap_or_default();
        let mut rows = entry.versions.range(start.to_ascii_lowercase()..).map(|(_, version)| version).peekable();
        let first = rows.peek().map(|version| row_of(version));
        if let Some(body) = page.empty_page(self.origin.profile.empty_pages, first) {
            return Completed { body: Some(body), id: None };
        }
        let on_page: Vec<Value> =
            rows.by_ref().take(page.size()).map(|version| self.origin.bundle(entry, version, PLAIN)).collect();
        let next = rows.next().map(|version| Marker { row: row_of(version), after_empty_page: false });
        Completed { body: Some(page.page(on_page, next.as_ref())), id: None }
    }

    /// Begins to delete a secret with all its versions; it can be found among the deleted ones only later.
    pub(crate) fn delete(&mut self, name: &str) -> Result<Completed, Refusal> {
        let entry = self.live(name)?;
        if entry.latest().is_some_and(|version| version.managed) {
            return Err(Refusal::managed_by_certificate("delete"));
        }
        let deleted = whole_seconds(self.now);
        let days = i64::from(self.origin.profile.recoverable_days);
        let deletion = Deletion { deleted, scheduled_purge: deleted + days * SECONDS_PER_DAY };
        let until = self.after(self.origin.profile.delays.delete);
        self.enter(name, Phase::Deleting { until, deletion });
        self.describe(name, Shape { deletion: Some(deletion), ..PLAIN })
    }

    /// A deleted secret, without its value.
    pub(crate) fn get_deleted(&self, name: &str) -> Result<Completed, Refusal> {
        let deletion = self.deletion(name).ok_or_else(|| Refusal::deleted_not_found(name))?;
        let disabled = |entry: &Entry| entry.latest().is_some_and(|version| !version.enabled);
        if self.vault.entry(name).is_some_and(disabled) {
            return Err(Refusal::disabled());
        }
        self.describe(name, Shape { deletion: Some(deletion), ..PLAIN })
    }

    /// Begins to bring a deleted secret back. Azure words the refusal as for a live secret.
    pub(crate) fn recover(&mut self, name: &str) -> Result<Completed, Refusal> {
        match self.vault.entry(name).map(|entry| entry.phase) {
            Some(Phase::Deleted(_)) => {}
            Some(Phase::Deleting { .. }) => return Err(Refusal::being_deleted(name)),
            _ => return Err(Refusal::not_found(name)),
        }
        let until = self.after(self.origin.profile.delays.recover);
        self.enter(name, Phase::Recovering { until });
        self.describe(name, PLAIN)
    }

    /// Begins to remove a deleted secret for good; its name is free only later.
    pub(crate) fn purge(&mut self, name: &str) -> Result<Completed, Refusal> {
        match self.vault.entry(name).map(|entry| entry.phase) {
            Some(Phase::Deleted(_)) if self.origin.profile.purge_protection => return Err(Refusal::purge_protected()),
            Some(Phase::Deleted(_)) => {}
            Some(Phase::Deleting { .. }) => return Err(Refusal::being_deleted(name)),
            _ => return Err(Refusal::deleted_not_found(name)),
        }
        let until = self.after(self.origin.profile.delays.purge);
        self.enter(name, Phase::Purging { until });
        Ok(Completed { body: None, id: None })
    }

    /// All versions as an opaque blob.
    pub(crate) fn backup(&self, name: &str) -> Result<Completed, Refusal> {
        let entry = self.live(name)?;
        if entry.latest().is_some_and(|version| version.managed) {
            return Err(Refusal::managed_by_certificate("backup"));
        }
        let blob = backup::seal(entry).map_err(|error| Refusal::new(500, "InternalServerError", error.to_string()))?;
        Ok(Completed { body: Some(json!({ "value": blob })), id: Some(self.origin.id(name, None)) })
    }

    /// Brings all versions of a blob back as they were: same ids, same times.
    pub(crate) fn restore(&mut self, blob: &str) -> Result<Completed, Refusal> {
        let entry = backup::unseal(blob).ok_or_else(Refusal::malformed_backup)?;
        if self.vault.entry(&entry.name).is_some() {
            return Err(Refusal::restore_conflict(&self.origin.id(&entry.name, Some(&entry.latest))));
        }
        let name = entry.name.clone();
        self.vault.put_back(entry);
        self.describe(&name, PLAIN)
    }

    fn live(&self, name: &str) -> Result<&Entry, Refusal> {
        self.vault.entry(name).filter(|entry| entry.is_live()).ok_or_else(|| Refusal::not_found(name))
    }

    fn deletion(&self, name: &str) -> Option<Deletion> {
        match self.vault.entry(name)?.phase {
            Phase::Deleted(deletion) => Some(deletion),
            _ => None,
        }
    }

    fn after(&self, wait: Duration) -> Timestamp {
        chrono::TimeDelta::from_std(wait).ok().and_then(|wait| self.now.checked_add_signed(wait)).unwrap_or(self.now)
    }

    fn enter(&mut self, name: &str, phase: Phase) {
        if let Some(entry) = self.vault.entry_mut(name) {
            entry.phase = phase;
        }
        self.vault.finish_due(self.now);
    }

    /// The latest version, whatever state the secret is in.
    fn describe(&self, name: &str, shape: Shape) -> Result<Completed, Refusal> {
        let entry = self.vault.entry(name).ok_or_else(|| Refusal::not_found(name))?;
        let version = entry.latest().ok_or_else(|| Refusal::not_found(name))?;
        Ok(Completed::object(self.origin.bundle(entry, version, shape)))
    }
}

fn missing(name: &str, version: Option<&str>) -> Refusal {
    match version {
        Some(version) => Refusal::not_found(&format!("{name}/{version}")),
        None => Refusal::not_found(name),
    }
}
