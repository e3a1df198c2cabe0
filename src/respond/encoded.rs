//! A patch in base64, by far the largest part of an answer.
//!
//! Most of a patch is the sidecar's start command, the same in each: its base64 is made once, and
//! copied. Three bytes are four characters, so there are three of it, by where it begins.

use std::sync::LazyLock;

use base64_simd::STANDARD;

use crate::patch::Patch;
use crate::plan::container::start_command_json;

/// Bytes that are encoded together.
const GROUP: usize = 3;

/// The start command from its first, second and third byte on, as many whole groups as there are.
static COMMAND: LazyLock<[String; GROUP]> = LazyLock::new(|| {
    let json = start_command_json().unwrap_or_default().as_bytes();
    [0, 1, 2].map(|skipped| {
        let (groups, _) = json.get(skipped..).unwrap_or_default().as_chunks::<GROUP>();
        STANDARD.encode_to_string(groups.as_flattened())
    })
});

/// The most that a patch's base64 may take.
pub(crate) fn room(patch: &Patch) -> usize {
    let (before, command, behind) = patch.parts();
    STANDARD.encoded_length(before.len() + command.map_or(0, str::len) + behind.len())
}

/// Adds a patch's base64 to `out`.
pub(crate) fn append(patch: &Patch, out: &mut Vec<u8>) {
    let (before, command, behind) = patch.parts();
    let mut encoder = Encoder {
        out,
        rest: [0; GROUP],
        length: 0,
    };
    encoder.bytes(before);
    if let Some(command) = command {
        encoder.command(command);
    }
    encoder.bytes(behind);
    encoder.end();
}

/// Encodes bytes that come in parts.
struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    /// What is not a whole group yet, and how much it is.
    rest: [u8; GROUP],
    length: usize,
}

impl Encoder<'_> {
    fn bytes(&mut self, mut bytes: &[u8]) {
        if self.length > 0 {
            let missing = bytes.len().min(GROUP - self.length);
            let (begin, others) = bytes.split_at(missing);
            self.rest[self.length..][..missing].copy_from_slice(begin);
            self.length += missing;
            bytes = others;
            if self.length < GROUP {
                return;
            }
            STANDARD.encode_append(self.rest, self.out);
        }
        let (groups, rest) = bytes.as_chunks::<GROUP>();
        STANDARD.encode_append(groups.as_flattened(), self.out);
        self.rest[..rest.len()].copy_from_slice(rest);
        self.length = rest.len();
    }

    /// The start command, but for its ends already encoded.
    fn command(&mut self, command: &str) {
        let skipped = (GROUP - self.length) % GROUP;
        let (begin, rest) = command.as_bytes().split_at(skipped);
        self.bytes(begin);
        let encoded = &COMMAND[skipped];
        self.out.extend_from_slice(encoded.as_bytes());
        let (_, end) = rest.split_at(encoded.len() / 4 * GROUP);
        self.bytes(end);
    }

    fn end(self) {
        STANDARD.encode_append(&self.rest[..self.length], self.out);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn parts_are_encoded_as_the_whole() {
        let command = start_command_json().unwrap();
        let text = "abcdefgh";
        for before in 0..=text.len() {
            for behind in 0..=text.len() {
                let (before, behind) = (&text[..before], &text[..behind]);
                let mut out = b"there: ".to_vec();
                let mut encoder = Encoder {
                    out: &mut out,
                    rest: [0; GROUP],
                    length: 0,
                };
                encoder.bytes(before.as_bytes());
                encoder.command(command);
                encoder.bytes(behind.as_bytes());
                encoder.end();
                let whole = STANDARD.encode_to_string(format!("{before}{command}{behind}"));
                assert_eq!(out, format!("there: {whole}").as_bytes());
            }
        }
    }

    #[test]
    fn bytes_are_encoded_as_the_whole_however_they_come() {
        let text = b"abcdefghijk";
        for length in 1..=text.len() {
            let mut out = Vec::new();
            let mut encoder = Encoder {
                out: &mut out,
                rest: [0; GROUP],
                length: 0,
            };
            text.chunks(length).for_each(|part| encoder.bytes(part));
            encoder.end();
            assert_eq!(out, STANDARD.encode_to_string(text).as_bytes(), "{length}");
        }
    }
}
