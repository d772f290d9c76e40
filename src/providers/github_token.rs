//! `github_token`: a token of GitHub's, revoked through the interface for credentials that were found exposed.
//!
//! It revokes only: a person makes the new token and enters it, as with [`super::manual`]. The request is sent without
//! any authentication, which the interface insists on. It cannot be undone, and its owner is told by GitHub.

use super::manual::{breaks, compose, one_old};
use super::{Breaks, Held, Issued, NoSettings, Provider, Supply, Surroundings, Survey, Trial, Work, envelope};
use crate::failure::{Failure, Retry};
use crate::secret::Secret;
use async_trait::async_trait;
use serde_json::json;

const HEADERS: [(&str, &str); 2] = [("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")];
/// What the interface takes.
const PREFIXES: [&str; 5] = ["ghp_", "github_pat_", "gho_", "ghu_", "ghr_"];

pub(super) struct GithubToken {
    surroundings: Surroundings,
}

impl GithubToken {
    pub(super) fn new(_: NoSettings, surroundings: Surroundings) -> Self {
        Self { surroundings }
    }
}

fn old<'a>(work: &Work<'a>) -> Result<&'a Secret, Failure> {
    work.old.ok_or_else(|| {
        Failure::refused("the old token cannot be read any more, so it cannot be revoked")
            .help("enable the version that holds it, then resume; or revoke it by hand")
    })
}

#[async_trait(?Send)]
impl Provider for GithubToken {
    fn supply(&self) -> Supply {
        Supply::Entered
    }

    fn breaks(&self) -> Breaks {
        breaks("GitHub")
    }

    async fn survey(&self, held: &Held<'_>) -> Result<Survey, Failure> {
        let token = envelope::open(held.value).password;
        if !PREFIXES.iter().any(|prefix| token.expose().starts_with(prefix)) {
            return Err(Failure::refused("the current version holds no token of a kind that GitHub revokes")
                .help(format!("it begins with one of {}", PREFIXES.join(", "))));
        }
        Ok(one_old())
    }

    async fn issue(&self, _: &Work<'_>) -> Result<Issued, Failure> {
        Ok(Issued::default())
    }

    async fn issued(&self, _: &Work<'_>) -> Result<bool, Failure> {
        Ok(true)
    }

    fn compose(&self, _: &Survey, old: &Secret, fresh: &Secret) -> Result<Secret, Failure> {
        Ok(compose(old, fresh))
    }

    async fn attempt(&self, _: &Survey, value: &Secret) -> Result<Trial, Failure> {
        let authorization = zeroize::Zeroizing::new(format!("Bearer {}", envelope::open(value).password.expose()));
        let mut headers = HEADERS.to_vec();
        headers.push(("authorization", &authorization));
        let transport = &self.surroundings.azure.transport;
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

    async fn retire(&self, work: &Work<'_>) -> Result<(), Failure> {
        let body = json!({ "credentials": [envelope::open(old(work)?).password.expose()] });
        let mut headers = HEADERS.to_vec();
        headers.push(("content-type", "application/json"));
        let body = body.to_string().into_bytes();
        let transport = &self.surroundings.azure.transport;
        let answer = transport.send("POST", "https://api.github.com/credentials/revoke", &headers, body).await?;
        match answer.status {
            202 => Ok(()),
            403 | 429 => Err(Failure::refused("`api.github.com` takes no more revocations for now")
                .help("60 an hour are taken from one address")
                .retry(answer.retry_after.map_or(Retry::Later, Retry::After))),
            500..=599 => {
                Err(Failure::unknown("`api.github.com` is in trouble")
                    .because(format!("it answered {}", answer.status)))
            }
            status => Err(Failure::refused("`api.github.com` did not take the revocation")
                .because(format!("it answered {status}"))),
        }
    }

    async fn retired(&self, work: &Work<'_>) -> Result<Option<bool>, Failure> {
        let Some(old) = work.old else { return Ok(None) };
        Ok(Some(matches!(self.attempt(work.survey, old).await?, Trial::Refused { .. })))
    }
}
