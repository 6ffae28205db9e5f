//! The help teaches.

use std::collections::BTreeSet;

use crate::program::{command, weakspot};

#[test]
fn the_help_names_the_commands_and_shows_examples() {
    let folder = tempfile::tempdir().unwrap();
    let said = weakspot(folder.path(), &["--help"]).ok();
    for expected in
        ["study", "train", "maps", "layers", "report", "reproduce", "fetch", "Examples:", "Exit codes:"]
    {
        assert!(said.stdout.contains(expected), "{expected} in\n{}", said.stdout);
    }
    assert_eq!(said.stderr, "");
    let version = weakspot(folder.path(), &["--version"]).ok().stdout;
    assert_eq!(version, format!("weakspot {}\n", env!("CARGO_PKG_VERSION")));
}

/// Every command, and the fewest flags that its full help must list.
const COMMANDS: [(&str, usize); 7] = [
    ("study", 60),
    ("train", 30),
    ("maps", 25),
    ("layers", 10),
    ("report", 3),
    ("reproduce", 12),
    ("fetch", 5),
];

/// The names of the flags that a help lists.
fn flags(help: &str) -> BTreeSet<&str> {
    let lines =
        help.lines().filter_map(|line| line.strip_prefix("      --").or(line.strip_prefix("  -h, --")));
    lines.filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn the_help_fits_one_screen_and_the_full_help_has_every_flag() {
    let folder = tempfile::tempdir().unwrap();
    let help = |words: &[&str]| weakspot(folder.path(), words).ok().stdout;
    let top = help(&["--help"]);
    assert!(top.lines().count() <= 24, "{} lines:\n{top}", top.lines().count());
    assert!(help(&["--help-all"]).lines().count() > top.lines().count());
    for (command, least) in COMMANDS {
        let (short, all) = (help(&[command, "--help"]), help(&[command, "--help-all"]));
        let n = short.lines().count();
        assert!(n <= 60, "{command}: {n} lines:\n{short}");
        assert_eq!(help(&[command, "-h"]), short, "{command}");
        let (few, every) = (flags(&short), flags(&all));
        assert!(few.contains("help") && few.contains("help-all"), "{command}: {few:?}");
        assert!(few.is_subset(&every), "{command}: {:?}", few.difference(&every));
        assert!(every.len() >= least, "{command}: {} flags found", every.len());
    }
    let (few, every) = (help(&["study", "--help"]), help(&["study", "--help-all"]));
    assert!(flags(&few).len() < flags(&every).len());
}

#[test]
fn every_flag_has_one_line_with_an_example_or_a_default() {
    let folder = tempfile::tempdir().unwrap();
    for (command, _) in COMMANDS {
        let help = weakspot(folder.path(), &[command, "--help-all"]).ok().stdout;
        assert!(help.contains("Examples:"), "{command}");
        // A flag's entry: its line, and everything indented below it.
        let flags_only = help.split("Examples:\n").next().unwrap();
        for entry in flags_only.split("\n      --").skip(1) {
            let (name, words) = entry.split_once("  ").unwrap_or((entry, ""));
            // A flag without a value is its own example.
            let taught =
                !name.contains('<') || ["[default: ", "e.g. "].iter().any(|mark| words.contains(mark));
            assert!(taught, "{command} --{name} teaches nothing:\n{words}");
            let line = words.trim_start().lines().next().unwrap_or_default();
            assert!((10..=115).contains(&line.chars().count()), "{command} --{name}: {line}");
        }
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
