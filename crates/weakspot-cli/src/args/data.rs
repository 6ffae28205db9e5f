//! Which images.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::{ClassPair, at_least_one, picture_size};

/// Which images.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Images")]
pub(crate) struct DataArgs {
    /// Folder with the files of mnist or fashion-mnist (IDX, plain or .gz), cifar10 (.bin, or the .tar.gz), cats-vs-dogs
    /// or malaria (folders of pictures)
    ///
    /// Default: the folder of the data set's name inside $WEAKSPOT_DATA, else where weakspot fetch puts it. Nothing is
    /// downloaded by itself. Example: --data-dir ~/data/mnist
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Labels beside an .npy file of images: an .npy of n whole numbers
    ///
    /// Example: --labels labels.npy
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,

    /// The two classes, by number or name; both directions between them are studied
    ///
    /// Default: 0,1 for mnist, Trouser,Pullover for fashion-mnist, cat,dog for cifar10, and a data set's own two where
    /// it has two. With --weights that do not know the classes by name, say which output belongs to which, counted from 0.
    /// Example: --classes cat,dog, or --classes cat=0,dog=1
    #[arg(long, value_name = "A,B")]
    pub(crate) classes: Option<ClassPair>,

    /// At most N eval images per class, for a quick look; intervals widen accordingly
    ///
    /// Default: all of them. Example: --limit 100
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) limit: Option<usize>,

    /// A list of pictures to study: CSV with the columns path,label and, where wanted, split (train, test) and group
    ///
    /// Paths are relative to the list's folder. Example: --manifest files.csv
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,

    /// What parts are made of: single images, or whole slides (train and test folders are pooled then)
    ///
    /// A picture's slide is its group in the list, else its name up to the first underscore. Example: --split-by slide
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = SplitBy::Image)]
    pub(crate) split_by: SplitBy,

    #[command(flatten)]
    pub(crate) pictures: PictureArgs,
}

/// What parts are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitBy {
    Image,
    Slide,
}

/// How picture files become pixels.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pictures")]
pub(crate) struct PictureArgs {
    /// Bring pictures to N x N pixels: the shorter side is resized (bicubic), the middle is kept
    ///
    /// Default: 224 for cats-vs-dogs and malaria; other pictures must be of one size or be given one. Example: --size 64
    #[arg(long, value_name = "N", value_parser = picture_size)]
    pub(crate) size: Option<usize>,

    /// Leave out pictures that cannot be read, and list them in the report; without it the first is an error
    #[arg(long)]
    pub(crate) skip_bad: bool,

    /// Folder for the pixels that go beyond 1 GiB, in one file that is gone when the run ends
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(crate) scratch: PathBuf,
}
