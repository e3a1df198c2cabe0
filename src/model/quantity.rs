//! Kubernetes quantities: `500m`, `2`, `4Gi`, `1e3`.
//!
//! Two texts can mean one amount, and a Pod's author should see the text that was written. So quantities are
//! compared by value, and written as they were given.
//! Source of the grammar: `k8s.io/apimachinery/pkg/api/resource/quantity.go`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A non-negative amount of a resource.
#[derive(Clone, Debug)]
pub struct Quantity {
    text: String,
    /// In units of 10⁻⁹, the finest that Kubernetes keeps.
    nanos: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("not a Kubernetes quantity such as 500m, 2 or 4Gi")]
    Malformed,
    #[error("below zero")]
    Negative,
    /// Above 2⁶³-1 units.
    #[error("too large")]
    TooLarge,
}

const NANO: u128 = 1_000_000_000;
/// Kubernetes caps a quantity at 2⁶³-1 units.
const LARGEST: u128 = (i64::MAX as u128) * NANO;
/// More digits than any amount needs. Keeps the arithmetic below within 128 bits.
const MOST_DIGITS: usize = 18;

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        use QuantityError::{Malformed, Negative, TooLarge};
        let unsigned = match text.strip_prefix('-') {
            Some(_) => return Err(Negative),
            None => text.strip_prefix('+').unwrap_or(text),
        };
        let end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return Err(Malformed);
        }
        if whole.len() > MOST_DIGITS || fraction.len() > MOST_DIGITS {
            return Err(TooLarge);
        }
        let scale = Scale::parse(suffix).ok_or(Malformed)?;
        let part = |digits: &str| digits.parse::<u128>().unwrap_or(0);
        let whole_nanos = scale.apply(part(whole), 0).ok_or(TooLarge)?;
        let rest = scale
            .apply(part(fraction), fraction.len() as i32)
            .ok_or(TooLarge)?;
        let nanos = whole_nanos.checked_add(rest).ok_or(TooLarge)?;
        if nanos > LARGEST {
            return Err(TooLarge);
        }
        Ok(Self {
            text: text.to_owned(),
            nanos,
        })
    }
}

enum Scale {
    Ten(i32),
    Two(u32),
}

impl Scale {
    fn parse(suffix: &str) -> Option<Self> {
        Some(match suffix {
            "n" => Self::Ten(-9),
            "u" => Self::Ten(-6),
            "m" => Self::Ten(-3),
            "" => Self::Ten(0),
            "k" => Self::Ten(3),
            "M" => Self::Ten(6),
            "G" => Self::Ten(9),
            "T" => Self::Ten(12),
            "P" => Self::Ten(15),
            "E" => Self::Ten(18),
            "Ki" => Self::Two(10),
            "Mi" => Self::Two(20),
            "Gi" => Self::Two(30),
            "Ti" => Self::Two(40),
            "Pi" => Self::Two(50),
            "Ei" => Self::Two(60),
            _ => {
                let exponent = suffix.strip_prefix(['e', 'E'])?;
                let exponent: i32 = exponent.parse().ok()?;
                Self::Ten(exponent.clamp(-40, 40))
            }
        })
    }

    /// `digits · 10^-places · scale` in units of 10⁻⁹, rounded up as Kubernetes does.
    fn apply(&self, digits: u128, places: i32) -> Option<u128> {
        let (factor, ten) = match self {
            Self::Ten(exponent) => (1, *exponent),
            Self::Two(bits) => (1u128 << bits, 0),
        };
        let exponent = ten + 9 - places;
        if digits == 0 {
            return Some(0);
        }
        let scaled = digits.checked_mul(factor)?;
        match u32::try_from(exponent) {
            Ok(up) => scaled.checked_mul(10u128.checked_pow(up)?),
            Err(_) => Some(match 10u128.checked_pow(exponent.unsigned_abs()) {
                Some(down) => scaled.div_ceil(down),
                None => 1,
            }),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Quantity {
    pub fn zero() -> Self {
        Self {
            text: "0".to_owned(),
            nanos: 0,
        }
    }

    /// The value in units, rounded up; 2⁶⁴-1 for more.
    pub fn units(&self) -> u64 {
        u64::try_from(self.nanos.div_ceil(NANO)).unwrap_or(u64::MAX)
    }

    /// The quantity as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Kubernetes takes a limit of zero for no limit.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }
}

impl serde::Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn quantities_are_compared_by_value() {
        let q = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(q("1"), q("1000m"));
        assert_eq!(q("1Ki"), q("1024"));
        assert_eq!(q("1.5Gi"), q("1536Mi"));
        assert_eq!(q("1e3"), q("1k"));
        assert_eq!(q("0.1"), q("100m"));
        assert_eq!(q(".5"), q("500m"));
        assert!(q("4Gi") > q("4G"));
        assert!(q("0.1n") > q("0"), "rounded up, as Kubernetes does");
    }

    #[test]
    fn rejects_what_kubernetes_rejects() {
        for (text, error) in [
            ("", QuantityError::Malformed),
            (".", QuantityError::Malformed),
            ("1.2.3", QuantityError::Malformed),
            ("4 Gi", QuantityError::Malformed),
            ("4gb", QuantityError::Malformed),
            ("lots", QuantityError::Malformed),
            ("1ee3", QuantityError::Malformed),
            ("-1", QuantityError::Negative),
            ("9Ei", QuantityError::TooLarge),
            ("1e40", QuantityError::TooLarge),
            ("99999999999999999999999999", QuantityError::TooLarge),
        ] {
            assert_eq!(text.parse::<Quantity>().err(), Some(error), "{text:?}");
        }
    }
}
