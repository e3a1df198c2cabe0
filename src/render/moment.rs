//! A moment, as a report says it to people.

use time::OffsetDateTime;

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
