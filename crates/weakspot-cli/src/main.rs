//! The `weakspot` program: where a classifier looks, where an attack strikes, and whether masking helps.

mod args;
mod cache;
mod classes;
mod clock;
mod commands;
mod exit_code;
mod fetch;
mod folder;
mod interrupt;
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
use weakspot::Result;

fn main() -> ExitCode {
    output::report_panics();
    let outcome = run();
    if let Err(error) = &outcome {
        output::failure(error);
    }
    exit_code::of(&outcome)
}

fn run() -> Result<()> {
    match args::parse(std::env::args_os())? {
        Parsed::Text(text) => {
            output::data(&text);
            Ok(())
        }
        Parsed::Command(Command::Study(args)) => commands::study::run(&args),
        Parsed::Command(Command::Train(args)) => commands::train::run(&args),
        Parsed::Command(Command::Maps(args)) => commands::maps::run(&args),
        Parsed::Command(Command::Report(args)) => commands::report::run(&args),
        Parsed::Command(Command::Fetch(args)) => commands::fetch::run(&args),
    }
}
