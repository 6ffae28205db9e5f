//! Which images.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use weakspot::dataset::known;

use super::values::{ClassPair, at_least_one, picture_size};

/// What can be studied: the data sets by their names, and the user's own.
pub(super) fn sources() -> String {
    let names = known::ALL.map(|set| set.name).join(", ");
    format!("{names}, or a folder or file of your own [e.g. photos/]")
}

/// Which images.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[command(next_help_heading = "Images")]
pub(crate) struct DataArgs {
    /// Folder of a named data set [default: $WEAKSPOT_DATA/NAME, or where fetch puts it; e.g. ~/data/mnist]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Labels for images that come as an .npy file: another .npy file [e.g. labels.npy]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) labels: Option<PathBuf>,

    /// The two classes; with --weights, also their outputs [default: by data set; e.g. 3,8 or cat=281,dog=207]
    ///
    /// The defaults are 0,1 for mnist, Trouser,Pullover for fashion-mnist and cat,dog for cifar10.
    #[arg(long, value_name = "A,B")]
    pub(crate) classes: Option<ClassPair>,

    /// Score at most N eval images per class, for a quick look [default: all; e.g. 100]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) limit: Option<usize>,

    /// CSV list of your pictures with the columns path, label and, optionally, split and group [e.g. files.csv]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) manifest: Option<PathBuf>,

    /// Divide the data by image, or by slide, which keeps each slide in one part [e.g. slide]
    ///
    /// The slide is the group column of a CSV list; otherwise, it is the file name up to the first underscore.
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value_t = SplitBy::Image,
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub(crate) split_by: SplitBy,

    #[command(flatten)]
    pub(crate) pictures: PictureArgs,
}

/// What parts are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitBy {
    #[default]
    Image,
    Slide,
}

/// How picture files become pixels.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(next_help_heading = "Images")]
pub(crate) struct PictureArgs {
    /// Resize pictures to N x N pixels [default: by data set, none for your own; e.g. 64]
    #[arg(long, value_name = "N", value_parser = picture_size)]
    pub(crate) size: Option<usize>,

    /// Leave out pictures that cannot be read, and list them, instead of stopping with an error
    #[arg(long, hide_short_help = true)]
    pub(crate) skip_bad: bool,

    /// Folder for a temporary file that holds the pixels beyond 1 GiB [e.g. /var/tmp]
    #[arg(long, value_name = "DIR", default_value = SCRATCH, hide_short_help = true)]
    pub(crate) scratch: PathBuf,
}

/// Where pixels go that memory should not hold.
const SCRATCH: &str = "runs";

impl Default for PictureArgs {
    fn default() -> Self {
        Self { size: None, skip_bad: false, scratch: SCRATCH.into() }
    }
}
