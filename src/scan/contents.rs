//! A file's bytes as a text, within a bound; what is no text is told where it matters.

use std::io::{self, Read};

use crate::scan::mentions::{Words, line_of};
use crate::scan::result::{Gap, Why};

/// Larger texts are not read: the API server takes 3 MiB an object, a dump holds many.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// So much of a file shows whether it is binary, as git looks at it.
const HEAD: usize = 8000;

/// What a file holds.
#[derive(Debug)]
pub enum Contents {
    /// A text, in UTF-8 or UTF-16.
    Text(String),
    /// A text in some other encoding, with what is not UTF-8 replaced.
    Foreign(String),
    /// No text.
    Binary,
}

/// Why a file is not read.
#[derive(Debug)]
pub enum Unread {
    /// The system.
    Io(io::Error),
    /// Its size.
    TooLarge,
}

impl Unread {
    /// As a gap of the result.
    pub fn gap(&self, place: String) -> Gap {
        let (why, message) = match self {
            Self::Io(error) => (Why::Unreadable, error.to_string()),
            Self::TooLarge => {
                let message = format!("larger than {} MiB; split it", MAX_BYTES >> 20);
                (Why::TooLarge, message)
            }
        };
        Gap {
            place,
            line: None,
            why,
            message,
            mentions: None,
        }
    }
}

/// A file that was meant to be read and is no text in UTF-8.
pub fn not_text(place: String, lossy: &str, words: &Words) -> Gap {
    let mentions = words.all(lossy).first().copied();
    Gap {
        place,
        line: None,
        why: Why::NotText,
        message: "not a text in UTF-8; convert it".to_owned(),
        mentions: mentions.map(|mention| line_of(lossy, mention.start)),
    }
}

/// Reads all of `from`.
///
/// # Errors
/// Where the system refuses, or there is too much.
pub fn read(from: impl Read) -> Result<Contents, Unread> {
    let mut bytes = Vec::new();
    let mut limited = from.take(MAX_BYTES + 1);
    limited.read_to_end(&mut bytes).map_err(Unread::Io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return if is_binary(&bytes) {
            Ok(Contents::Binary)
        } else {
            Err(Unread::TooLarge)
        };
    }
    Ok(of_bytes(bytes))
}

fn of_bytes(bytes: Vec<u8>) -> Contents {
    let wide = match bytes.as_slice() {
        [0xFF, 0xFE, rest @ ..] => Some((rest, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        [0xFE, 0xFF, rest @ ..] => Some((rest, u16::from_be_bytes as fn([u8; 2]) -> u16)),
        _ => None,
    };
    if let Some((rest, unit)) = wide {
        let units: Vec<u16> = rest
            .chunks_exact(2)
            .map(|two| unit([two[0], two[1]]))
            .collect();
        return match String::from_utf16(&units) {
            Ok(text) => Contents::Text(text),
            Err(_) => Contents::Foreign(String::from_utf16_lossy(&units)),
        };
    }
    match String::from_utf8(bytes) {
        Ok(text) => Contents::Text(text),
        Err(error) if is_binary(error.as_bytes()) => Contents::Binary,
        Err(error) => Contents::Foreign(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

/// Whether there is a NUL where a text would start.
pub fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr(0, &bytes[..bytes.len().min(HEAD)]).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_each_encoding_and_binaries_are_told_apart() {
        let wide: Vec<u8> = [0xFF, 0xFE]
            .into_iter()
            .chain("docker.sock".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        assert!(matches!(of_bytes(wide), Contents::Text(text) if text == "docker.sock"));
        assert!(matches!(
            of_bytes(b"caf\xe9".to_vec()),
            Contents::Foreign(_)
        ));
        assert!(matches!(
            of_bytes(b"\x7fELF\0\xff".to_vec()),
            Contents::Binary
        ));
        assert!(matches!(of_bytes(b"plain".to_vec()), Contents::Text(_)));
    }
}
