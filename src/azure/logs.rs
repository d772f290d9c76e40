//! Queries to a Log Analytics workspace: KQL in, a table out, and whether the table is whole.
//!
//! There is no client of Azure's own for this service yet. What it answers is told apart by what the caller can do about
//! it: read a smaller stretch of time, go without a table, or give up.

use super::access::Azure;
use super::answer::Bounds;
use super::carried::misshapen;
use super::retry;
use super::service_error::ServiceError;
use super::transport::HttpAnswer;
use super::unavailable::{Unavailable, again};
use crate::clock::Timestamp;
use crate::failure::{Failure, Retry};
use chrono::SecondsFormat;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;
use uuid::Uuid;

/// The service works on a query for three minutes unless asked for more; it gets that, and some time for the answer.
const BOUNDS: Bounds =
    Bounds { longest: Duration::from_secs(240), longest_body: Duration::from_secs(240), ..Bounds::bytes(192 << 20) };

/// A workspace.
#[derive(Clone, Debug)]
pub struct LogAnalytics {
    id: Uuid,
    endpoint: &'static str,
    scope: &'static str,
    azure: Azure,
}

/// What came back.
#[derive(Debug)]
pub enum LogAnswer {
    /// Rows by the names of their columns; with a reason if the service said that they are not all.
    Rows(Vec<Map<String, Value>>, Option<String>),
    /// The workspace has no such table.
    NoSuchTable,
    /// More than the service gives, or than it computes in time. A smaller question may succeed.
    TooMuch(String),
    /// Nothing at all, not even an empty table.
    Nothing,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    tables: Vec<Table>,
    error: Option<ServiceError>,
}

#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    name: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

impl LogAnalytics {
    /// The workspace of this id, in the cloud that the vault's host belongs to.
    pub fn new(id: Uuid, vault_host: &str, azure: &Azure) -> Self {
        let host = vault_host.rsplit_once(':').map_or(vault_host, |(host, _)| host);
        let (endpoint, scope) = if host.ends_with(".vault.azure.cn") {
            ("https://api.loganalytics.azure.cn", "https://api.loganalytics.azure.cn/.default")
        } else if host.ends_with(".vault.usgovcloudapi.net") {
            ("https://api.loganalytics.us", "https://api.loganalytics.us/.default")
        } else {
            ("https://api.loganalytics.azure.com", "https://api.loganalytics.io/.default")
        };
        Self { id, endpoint, scope, azure: azure.clone() }
    }

    /// The workspace's id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Asks, and asks again where that helps.
    ///
    /// # Errors
    /// If the workspace cannot be reached or refuses the question.
    pub async fn query(&self, query: &str, span: Option<(Timestamp, Timestamp)>) -> Result<LogAnswer, Failure> {
        let mut body = json!({ "query": query });
        if let (Some((from, to)), Some(body)) = (span, body.as_object_mut()) {
            let moment = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::Micros, true);
            body.insert("timespan".to_owned(), format!("{}/{}", moment(from), moment(to)).into());
        }
        let body = body.to_string();
        retry::read(async || self.ask(&body).await).await
    }

    async fn ask(&self, body: &str) -> Result<LogAnswer, Failure> {
        let authorization = self.azure.identity.authorization(self.scope).await?;
        let url = format!("{}/v1/workspaces/{}/query", self.endpoint, self.id);
        let headers =
            [("content-type", "application/json"), ("authorization", authorization.expose()), ("prefer", "wait=180")];
        let answer = self.azure.transport.send_patiently(BOUNDS, "POST", &url, &headers, body.into()).await?;
        let Some(answer) = answer else {
            return Ok(LogAnswer::TooMuch("the answer was larger than stanch takes at once".to_owned()));
        };
        self.read(&answer)
    }

    /// What an answer means.
    ///
    /// # Errors
    /// If the workspace refuses the question, or what it says cannot be read.
    pub fn read(&self, answer: &HttpAnswer) -> Result<LogAnswer, Failure> {
        let workspace = format!("the workspace `{}`", self.id);
        match answer.status {
            200 if !answer.body.trim_ascii().is_empty() => {
                let body: Body = serde_json::from_slice(&answer.body).map_err(|error| {
                    Failure::refused(format!("{workspace} gave an answer that cannot be read"))
                        .because(misshapen(&error))
                        .retry(Retry::Later)
                })?;
                Ok(rows(body))
            }
            200 | 204 => Ok(LogAnswer::Nothing),
            status => {
                let said = ServiceError::read(&answer.body).unwrap_or_default();
                self.refused(status, &said, answer.retry_after)
            }
        }
    }

    fn refused(&self, status: u16, said: &ServiceError, retry_after: Option<Duration>) -> Result<LogAnswer, Failure> {
        if status == 400 && said.says(&["Failed to resolve table", "could not be resolved", "Failed to resolve scalar"])
        {
            return Ok(LogAnswer::NoSuchTable);
        }
        if matches!(status, 413 | 504)
            || said.says(&["ResponsePayloadTooLarge", "E_QUERY_RESULT_SET_TOO_LARGE", "E_RUNAWAY_QUERY", "Timeout"])
        {
            let told = said.told();
            return Ok(LogAnswer::TooMuch(told.first().cloned().unwrap_or_else(|| format!("it answered {status}"))));
        }
        let failure = Failure::refused(match status {
            401 | 403 => format!("stanch may not read the workspace `{}`", self.id),
            404 => format!("there is no workspace `{}`", self.id),
            _ if Unavailable::of(status) == Some(Unavailable::Throttling) => {
                format!("the workspace `{}` is throttling", self.id)
            }
            _ => format!("the workspace `{}` did not answer the question", self.id),
        });
        let who = self.azure.identity.principal().map(|who| format!(" for {who}")).unwrap_or_default();
        let failure = said
            .told()
            .into_iter()
            .take(3)
            .fold(failure.because(format!("it answered {status}{who}")), Failure::because);
        Err(match status {
            401 | 403 => failure.help("give this identity the role `Log Analytics Reader` on the workspace"),
            404 => failure.help("`az monitor log-analytics workspace show --query customerId` tells the id"),
            status if Unavailable::of(status).is_some() => failure.retry(again(retry_after)),
            _ => failure,
        })
    }
}

fn rows(body: Body) -> LogAnswer {
    let partial = body.error.as_ref().map(|error| error.told().join("; "));
    if body.error.as_ref().is_some_and(|error| {
        error.says(&["E_QUERY_RESULT_SET_TOO_LARGE", "ResponsePayloadTooLarge", "E_RUNAWAY_QUERY", "truncated"])
    }) {
        return LogAnswer::TooMuch(partial.unwrap_or_default());
    }
    let mut tables = body.tables;
    let primary = tables.iter().position(|table| table.name == "PrimaryResult").unwrap_or(0);
    if tables.is_empty() {
        return match partial {
            Some(partial) => LogAnswer::Rows(Vec::new(), Some(partial)),
            None => LogAnswer::Nothing,
        };
    }
    let table = tables.swap_remove(primary);
    let names: Vec<String> = table.columns.into_iter().map(|column| column.name).collect();
    let named = |row: Vec<Value>| names.iter().cloned().zip(row).collect();
    LogAnswer::Rows(table.rows.into_iter().map(named).collect(), partial)
}
