//! What can be read, and how: into a place that holds the value of a field that is not written.

use serde_json::Value;

use crate::json::error::What;
use crate::json::reader::{Reader, Stop};

/// A value that can be read from JSON. `null` leaves it as it is.
pub trait Read<'a>: Default {
    /// Whether `null` is one as an item of a list, where it stands for nothing that was left out.
    const NULL_AS_ITEM: bool = true;

    /// Reads the value where `reader` is.
    ///
    /// # Errors
    /// Where it is not one of these; `reader` knows why.
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop>;
}

/// Anything, which nobody looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped;

impl Read<'_> for Skipped {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        reader.skip()
    }
}

impl Read<'_> for bool {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        if !reader.null()? {
            *self = reader.boolean()?;
        }
        Ok(())
    }
}

impl Read<'_> for i64 {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        if !reader.null()? {
            *self = reader.integer()?;
        }
        Ok(())
    }
}

impl Read<'_> for Value {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        *self = reader.value()?;
        Ok(())
    }
}

impl<'a, T: Read<'a>> Read<'a> for Option<T> {
    #[inline]
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        if reader.null()? {
            return Ok(());
        }
        self.insert(T::default()).read(reader)
    }
}

impl<'a, T: Read<'a>> Read<'a> for Box<T> {
    const NULL_AS_ITEM: bool = T::NULL_AS_ITEM;

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        T::read(self, reader)
    }
}

impl<'a, T: Read<'a>> Read<'a> for Vec<T> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        if reader.null()? {
            return Ok(());
        }
        reader.list()?;
        let mut is_first = true;
        while reader.item(&mut is_first)? {
            if !T::NULL_AS_ITEM && reader.null()? {
                let stop = reader.stop(What::Object);
                return Err(reader.in_item(stop, self.len()));
            }
            self.push(T::default());
            if let Some(last) = self.last_mut() {
                last.read(reader)
                    .map_err(|stop| reader.in_item(stop, self.len() - 1))?;
            }
        }
        Ok(())
    }
}

/// Implements [`Read`] for a struct: every field with its name in JSON. Others are skipped.
macro_rules! fields {
    ($type:ident $(<$of:lifetime $(, $held:ident)*>)? {
        $($name:literal => $field:ident),+ $(,)?
    }) => {
        impl<'a $($(, $held: $crate::json::Read<'a>)*)?> $crate::json::Read<'a>
            for $type $(<$of $(, $held)*>)?
        {
            const NULL_AS_ITEM: bool = false;

            fn read(
                &mut self,
                reader: &mut $crate::json::Reader<'a>,
            ) -> Result<(), $crate::json::Stop> {
                if reader.null()? {
                    return Ok(());
                }
                const LIST: &[$crate::json::Name] =
                    &[$($crate::json::Name::new(concat!("\"", $name, "\":"))),+];
                const NAMES: &$crate::json::Names = &$crate::json::Names::new(LIST);
                // A bit of `Fields` each.
                const _: () = assert!(LIST.len() <= 64);
                let Self { $($field),+ } = self;
                let mut fields = reader.fields()?;
                while let Some(index) = reader.field(NAMES, &mut fields)? {
                    let read = $crate::json::fields!(@ index, 0, reader, $($field),+);
                    if let Err(stop) = read {
                        return Err(reader.in_field(stop, NAMES.text(index)));
                    }
                }
                Ok(())
            }
        }
    };
    (@ $index:ident, $at:expr, $reader:ident, $field:ident) => {
        $crate::json::Read::read($field, $reader)
    };
    (@ $index:ident, $at:expr, $reader:ident, $field:ident, $($more:ident),+) => {
        if $index == $at {
            $crate::json::Read::read($field, $reader)
        } else {
            $crate::json::fields!(@ $index, $at + 1, $reader, $($more),+)
        }
    };
}
pub(crate) use fields;
