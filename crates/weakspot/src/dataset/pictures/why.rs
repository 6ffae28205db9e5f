//! What is wrong with a picture.

use std::fmt;

use crate::hint::Hint;

/// What to do about a picture that cannot be read.
fn replace() -> Hint {
    Hint::new()
        .say("replace, rename or remove that file, or leave out every such file with ")
        .setting("skip-bad")
}

/// What to do about a picture of a kind that is not read.
pub(super) fn convert() -> Hint {
    Hint::new()
        .say("convert such pictures to PNG (magick FILE FILE.png), or leave out every such file with ")
        .setting("skip-bad")
}

/// What is wrong with a picture, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    /// The end of a sentence: "expected a whole picture; got ..".
    pub(super) came: String,
    is_unread: bool,
}

impl Why {
    /// A picture of a kind that is not read.
    pub(super) fn unread(came: impl Into<String>) -> Self {
        Self { came: came.into(), is_unread: true }
    }

    /// Whether the picture is of a kind that is not read.
    pub(super) fn is_unread(&self) -> bool {
        self.is_unread
    }

    /// What to do.
    pub(super) fn hint(&self) -> Hint {
        if self.is_unread { convert() } else { replace() }
    }
}

impl From<String> for Why {
    fn from(came: String) -> Self {
        Self { came, is_unread: false }
    }
}

impl From<&str> for Why {
    fn from(came: &str) -> Self {
        came.to_owned().into()
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.came)
    }
}
