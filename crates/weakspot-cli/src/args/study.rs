//! `weakspot study`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use weakspot::metrics::Window;
use weakspot::region::{BlobRule, Fill, MaskPolicy, NamedFill, Theta};
use weakspot::study::Protocols;

use crate::request::config::Given;

use super::data::sources;
use super::method::explained;
use super::values::{Controls, Sweep, window};
use super::{CheckArgs, DataArgs, MethodArgs, ModelArgs, RunArgs, SeedArgs, TrainingArgs, TuneArgs};

/// Study two classes of a data set, from training to report
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}{MORE}"))]
pub(crate) struct StudyArgs {
    // Made of the data sets' own rows.
    #[arg(value_name = "DATASET", default_value = "demo", help = sources())]
    pub(crate) dataset: String,

    /// Start from the settings of a config.json; flags override it [e.g. experiments/demo/config.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Folder for the results [default: runs/DATASET-A-B; if it exists, with -2, -3 and so on; e.g. runs/mnist]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Your own classifier: .onnx, or a VGG16's .safetensors [default: train one; e.g. resnet50.onnx]
    #[arg(long, visible_alias = "model", value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) check: CheckArgs,

    /// State that --weights were not trained on any of these images
    #[arg(long, hide_short_help = true)]
    pub(crate) held_out: bool,

    /// Folder that keeps trained classifiers for later studies [e.g. models]
    #[arg(long, value_name = "DIR", default_value = "runs/models", hide_short_help = true)]
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

/// The fills by name.
fn fills() -> String {
    let names = NamedFill::ALL.map(|fill| fill.row().name).join(", ");
    format!(
        "Values for masked pixels: in [0, 1], or {names}; the headline uses the first [default: 0,1; e.g. 0.5,0]"
    )
}

/// The same, and what each is.
fn fills_explained() -> String {
    let rows = NamedFill::ALL.map(NamedFill::row);
    let rows = rows.map(|row| explained(row.name, row.summary, row.reference));
    format!("{}\n\n{}", fills(), rows.join("\n"))
}

/// What is measured.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Mask and protocols")]
pub(crate) struct WhatArgs {
    /// Set of defaults: default, or paper (the paper's literal settings) [e.g. paper]
    #[arg(
        long,
        value_name = "NAME",
        value_enum,
        default_value_t = Preset::Default,
        hide_possible_values = true
    )]
    pub(crate) preset: Preset,

    /// Attack towards the other class instead of away from the label; with two classes, the numbers are the same
    #[arg(long, hide_short_help = true)]
    pub(crate) targeted: bool,

    /// Share of a class's images that must agree on a pixel of its blob [default: 0.5; e.g. 0.7]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) theta: Option<Theta>,

    /// Blob: RoA without RoI, by image (frequency) or by class (rep-diff) [default: frequency; e.g. rep-diff]
    #[arg(long, value_name = "RULE", hide_short_help = true)]
    pub(crate) blob: Option<BlobRule>,

    // Made of the fills' own rows.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        allow_negative_numbers = true,
        help = fills(),
        long_help = fills_explained()
    )]
    pub(crate) fill: Option<Vec<Fill>>,

    /// Mask for an image: union (of both blobs) or oracle (its true class's blob) [default: union; e.g. oracle]
    #[arg(long, value_name = "POLICY", hide_short_help = true)]
    pub(crate) mask: Option<MaskPolicy>,

    /// Your own mask instead of the blob: a picture, an .npy or a finished run [e.g. mine.png or a.png,b.png]
    #[arg(long, value_name = "FILE|RUN")]
    pub(crate) use_mask: Option<String>,

    /// Protocols to run: p0 (always run), p1, p2, p3 (with the worst cases), p4 [default: all; e.g. p0,p3]
    #[arg(long, value_name = "LIST", value_parser = Protocols::parse)]
    pub(crate) protocols: Option<Protocols>,

    /// Number of random shifts of the mask to compare it with: none, or at least 19 [default: 19; e.g. none]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(crate) controls: Option<Controls>,

    /// Radii of the sweep over eps, or none [default: 1/4, 1/2, 1 and 2 times --eps; e.g. 4/255,8/255]
    #[arg(long, value_name = "LIST", allow_negative_numbers = true, hide_short_help = true)]
    pub(crate) sweep: Option<Sweep>,

    /// Window of the structural similarity: uniform (7x7) or gaussian (11x11) [default: uniform; e.g. gaussian]
    #[arg(long, value_name = "WINDOW", value_parser = window, hide_short_help = true)]
    pub(crate) ssim: Option<Window>,

    /// Images whose maps are saved: pictured (those in the report) or all eval images [e.g. all]
    #[arg(
        long,
        value_name = "WHICH",
        value_enum,
        default_value_t = SavedMaps::Pictured,
        hide_possible_values = true,
        hide_short_help = true
    )]
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
  weakspot study                                    the demo: generated images, no download
  weakspot study mnist --classes 3,8 --limit 200    after: weakspot fetch mnist
  weakspot study photos/ --classes cat,dog --size 64 --eps 8/255
  weakspot study x.npz --classes 3,5 --eps 8/255 --weights mine.safetensors --held-out";

const MORE: &str = "
  weakspot study malaria --split-by slide --size 64
  weakspot study mnist --tune                       search the thresholds and the fill
  weakspot study mnist --use-mask mine.png          judge your own mask instead of the blob
  weakspot study mnist --seeds 5                    study five networks and compare them
  weakspot study --preset paper                     use the paper's literal settings

A study writes report.html, results.json, ledger.csv, maps.safetensors, tables/, figures/, config.json and run.json.
docs/FORMATS.md describes them all.";
