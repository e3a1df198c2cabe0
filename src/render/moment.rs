//! A moment, as a report says it to people.

use time::OffsetDateTime;

/// The second in UTC, as RFC 3339 writes it.
pub fn rfc3339(at: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// The day and the minute.
pub fn moment(at: OffsetDateTime) -> String {
    format!(
        "{} {} {}, {:02}:{:02} UTC",
        at.day(),
        at.month(),
        at.year(),
        at.hour(),
        at.minute()
    )
}
