//! What later decisions rest on: read once, and then what the journal holds.

use super::attempt::{Attempt, Stop};
use crate::correlation;
use crate::engine::event::Event;
use crate::failure::Failure;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Display;

impl Attempt {
    /// Reads something that later decisions rest on, once: met again, it gives what the journal holds.
    pub async fn observe<T: Serialize + DeserializeOwned>(
        &self,
        name: impl Display,
        read: impl AsyncFnOnce() -> Result<T, Failure>,
    ) -> Result<T, Stop> {
        let name = name.to_string();
        if let Some(value) = self.recorded(&name)? {
            return Ok(value);
        }
        let value = correlation::scope(format!("{}/{name}", self.step), read()).await?;
        self.note(&name, &value).await?;
        Ok(value)
    }

    /// What the journal holds of something that was read or noted before.
    pub fn recorded<T: DeserializeOwned>(&self, name: impl Display) -> Result<Option<T>, Stop> {
        let name = name.to_string();
        let value = self.ledger.step(&self.step).observations.get(&name).cloned();
        value.map(|value| read_result(&name, value)).transpose()
    }

    /// Records a fact that was just read; a later one of the same name replaces it.
    pub async fn note(&self, name: impl Display, value: &impl Serialize) -> Result<(), Stop> {
        let value = serde_json::to_value(value)
            .map_err(|error| Failure::refused(format!("`{name}` cannot be recorded: {error}")))?;
        self.ledger.record(Event::Observed { step: self.step.clone(), name: name.to_string(), value }).await?;
        Ok(())
    }
}

pub(super) fn read_result<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, Stop> {
    serde_json::from_value(value)
        .map_err(|error| Failure::refused(format!("the journal's record of `{name}` cannot be read: {error}")).into())
}
