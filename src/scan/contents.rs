//! A file's bytes as a text, within a bound; what is no text is told where it matters.

use std::io::{self, Read};

use crate::scan::mentions::{Words, line_of};
use crate::scan::result::{Gap, Why};

/// Larger texts are not read: the API server takes 3 MiB an object, a dump holds many.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// So much of a file shows whether its characters have two bytes each.
const HEAD: usize = 8000;

/// What a file holds.
#[derive(Debug)]
pub enum Contents {
    /// A text in UTF-8.
    Text(String),
    /// A text in UTF-16, with a byte order mark or without.
    Wide(String),
    /// A text in some other encoding, with what is not UTF-8 replaced.
    Foreign(String),
    /// Files in an archive, or one that is packed.
    Archive,
    /// No text.
    Binary,
}

/// What the names of archives end with. Programs and documents that are archives inside are called otherwise.
const ENDINGS: [&str; 11] = [
    ".7z", ".gz", ".tar", ".tar.bz2", ".tar.xz", ".tar.zst", ".tbz2", ".tgz", ".txz", ".tzst",
    ".zip",
];

/// Whether a file's name says that it is an archive.
pub fn is_archive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
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

/// An archive: it may hold manifests.
pub fn not_unpacked(place: String) -> Gap {
    Gap {
        place,
        line: None,
        why: Why::NotText,
        message: "an archive, which is not looked into; unpack it and pass what it holds"
            .to_owned(),
        mentions: None,
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
        return match of_no_text(&bytes) {
            Some(contents) => Ok(contents),
            None => Err(Unread::TooLarge),
        };
    }
    Ok(of_bytes(bytes))
}

/// What these bytes are.
pub fn of_bytes(bytes: Vec<u8>) -> Contents {
    if is_packed(&bytes) {
        return Contents::Archive;
    }
    if let Some((order, rest)) = wide(&bytes) {
        let units: Vec<u16> = rest.chunks_exact(2).map(|two| order.unit(two)).collect();
        return match String::from_utf16(&units) {
            Ok(text) if rest.len().is_multiple_of(2) => Contents::Wide(text),
            Ok(_) | Err(_) => Contents::Foreign(String::from_utf16_lossy(&units)),
        };
    }
    if let Some(contents) = of_no_text(&bytes) {
        return contents;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Contents::Text(text),
        Err(error) => Contents::Foreign(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

/// What bytes are that are no text; none for a text. In a tar, most of which is text, that is looked at.
fn of_no_text(bytes: &[u8]) -> Option<Contents> {
    const TAR: &[u8] = b"ustar";
    const AT: usize = 257;
    let is_tar = || bytes.get(AT..).is_some_and(|rest| rest.starts_with(TAR));
    if is_packed(bytes) {
        return Some(Contents::Archive);
    }
    let kind = || match is_tar() {
        true => Contents::Archive,
        false => Contents::Binary,
    };
    is_binary(bytes).then(kind)
}

/// Whether these bytes are packed by gzip, zip, bzip2, xz, zstd or 7z.
fn is_packed(bytes: &[u8]) -> bool {
    const STARTS: [&[u8]; 6] = [
        b"\x1f\x8b\x08",
        b"PK\x03\x04",
        b"BZh91AY&SY",
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
        b"7z\xbc\xaf\x27\x1c",
    ];
    STARTS.iter().any(|start| bytes.starts_with(start))
}

/// Which of the two bytes of a character comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn unit(self, two: &[u8]) -> u16 {
        match (self, two) {
            (Self::Little, [low, high]) | (Self::Big, [high, low]) => {
                u16::from_be_bytes([*high, *low])
            }
            _ => 0,
        }
    }
}

/// The order of a text in UTF-16, and its bytes behind the mark; none for any other bytes.
fn wide(bytes: &[u8]) -> Option<(Order, &[u8])> {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => return Some((Order::Little, rest)),
        [0xFE, 0xFF, rest @ ..] => return Some((Order::Big, rest)),
        _ => {}
    }
    // Without a mark: of most characters of a file that people write, one byte is 0, and always the same.
    let head = &bytes[..bytes.len().min(HEAD)];
    let zeros = |at: usize| head.iter().skip(at).step_by(2).filter(|byte| **byte == 0);
    let (even, odd, half) = (zeros(0).count(), zeros(1).count(), head.len() / 2);
    let is_most = |zeros: usize, others: usize| zeros * 10 >= half * 7 && others * 20 <= half;
    match (is_most(even, odd), is_most(odd, even)) {
        (false, true) if half > 0 => Some((Order::Little, bytes)),
        (true, false) if half > 0 => Some((Order::Big, bytes)),
        _ => None,
    }
}

