//! `github_token`: a token of GitHub's, revoked through the interface for credentials that were found exposed. The states
//! are those of [`super::revoked_token`].
//!
//! The request is sent without any authentication, which the interface insists on. It cannot be undone, and the token's
//! owner is told by GitHub.

use super::revoked_token::Kind;
use super::trial::Trial;
use crate::azure::Transport;
use crate::failure::{Failure, Retry};
use crate::secret::Secret;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use serde_json::json;

const HEADERS: [(&str, &str); 2] = [("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")];
/// How many tokens one request may revoke.
const BATCH: usize = 1_000;

pub(super) static KIND: Kind =
    Kind { issuer: "GitHub", prefixes: &["ghp_", "github_pat_", "gho_", "ghu_", "ghr_"], attempt, revoke };

fn attempt<'a>(transport: &'a Transport, token: &'a Secret) -> LocalBoxFuture<'a, Result<Trial, Failure>> {
    async move {
        let authorization = zeroize::Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut headers = HEADERS.to_vec();
        headers.push(("authorization", &authorization));
        let answer = transport.send("GET", "https://api.github.com/user", &headers, Vec::new()).await?;
        let how = "asked `api.github.com` who it is";
        match answer.status {
            401 => Ok(Trial::refused(how, "401")),
            // 403: it may not ask that, which only a living token is told.
            status @ (200 | 403) => Ok(Trial::accepted(how, status.to_string())),
            status => Err(Failure::refused("`api.github.com` gives no answer that tells")
                .because(format!("it answered {status}"))
                .retry(Retry::Later)),
        }
    }
    .boxed_local()
}

fn revoke<'a>(transport: &'a Transport, tokens: &'a [Secret]) -> LocalBoxFuture<'a, Result<(), Failure>> {
    async move {
        for batch in tokens.chunks(BATCH) {
            let tokens: Vec<&str> = batch.iter().map(Secret::expose).collect();
            let mut headers = HEADERS.to_vec();
            headers.push(("content-type", "application/json"));
            let body = json!({ "credentials": tokens }).to_string().into_bytes();
            let answer = transport.send("POST", "https://api.github.com/credentials/revoke", &headers, body).await?;
            match answer.status {
                202 => {}
                403 | 429 => {
                    return Err(Failure::refused("`api.github.com` takes no more revocations for now")
                        .help("60 an hour are taken from one address")
                        .retry(answer.retry_after.map_or(Retry::Later, Retry::After)));
                }
                500..=599 => {
                    return Err(Failure::unknown(format!("`api.github.com` is unavailable ({})", answer.status))
                        .because(format!("it answered {}", answer.status)));
                }
                status => {
                    return Err(Failure::refused("`api.github.com` did not take the revocation")
                        .because(format!("it answered {status}")));
                }
            }
        }
        Ok(())
    }
    .boxed_local()
}
