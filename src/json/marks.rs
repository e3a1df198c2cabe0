//! Where the strings and the brackets of a JSON text are.
//!
//! One bit a byte, sixty-four bytes a block: the quotes that begin and end strings, and the
//! brackets, opening and closing, that are in none. The method is that of simdjson's first stage (Langdale and
//! Lemire, "Parsing Gigabytes of JSON per Second", 2019).

use std::rc::Rc;

use memchr::memmem;
use wide::u8x16;

use super::error::What;

/// JSON has no control characters in its strings.
const LAST_CONTROL: u8x16 = u8x16::new([0x1f; 16]);

/// Bytes in a block.
const BLOCK: usize = 64;

/// The marks of one block; bit n is of its byte n.
#[derive(Clone, Copy, Debug)]
struct Block {
    quotes: u64,
    opening: u64,
    closing: u64,
}

/// What of a text's strings may be written as escapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Escapes {
    /// Nothing.
    #[default]
    None,
    /// Quotes, backslashes, slashes and control characters.
    Short,
    /// Anything, by its number.
    Any,
}

/// The marks of a text, shared by all who read it.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    blocks: Rc<[Block]>,
    escapes: Escapes,
}

/// Looks through a text, block by block, with what a block must know of those before it.
#[derive(Default)]
struct Scan {
    /// All ones within a string.
    inside: u64,
    /// One where the next byte is escaped.
    escaped: u64,
    has_escapes: bool,
    has_control: bool,
}

impl Marks {
    /// Marks `text`, all of whose strings have an end and no control characters.
    pub(super) fn of(text: &str) -> Result<Self, What> {
        let (whole, rest) = text.as_bytes().as_chunks::<BLOCK>();
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let mut scan = Scan::default();
        let blocks = (0..=whole.len()).map(|at| scan.block(whole.get(at).unwrap_or(&last)));
        let blocks = blocks.collect();
        match scan {
            Scan {
                has_control: true, ..
            } => Err(What::Control),
            Scan { inside: 0, .. } => Ok(Self {
                blocks,
                escapes: match scan.has_escapes {
                    false => Escapes::None,
                    true if memmem::find(text.as_bytes(), b"\\u").is_none() => Escapes::Short,
                    true => Escapes::Any,
                },
            }),
            _ => Err(What::Unclosed),
        }
    }

    /// What of the strings may be written as escapes.
    pub(super) fn escapes(&self) -> Escapes {
        self.escapes
    }

    /// The first quote behind `at`.
    #[inline]
    pub(super) fn quote_after(&self, at: usize) -> Option<usize> {
        let mut index = at / BLOCK;
        let mut bits = self.blocks.get(index)?.quotes & behind(at);
        while bits == 0 {
            index += 1;
            bits = self.blocks.get(index)?.quotes;
        }
        Some(index * BLOCK + bits.trailing_zeros() as usize)
    }

    /// The bracket that closes the one at `at`, whatever its kind. Brackets are counted block by
    /// block, and only where it may be told apart.
    pub(super) fn close_of(&self, at: usize) -> Option<usize> {
        let mut index = at / BLOCK;
        let first = self.blocks.get(index)?;
        let (mut opening, mut closing) = (first.opening & behind(at), first.closing & behind(at));
        let mut depth = 1;
        loop {
            let closes = closing.count_ones();
            if closes < depth {
                depth = depth - closes + opening.count_ones();
            } else {
                while closing != 0 {
                    let before = (closing & closing.wrapping_neg()) - 1;
                    depth += (opening & before).count_ones();
                    depth -= 1;
                    if depth == 0 {
                        return Some(index * BLOCK + closing.trailing_zeros() as usize);
                    }
                    opening &= !before;
                    closing &= closing - 1;
                }
                depth += opening.count_ones();
            }
            index += 1;
            let block = self.blocks.get(index)?;
            (opening, closing) = (block.opening, block.closing);
        }
    }
}

/// Ones for the bytes of a block that are behind `at`.
#[inline]
fn behind(at: usize) -> u64 {
    (u64::MAX << (at % BLOCK)) << 1
}

impl Scan {
    #[inline(always)]
    fn block(&mut self, bytes: &[u8; BLOCK]) -> Block {
        let lanes = Lanes::of(bytes);
        let mut quotes = lanes.equal(b'"');
        if lanes.have(b'\\') || self.escaped != 0 {
            self.has_escapes = true;
            quotes &= !self.escapes(lanes.equal(b'\\'));
        }
        // Each quote turns what follows it inside out; the second one is its own again.
        let strings = prefix_xor(quotes) ^ self.inside;
        self.inside = (strings.cast_signed() >> (BLOCK - 1)).cast_unsigned();
        if lanes.have_control() {
            self.has_control |= lanes.control() & strings != 0;
        }
        let folded = lanes.folded();
        Block {
            quotes,
            opening: folded.equal(b'{') & !strings,
            closing: folded.equal(b'}') & !strings,
        }
    }

    /// The bytes that a backslash stands before which is not escaped itself.
    fn escapes(&mut self, mut backslashes: u64) -> u64 {
        let mut escaped = self.escaped;
        backslashes &= !escaped;
        self.escaped = 0;
        while backslashes != 0 {
            let at = backslashes.trailing_zeros();
            match 2_u64.checked_shl(at).unwrap_or(0) {
                0 => self.escaped = 1,
                next => escaped |= next,
            }
            backslashes &= !(3 << at);
        }
        escaped
    }
}

/// A block as the processor compares it.
struct Lanes([u8x16; 4]);

impl Lanes {
    #[inline]
    fn of(bytes: &[u8; BLOCK]) -> Self {
        let (lanes, _) = bytes.as_chunks::<16>();
        Self([lanes[0], lanes[1], lanes[2], lanes[3]].map(u8x16::new))
    }

    /// A bit for each byte that is `byte`.
    #[inline]
    fn equal(&self, byte: u8) -> u64 {
        let byte = u8x16::splat(byte);
        self.bits(|lane| lane.simd_eq(byte))
    }

    /// A bit for each byte of which `holds` makes all ones.
    #[inline]
    fn bits(&self, holds: impl Fn(u8x16) -> u8x16) -> u64 {
        let [a, b, c, d] = self.0.map(|lane| u64::from(holds(lane).to_bitmask()));
        a | b << 16 | c << 32 | d << 48
    }

    /// Whether there is any byte that is `byte`.
    #[inline]
    fn have(&self, byte: u8) -> bool {
        let [a, b, c, d] = self.0.map(|lane| lane.simd_eq(u8x16::splat(byte)));
        ((a | b) | (c | d)).to_bitmask() != 0
    }

    /// Whether there is any control character. A text without spaces has none.
    #[inline]
    fn have_control(&self) -> bool {
        let [a, b, c, d] = self.0;
        let least = a.min(b).min(c.min(d));
        least.min(LAST_CONTROL).simd_eq(least).to_bitmask() != 0
    }

    /// A bit for each control character.
    fn control(&self) -> u64 {
        self.bits(|lane| lane.min(LAST_CONTROL).simd_eq(lane))
    }

    /// With `[` as `{`, and `]` as `}`: they differ in one bit, which no other byte makes one of them.
    #[inline]
    fn folded(&self) -> Self {
        Self(self.0.map(|lane| lane | u8x16::splat(0x20)))
    }
}

/// Bit n is the parity of the bits up to n.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
