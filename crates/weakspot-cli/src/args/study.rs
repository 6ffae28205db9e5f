//! `weakspot study`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use weakspot::metrics::Window;
use weakspot::region::{BlobRule, Fill, MaskPolicy, Theta};
use weakspot::study::Protocols;

use crate::config::Given;

use super::values::{Controls, Sweep, window};
use super::{CheckArgs, DataArgs, MethodArgs, ModelArgs, RunArgs, SeedArgs, TrainingArgs, TuneArgs};

/// Study one pair of classes, from training to report
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StudyArgs {
    /// demo (generated, with planted regions), mnist, fashion-mnist, cifar10, cats-vs-dogs, malaria, or your own images
    ///
    /// Your own: a folder with one folder of pictures per class (also FOLDER/train/CLASS and FOLDER/test/CLASS), a list
    /// files.csv of path,label, an .npz or .safetensors with images and labels, or an .npy with --labels.
    #[arg(value_name = "DATASET", default_value = "demo")]
    pub(crate) dataset: String,

    /// Start from the settings of a configuration, such as the config.json of a finished run
    ///
    /// What is typed beside it goes before it, and is said. Example: --config experiments/demo/config.json
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Folder of the results; an unfinished run of the same study there is continued
    ///
    /// Default: runs/DATASET-A-B (with --seeds runs/DATASET-A-B-seeds), then -2, -3: a finished run is never overwritten.
    /// Example: --out runs/mnist
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Study your own weights (safetensors, torchvision's names) instead of training
    ///
    /// Example: --weights mine.safetensors
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) check: CheckArgs,

    /// State that --weights were not trained on any of these images; recorded
    ///
    /// Without it a study of weights that do not say what they were trained on raises the flag seen-images. Weights of weakspot
    /// train know their images: those they were not trained on are scored. Example: --weights mine.safetensors --held-out
    #[arg(long)]
    pub(crate) held_out: bool,

    /// Folder in which trained classifiers are kept for the next study
    #[arg(long, value_name = "DIR", default_value = "runs/models")]
    pub(crate) models: PathBuf,

    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    #[command(flatten)]
    pub(crate) method: MethodArgs,
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    #[command(flatten)]
    pub(crate) tune: TuneArgs,
    #[command(flatten)]
    pub(crate) seed: SeedArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,

    /// The settings as they were typed or read, for the run's own configuration.
    #[arg(skip)]
    pub(crate) given: Given,
}

/// What is measured.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Blob and protocols")]
pub(crate) struct WhatArgs {
    /// Where defaults come from: default, or paper (its literal reading; other flags still override)
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Preset::Default)]
    pub(crate) preset: Preset,

    /// Attack towards the other class instead of away from the label; the same thing for two classes
    #[arg(long)]
    pub(crate) targeted: bool,

    /// Share of images that must agree before a class-level map becomes a mask, in (0, 1]
    ///
    /// Default: 0.5
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) theta: Option<Theta>,

    /// How the blob is made: frequency (of U-V+ over images), or rep-diff (representative RoA without RoI)
    ///
    /// Default: frequency
    #[arg(long, value_name = "RULE")]
    pub(crate) blob: Option<BlobRule>,

    /// What the blob's pixels are set to: numbers in [0, 1] or channel-mean; the first is the headline's
    ///
    /// Default: 0,1. Example: --fill channel-mean,0
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) fill: Option<Vec<Fill>>,

    /// Which mask an image gets: union of both blobs, or oracle (its true class's: not deployable)
    ///
    /// Default: union
    #[arg(long, value_name = "POLICY")]
    pub(crate) mask: Option<MaskPolicy>,

    /// Score a mask of your own in place of the blob: a picture in black and white (white is masked), an .npy of zeros and
    /// ones, or a finished run's folder
    ///
    /// One for both classes, or two with a comma between them; --mask says which image gets which. All protocols, tests,
    /// controls and flags are the same. Example: --use-mask mine.png, or a.png,b.png, or runs/mnist-0-1
    #[arg(long, value_name = "FILE|RUN")]
    pub(crate) use_mask: Option<String>,

    /// Protocols to run, of p0 (always), p1, p2, p3 (with the worst case), p4
    ///
    /// Default: all. Example: --protocols p0,p3
    #[arg(long, value_name = "LIST", value_parser = Protocols::parse)]
    pub(crate) protocols: Option<Protocols>,

    /// Random shifts of the mask to compare the blob with: none, or at least 19
    ///
    /// Default: 19. "none" also leaves out the untrained network and the white noise beside Moran's I
    #[arg(long, value_name = "N")]
    pub(crate) controls: Option<Controls>,

    /// Radii at which P0, P3, P0w and P3w are scored on at most 100 images per class, or none
    ///
    /// Default: 1/4, 1/2, 1 and 2 times --eps. Example: --sweep 4/255,8/255
    #[arg(long, value_name = "LIST", allow_negative_numbers = true)]
    pub(crate) sweep: Option<Sweep>,

    /// Window of the structural similarity: uniform (7x7, scikit-image's), or gaussian (11x11, Wang et al.)
    ///
    /// Default: uniform
    #[arg(long, value_name = "WINDOW", value_parser = window)]
    pub(crate) ssim: Option<Window>,

    /// Whose maps go into maps.safetensors: the pictured images', or all eval images'
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = SavedMaps::Pictured)]
    pub(crate) save_maps: SavedMaps,
}

/// Where defaults come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    Default,
    Paper,
}

/// Whose maps are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SavedMaps {
    Pictured,
    All,
}

const EXAMPLES: &str = "\
Examples:
  weakspot study                                                   two minutes, no download
  weakspot study mnist --classes 0,1 --data-dir ../data/mnist --out runs/mnist
  weakspot study fashion-mnist --classes Trouser,Pullover --limit 200
  weakspot study photos/ --classes cat,dog --size 224 --eps 4/255
  weakspot study malaria --split-by slide --size 64 --data-dir ../data/malaria
  weakspot study photos/ --classes cat,dog --eps 8/255 --weights mine.safetensors --arch vgg16 --head linear3
  weakspot study mnist --tune                                      thresholds and fill searched on the tune part
  weakspot study mnist --use-mask mine.png                         your own mask instead of the blob
  weakspot study mnist --seeds 5                                   five networks on one split, and one page over them
  weakspot study --preset paper                                    the paper's literal reading

It writes report.html, results.json, ledger.csv, tables/, figures/, maps.safetensors, run.json and config.json. With
--seeds each study has a folder seed-N of its own, and seeds.json, tables/ and report.html lie beside them.
docs/FORMATS.md describes every field.";
