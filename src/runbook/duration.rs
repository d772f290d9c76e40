//! Durations as runbooks write them: `500ms`, `90s`, `15m`, `24h`, `30d`.

use std::time::Duration;

/// Each unit: its name, its milliseconds, and how many digits its number may have, so that every duration ends within
/// the time that calendars know.
const UNITS: [(&str, u64, usize); 5] =
    [("ms", 1, 9), ("s", 1_000, 9), ("m", 60_000, 7), ("h", 3_600_000, 6), ("d", 86_400_000, 5)];

/// The regular expression that durations match.
pub fn pattern() -> String {
    let units: Vec<String> = UNITS.iter().map(|(name, _, digits)| format!("[0-9]{{1,{digits}}}{name}")).collect();
    format!("^({})$", units.join("|"))
}

/// Reads a duration; the error says what one looks like.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, name) = text.split_at(digits);
    let unit = UNITS.iter().find(|(unit, _, _)| *unit == name);
    match (number.parse::<u64>(), unit) {
        (Ok(number), Some((_, factor, most))) if digits <= *most => Ok(Duration::from_millis(number * factor)),
        (_, Some(_)) if digits > 0 => Err(format!("`{text}` is too long a time")),
        _ => Err(format!("`{text}` is not a duration such as `90s`, `15m`, `24h` or `30d`")),
    }
}

/// Writes a duration in the largest unit that holds it exactly.
pub fn format(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    for (unit, factor, _) in UNITS.iter().rev() {
        if milliseconds % factor == 0 {
            return format!("{}{unit}", milliseconds / factor);
        }
    }
    format!("{milliseconds}ms")
}
