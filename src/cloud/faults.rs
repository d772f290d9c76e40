//! Planned faults: which requests go wrong, and how.
//!
//! Main types: [`Fault`], as a scenario and the control write it, and [`Faults`], those that are planted. Every matching
//! request passes through every fault in the order they were planted; the first that is due and not used up is the one
//! that happens.

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

/// A planned fault.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests it is for.
    #[serde(default, rename = "match")]
    pub matching: FaultMatch,
    /// How many matching requests pass first; none, if absent.
    pub skip: Option<u64>,
    /// How often it happens; always, if absent.
    pub times: Option<u64>,
    /// What goes wrong.
    #[serde(rename = "do")]
    pub effect: FaultEffect,
}

/// Which requests a fault is for: all parts must fit, an absent part fits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultMatch {
    pub method: Option<String>,
    /// A regular expression, searched in the path, and in path and query.
    pub path: Option<String>,
    /// A host, or `*.` and a suffix.
    pub host: Option<String>,
}

/// What goes wrong; several may be combined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultEffect {
    /// An answer of this status, without any effect.
    pub status: Option<u16>,
    pub drop: Option<Cut>,
    /// The request is taken up only after this long, in milliseconds.
    pub delay_ms: Option<u64>,
    /// A `Retry-After` of this many seconds, on a 429 where no status is given.
    pub retry_after_s: Option<u64>,
}

/// When the connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Nothing happens, nothing is answered.
    Before,
    /// The effect happens, the answer is lost.
    After,
}

/// What a fault is matched against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLine<'a> {
    pub(crate) method: &'a str,
    /// In lower case, without a port.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) path_and_query: &'a str,
}

impl Fault {
    /// Everything that is wrong with it, one line each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let effect = self.effect.check().err();
        let path = self.path().err().map(|error| {
            let told = error.to_string();
            let reason = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("`path` is no regular expression: {reason}")
        });
        effect.into_iter().chain(path).collect()
    }

    fn path(&self) -> Result<Option<Regex>, regex::Error> {
        self.matching.path.as_deref().map(Regex::new).transpose()
    }
}

impl FaultEffect {
    fn check(&self) -> Result<(), String> {
        let Self { status, drop, delay_ms, retry_after_s } = self;
        if status.is_none() && drop.is_none() && delay_ms.is_none() && retry_after_s.is_none() {
            return Err("`do` says nothing: give `status`, `drop`, `delay_ms` or `retry_after_s`".to_owned());
        }
        match status.filter(|status| !(200..=599).contains(status)) {
            Some(status) => Err(format!("`{status}` is no status of an answer")),
            None => Ok(()),
        }
    }

    /// The status of the answer that is given in place of the real one.
    pub(crate) fn answer_status(&self) -> Option<u16> {
        self.status.or(self.retry_after_s.map(|_| 429))
    }
}

#[derive(Debug)]
struct PlantedFault {
    fault: Fault,
    path: Option<Regex>,
    seen: u64,
    happened: u64,
}

/// The faults that are planted.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    planted: Vec<PlantedFault>,
}

impl Faults {
    /// Plants faults, all or none; gives how many there are now, or what is wrong with the first that is wrong.
    pub(crate) fn plant(&mut self, faults: Vec<Fault>) -> Result<usize, String> {
        let planted: Vec<PlantedFault> = faults.into_iter().map(PlantedFault::new).collect::<Result<_, String>>()?;
        self.planted.extend(planted);
        Ok(self.planted.len())
    }

    pub(crate) fn clear(&mut self) {
        self.planted.clear();
    }

    /// How often each fault has matched and happened, in the order they were planted.
    pub(crate) fn describe(&self) -> Value {
        let counts = |planted: &PlantedFault| json!({ "seen": planted.seen, "happened": planted.happened });
        json!({ "faults": self.planted.iter().map(counts).collect::<Vec<Value>>() })
    }

    /// What goes wrong with this request.
    pub(crate) fn inject(&mut self, request: RequestLine<'_>) -> Option<FaultEffect> {
        let due = self.planted.iter_mut().find_map(|planted| planted.is_due(request).then_some(&*planted))?;
        Some(due.fault.effect.clone())
    }
}

impl PlantedFault {
    fn new(fault: Fault) -> Result<Self, String> {
        fault.effect.check()?;
        let path = fault.path().map_err(|error| error.to_string())?;
        Ok(Self { fault, path, seen: 0, happened: 0 })
    }

    /// Counts a request that matches.
    fn is_due(&mut self, request: RequestLine<'_>) -> bool {
        if !self.matches(request) {
            return false;
        }
        self.seen += 1;
        let due = self.seen > self.fault.skip.unwrap_or_default()
            && self.fault.times.is_none_or(|times| self.happened < times);
        if due {
            self.happened += 1;
        }
        due
    }

    fn matches(&self, request: RequestLine<'_>) -> bool {
        let FaultMatch { method, host, .. } = &self.fault.matching;
        let fits_path = |path: &Regex| path.is_match(request.path) || path.is_match(request.path_and_query);
        method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(request.method))
            && host.as_deref().is_none_or(|host| fits_host(host, request.host))
            && self.path.as_ref().is_none_or(fits_path)
    }
}

fn fits_host(pattern: &str, host: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    match pattern.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix),
        None => pattern == host,
    }
}
