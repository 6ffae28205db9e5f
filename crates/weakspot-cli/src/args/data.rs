//! Which images.

use std::path::PathBuf;

use clap::Args;

use super::values::{ClassPair, at_least_one};

/// Which images.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Images")]
pub(crate) struct DataArgs {
    /// Folder with the files of mnist or fashion-mnist (IDX, plain or .gz) or cifar10 (.bin, or the .tar.gz)
    ///
    /// Default: the folder of the data set's name inside $WEAKSPOT_DATA, else inside the user's cache folder. Nothing
    /// is downloaded. Example: --data-dir ~/data/mnist
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Labels beside an .npy file of images: an .npy of n whole numbers
    ///
    /// Example: --labels labels.npy
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,

    /// The two classes, by index or name; both directions between them are studied
    ///
    /// Default: 0,1 for mnist, Trouser,Pullover for fashion-mnist, cat,dog for cifar10, and a data set's own two where
    /// it has two.
    /// Example: --classes cat,dog
    #[arg(long, value_name = "A,B")]
    pub(crate) classes: Option<ClassPair>,

    /// At most N eval images per class, for a quick look; intervals widen accordingly
    ///
    /// Default: all of them. Example: --limit 100
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) limit: Option<usize>,
}
