//! Reads a struct from a JSON object and nothing else.
//!
//! serde's derived code also takes a list for a struct, item by item in the order of the fields: `"spec": []`
//! would be a Pod with nothing in it. Go refuses that, and so must this program.

use serde::{Deserialize, Deserializer};

/// Implements [`Deserialize`] for structs with `#[serde(remote = "Self")]`, for which serde only derives a
/// function `deserialize`.
macro_rules! object {
    ($($type:ident $(<$of:lifetime $(, $held:ident)*>)?),+ $(,)?) => {
        $(impl<'de $(: $of, $of $(, $held: Default + serde::Deserialize<'de>)*)?> serde::Deserialize<'de>
            for $type $(<$of $(, $held)*>)?
        {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields<T>(std::marker::PhantomData<T>);

                impl<'de $(: $of, $of $(, $held: Default + serde::Deserialize<'de>)*)?>
                    serde::de::Visitor<'de> for Fields<$type $(<$of $(, $held)*>)?>
                {
                    type Value = $type $(<$of $(, $held)*>)?;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        map: A,
                    ) -> Result<Self::Value, A::Error> {
                        let fields = serde::de::value::MapAccessDeserializer::new(map);
                        Self::Value::deserialize(fields)
                    }
                }

                deserializer.deserialize_map(Fields(std::marker::PhantomData))
            }
        })+
    };
}
pub(crate) use object;

/// Reads a value, or its default from `null`: for a field that is not optional.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
