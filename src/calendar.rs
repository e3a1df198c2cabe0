//! A time of the system's clock as a date.
//!
//! `OffsetDateTime::from` panics beyond the year 9999, and a clock can be set to anything.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// The time in UTC; `None` beyond the year 9999, or before -9999.
pub(crate) fn calendar(moment: SystemTime) -> Option<OffsetDateTime> {
    let nanos = match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()).ok()?,
        Err(before) => -i128::try_from(before.duration().as_nanos()).ok()?,
    };
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_moment_is_a_date_or_none() {
        let second = Duration::from_secs(1);
        let year = |moment| calendar(moment).map(OffsetDateTime::year);
        assert_eq!(year(UNIX_EPOCH), Some(1970));
        assert_eq!(year(UNIX_EPOCH - second), Some(1969));
        assert_eq!(
            year(UNIX_EPOCH + Duration::from_secs(253_402_300_799)),
            Some(9999)
        );
        assert_eq!(
            year(UNIX_EPOCH + Duration::from_secs(253_402_300_800)),
            None
        );
        assert_eq!(year(UNIX_EPOCH + Duration::from_secs(1 << 62)), None);
    }
}
