//! Where in the archive's tree a folder or a file lies, by the names above it.
//!
//! The tree is `[insights-logs-auditevent/]resourceId=/…/VAULTS/VAULT/y=/m=/d=/h=/m=00/PT1H.json[.gz]`, entered at any
//! level. What a workspace exports lies in `am-TABLE/WorkspaceResourceId=/…/y=/m=/d=/h=/m=05/PT05M.json`; no folder says
//! there of which vault it is. A place is left out only if its own name says that it holds another vault, service or time.

use super::coverage::LATENESS;
use super::question::Question;
use super::reading::hour_of;
use crate::clock::Timestamp;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Utc};
use std::str::FromStr;

pub(crate) const CONTAINER: &str = "insights-logs-auditevent";

/// How the name begins of the folder that holds what one workspace exported.
const WORKSPACE: &str = "workspaceresourceid=";

/// So far before and after what is asked about, folders are looked into, as long as that costs little.
const BESIDE: TimeDelta = TimeDelta::days(1);

/// Where in the tree a folder lies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    parent: String,
    /// Whether it lies below the name of a workspace, whose resource is no vault.
    of_workspace: bool,
    /// The vault's name in lower case.
    pub(crate) vault: Option<String>,
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: Option<u32>,
    /// Whether a folder above it is called like one of a time, of which nobody knows which.
    is_unclear: bool,
}

impl Place {
    /// The place that names from the top of a path lead to, unless they belong to another vault or service. What lies
    /// above the tree is the user's, and means nothing.
    pub(crate) fn of_path<'n>(names: impl Iterator<Item = &'n str>, question: &Question) -> Option<Self> {
        let mut names = names.skip_while(|name| {
            let name = name.to_lowercase();
            !name.starts_with("resourceid=") && !name.starts_with(WORKSPACE)
        });
        names.try_fold(Self::default(), |place, name| place.enter(name, question))
    }

    /// The place of a folder inside of this one, unless its name says that it belongs to another vault or service.
    pub(crate) fn enter(&self, name: &str, question: &Question) -> Option<Self> {
        let lower = name.to_lowercase();
        let foreign = match self.parent.as_str() {
            "vaults" => question.vaults().all(|vault| lower != vault.name),
            "providers" if !self.of_workspace => lower != "microsoft.keyvault",
            _ => lower.starts_with("insights-") && lower != CONTAINER,
        };
        if foreign {
            return None;
        }
        let mut inner = self.clone();
        inner.of_workspace |= lower.starts_with(WORKSPACE);
        if self.parent == "vaults" {
            inner.vault = Some(lower.clone());
        }
        match lower.split_once('=') {
            Some(("y", year)) => inner.year = inner.number(year),
            // Below the hour, `m=` is the minute.
            Some(("m", month)) if self.hour.is_none() => inner.month = inner.number(month),
            Some(("d", day)) => inner.day = inner.number(day),
            Some(("h", hour)) => inner.hour = inner.number(hour),
            _ => {}
        }
        inner.parent = lower;
        Some(inner)
    }

    /// Whether the folders inside of it are those of vaults.
    pub(crate) fn holds_vaults(&self) -> bool {
        self.parent == "vaults"
    }

    fn number<T: FromStr>(&mut self, text: &str) -> Option<T> {
        let number = text.parse().ok();
        self.is_unclear |= number.is_none();
        number
    }

    /// Whether the folder lies so near to what is asked about that entries may have been put there late, or early.
    pub(crate) fn is_beside(&self, question: &Question) -> bool {
        let (Some(start), Some(end)) = (self.start(), self.end()) else { return false };
        end > question.from - BESIDE && start - question.until < LATENESS + BESIDE
    }

    /// Whether the folder may hold entries that are asked about: an entry lies in the hour it reached the archive in,
    /// which may be a little after it happened.
    pub(crate) fn meets(&self, question: &Question) -> bool {
        let (Some(start), Some(end)) = (self.start(), self.end()) else {
            return true;
        };
        end > question.from && start - question.until < LATENESS
    }

    /// The hour the folder stands for, counted from 1970; none outside of the tree.
    pub(crate) fn hour(&self) -> Option<i64> {
        self.start().filter(|_| self.hour.is_some()).map(hour_of)
    }

    fn first_day(&self) -> Option<NaiveDate> {
        if self.is_unclear {
            return None;
        }
        let month = self.month.unwrap_or(1);
        NaiveDate::from_ymd_opt(self.year?, month, self.day.unwrap_or(1))
    }

    pub(crate) fn start(&self) -> Option<Timestamp> {
        self.first_day()?.and_hms_opt(self.hour.unwrap_or(0), 0, 0).map(|start| start.and_utc())
    }

    fn end(&self) -> Option<Timestamp> {
        if self.hour.is_some() {
            return self.start()?.checked_add_signed(TimeDelta::hours(1));
        }
        let day = self.first_day()?;
        let next = match (self.month, self.day) {
            (Some(_), Some(_)) => day.checked_add_days(Days::new(1)),
            (Some(_), None) => day.checked_add_months(Months::new(1)),
            _ => NaiveDate::from_ymd_opt(day.year() + 1, 1, 1),
        };
        next?.and_hms_opt(0, 0, 0).map(|end| DateTime::<Utc>::from_naive_utc_and_offset(end, Utc))
    }
}

/// The vault that a path is of, by its names; in lower case.
pub(crate) fn vault_of_path(path: &str) -> Option<String> {
    let path = path.to_ascii_lowercase();
    let (_, behind) = path.split_once("/providers/microsoft.keyvault/vaults/")?;
    behind.split('/').next().map(str::to_owned)
}

/// Whether a file's name is that of a log.
pub(crate) fn is_log(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".json", ".jsonl", ".ndjson", ".log", ".csv", ".tsv", ".avro"].iter().any(|extension| name.ends_with(extension))
}
