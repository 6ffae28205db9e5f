//! Our side of `bench/run.py`: times convolutions and networks through the public executor.
//!
//! One request per line on stdin, one reply per line on stdout, both JSON; between requests the process sleeps, so that
//! the process it is compared with has the cores to itself. The requests:
//!
//! | field | meaning |
//! |---|---|
//! | `case` | `layer` (a 3x3 convolution) or `network` (VGG16 with head `gap`) |
//! | `op` | `forward`, `input_gradient`, `weight_gradient` (layer), `training_step` (network) |
//! | `batch`, `size` | images, and their side in pixels |
//! | `channels_in`, `channels_out` | of a layer |
//! | `weights` | a safetensors file, for a network |
//! | `seconds`, `at_most` | repeat for this many seconds, and at most this many times |
//! | `dump` | instead: write the operation's result, as little-endian f32 in PyTorch's order, to this file |
//!
//! The reply holds `seconds`, one number per repetition, and `algorithm`, or `error`.

mod case;
mod numbers;

use std::io::{BufRead as _, Write as _};

use serde::{Deserialize, Serialize};
use weakspot::{Error, Result};

use case::Case;

/// What the launcher asks for.
#[derive(Clone, Debug, Deserialize)]
struct Request {
    #[serde(flatten)]
    case: case::Description,
    op: case::Op,
    #[serde(default)]
    seconds: f64,
    #[serde(default = "once")]
    at_most: usize,
    dump: Option<std::path::PathBuf>,
}

fn once() -> usize {
    1
}

#[derive(Debug, Default, Serialize)]
struct Reply {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    seconds: Vec<f64>,
    algorithm: &'static str,
}

fn main() -> Result<()> {
    let threads = std::env::args().nth(1).and_then(|threads| threads.parse().ok()).unwrap_or(0);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|e| Error::invalid(format!("threads: {e}")))?;
    // The last case is kept: every round of a comparison asks for it again.
    let mut last: Option<Case> = None;
    let mut stdout = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let said = line.map_err(|e| Error::invalid(format!("stdin: {e}")))?;
        let reply = serde_json::from_str(&said)
            .map_err(|e| Error::invalid(format!("a request: {e}")))
            .and_then(|request: Request| answer(&request, &mut last))
            .unwrap_or_else(|e| Reply { error: Some(e.to_string()), ..Reply::default() });
        let text = serde_json::to_string(&reply).map_err(|e| Error::invalid(format!("a reply: {e}")))?;
        writeln!(stdout, "{text}")
            .and_then(|()| stdout.flush())
            .map_err(|e| Error::invalid(format!("stdout: {e}")))?;
    }
    Ok(())
}

fn answer(request: &Request, last: &mut Option<Case>) -> Result<Reply> {
    let case = match last.take() {
        Some(case) if case.description == request.case => last.insert(case),
        _ => last.insert(Case::new(&request.case)?),
    };
    if let Some(path) = &request.dump {
        let numbers = case.result(request.op)?;
        let bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
        weakspot::output::write_atomic(path, &bytes)?;
        return Ok(Reply { algorithm: case.algorithm(), ..Reply::default() });
    }
    let mut seconds = Vec::new();
    while seconds.len() < request.at_most
        && (seconds.is_empty() || seconds.iter().sum::<f64>() < request.seconds)
    {
        seconds.push(case.time(request.op)?);
    }
    Ok(Reply { seconds, algorithm: case.algorithm(), error: None })
}
