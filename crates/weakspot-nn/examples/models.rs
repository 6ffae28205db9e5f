//! Our side of `bench/models.py`: times a network from an ONNX file.
//!
//! `models FILE BATCH SIDE SECONDS THREADS` runs random images forward, and forward and back to the image, for so many
//! seconds each, and prints two lists of seconds as JSON.

use std::path::Path;
use std::time::Instant;

use ndarray::Array4;
use weakspot::classifier::{Classifier as _, input_gradient};
use weakspot::objective::Objective;
use weakspot::{Error, Result};
use weakspot_nn::{OnnxModel, OnnxSettings};

#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "this program is a stopwatch")]
fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| words.get(i).and_then(|word| word.parse::<usize>().ok());
    let (Some(file), Some(batch), Some(side), Some(seconds), Some(threads)) =
        (words.first(), number(1), number(2), number(3), number(4))
    else {
        return Err(Error::invalid("expected FILE BATCH SIDE SECONDS THREADS"));
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|e| Error::invalid(format!("threads: {e}")))?;
    let settings = OnnxSettings { size: Some((side, side)), ..OnnxSettings::default() };
    let model = OnnxModel::load(Path::new(file), &settings)?;
    let mut noise = weakspot::rng::stream(0, "bench", "images");
    let images = Array4::from_shape_simple_fn((batch, model.input().channels, side, side), || noise.unit());
    let labels = vec![0; batch];
    let of = Objective::ClassLogit.of(&labels);
    let time = |work: &dyn Fn() -> Result<()>| -> Result<Vec<f64>> {
        // What is made when it is first needed.
        work()?;
        let (begin, mut times) = (Instant::now(), Vec::new());
        while times.len() < 3 || begin.elapsed().as_secs() < seconds as u64 {
            let start = Instant::now();
            work()?;
            times.push(start.elapsed().as_secs_f64());
        }
        Ok(times)
    };
    let forward = time(&|| model.logits(images.view()).map(drop))?;
    let both = time(&|| input_gradient(&model, images.view(), &of).map(drop))?;
    println!("{}", serde_json::json!({ "forward": forward, "both": both }));
    Ok(())
}
