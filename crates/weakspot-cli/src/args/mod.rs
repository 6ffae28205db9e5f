//! What was typed. Parsing never acts: no file is opened here but the configuration that stands for typed words.

mod completions;
mod data;
mod fetch;
mod layers;
mod maps;
mod method;
mod model;
mod named;
mod report;
mod reproduce;
mod run;
mod seeds;
mod study;
mod train;
mod training;
mod tune;
mod values;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind as ClapKind};
use clap::{Arg, ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use weakspot::{Error, Result};

use crate::request::config::{self, Given};
use crate::terminal::output;

pub(crate) use completions::CompletionsArgs;
pub(crate) use data::{DataArgs, PictureArgs, SplitBy};
pub(crate) use fetch::FetchArgs;
pub(crate) use layers::LayersArgs;
pub(crate) use maps::MapsArgs;
pub(crate) use method::MethodArgs;
pub(crate) use model::{CheckArgs, ModelArgs, Normalization};
pub(crate) use report::ReportArgs;
pub(crate) use reproduce::ReproduceArgs;
pub(crate) use run::{RunArgs, images_per_batch};
pub(crate) use seeds::{SeedArgs, Seeds};
pub(crate) use study::{Preset, SavedMaps, StudyArgs};
pub(crate) use train::TrainArgs;
pub(crate) use training::{Cycles, TrainingArgs, Warmup};
pub(crate) use tune::TuneArgs;

/// Shows where an image classifier looks, where an attack strikes, and whether masking the weak spots helps
///
/// Every number comes with its count, an interval and warnings. docs/METHODS.md defines each of them.
#[derive(Debug, Parser)]
#[command(
    name = "weakspot",
    version,
    after_help = format!("{EXAMPLES}{EXIT_CODES}"),
    after_long_help = format!("{EXAMPLES}{MORE}{EXIT_CODES}"),
    subcommand_required = true,
    disable_help_flag = true,
    args = help_flags()
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  weakspot study                   run the demo: generated images, no download
  weakspot study photos/ --classes cat=281,dog=207 --model resnet50.onnx --eps 4/255";

const MORE: &str = "
  weakspot fetch mnist             download and check MNIST; then: weakspot study mnist
  weakspot study photos/ --classes cat,dog --size 64 --eps 8/255
  weakspot study x.npz --classes 3,5 --eps 8/255 --weights mine.safetensors --held-out
  weakspot maps --images x.npz --weights mine.safetensors --eps 8/255 --out maps.safetensors
  weakspot reproduce --quick       a first look at the paper's tables and figures beside ours
  weakspot completions bash        print the script that lets bash complete commands, flags and names";

const EXIT_CODES: &str = "

Exit codes: 0 done, 1 figures differ (report --expect), 2 could not run, 130 stopped by Ctrl-C";

/// The two flags for help, the same for every command.
fn help_flags() -> [Arg; 2] {
    // After the flags that do something.
    let flag =
        |name: &'static str, action| Arg::new(name).long(name).action(action).global(true).display_order(999);
    [
        flag("help", ArgAction::HelpShort).short('h').help("Print the short help: what most users need"),
        flag("help-all", ArgAction::HelpLong).help("Print the full help: every flag, more examples"),
    ]
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Study(Box<StudyArgs>),
    Train(Box<TrainArgs>),
    Maps(Box<MapsArgs>),
    Layers(Box<LayersArgs>),
    Report(ReportArgs),
    Reproduce(Box<ReproduceArgs>),
    Fetch(FetchArgs),
    // The short help has one screen.
    #[command(hide = true)]
    Completions(CompletionsArgs),
}

/// What the words on the command line come to.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Something to do.
    Command(Command),
    /// Something to print: the help, the version.
    Text(String),
}

/// Reads the command line.
///
/// # Errors
/// `InvalidParameter`, in the house's form: one line, and a hint; what reading a configuration reports.
pub(crate) fn parse(words: Vec<OsString>) -> Result<Parsed> {
    let cli = program();
    let (words, notes) = config::expand(words, &cli)?;
    let parsed = cli.try_get_matches_from(words).and_then(|matches| {
        let mut command = Cli::from_arg_matches(&matches)?.command;
        if let (Command::Study(args), Some(typed)) = (&mut command, matches.subcommand_matches("study")) {
            args.given = Given::of(&study_command(), typed, notes);
        }
        Ok(command)
    });
    match parsed {
        Ok(command) => Ok(Parsed::Command(command)),
        Err(error) => match error.kind() {
            ClapKind::DisplayHelp | ClapKind::DisplayVersion => Ok(Parsed::Text(error.to_string())),
            _ => Err(translated(&error)),
        },
    }
}

