//! How to run: nothing here but the seed moves a number.

use clap::Args;

use super::values::at_least_one;

/// How to run.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Running")]
pub(crate) struct RunArgs {
    /// Images per batch, at least 1; costs memory, never changes a result
    ///
    /// Default: by the images' size, 128 up to 32x32 pixels, 16 from 91x91 on. Example: --batch-size 8
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) batch_size: Option<usize>,

    /// Threads, at least 1; never changes a result
    ///
    /// Default: one per core. Example: --threads 4
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) threads: Option<usize>,

    /// The one seed of every random draw: splits, weights, random starts, permutations
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Replace what an earlier run left at the place of the output
    #[arg(long)]
    pub(crate) force: bool,
}

impl RunArgs {
    /// Images per batch, of images with `dim` (count, channels, height, width). Filters are read once per batch, so large
    /// batches are faster; what layers hold grows with the batch's pixels.
    pub(crate) fn batch(&self, (_, _, height, width): (usize, usize, usize, usize)) -> usize {
        self.batch_size.unwrap_or_else(|| ((1 << 17) / (height * width).max(1)).clamp(16, 128))
    }
}
