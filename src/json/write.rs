//! Writes JSON as it is sent: patches and answers, most of whose text has nothing to escape.
//!
//! For what this program writes, the same text as serde_json's, byte for byte. Names of fields are
//! ours and are written as they are; a string is looked at once, and copied.

use std::io::Write as _;

use memchr::memchr_iter;
use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use crate::json::text::is_plain;

/// How serde_json calls what is JSON already.
const RAW: &str = "$serde_json::private::RawValue";

/// Writes `value` to the end of `out`.
///
/// # Errors
/// Where a map has other keys than strings, or `value` cannot be written.
pub fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), Error> {
    value.serialize(&mut Writer { out, is_raw: false })
}

/// `value` as a text.
///
/// # Errors
/// As [`write()`].
pub fn to_text<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, value)?;
    String::from_utf8(out).map_err(Error::custom)
}

/// Writes a string to the end of `out`.
///
/// # Errors
/// None that memory allows.
pub fn write_text(out: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    if !is_plain(text.as_bytes()) {
        return write_escaped(out, text);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

/// JSON in a string has many quotes, and mostly nothing else that is not plain.
#[inline(never)]
fn write_escaped(out: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    let bytes = text.as_bytes();
    // All of them are looked at, which takes less long than to stop at the first.
    let has_others = |any, byte: &u8| any | (*byte < b' ') | (*byte == b'\\');
    if bytes.iter().fold(false, has_others) {
        return serde_json::to_writer(out, text);
    }
    out.reserve(2 * bytes.len() + 2);
    out.push(b'"');
    let mut start = 0;
    for quote in memchr_iter(b'"', bytes) {
        out.extend_from_slice(bytes.get(start..quote).unwrap_or_default());
        out.extend_from_slice(b"\\\"");
        start = quote + 1;
    }
    out.extend_from_slice(bytes.get(start..).unwrap_or_default());
    out.push(b'"');
    Ok(())
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Whether the next string is JSON.
    is_raw: bool,
}

/// What is between brackets.
struct Within<'w, 'o> {
    writer: &'w mut Writer<'o>,
    is_first: bool,
    end: &'static [u8],
}

impl<'o> Writer<'o> {
    fn push(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    fn within<'w>(&'w mut self, begin: &[u8], end: &'static [u8]) -> Within<'w, 'o> {
        self.push(begin);
        Within {
            writer: self,
            is_first: true,
            end,
        }
    }

    /// `{"name":`
    fn variant(&mut self, name: &str) {
        self.push(b"{\"");
        self.push(name.as_bytes());
        self.push(b"\":");
    }

    fn leaf<T: Serialize>(&mut self, value: T) -> Result<(), Error> {
        serde_json::to_writer(&mut *self.out, &value)
    }
}

impl Within<'_, '_> {
    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.writer.push(b",");
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.separate();
        value.serialize(&mut *self.writer)
    }

    fn key(&mut self, name: &str) {
        let out = &mut *self.writer.out;
        out.reserve(name.len() + 4);
        match std::mem::take(&mut self.is_first) {
            true => out.push(b'"'),
            false => out.extend_from_slice(b",\""),
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        if !self.writer.is_raw {
            self.key(name);
        }
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), Error> {
        self.writer.is_raw = false;
        self.writer.push(self.end);
        Ok(())
    }
}

macro_rules! leaves {
    ($($name:ident($type:ty)),+) => {
        $(fn $name(self, value: $type) -> Result<(), Error> {
            self.leaf(value)
        })+
    };
}

impl<'w, 'o> Serializer for &'w mut Writer<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Within<'w, 'o>;
    type SerializeTuple = Within<'w, 'o>;
    type SerializeTupleStruct = Within<'w, 'o>;
    type SerializeTupleVariant = Within<'w, 'o>;
    type SerializeMap = Within<'w, 'o>;
    type SerializeStruct = Within<'w, 'o>;
    type SerializeStructVariant = Within<'w, 'o>;

    leaves!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
        serialize_bytes(&[u8])
    );

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        if self.is_raw {
            self.push(text.as_bytes());
            return Ok(());
        }
        write_text(self.out, text)
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        let start = self.out.len();
        self.out.push(b'"');
        write!(self.out, "{value}").map_err(Error::io)?;
        if is_plain(&self.out[start + 1..]) {
            self.out.push(b'"');
            return Ok(());
        }
        let text = self.out.split_off(start + 1);
        self.out.truncate(start);
        let text = std::str::from_utf8(&text).map_err(Error::custom)?;
        write_escaped(self.out, text)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.push(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &str, _: u32, name: &'static str) -> Result<(), Error> {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(name);
        value.serialize(&mut *self)?;
        self.push(b"}");
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Within<'w, 'o>, Error> {
        Ok(self.within(b"[", b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Within<'w, 'o>, Error> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &str, _: usize) -> Result<Within<'w, 'o>, Error> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Within<'w, 'o>, Error> {
        self.variant(name);
        Ok(self.within(b"[", b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Within<'w, 'o>, Error> {
        Ok(self.within(b"{", b"}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Within<'w, 'o>, Error> {
        if name == RAW {
            self.is_raw = true;
            return Ok(self.within(b"", b""));
        }
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Within<'w, 'o>, Error> {
        self.variant(name);
        Ok(self.within(b"{", b"}}"))
    }
}

/// What all traits of what is between brackets have, beside their own methods.
macro_rules! within {
    ($trait:ident { $($methods:tt)+ }) => {
        impl $trait for Within<'_, '_> {
            type Ok = ();
            type Error = Error;

            $($methods)+

            fn end(self) -> Result<(), Error> {
                Within::end(self)
            }
        }
    };
}

macro_rules! items {
    ($($trait:ident $method:ident),+) => {
        $(within!($trait {
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }
        });)+
    };
}

items!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! named {
    ($($trait:ident),+) => {
        $(within!($trait {
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.field(name, value)
            }
        });)+
    };
}

named!(SerializeStruct, SerializeStructVariant);

within!(SerializeMap {
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.separate();
        let start = self.writer.out.len();
        key.serialize(&mut *self.writer)?;
        match self.writer.out.get(start) {
            Some(b'"') => Ok(()),
            _ => Err(Error::custom("a key must be a string")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.writer.push(b":");
        value.serialize(&mut *self.writer)
    }
});