/// Whether these bytes are no text: with a NUL, and more than one byte of ten that no text has.
pub fn is_binary(bytes: &[u8]) -> bool {
    if memchr::memchr(0, bytes).is_none() {
        return false;
    }
    let is_utf8 = str::from_utf8(bytes).is_ok();
    let is_foreign = |byte: &u8| match byte {
        b'\t' | b'\n' | b'\r' | 0x0C | 0x1B => false,
        0..0x20 | 0x7F => true,
        0x80.. => !is_utf8,
        _ => false,
    };
    bytes.iter().filter(|byte| is_foreign(byte)).count() * 10 > bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "x: /var/run/docker.sock\n";

    fn utf16(bytes: fn(u16) -> [u8; 2], mark: &[u8]) -> Vec<u8> {
        let text = TEXT.encode_utf16().flat_map(bytes);
        mark.iter().copied().chain(text).collect()
    }

    #[test]
    fn utf16_is_read_with_a_mark_and_without() {
        for bytes in [
            utf16(u16::to_le_bytes, &[0xFF, 0xFE]),
            utf16(u16::to_be_bytes, &[0xFE, 0xFF]),
            utf16(u16::to_le_bytes, &[]),
            utf16(u16::to_be_bytes, &[]),
        ] {
            let contents = of_bytes(bytes);
            assert!(
                matches!(&contents, Contents::Wide(text) if text == TEXT),
                "{contents:?}"
            );
        }
    }

    #[test]
    fn archives_are_told_from_other_binaries() {
        let tar = [&[b'a'][..], &[0; 256], b"ustar", &[0; 250]].concat();
        for bytes in [
            tar,
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(),
            b"PK\x03\x04\x14\0".to_vec(),
        ] {
            assert!(matches!(of_bytes(bytes), Contents::Archive));
        }
        assert!(is_archive("charts/ci-1.0.0.TGZ"));
        assert!(!is_archive("gradle-wrapper.jar"));
    }

    #[test]
    fn a_text_with_a_nul_is_a_text() {
        let contents = of_bytes(b"a\0b /var/run/docker.sock".to_vec());
        assert!(matches!(contents, Contents::Text(_)), "{contents:?}");
        let contents = of_bytes(b"caf\xe9\0 /var/run/docker.sock".to_vec());
        assert!(matches!(contents, Contents::Foreign(_)), "{contents:?}");
    }

    #[test]
    fn texts_of_other_encodings_and_binaries_are_told_apart() {
        assert!(matches!(
            of_bytes(b"caf\xe9".to_vec()),
            Contents::Foreign(_)
        ));
        assert!(matches!(
            of_bytes(b"\x7fELF\0\xff".to_vec()),
            Contents::Binary
        ));
        let archive = [b"a.yaml".as_slice(), &[0; 500], b"docker.sock"].concat();
        assert!(matches!(of_bytes(archive), Contents::Binary));
        assert!(matches!(of_bytes(b"plain".to_vec()), Contents::Text(_)));
        assert!(matches!(of_bytes(Vec::new()), Contents::Text(_)));
    }
}
