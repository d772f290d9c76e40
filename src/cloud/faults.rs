//! Planned trouble: which requests go wrong, and how.
//!
//! Main type: [`Faults`]. Every matching request passes through every fault in the order they were planted; the
//! first that is due and not used up is the one that happens.

use crate::cloud::services::key_vault::refusal::Refusal;
use crate::cloud::services::token_endpoints::entra_error;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::wire::host::Destination;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

/// When the line is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Drop {
    /// Nothing happens, nothing is answered.
    Before,
    /// The effect happens, the answer is lost.
    After,
}

/// What goes wrong; several may be combined.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trouble {
    /// An answer of this status, without any effect.
    pub(crate) status: Option<u16>,
    pub(crate) drop: Option<Drop>,
    /// The request is taken up only after this long, in milliseconds.
    pub(crate) delay_ms: Option<u64>,
    /// A `Retry-After` of this many seconds, on a 429 where no status is given.
    pub(crate) retry_after_s: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Match {
    method: Option<String>,
    /// Searched in the path, and in path and query.
    path: Option<String>,
    /// A host, or `*.` and a suffix.
    host: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    #[serde(default, rename = "match")]
    matching: Match,
    /// How many matching requests pass first.
    #[serde(default)]
    skip: u64,
    /// How often it happens; always, if absent.
    times: Option<u64>,
    #[serde(rename = "do")]
    trouble: Trouble,
}

#[derive(Debug)]
struct Fault {
    plan: Plan,
    path: Option<Regex>,
    seen: u64,
    happened: u64,
}

/// The faults that are planted.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    planted: Vec<Fault>,
}

impl Faults {
    /// Plants one fault, or a list of them, from JSON; says what is wrong with it otherwise.
    pub(crate) fn plant(&mut self, body: &[u8]) -> Result<usize, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let plans: Vec<Plan> = match value {
            Value::Array(_) => serde_json::from_value(value),
            single => serde_json::from_value(single).map(|plan| vec![plan]),
        }
        .map_err(|error| error.to_string())?;
        let faults: Vec<Fault> = plans.into_iter().map(Fault::new).collect::<Result<_, String>>()?;
        self.planted.extend(faults);
        Ok(self.planted.len())
    }

    pub(crate) fn clear(&mut self) {
        self.planted.clear();
    }

    /// How often each fault has matched and happened, in the order they were planted.
    pub(crate) fn describe(&self) -> Value {
        let counts = |fault: &Fault| json!({ "seen": fault.seen, "happened": fault.happened });
        json!({ "faults": self.planted.iter().map(counts).collect::<Vec<Value>>() })
    }

    /// What goes wrong with this request.
    pub(crate) fn strike(&mut self, exchange: &Exchange) -> Option<Trouble> {
        let fault = self.planted.iter_mut().find_map(|fault| fault.strike(exchange).then_some(&*fault))?;
        Some(fault.plan.trouble.clone())
    }
}

impl Fault {
    fn new(plan: Plan) -> Result<Self, String> {
        let Trouble { status, drop, delay_ms, retry_after_s } = &plan.trouble;
        if status.is_none() && drop.is_none() && delay_ms.is_none() && retry_after_s.is_none() {
            return Err("`do` says nothing: give `status`, `drop`, `delay_ms` or `retry_after_s`".to_owned());
        }
        if let Some(status) = status.filter(|status| !(200..=599).contains(status)) {
            return Err(format!("`{status}` is no status of an answer"));
        }
        let path = plan.matching.path.as_deref().map(Regex::new).transpose().map_err(|error| error.to_string())?;
        Ok(Self { plan, path, seen: 0, happened: 0 })
    }

    fn strike(&mut self, exchange: &Exchange) -> bool {
        if !self.matches(exchange) {
            return false;
        }
        self.seen += 1;
        let due = self.seen > self.plan.skip && self.plan.times.is_none_or(|times| self.happened < times);
        if due {
            self.happened += 1;
        }
        due
    }

    fn matches(&self, exchange: &Exchange) -> bool {
        let method = self.plan.matching.method.as_deref();
        let fits_path = |path: &Regex| path.is_match(&exchange.path) || path.is_match(&exchange.path_and_query());
        method.is_none_or(|method| method.eq_ignore_ascii_case(&exchange.method))
            && self.plan.matching.host.as_deref().is_none_or(|host| fits_host(host, &exchange.host))
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

impl Trouble {
    /// The status of the answer that is given in place of the real one.
    pub(crate) fn answer_status(&self) -> Option<u16> {
        self.status.or(self.retry_after_s.map(|_| 429))
    }

    /// The refusal a vault words for a status.
    pub(crate) fn refusal(status: u16) -> Refusal {
        match status {
            429 => Refusal::throttled(),
            503 => Refusal::new(503, "ServiceUnavailable", "The service is temporarily unavailable. Please retry."),
            500 => Refusal::new(500, "InternalServerError", "The server encountered an internal error."),
            502 => Refusal::new(502, "BadGateway", "The gateway got no good answer."),
            504 => Refusal::new(504, "GatewayTimeout", "The gateway got no answer in time."),
            408 => Refusal::new(408, "RequestTimeout", "The request was not received in time."),
            401 => Refusal::unauthorized("AKV10000: Request is missing a Bearer or PoP token."),
            403 => Refusal::new(403, "Forbidden", "The request is not allowed."),
            404 => Refusal::new(404, "NotFound", "There is nothing here."),
            409 => Refusal::new(409, "Conflict", "The request conflicts with another one."),
            _ => Refusal::new(status, "PlannedFault", "This answer was asked for by the control."),
        }
    }

    /// The answer of everything that is not a vault.
    pub(crate) fn reply(destination: &Destination, status: u16) -> Reply {
        match destination {
            Destination::Entra => {
                entra_error(status, "temporarily_unavailable", 90_033, "A transient error has occurred.")
            }
            _ => Reply::json(status, &json!({ "error": "planned fault", "status": status })),
        }
    }
}
