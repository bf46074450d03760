//! Enums that travel as one byte.
//!
//! Knows how a code becomes a variant. Invariant: a code that this version does not know is [`crate::SyncError::Newer`],
//! never damage and never another variant. Start at [`codes`].

/// An enum of one byte whose unknown values mean a newer version.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// The byte on the wire.
            pub fn code(self) -> u8 {
                match self { $(Self::$variant => $code),+ }
            }

            /// From the byte on the wire.
            ///
            /// # Errors
            /// [`SyncError::Newer`](crate::SyncError::Newer) for a code that this version does not know.
            pub fn from_code(code: u8) -> crate::Result<Self> {
                match code {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(crate::SyncError::Newer),
                }
            }
        }
    };
}

pub(crate) use codes;
