//! Times as a person says them.

use crate::clock::Timestamp;

/// A time as a person says it: `at 04:26`, `at 03:26 tomorrow` (UTC), or with its date.
pub(crate) fn when(at: Timestamp, now: Timestamp) -> String {
    let days = (at.date_naive() - now.date_naive()).num_days();
    let time = at.format("%H:%MZ");
    match days {
        0 => format!("at {time}"),
        1 => format!("at {time} tomorrow"),
        _ => format!("at {}", at.format("%Y-%m-%d %H:%MZ")),
    }
}
