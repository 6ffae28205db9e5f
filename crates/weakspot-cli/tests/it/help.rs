//! The help teaches.

use crate::program::{command, weakspot};

#[test]
fn the_help_names_the_commands_and_shows_examples() {
    let folder = tempfile::tempdir().unwrap();
    let said = weakspot(folder.path(), &["--help"]).ok();
    for expected in ["study", "train", "maps", "report", "reproduce", "fetch", "Examples:", "Exit codes:"] {
        assert!(said.stdout.contains(expected), "{expected} in\n{}", said.stdout);
    }
    assert_eq!(said.stderr, "");
    let version = weakspot(folder.path(), &["--version"]).ok().stdout;
    assert_eq!(version, format!("weakspot {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_flag_of_every_command_says_what_it_takes_and_gives_an_example_or_a_default() {
    let folder = tempfile::tempdir().unwrap();
    for (verb, least) in [("study", 10), ("train", 10), ("maps", 10), ("fetch", 5), ("reproduce", 10)] {
        let help = weakspot(folder.path(), &[verb, "--help"]).ok().stdout;
        assert!(help.contains("Examples:"), "{verb}");
        let mut flags = 0;
        // A flag's entry: its line, and everything indented below it.
        let flags_only = help.split("Examples:\n").next().unwrap();
        for entry in flags_only.split("\n      --").skip(1) {
            let (name, words) = entry.split_once('\n').unwrap_or((entry, ""));
            flags += 1;
            let switch = ["force", "targeted", "skip-bad", "quick"].contains(&name.trim());
            let taught = ["Default:", "[default:", "Example:"].iter().any(|mark| words.contains(mark));
            assert!(switch || taught, "{verb} --{name} teaches nothing:\n{words}");
        }
        assert!(flags >= least, "{verb}: {flags} flags found");
    }
}

#[test]
fn no_command_or_an_unknown_one_is_an_error_that_says_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    for (words, expected) in [
        (&[][..], "expected a command"),
        (&["studdy"][..], "studdy"),
        (&["study", "--epsilon", "1"][..], "--epsilon"),
        (&["maps"][..], "--images"),
        (&["study", "demo", "mnist"][..], "mnist"),
    ] {
        let said = weakspot(folder.path(), words);
        assert_eq!(said.code, Some(2), "{words:?}");
        let lines: Vec<&str> = said.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{words:?}: {}", said.stderr);
        assert!(lines[0].starts_with("error: ") && lines[0].contains(expected), "{words:?}: {}", said.stderr);
        assert!(lines[1].starts_with("hint: "), "{words:?}: {}", said.stderr);
        assert_eq!(said.stdout, "", "{words:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command(folder.path(), &["fetch"]).stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the output cannot be written") && said.contains("hint: "), "{said}");
}
