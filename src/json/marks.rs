//! Where the strings and the brackets of a JSON text are.
//!
//! One bit a byte, sixty-four bytes a block: the quotes that begin and end strings, and the brackets,
//! opening and closing, that are in none. The method is that of simdjson's first stage (Langdale and
//! Lemire, "Parsing Gigabytes of JSON per Second", 2019).

use std::rc::Rc;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x64};
use memchr::memmem;

use crate::json::error::What;

/// Bytes in a block.
const BLOCK: usize = 64;

/// The marks of one block; bit n is of its byte n.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    quotes: u64,
    opening: u64,
    closing: u64,
    /// So many brackets are open before it, without as many as it closes: at no byte of it are
    /// fewer.
    lowest: i32,
    /// How many of each there are.
    opens: u8,
    closes: u8,
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
    /// How many brackets are open.
    open: i32,
}

impl Marks {
    /// Marks `text`, all of whose strings have an end and no control characters.
    pub(super) fn of(text: &str) -> Result<Self, What> {
        // Brackets are counted.
        if i32::try_from(text.len()).is_err() {
            return Err(What::TooLong);
        }
        let (whole, rest) = text.as_bytes().as_chunks::<BLOCK>();
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let mut scan = Scan::default();
        let empty = std::iter::repeat_n(Block::default(), whole.len() + 1);
        let mut blocks: Rc<[Block]> = empty.collect();
        // Nobody shares it yet.
        if let Some(blocks) = Rc::get_mut(&mut blocks) {
            dispatch!(Level::new(), simd => scan.blocks(simd, blocks, whole, &last));
        }
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

    /// The bracket that closes the one at `at`, whatever its kind. Brackets are looked at one by
    /// one only in a block that may have the end; others are passed over by what is open in them.
    pub(super) fn close_of(&self, at: usize) -> Option<usize> {
        let first = at / BLOCK;
        let (_, blocks) = self.blocks.split_at_checked(first)?;
        let (begin, blocks) = blocks.split_first()?;
        // Most values end where they begin.
        let open = match begin.close_of(behind(at), 1) {
            Ok(bit) => return Some(first * BLOCK + bit),
            Err(open) => open,
        };
        // What is open outside of it.
        let outside = begin.lowest + i32::from(begin.opens) - open;
        let mut rest = blocks.iter().enumerate();
        rest.find_map(|(index, block)| {
            if block.lowest > outside {
                return None;
            }
            let open = block.lowest + i32::from(block.closes) - outside;
            let bit = block.close_of(u64::MAX, open).ok()?;
            Some((first + 1 + index) * BLOCK + bit)
        })
    }
}

impl Block {
    /// The bracket, of those that `those` has, that closes the last of `open` ones; how many are
    /// open at the end where there is none.
    fn close_of(&self, those: u64, mut open: i32) -> Result<usize, i32> {
        let closing = self.closing & those;
        let mut brackets = self.opening & those | closing;
        while brackets != 0 {
            let bit = brackets.trailing_zeros();
            let closes = (closing >> bit & 1) as i32;
            open += 1 - 2 * closes;
            if open == 0 {
                return Ok(bit as usize);
            }
            brackets &= brackets - 1;
        }
        Err(open)
    }
}

/// Ones for the bytes of a block that are behind `at`.
#[inline]
fn behind(at: usize) -> u64 {
    (u64::MAX << (at % BLOCK)) << 1
}

impl Scan {
    /// Marks the blocks of a text, as the processor does it best.
    #[inline(always)]
    fn blocks<S: Simd>(
        &mut self,
        simd: S,
        marks: &mut [Block],
        whole: &[[u8; BLOCK]],
        last: &[u8; BLOCK],
    ) {
        let mut lowest = u8x64::splat(simd, u8::MAX);
        for (mark, bytes) in marks.iter_mut().zip(whole.iter().chain([last])) {
            let bytes = u8x64::from_slice(simd, bytes);
            lowest = lowest.min(bytes);
            *mark = self.block(bytes);
        }
        // What programs send has no control character anywhere.
        if lowest.simd_lt(b' ').to_bitmask() != 0 {
            self.has_control = has_control(marks, whole, last);
        }
    }

    #[inline(always)]
    fn block<S: Simd>(&mut self, bytes: u8x64<S>) -> Block {
        let equal = |bytes: u8x64<S>, byte: u8| bytes.simd_eq(byte).to_bitmask();
        let mut quotes = equal(bytes, b'"');
        let backslashes = equal(bytes, b'\\');
        if backslashes | self.escaped != 0 {
            self.has_escapes = true;
            quotes &= !self.escapes(backslashes);
        }
        // Each quote turns what follows it inside out; the second one is its own again.
        let strings = prefix_xor(quotes) ^ self.inside;
        self.inside = all_as_last(strings);
        // With `[` as `{`, and `]` as `}`: they differ in one bit, which no other byte makes one
        // of them.
        let folded = bytes | 0x20;
        let opening = equal(folded, b'{') & !strings;
        let closing = equal(folded, b'}') & !strings;
        let (opens, closes) = (opening.count_ones(), closing.count_ones());
        let lowest = self.open - closes.cast_signed();
        self.open = lowest + opens.cast_signed();
        Block {
            quotes,
            opening,
            closing,
            lowest,
            opens: opens as u8,
            closes: closes as u8,
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

/// Whether a string has a control character.
#[cold]
fn has_control(marks: &[Block], whole: &[[u8; BLOCK]], last: &[u8; BLOCK]) -> bool {
    let mut inside = 0;
    marks
        .iter()
        .zip(whole.iter().chain([last]))
        .any(|(mark, bytes)| {
            let strings = prefix_xor(mark.quotes) ^ inside;
            inside = all_as_last(strings);
            let mut bytes = bytes.iter().enumerate();
            bytes.any(|(at, byte)| *byte < b' ' && strings >> at & 1 != 0)
        })
}

/// The last bit, everywhere.
#[inline(always)]
fn all_as_last(bits: u64) -> u64 {
    (bits.cast_signed() >> (BLOCK - 1)).cast_unsigned()
}

/// Bit n is the parity of the bits up to n.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
