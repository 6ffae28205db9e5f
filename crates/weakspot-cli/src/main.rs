//! The `weakspot` program: where a classifier looks, where an attack strikes, and whether masking helps.

mod args;
mod cache;
mod classes;
mod clock;
mod commands;
mod config;
mod exit_code;
mod expect;
mod fetch;
mod folder;
mod interrupt;
mod masks;
mod model;
mod output;
mod parts;
mod plan;
mod progress;
mod recipes;
mod run_record;
mod source;

use std::process::ExitCode;

use args::{Command, Parsed};
use exit_code::Outcome;
use weakspot::Result;

fn main() -> ExitCode {
    output::report_panics();
    let outcome = run();
    if let Err(error) = &outcome {
        output::failure(error);
    }
    exit_code::of(&outcome)
}

fn run() -> Result<Outcome> {
    let words = std::env::args_os().collect();
    match args::parse(words)? {
        Parsed::Text(text) => output::data(&text)?,
        Parsed::Command(Command::Study(args)) => commands::study::run(&args)?,
        Parsed::Command(Command::Train(args)) => commands::train::run(&args)?,
        Parsed::Command(Command::Maps(args)) => commands::maps::run(&args)?,
        Parsed::Command(Command::Fetch(args)) => commands::fetch::run(&args)?,
        Parsed::Command(Command::Report(args)) => return commands::report::run(&args),
        Parsed::Command(Command::Reproduce(args)) => commands::reproduce::run(&args)?,
    }
    Ok(Outcome::Done)
}
