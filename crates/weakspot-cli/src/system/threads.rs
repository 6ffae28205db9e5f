//! How many threads a run has: as many as were asked for, within reason, and as the system starts.
//!
//! A limit on processes (`ulimit -u`, a container's) can leave fewer than the cores; results do not depend on it.

use std::num::NonZero;
use std::sync::mpsc::{Sender, channel};

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use weakspot::{Error, ErrorKind, Result};

use crate::terminal::output;

/// The most threads per core: with more, they wait for each other, and the machine waits for all of them.
const PER_CORE: usize = 4;

/// Starts the threads of the whole run: `asked`, else one per core.
///
/// # Errors
/// `Io` where not even this thread can be used.
pub(crate) fn start(asked: Option<usize>) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let (wanted, note) = within_reason(asked, cores);
    if let Some(note) = &note {
        output::talk(note);
    }
    let workers = workers(wanted, |worker| std::thread::Builder::new().spawn(worker).map(drop));
    if workers.len() < wanted {
        output::talk(&format!(
            "note: the system starts only {} of {wanted} threads; the run is slower, but its results are the same",
            workers.len()
        ));
    }
    let pool = ThreadPoolBuilder::new().num_threads(workers.len().max(1));
    let done = if workers.is_empty() {
        pool.use_current_thread().build_global()
    } else {
        let mut workers = workers.into_iter();
        pool.spawn_handler(|thread| {
            let worker = workers.next().ok_or_else(|| std::io::Error::other("one thread too few"))?;
            worker.send(thread).map_err(|_gone| std::io::Error::other("a thread that ended early"))
        })
        .build_global()
    };
    done.map_err(|e| {
        Error::new(ErrorKind::Io, format!("no thread can be started: {e}"))
            .with_hint("end other programs, or raise the limit on processes (ulimit -u)")
    })
}

/// The number of threads to start, and what to say where that is not the number asked for.
fn within_reason(asked: Option<usize>, cores: usize) -> (usize, Option<String>) {
    let most = cores.saturating_mul(PER_CORE);
    match asked {
        None => (cores, None),
        Some(asked) if asked <= most => (asked, None),
        Some(asked) => (
            most,
            Some(format!(
                "note: --threads {asked} is more than {PER_CORE} for each of {cores} cores; {most} are started"
            )),
        ),
    }
}

/// Up to `wanted` threads that wait for their work, as many as `spawn` starts.
///
/// They are started before rayon asks for them: a pool that lacks one of its threads cannot be built, nor a second one
/// in its place.
fn workers(
    wanted: usize,
    mut spawn: impl FnMut(Box<dyn FnOnce() + Send>) -> std::io::Result<()>,
) -> Vec<Sender<ThreadBuilder>> {
    let mut workers = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        let (sender, work) = channel::<ThreadBuilder>();
        let worker = Box::new(move || {
            if let Ok(thread) = work.recv() {
                thread.run();
            }
        });
        if spawn(worker).is_err() {
            break;
        }
        workers.push(sender);
    }
    workers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_threads_are_not_started() {
        assert_eq!(within_reason(None, 2), (2, None));
        assert_eq!(within_reason(Some(8), 2), (8, None));
        let (most, note) = within_reason(Some(100_000), 2);
        assert_eq!(most, 8);
        assert!(note.unwrap().contains("--threads 100000"));
        assert_eq!(within_reason(Some(usize::MAX), usize::MAX).0, usize::MAX, "no overflow");
    }

    #[test]
    fn threads_that_the_system_refuses_are_done_without() {
        for allowed in [0, 1, 3] {
            let mut left = allowed;
            let workers = workers(4, |_| {
                left = usize::checked_sub(left, 1).ok_or(std::io::ErrorKind::WouldBlock)?;
                Ok(())
            });
            assert_eq!(workers.len(), allowed);
        }
    }
}
