//! The only place that prints: data to stdout, talk to stderr, no colour needed to understand either.
//!
//! A reader that goes away (`weakspot study | head`) is not an error of ours: what cannot be printed is dropped.

use std::io::Write as _;

use weakspot::{Error, ErrorKind};

/// Data: what a script would read.
pub(crate) fn data(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end_matches('\n'));
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
