//! What went wrong, and who can fix it.

use std::fmt;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting outside its range, or two settings that contradict each other.
    InvalidParameter,
    /// An array of the wrong shape.
    Shape,
    /// A value outside its range: a pixel outside `[0, 1]`, a NaN.
    ValueRange,
    /// A file that does not hold what its format promises.
    Format,
    /// The file system refused.
    Io,
    /// A request that is understood and not supported.
    Unsupported,
    /// A computation left the finite numbers.
    Numerical,
    /// The user asked to stop.
    Interrupted,
}

/// The one error of this project: what was expected, what came, and what to type next.
///
/// One opaque type composes across crates; [`Error::kind`] is what a program should match on.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
}

impl Error {
    /// An error of a kind. The message says what was expected and what came, in one line.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The same error with what the user can type next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error, saying first where it happened: `prefix: message`.
    #[must_use]
    pub fn context(mut self, prefix: impl fmt::Display) -> Self {
        self.message = format!("{prefix}: {}", self.message);
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to type next, if that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// A setting outside its range.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidParameter, message)
    }

    /// An array of the wrong shape.
    pub fn shape(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Shape, message)
    }

    /// A file that does not hold what its format promises.
    pub fn format(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Format, message)
    }

    /// The file system refused something about `path`.
    pub fn io(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
