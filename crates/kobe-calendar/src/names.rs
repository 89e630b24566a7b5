//! Names: enums whose variants are words in files, columns and JSON.
//!
//! One list of `Variant = "word"` gives the enum, its order, `Display`, `FromStr` and serde, so that a word is spelled
//! once. Start at the macro `named!`.

/// Says that a word is none of the names of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} `{word}`")]
pub struct UnknownName {
    /// What was looked for: `phase`, `work mode`, `tag`, ...
    pub kind: &'static str,
    /// The word that was given.
    pub word: String,
    /// Every name of this kind, in order: what the caller may offer instead.
    pub known: Vec<&'static str>,
}

macro_rules! named {
    ($(#[$outer:meta])* $name:ident, $kind:literal, { $($(#[$inner:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// Lists every value, in the order in which they are declared.
            #[allow(dead_code, reason = "private enums do not all list their values")]
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// Returns the word that stands for this value in files, columns and JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::names::UnknownName;

            fn from_str(word: &str) -> Result<$name, $crate::names::UnknownName> {
                match word {
                    $($word => Ok($name::$variant),)+
                    _ => Err($crate::names::UnknownName { kind: $kind, word: word.to_owned(), known: vec![$($word,)+] }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use named;
