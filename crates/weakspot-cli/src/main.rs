//! The `weakspot` program: where a classifier looks, where an attack strikes, and whether masking helps.

mod args;
mod commands;
mod data;
mod fetch;
mod model;
mod request;
mod results;
mod system;
mod terminal;

use std::process::ExitCode;

use args::{Command, Parsed};
use system::interrupt;
use terminal::exit_code::{self, Outcome};
use terminal::output;
use weakspot::Result;

#[global_allocator]
static MEMORY: weakspot_nn::Allocator = weakspot_nn::Allocator::new(
    ["error: out of memory\nhint: ", output::OUT_OF_MEMORY, "\n"],
    exit_code::COULD_NOT_RUN as i32,
);

/// The stack that everything runs on, in bytes. The system's own may be limited to less (`ulimit -s`), and ends the
/// program when it is full.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    output::report_panics();
    interrupt::outlive_file_limits();
    let done = match std::thread::Builder::new().stack_size(STACK).spawn(run) {
        Ok(thread) => thread.join(),
        Err(_) => std::panic::catch_unwind(run),
    };
    match done {
        Ok(outcome) => {
            if let Err(error) = &outcome {
                output::failure(error);
            }
            exit_code::of(&outcome)
        }
        Err(panic) => exit_code::of_panic(panic.as_ref()),
    }
}

fn run() -> Result<Outcome> {
    let words = std::env::args_os().collect();
    match args::parse(words)? {
        Parsed::Text(text) => output::data(&text)?,
        Parsed::Command(Command::Study(args)) => commands::study::run(&args)?,
        Parsed::Command(Command::Train(args)) => commands::train::run(&args)?,
        Parsed::Command(Command::Maps(args)) => commands::maps::run(&args)?,
        Parsed::Command(Command::Layers(args)) => commands::layers::run(&args)?,
        Parsed::Command(Command::Fetch(args)) => commands::fetch::run(&args)?,
        Parsed::Command(Command::Completions(args)) => commands::completions::run(&args)?,
        Parsed::Command(Command::Report(args)) => return commands::report::run(&args),
        Parsed::Command(Command::Reproduce(args)) => commands::reproduce::run(&args)?,
    }
    Ok(Outcome::Done)
}
