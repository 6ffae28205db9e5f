//! The search for thresholds and fill.

use clap::Args;
use weakspot::region::{Theta, Threshold};
use weakspot::study::TuneFor;

use super::values::{at_least_one, share};

/// The search for thresholds and fill.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Search for thresholds")]
pub(crate) struct TuneArgs {
    /// Search --delta1, --delta2, --theta and the headline fill on the tune part; score the point found on eval
    ///
    /// Every combination is scored on tune images under the adaptive attack; the report shows all of them and the Pareto
    /// front. What is asked for by its own flag is not searched: --tune --theta 0.5 keeps theta. The fills are those of
    /// --fill; all of them are scored on eval too. Example: weakspot study mnist --tune
    #[arg(long)]
    pub(crate) tune: bool,

    /// The attack that is defended against: adaptive (P3), or paper (P1: the mask is not applied again)
    ///
    /// Default: adaptive. Example: --tune --tune-for paper
    #[arg(long, value_name = "WHICH")]
    pub(crate) tune_for: Option<TuneFor>,

    /// Thresholds of the RoI to search
    ///
    /// Default: top:10%,top:20%,top:30%,top:40%,top:50%. Example: --tune-delta1 top:20%,otsu
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) tune_delta1: Option<Vec<Threshold>>,

    /// Thresholds of the RoA to search
    ///
    /// Default: top:10%,top:20%,top:30%,top:40%,top:50%. Example: --tune-delta2 top:5%,top:10%
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) tune_delta2: Option<Vec<Threshold>>,

    /// Frequencies to search at which a class-level map becomes a mask
    ///
    /// Default: 0.3,0.5,0.7. Example: --tune-theta 0.5,0.9
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        requires = "tune",
        allow_negative_numbers = true
    )]
    pub(crate) tune_theta: Option<Vec<Theta>>,

    /// Accuracy that neutralization may cost on the tune images, as percent or share of all
    ///
    /// Default: 1%. Among the points that cost no more, the best under attack is chosen. Example: --tune-cost 2%
    #[arg(long, value_name = "SHARE", value_parser = share, allow_negative_numbers = true)]
    pub(crate) tune_cost: Option<f64>,

    /// Tune images per class that are scored, at most
    ///
    /// Default: 200
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) tune_limit: Option<usize>,
}

impl TuneArgs {
    /// The first flag that was given about a search.
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
