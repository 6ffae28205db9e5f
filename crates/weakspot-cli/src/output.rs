//! The only place that prints: data to stdout, talk to stderr, no colour needed to understand either.
//!
//! A reader that goes away (`weakspot study | head`) is not an error of ours: what it does not take is dropped. Data that
//! cannot be written for another reason, such as a full disk, are an error: a script would take half of them for the whole.

use std::io::Write;

use weakspot::{Error, ErrorKind, Result};

/// Data: what a script would read.
///
/// # Errors
/// `Io` where they cannot be written, unless the reader has gone away.
pub(crate) fn data(text: &str) -> Result<()> {
    write_to(std::io::stdout().lock(), text)
}

fn write_to(mut out: impl Write, text: &str) -> Result<()> {
    match writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::Io, format!("the output cannot be written: {e}"))
                .with_hint("check where stdout leads and its free space; files that were written are whole"))
        }
        _ => Ok(()),
    }
}

/// Talk: what a person reads while it runs.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end_matches('\n'));
}

/// An error in one line, and what to type next.
pub(crate) fn failure(error: &Error) {
    talk(&format!("error: {}", one_line(&error.to_string())));
    talk(&format!("hint: {}", one_line(error.hint().unwrap_or_else(|| usual_hint(error.kind())))));
}

/// What to type where the error itself does not know better.
fn usual_hint(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Interrupted => "type the same command again",
        ErrorKind::Io => {
            "check the path, its permissions and the free space, then type the same command again"
        }
        ErrorKind::Numerical => "check that the weights and the images are those you meant",
        _ => "weakspot COMMAND --help explains every setting with an example",
    }
}

/// A panic is our mistake, and the user should not have to read a stack.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place =
            panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let what = panic.payload_as_str().map_or_else(|| "no message".to_owned(), one_line);
        talk(&format!("error: a mistake in weakspot {}{place}: {what}", env!("CARGO_PKG_VERSION")));
        talk("hint: please report this line and the command you typed; results already written are whole");
    }));
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses everything, for one reason.
    struct Refusing(std::io::ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn data_that_do_not_fit_are_an_error_and_a_reader_that_went_away_is_none() {
        let mut written = Vec::new();
        write_to(&mut written, "a\n").unwrap();
        assert_eq!(written, b"a\n");
        write_to(Refusing(std::io::ErrorKind::BrokenPipe), "a").unwrap();
        let error = write_to(Refusing(std::io::ErrorKind::StorageFull), "a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.hint().is_some());
    }
}
