//! What is wrong with a picture.

use std::fmt;

/// What to type about a picture that cannot be read.
const LEAVE_OUT: &str = "replace, rename or remove that file, or leave out every such file with --skip-bad";

/// What to type about a picture of a kind that is not read.
pub(super) const CONVERT: &str =
    "convert such pictures to PNG (magick FILE FILE.png), or leave out every such file with --skip-bad";

/// What is wrong with a picture, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    /// The end of a sentence: "expected a whole picture; came ..".
    pub(super) came: String,
    pub(super) hint: &'static str,
}

impl Why {
    /// A picture of a kind that is not read.
    pub(super) fn unread(came: impl Into<String>) -> Self {
        Self { came: came.into(), hint: CONVERT }
    }

    /// Whether it is that.
    pub(super) fn is_unread(&self) -> bool {
        self.hint == CONVERT
    }
}

impl From<String> for Why {
    fn from(came: String) -> Self {
        Self { came, hint: LEAVE_OUT }
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
