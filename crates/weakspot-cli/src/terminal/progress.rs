//! Where a long run is: a bar with its ETA where a person watches, now and then a line elsewhere.

use std::io::IsTerminal as _;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use weakspot::progress::Observer;

use crate::results::run_record::StageRecord;
use crate::system::clock::{self, Stopwatch};
use crate::system::interrupt::Interrupt;
use crate::terminal::output;

/// A stage shorter than this is over before anyone could read about it.
const WORTH_A_LINE: Duration = Duration::from_secs(2);

/// How often a log file gets a line about a long stage, after the first one.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// Watches a run for the terminal, for `run.json` and for Ctrl-C.
#[derive(Debug)]
pub(crate) struct Progress {
    interrupt: Interrupt,
    on_terminal: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Stage>,
    past: Vec<StageRecord>,
}

#[derive(Debug)]
struct Stage {
    name: String,
    total: usize,
    done: usize,
    status: String,
    of_bytes: bool,
    bar: ProgressBar,
    since: Stopwatch,
    next_line: Duration,
}

impl Progress {
    /// Watches from now on.
    pub(crate) fn new(interrupt: Interrupt) -> Self {
        Self { interrupt, on_terminal: std::io::stderr().is_terminal(), state: Mutex::default() }
    }

    /// Begins a stage whose steps are bytes.
    pub(crate) fn stage_of_bytes(&self, name: &str, total: u64) {
        self.stage(name, usize::try_from(total).unwrap_or(usize::MAX));
        if let Some(stage) = &mut self.state().current {
            stage.of_bytes = true;
            stage.bar.set_style(style(BYTES));
        }
    }

    /// Sets how much of the current stage is done, for one that does not begin at 0 or that begins again.
    pub(crate) fn set_done(&self, done: u64) {
        if let Some(stage) = &mut self.state().current {
            stage.done = usize::try_from(done).unwrap_or(usize::MAX);
            stage.bar.set_position(done);
            // The speed is measured from here on.
            stage.bar.reset_eta();
        }
    }

    /// Ends the current stage, so that the next line stands below it.
    pub(crate) fn end_stage(&self) {
        Self::end(&mut self.state());
    }

    /// Ends the current stage; the stages so far.
    pub(crate) fn stages(&self) -> Vec<StageRecord> {
        self.end_stage();
        self.state().past.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a panicking thread left behind is still a list of stages.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(state: &mut State) {
        let Some(stage) = state.current.take() else { return };
        stage.bar.finish_and_clear();
        let took = stage.since.elapsed();
        if took >= WORTH_A_LINE {
            let status = if stage.status.is_empty() { String::new() } else { format!(": {}", stage.status) };
            output::talk(&format!("{}{status} ({})", stage.name, clock::in_words(took)));
        }
        state.past.push(StageRecord { name: stage.name, steps: stage.done, seconds: took.as_secs_f64() });
    }

    /// Draws the bar of a long stage, or writes a line to a log file.
    fn show(&self, stage: &mut Stage) {
        let elapsed = stage.since.elapsed();
        if self.on_terminal {
            if stage.bar.is_hidden() && elapsed >= WORTH_A_LINE {
                stage.bar.set_draw_target(ProgressDrawTarget::stderr());
            }
        } else if elapsed >= stage.next_line {
            stage.next_line = elapsed + LOG_EVERY;
            let count =
                |n: usize| if stage.of_bytes { HumanBytes(n as u64).to_string() } else { n.to_string() };
            let (done, total) = (count(stage.done), count(stage.total));
            output::talk(&format!("{}: {done} of {total} {}", stage.name, stage.status));
        }
    }
}

impl Progress {
    /// Reads inputs, where a single Ctrl-C ends the program: [`Interrupt::while_reading`].
    pub(crate) fn while_reading<T>(&self, read: impl FnOnce() -> T) -> T {
        self.interrupt.while_reading(read)
    }
}

impl Observer for Progress {
    fn stage(&self, name: &str, total: usize) {
        let mut state = self.state();
        Self::end(&mut state);
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::hidden())
            .with_style(style(STEPS))
            .with_prefix(output::line(name).into_owned());
        state.current = Some(Stage {
            name: name.to_owned(),
            total,
            done: 0,
            status: String::new(),
            of_bytes: false,
            bar,
            since: Stopwatch::start(),
            next_line: WORTH_A_LINE,
        });
    }

    fn advance(&self, steps: usize) {
        if let Some(stage) = &mut self.state().current {
            stage.done += steps;
            stage.bar.inc(steps as u64);
            self.show(stage);
        }
    }

    fn status(&self, text: &str) {
        if let Some(stage) = &mut self.state().current {
            text.clone_into(&mut stage.status);
            stage.bar.set_message(output::line(text).into_owned());
            self.show(stage);
        }
    }

    fn note(&self, text: &str) {
        match &self.state().current {
            Some(stage) => stage.bar.suspend(|| output::talk(text)),
            None => output::talk(text),
        }
    }

    fn interrupted(&self) -> bool {
        self.interrupt.asked()
    }

    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        Some(self.interrupt.flag())
    }
}

/// What stands beside a bar: steps, or bytes.
const STEPS: &str = "{prefix} [{bar:30}] {pos}/{len} {msg}  ETA {eta}";
const BYTES: &str = "{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {msg}  ETA {eta}";

/// Without colour: a bar needs none.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
