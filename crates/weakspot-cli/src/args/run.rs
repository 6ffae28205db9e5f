//! How to run: nothing here but the seed moves a number.

use clap::Args;

use super::values::at_least_one;

/// How to run.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Running")]
pub(crate) struct RunArgs {
    /// Images per batch: changes memory and speed, never a result [default: 16 to 128, by image size; e.g. 8]
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true)]
    pub(crate) batch_size: Option<usize>,

    /// Number of threads: never changes a result [default: one per core; e.g. 4]
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true)]
    pub(crate) threads: Option<usize>,

    /// Seed of all random draws: split, initial weights, random starts, permutations [e.g. 1]
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Replace what an earlier run left at --out
    #[arg(long)]
    pub(crate) force: bool,
}

impl RunArgs {
    /// Images per batch, of images with `dim` (count, channels, height, width).
    pub(crate) fn batch(&self, dim: (usize, usize, usize, usize)) -> usize {
        images_per_batch(self.batch_size, dim)
    }
}

/// Images per batch: those that were asked for, or a number that fits the images' size. Filters are read once per
/// batch, so large batches are faster; the memory of the layers grows with the pixels of the batch.
pub(crate) fn images_per_batch(asked: Option<usize>, dim: (usize, usize, usize, usize)) -> usize {
    let (_, _, height, width) = dim;
    asked.unwrap_or_else(|| ((1 << 17) / (height * width).max(1)).clamp(16, 128))
}
