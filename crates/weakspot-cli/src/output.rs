//! The only place that prints: data to stdout, talk to stderr, no colour needed to understand either.
//!
//! A reader that goes away (`weakspot study | head`) is not an error of ours: what cannot be printed is dropped.

use std::io::Write as _;

use weakspot::Error;

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
    if let Some(hint) = error.hint() {
        talk(&format!("hint: {}", one_line(hint)));
    }
}

/// A panic is our mistake, and the user should not have to read a stack.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let what = panic
            .payload_as_str()
            .map_or_else(|| "no message".to_owned(), one_line);
        talk(&format!("error: a mistake in weakspot {}{place}: {what}", env!("CARGO_PKG_VERSION")));
        talk("hint: please report this line and the command you typed; results already written are whole");
    }));
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
