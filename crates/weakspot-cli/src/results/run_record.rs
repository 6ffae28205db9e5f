//! `run.json`: everything about a run that may differ while its results are the same bytes.

use std::path::Path;

use serde::Serialize;
use weakspot::{Error, ErrorKind, Result, output};

use crate::system::clock::{self, Stopwatch};

/// The name and version of the `run.json` format.
const SCHEMA: &str = "weakspot-run/1";

/// How a run went.
#[derive(Debug, Serialize)]
pub(crate) struct RunRecord {
    schema: &'static str,
    version: &'static str,
    /// What was typed.
    command: Vec<String>,
    /// UTC.
    started: String,
    /// UTC.
    finished: String,
    /// From start to finish.
    seconds: f64,
    /// In the order they were run; a resumed run lists only what it did itself.
    stages: Vec<StageRecord>,
    threads: usize,
    batch_size: usize,
    /// The most memory the process ever held, where the system says so.
    peak_memory_bytes: Option<u64>,
    /// `trained`, `reused`, or the user's file.
    weights: String,
    /// Whether an interrupted run was continued.
    resumed: bool,
    #[serde(skip)]
    watch: Stopwatch,
}

/// One stage of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StageRecord {
    pub(crate) name: String,
    pub(crate) steps: usize,
    pub(crate) seconds: f64,
}

impl RunRecord {
    /// Starts the clock.
    pub(crate) fn begin() -> Self {
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
            started: clock::now(),
            finished: String::new(),
            seconds: 0.0,
            stages: Vec::new(),
            threads: rayon::current_num_threads(),
            batch_size: 0,
            peak_memory_bytes: None,
            weights: String::new(),
            resumed: false,
            watch: Stopwatch::start(),
        }
    }

    /// Stops the clock and writes the file.
    pub(crate) fn write(
        mut self,
        folder: &Path,
        batch_size: usize,
        stages: Vec<StageRecord>,
        weights: String,
        resumed: bool,
    ) -> Result<()> {
        self.finished = clock::now();
        self.batch_size = batch_size;
        self.seconds = self.watch.elapsed().as_secs_f64();
        self.peak_memory_bytes = peak_memory_bytes();
        self.stages = stages;
        self.weights = weights;
        self.resumed = resumed;
        let mut json = serde_json::to_vec_pretty(&self)
            .map_err(|e| Error::new(ErrorKind::Numerical, format!("run.json cannot be written: {e}")))?;
        json.push(b'\n');
        output::write_atomic(&folder.join("run.json"), &json)
    }
}

/// The process's high-water mark, from Linux's `/proc/self/status`; `None` elsewhere.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
