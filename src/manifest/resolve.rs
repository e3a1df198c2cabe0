//! What an untyped YAML scalar means: `yes` is true, `0644` is 420, `1.10` is 1.1.
//!
//! `kubectl` reads YAML with sigs.k8s.io/yaml, which decodes with go.yaml.in/yaml/v2 and passes the
//! result through JSON. The rules here are those of its `resolve.go`, `decode.go` (`scalar`) and of
//! `convertToJSONableObject` in sigs.k8s.io/yaml's `yaml.go`; a table made by the real library
//! holds this file to them (`tests/manifest/scalars.jsonl`).

use std::borrow::Cow;

use serde_json::{Number, Value};

/// A scalar with its meaning, before it becomes a JSON value or a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'t> {
    Null,
    Bool(bool),
    Int(i64),
    /// Only integers above `i64::MAX`.
    Unsigned(u64),
    Float(f64),
    Text(Cow<'t, str>),
}

/// What a scalar's tag makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Bool,
    Int,
    Float,
    Null,
    Text,
    Timestamp,
    Binary,
}

impl<'t> Scalar<'t> {
    /// The meaning of a plain scalar without a tag.
    pub fn plain(text: Cow<'t, str>) -> Self {
        typed(&text).unwrap_or(Self::Text(text))
    }

    /// The meaning of a scalar with a tag; its quotes play no part. The text comes back where it is
    /// not what the tag says, as in `!!int abc`.
    pub fn tagged(tag: Tag, text: Cow<'t, str>) -> Result<Self, String> {
        let found = match tag {
            Tag::Text => return Ok(Self::Text(text)),
            Tag::Timestamp if is_date_like(&text) => return Ok(Self::Text(text)),
            Tag::Binary => decode_base64(&text).map(|text| Self::Text(text.into())),
            Tag::Bool | Tag::Int | Tag::Float | Tag::Null | Tag::Timestamp => typed(&text),
        };
        match (tag, found) {
            (Tag::Bool, Some(found @ Self::Bool(_)))
            | (Tag::Int, Some(found @ (Self::Int(_) | Self::Unsigned(_))))
            | (Tag::Float, Some(found @ Self::Float(_)))
            | (Tag::Null, Some(found @ Self::Null))
            | (Tag::Binary, Some(found @ Self::Text(_))) => Ok(found),
            #[expect(clippy::cast_precision_loss, reason = "goyaml casts likewise")]
            (Tag::Float, Some(Self::Int(int))) => Ok(Self::Float(int as f64)),
            _ => Err(text.into_owned()),
        }
    }

    /// The JSON value. An infinity or NaN, which JSON cannot hold, comes back as its YAML text.
    ///
    /// A whole float becomes an integer (`1e3` is 1000), because Go prints it as one.
    pub fn into_value(self) -> Result<Value, String> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(bool),
            Self::Int(int) => int.into(),
            Self::Unsigned(int) => int.into(),
            Self::Float(float) => match go_number(float) {
                Some(number) => Value::Number(number),
                None => return Err(go_float_key(float)),
            },
            Self::Text(text) => Value::String(text.into_owned()),
        })
    }

    /// The scalar as a key of a JSON object; what sigs.k8s.io/yaml refuses as one comes back by name.
    pub fn into_key(self) -> Result<String, &'static str> {
        match self {
            Self::Text(text) => Ok(text.into_owned()),
            Self::Bool(bool) => Ok(bool.to_string()),
            Self::Int(int) => Ok(int.to_string()),
            Self::Float(float) => Ok(go_float_key(float)),
            Self::Null => Err("null"),
            Self::Unsigned(_) => Err("an integer above 2^63"),
        }
    }
}

/// Whether some YAML 1.1 or 1.2 reader takes this plain text for something else than a string.
/// Wider than what [`Scalar::plain`] does: base 60, dates, `=` and `<<` count too.
pub(super) fn is_ambiguous(text: &str) -> bool {
    let Some(first) = text.bytes().next() else {
        return true;
    };
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' => {
            let plain = without_underscores(text);
            typed(text).is_some()
                || typed(&plain).is_some()
                || is_date_like(text)
                || is_base_sixty(text)
                // PyYAML takes `0x_` for a number, and then fails to read it.
                || matches!(plain.trim_start_matches(['-', '+']), "0x" | "0b")
        }
        b'=' => text == "=",
        b'<' => text == "<<",
        _ => typed(text).is_some(),
    }
}

/// goyaml's `resolve` for a scalar without a tag; `None` is a string.
fn typed(text: &str) -> Option<Scalar<'static>> {
    let Some(first) = text.bytes().next() else {
        return Some(Scalar::Null);
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => word(text).or_else(|| dotted(text)),
        b'0'..=b'9' => number(text),
        b'+' | b'-' => word(text).or_else(|| number(text)),
        _ => None,
    }
}

fn word(text: &str) -> Option<Scalar<'static>> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

