//! Where a managed identity gets its tokens: an endpoint on this machine that may be in trouble, or not exist at all.

use super::answer::Bounds;
use super::transport::Transport;
use super::unavailable::Unavailable;
use async_trait::async_trait;
use azure_core::credentials::AccessToken;
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Request};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the instance metadata service of a machine that may have none is waited for.
const IMDS_PATIENCE: Duration = Duration::from_secs(2);
/// How long it is waited for where it was asked for by name, or has answered that it is overwhelmed. The official
/// client asks it again by itself, for more than a minute.
const MANAGED_PATIENCE: Duration = Duration::from_secs(30);

/// The endpoint, and what is known of it.
pub(super) struct ManagedEndpoint {
    /// It was not asked for by name.
    guessed: bool,
    heard: Arc<Heard>,
}

/// The way to an endpoint, with the last status that came back on it.
#[derive(Debug)]
struct Heard {
    transport: Transport,
    status: Mutex<Option<u16>>,
}

#[async_trait]
impl HttpClient for Heard {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let response = self.transport.execute(request, Bounds::ENTRY).await;
        if let Ok(response) = &response {
            *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(response.status().into());
        }
        response
    }
}

impl Heard {
    fn status(&self) -> Option<u16> {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ManagedEndpoint {
    /// Nothing is asked yet.
    pub(super) fn new(guessed: bool, transport: Transport) -> Self {
        Self { guessed, heard: Arc::new(Heard { transport, status: Mutex::default() }) }
    }

    /// Options for the official client: this way out, on which is heard what comes back.
    pub(super) fn client_options(&self) -> ClientOptions {
        ClientOptions {
            transport: Some(azure_core::http::Transport::new(self.heard.clone())),
            ..self.heard.transport.client_options(Bounds::ENTRY)
        }
    }

    /// It answered, and may give a token later.
    pub(super) fn is_overwhelmed(&self) -> bool {
        self.heard.status().and_then(Unavailable::of).is_some()
    }

    /// One that is only guessed at, and does not answer, is no trouble.
    pub(super) fn exists(&self) -> bool {
        !self.guessed || self.is_overwhelmed()
    }

    /// Waits for a token, longer where there is somebody to wait for.
    pub(super) async fn wait(
        &self,
        asked: impl Future<Output = azure_core::Result<AccessToken>>,
    ) -> Result<azure_core::Result<AccessToken>, String> {
        let mut asked = pin!(asked);
        let mut patience = if self.guessed { IMDS_PATIENCE } else { MANAGED_PATIENCE };
        let mut answer = tokio::time::timeout(patience, &mut asked).await;
        if answer.is_err() && self.guessed && self.is_overwhelmed() {
            answer = tokio::time::timeout(MANAGED_PATIENCE - patience, &mut asked).await;
            patience = MANAGED_PATIENCE;
        }
        answer.map_err(|_| match self.heard.status() {
            Some(status) => format!("it answered {status}, and gave no token within {} s", patience.as_secs()),
            None => format!("no answer within {} s", patience.as_secs()),
        })
    }
}
