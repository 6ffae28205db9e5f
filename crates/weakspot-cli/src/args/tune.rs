//! The search for thresholds and fill.

use clap::Args;
use weakspot::region::{Theta, Threshold};
use weakspot::study::TuneFor;

use super::values::{at_least_one, share};

/// The search for thresholds and fill.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Search for thresholds")]
pub(crate) struct TuneArgs {
    /// Search the thresholds, --theta and the headline fill on the tune part, then score the result on eval
    #[arg(long, help_heading = "Mask and protocols")]
    pub(crate) tune: bool,

    /// Protocol of the search: adaptive (P3) or paper (P1) [default: adaptive; e.g. paper]
    #[arg(long, value_name = "WHICH", hide_short_help = true)]
    pub(crate) tune_for: Option<TuneFor>,

    /// Thresholds of the RoI to search [default: top:10% to top:50% in steps of 10; e.g. top:20%,otsu]
    #[arg(long, value_name = "LIST", value_delimiter = ',', hide_short_help = true)]
    pub(crate) tune_delta1: Option<Vec<Threshold>>,

    /// Thresholds of the RoA to search [default: top:10% to top:50% in steps of 10; e.g. top:5%,top:10%]
    #[arg(long, value_name = "LIST", value_delimiter = ',', hide_short_help = true)]
    pub(crate) tune_delta2: Option<Vec<Threshold>>,

    /// Values of --theta to search [default: 0.3,0.5,0.7; e.g. 0.5,0.9]
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        requires = "tune",
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub(crate) tune_theta: Option<Vec<Theta>>,

    /// Accuracy that the mask may cost on the tune images [default: 1%; e.g. 2%]
    #[arg(
        long,
        value_name = "SHARE",
        value_parser = share,
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    pub(crate) tune_cost: Option<f64>,

    /// Score at most N tune images per class [default: 200; e.g. 50]
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true)]
    pub(crate) tune_limit: Option<usize>,
}

impl TuneArgs {
    /// The first flag about a search that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--tune-for", self.tune_for.is_some()),
            ("--tune-delta1", self.tune_delta1.is_some()),
            ("--tune-delta2", self.tune_delta2.is_some()),
            ("--tune-theta", self.tune_theta.is_some()),
            ("--tune-cost", self.tune_cost.is_some()),
            ("--tune-limit", self.tune_limit.is_some()),
        ];
        flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }
}
