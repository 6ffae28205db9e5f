//! What went wrong, and what can be done about it.

use std::fmt;
use std::io;
use std::path::Path;

use crate::hint::{Hint, Setting};

/// A result whose error is [`Error`].
///
/// # Examples
/// ```
/// use weakspot::attack::Epsilon;
///
/// fn radius(text: &str) -> weakspot::Result<Epsilon> {
///     text.parse()
/// }
/// assert_eq!(radius("1/4")?.value(), 0.25);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong.
///
/// # Examples
/// ```
/// use weakspot::{ErrorKind, attack::Epsilon};
///
/// let error = "nine".parse::<Epsilon>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidParameter);
/// ```
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
    /// The system gives no memory of the size that is needed.
    OutOfMemory,
    /// The user asked to stop.
    Interrupted,
}

/// The one error of this project: what was expected, what came, and what can be done about it.
///
/// One opaque type composes across crates; [`Error::kind`] is what a program should match on.
///
/// # Examples
/// ```
/// use weakspot::{Error, hint::Hint};
///
/// let hint = Hint::new().say("for example ").set("batch", 32);
/// let error = Error::invalid("batch size must be at least 1; got 0").with_hint(hint).context("plan");
/// assert_eq!(error.to_string(), "plan: batch size must be at least 1; got 0");
/// assert_eq!(error.hint(), Some("for example batch = 32"));
///
/// // A front end writes the settings in its own way.
/// let python = error.hint_in(|s| format!("{}={}", s.name, s.value.as_deref().unwrap_or("...")));
/// assert_eq!(python.as_deref(), Some("for example batch=32"));
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<Hint>,
}

impl Error {
    /// An error of a kind. The message says what was expected and what came, in one line.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The same error with what can be done about it: words, or a [`Hint`] that names settings.
    ///
    /// Where memory is short no hint is taken: what helps does not depend on where it ran out.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Hint>) -> Self {
        if self.kind != ErrorKind::OutOfMemory {
            self.hint = Some(hint.into());
        }
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

    /// What can be done about it, if that is known. Settings are written `name = value`.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_ref().map(Hint::as_str)
    }

    /// What can be done about it, with settings as `word` writes them: for front ends.
    pub fn hint_in(&self, word: impl Fn(&Setting) -> String) -> Option<String> {
        self.hint.as_ref().map(|hint| hint.worded(word))
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

    /// The file system refused something about `path`, or there is no memory for what is in it.
    pub fn io(path: &Path, error: &io::Error) -> Self {
        let io = Self::new(ErrorKind::Io, format!("{}: {error}", path.display()));
        match error.kind() {
            io::ErrorKind::OutOfMemory => {
                Self::new(ErrorKind::OutOfMemory, format!("out of memory while {} was read", path.display()))
            }
            io::ErrorKind::InvalidFilename => io.with_hint(
                Hint::new()
                    .say("a file's name may have 255 bytes, on some systems fewer: choose a shorter ")
                    .setting("out")
                    .say(", or shorter class names"),
            ),
            io::ErrorKind::FileTooLarge => io.with_hint(
                "the system limits the size of files: raise the limit (ulimit -f), or write elsewhere",
            ),
            _ => io,
        }
    }

    /// There is no memory for `bytes` bytes at once, of something named in a few words.
    pub fn out_of_memory(what: impl fmt::Display, bytes: u64) -> Self {
        let message = format!("out of memory: {what} of {bytes} bytes at once");
        Self::new(ErrorKind::OutOfMemory, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_short_is_said_and_no_sound_file_is_blamed() {
        let error = io::Error::from(io::ErrorKind::OutOfMemory);
        let told = Error::io(Path::new("x.gz"), &error).with_hint("fetch it again").context("mnist");
        assert_eq!(told.kind(), ErrorKind::OutOfMemory);
        assert_eq!(told.to_string(), "mnist: out of memory while x.gz was read");
        assert_eq!(told.hint(), None, "the file is sound");
    }

    #[test]
    fn limits_of_the_file_system_say_what_helps() {
        let hint = |kind: io::ErrorKind| Error::io(Path::new("x"), &kind.into()).hint().map(str::to_owned);
        assert!(hint(io::ErrorKind::InvalidFilename).unwrap().contains("shorter"));
        assert!(hint(io::ErrorKind::FileTooLarge).unwrap().contains("ulimit -f"));
        assert_eq!(hint(io::ErrorKind::NotFound), None);
    }
}