/// A float that starts with a dot: goyaml hands it to Go's `ParseFloat`, which takes underscores
/// between digits.
fn dotted(text: &str) -> Option<Scalar<'static>> {
    let mut last = b'.';
    for byte in text.bytes() {
        let after_digit = last.is_ascii_digit();
        if (byte == b'_' && !after_digit) || (last == b'_' && !byte.is_ascii_digit()) {
            return None;
        }
        last = byte;
    }
    if last == b'_' {
        return None;
    }
    float(&without_underscores(text))
}

/// An integer in any base, else a float. Underscores are dropped first.
fn number(text: &str) -> Option<Scalar<'static>> {
    let plain = without_underscores(text);
    if let Some(int) = go_parse_int(&plain, None) {
        return Some(int);
    }
    if let Some(float) = float(&plain) {
        return Some(float);
    }
    // A second chance that resolve.go gives to `0b+1`, which Go's own syntax does not have.
    plain
        .strip_prefix("0b")
        .and_then(|digits| go_parse_int(digits, Some(2)))
}

fn without_underscores(text: &str) -> Cow<'_, str> {
    if text.contains('_') {
        text.replace('_', "").into()
    } else {
        text.into()
    }
}

/// Go's `strconv.ParseInt(text, base, 64)` and then `ParseUint`; base 0 where `base` is `None`.
fn go_parse_int(text: &str, base: Option<u32>) -> Option<Scalar<'static>> {
    let (negative, signed, digits) = match text.as_bytes().first()? {
        b'-' => (true, true, &text[1..]),
        b'+' => (false, true, &text[1..]),
        _ => (false, false, text),
    };
    let (radix, digits) = match base {
        Some(radix) => (radix, digits),
        None => go_base(digits)?,
    };
    // `from_str_radix` takes a sign of its own; Go has had its one already.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = match (digits, base) {
        // The lone `0`, whose digit went as the octal prefix.
        ("", None) => 0,
        _ => u64::from_str_radix(digits, radix).ok()?,
    };
    if negative {
        return 0_i64.checked_sub_unsigned(magnitude).map(Scalar::Int);
    }
    match i64::try_from(magnitude) {
        Ok(int) => Some(Scalar::Int(int)),
        Err(_) if signed => None,
        Err(_) => Some(Scalar::Unsigned(magnitude)),
    }
}

fn go_base(digits: &str) -> Option<(u32, &str)> {
    let bytes = digits.as_bytes();
    if *bytes.first()? != b'0' {
        return Some((10, digits));
    }
    Some(match bytes.get(1).map(u8::to_ascii_lowercase) {
        Some(b'b') if bytes.len() > 2 => (2, &digits[2..]),
        Some(b'o') if bytes.len() > 2 => (8, &digits[2..]),
        Some(b'x') if bytes.len() > 2 => (16, &digits[2..]),
        _ => (8, &digits[1..]),
    })
}

/// resolve.go's `yamlStyleFloat`: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`. A value out
/// of range is no float, hence a string.
fn float(text: &str) -> Option<Scalar<'static>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (mantissa, ""),
    };
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if digits.is_empty() || !all_digits(digits) {
            return None;
        }
    }
    let float: f64 = text.parse().ok()?;
    float.is_finite().then_some(Scalar::Float(float))
}

/// A float as Go's encoding/json prints it and a JSON reader takes it: below 1e21 without an
/// exponent, so that whole numbers are integers.
fn go_number(float: f64) -> Option<Number> {
    let negative_zero = float == 0.0 && float.is_sign_negative();
    if float.fract() == 0.0 && float.abs() < 1e21 && !negative_zero {
        // The shortest digits that give this float, then zeros, as in Go.
        let digits = float.to_string();
        if let Ok(int) = digits.parse::<i64>() {
            return Some(int.into());
        }
        if let Ok(int) = digits.parse::<u64>() {
            return Some(int.into());
        }
    }
    Number::from_f64(float)
}

/// `strconv.FormatFloat(key, 'g', -1, 32)` with goyaml's names for what is no number.
fn go_float_key(float: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "the 32 of the Go call")]
    let float = float as f32;
    if float.is_nan() {
        return ".nan".into();
    }
    if float.is_infinite() {
        return if float > 0.0 { ".inf" } else { "-.inf" }.into();
    }
    let scientific = format!("{float:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    format!("{float}")
}

/// `2001-1-2…`: four digits and a dash, as each of goyaml's timestamp formats starts.
fn is_date_like(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 5
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[5].is_ascii_digit()
}

/// YAML 1.1's `190:20:30`, which PyYAML reads as a number of seconds.
fn is_base_sixty(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let digits = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'_' || byte == b'.')
    };
    parts.next().is_some_and(digits) && unsigned.contains(':') && parts.all(digits)
}

fn decode_base64(text: &str) -> Option<String> {
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let decoded = base64_simd::STANDARD.decode_to_vec(packed);
    String::from_utf8(decoded.ok()?).ok()
}
