//! Durations as runbooks write them: `500ms`, `90s`, `15m`, `24h`, `30d`.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Reads a duration; the error says what one looks like.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: Option<u64> = number.parse().ok();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    match (number, factor) {
        (Some(number), Some(factor)) => match number.checked_mul(factor) {
            Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
            None => Err(format!("`{text}` is too long a time")),
        },
        _ => Err(format!("`{text}` is not a duration such as `90s`, `15m`, `24h` or `30d`")),
    }
}

/// Writes a duration in the largest unit that holds it exactly.
pub fn format(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    for (unit, factor) in UNITS.iter().rev() {
        if milliseconds % factor == 0 {
            return format!("{}{unit}", milliseconds / factor);
        }
    }
    format!("{milliseconds}ms")
}