/// All commands with their flags.
pub(crate) fn program() -> clap::Command {
    Cli::command()
}

/// The flags of a study.
pub(crate) fn study_command() -> clap::Command {
    let cli = program();
    cli.find_subcommand("study").cloned().unwrap_or(cli)
}

/// The parser's error in our own form.
fn translated(error: &clap::Error) -> Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    // A value that one of our own types refused: its message is the better one.
    let refused = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>());
    if let (Some(own), Some(flag)) = (refused, text(ContextKind::InvalidArg)) {
        let flag = flag.split_whitespace().next().unwrap_or_default().to_owned();
        return Error::invalid(format!("{flag}: {own}")).with_hint(
            own.hint_in(output::flag)
                .unwrap_or_else(|| "weakspot COMMAND --help-all explains each flag".to_owned()),
        );
    }
    if error.kind() == ClapKind::DisplayHelpOnMissingArgumentOrSubcommand
        || error.kind() == ClapKind::MissingSubcommand
    {
        return Error::invalid(
            "expected a command: study, train, maps, report, reproduce or fetch; got none",
        )
        .with_hint("weakspot study runs the demo; weakspot --help lists the commands");
    }
    let rendered = error.to_string();
    let message = rendered.lines().take_while(|line| !line.trim().is_empty()).collect::<Vec<_>>().join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let hint = match text(ContextKind::SuggestedArg)
        .or_else(|| text(ContextKind::SuggestedSubcommand))
        .or_else(|| text(ContextKind::SuggestedValue))
    {
        Some(similar) => format!("did you mean {similar}?"),
        None => format!("weakspot {} --help-all lists every flag with an example", command_in(&rendered)),
    };
    Error::invalid(message).with_hint(hint)
}

/// The command that the parser's usage line names.
fn command_in(rendered: &str) -> &str {
    let usage = rendered.lines().find_map(|line| line.strip_prefix("Usage: weakspot "));
    let first = usage.and_then(|usage| usage.split_whitespace().next());
    first.filter(|word| word.starts_with(char::is_lowercase)).unwrap_or("COMMAND")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The code of the libraries, file by file, without tests and comments.
    fn libraries() -> Vec<(String, String)> {
        let mut files = Vec::new();
        let mut left = ["weakspot", "weakspot-nn", "weakspot-conv"]
            .map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src"))
            .to_vec();
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.display().to_string();
                if path.is_dir() {
                    left.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs") && !name.ends_with("tests.rs")
                {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                    let code: Vec<&str> =
                        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
                    files.push((name, code.join("\n")));
                }
            }
        }
        files
    }

    #[test]
    fn the_libraries_write_no_flags_and_every_setting_in_their_hints_is_a_flag() {
        let mut cli = Cli::command();
        cli.build();
        let flags: BTreeSet<String> = cli
            .get_subcommands()
            .flat_map(|command| command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)))
            .collect();
        let mut named = 0;
        for (file, code) in libraries() {
            let dashed = code
                .match_indices("--")
                .find(|(at, _)| code[at + 2..].starts_with(|c: char| c.is_ascii_lowercase()));
            // Variables of a style sheet look like flags.
            assert!(
                dashed.is_none() || file.ends_with("style.rs"),
                "{file}: {:?}",
                dashed.map(|(at, _)| &code[at..])
            );
            for opening in [".set(\"", ".setting(\""] {
                for rest in code.split(opening).skip(1) {
                    let name = rest.split('"').next().unwrap_or_default();
                    assert!(flags.contains(name), "{file}: {name} is no flag of the program");
                    named += 1;
                }
            }
        }
        assert!(named > 40, "hints name settings; {named} were found");
    }

    #[test]
    fn the_arguments_are_well_formed() {
        Cli::command().debug_assert();
    }
}
