//! A run's head, stamped by an authority outside when a life of the run ends. Nothing ever waits for it or rests on it.

use crate::actions::Services;
use crate::cli::terminal::ui::Ui;
use crate::failure::Failure;
use crate::journal::RunFolder;

/// Has the head stamped if the configuration names an authority, and says what came of it.
pub(super) async fn stamp(ui: Ui, services: &Services, folder: &RunFolder, head: &str) {
    let Some(authority) = &services.config.timestamp else { return };
    // A life that recorded nothing ends where the one before did.
    if folder.is_stamped(head) {
        return;
    }
    let kept = async {
        let (answer, stamp) = authority.stamp(&services.azure.transport, head).await?;
        let unwritable = |error: std::io::Error| Failure::refused(error.to_string());
        folder.keep_stamp(head, &answer).map_err(unwritable)?;
        Ok::<_, Failure>(stamp)
    };
    match kept.await {
        Ok(stamp) => {
            let at = crate::clock::second(stamp.at);
            let unchecked = if stamp.is_proven { "" } else { "; nothing says which certificates to believe" };
            ui.note(&format!("time stamp  {at} by {}{unchecked}", stamp.authority));
        }
        Err(failure) => {
            let why = failure.reasons.first().map(|why| format!(": {why}")).unwrap_or_default();
            ui.note(&format!("the journal's head got no time stamp: {}{why}", failure.summary));
        }
    }
}
