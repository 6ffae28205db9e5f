//! The only place that prints: data to stdout, talk to stderr, no colour needed to understand either.
//!
//! A reader that goes away (`weakspot study | head`) is not an error of ours: what it does not take is dropped. Data
//! that cannot be written for another reason, such as a full disk, are an error: a script would take half of them for
//! the whole.
//!
//! Names of files, classes and tensors are written by strangers, and a terminal obeys what it is sent: escape sequences
//! recolour it, rename its window or overwrite lines. They are cleaned here, where everything passes, and nowhere else.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};

use weakspot::hint::Setting;
use weakspot::{Error, ErrorKind, Result};

use crate::terminal::exit_code;

/// Data: what a script would read, byte for byte; cleaned where a terminal reads it.
///
/// # Errors
/// `Io` where they cannot be written, unless the reader has gone away.
pub(crate) fn data(text: &str) -> Result<()> {
    let stdout = std::io::stdout().lock();
    // The lines of a summary are ours.
    let shown = if stdout.is_terminal() { clean(text, "\n\t") } else { Cow::Borrowed(text) };
    write_to(stdout, &shown)
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

/// Talk, one line of it: what a person reads while it runs.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", line(text));
}

/// A text as one line that does nothing to a terminal.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    clean(text.trim_end_matches('\n'), "\t")
}

/// A text whose control characters and overrides of the writing direction are shown instead of sent: `\x1b`,
/// `\u{202e}`. Those in `meant` stay.
fn clean<'a>(text: &'a str, meant: &str) -> Cow<'a, str> {
    let acts = |c: char| !meant.contains(c) && (c.is_control() || reorders(c));
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        let _ = match c {
            c if !acts(c) => write!(shown, "{c}"),
            c if c.is_ascii() => write!(shown, "\\x{:02x}", u32::from(c)),
            c => write!(shown, "\\u{{{:x}}}", u32::from(c)),
        };
    }
    Cow::Owned(shown)
}

/// Marks, embeddings, overrides and isolates of the writing direction (Unicode Standard Annex 9, section 2), and the
/// two separators that some terminals take for a new line.
fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// An error in one line, and what to type next.
pub(crate) fn failure(error: &Error) {
    talk(&format!("error: {}", one_line(&error.to_string())));
    let hint = error.hint_in(flag).unwrap_or_else(|| usual_hint(error.kind()).to_owned());
    talk(&format!("hint: {}", one_line(&hint)));
}

/// A setting as it is typed, its value in quotes where a shell would take it apart.
pub(crate) fn flag(setting: &Setting) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,/:=%+".contains(c) || !c.is_ascii();
    match &setting.value {
        None => format!("--{}", setting.name),
        Some(value) if value.chars().all(plain) => format!("--{} {value}", setting.name),
        Some(value) => format!("--{} \"{value}\"", setting.name),
    }
}

/// What to do where memory is short.
pub(crate) const OUT_OF_MEMORY: &str = "take fewer images at once (--batch-size 1) or fewer in all (--limit, \
                                        --train-limit), make pictures smaller (--size 64), or end other programs";

/// What to type where the error itself does not know better.
fn usual_hint(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Interrupted => "type the same command again",
        ErrorKind::Io => {
            "check the path, its permissions and the free space, then type the same command again"
        }
        ErrorKind::OutOfMemory => OUT_OF_MEMORY,
        ErrorKind::Numerical => "check that the weights and the images are those you meant",
        _ => "weakspot COMMAND --help-all explains every setting with an example",
    }
}

/// A panic is our mistake, and the user should not have to read a stack.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place =
            panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let what = panic.payload_as_str().map_or_else(|| "no message".to_owned(), one_line);
        if exit_code::is_out_of_memory(&what) {
            talk(&format!("error: {what}"));
            talk(&format!("hint: {OUT_OF_MEMORY}"));
            return;
        }
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

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        for (sent, shown) in [
            ("\u{1b}[2Ja.png", "\\x1b[2Ja.png"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("cat\u{7f}\u{8}\r\0", "cat\\x7f\\x08\\x0d\\x00"),
            ("gpj.\u{202e}tac", "gpj.\\u{202e}tac"),
            ("a\u{2066}b\u{2029}c", "a\\u{2066}b\\u{2029}c"),
            ("x\nerror: not ours", "x\\x0aerror: not ours"),
            ("猫 Käse עברית 100 % \tC:\\x1b", "猫 Käse עברית 100 % \tC:\\x1b"),
        ] {
            assert_eq!(line(sent), shown);
        }
        assert_eq!(line("ours\n"), "ours", "the end of a line is not part of it");
        assert_eq!(clean("a\n\tb\u{1b}", "\n\t"), "a\n\tb\\x1b", "a summary has lines");
    }

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
    fn a_setting_is_written_as_it_is_typed() {
        let typed = |name, value: Option<&str>| flag(&Setting { name, value: value.map(str::to_owned) });
        assert_eq!(typed("force", None), "--force");
        assert_eq!(typed("eps", Some("8/255")), "--eps 8/255");
        assert_eq!(typed("classes", Some("a dog=0,cat=1")), "--classes \"a dog=0,cat=1\"");
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
