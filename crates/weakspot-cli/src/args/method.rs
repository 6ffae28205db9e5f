//! Maps, attack, thresholds: what `study` and `maps` share.

use clap::Args;
use weakspot::attack::{AttackKind, Epsilon, Measure};
use weakspot::attribution::{Explain, Method};
use weakspot::region::Threshold;

use super::values::{at_least_one, step, switch};

/// Maps, attack, thresholds.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Attack and maps")]
pub(crate) struct MethodArgs {
    /// Radius of the attack (L-infinity), in pixel units on [0, 1], as a fraction or a number
    ///
    /// Default: 8/255 for demo and cifar10, 4/255 for cats-vs-dogs and malaria, 0.3 for mnist and fashion-mnist; asked
    /// for otherwise, because it decides every claim. Usual: 8/255 for colour images of 32 pixels, 4/255 for 224. Example: --eps 8/255
    #[arg(long, value_name = "EPS", allow_negative_numbers = true)]
    pub(crate) eps: Option<Epsilon>,

    /// fgsm (one signed gradient step), pgd (many small ones), or noise (random signs: the control)
    ///
    /// Default: fgsm
    #[arg(long, value_name = "NAME")]
    pub(crate) attack: Option<AttackKind>,

    /// Step of pgd, in pixel units
    ///
    /// Default: an eighth of --eps. Example: --alpha 2/255
    #[arg(long, value_name = "STEP", allow_negative_numbers = true, value_parser = step)]
    pub(crate) alpha: Option<Epsilon>,

    /// Steps of pgd, at least 1
    ///
    /// Default: 20
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) steps: Option<usize>,

    /// Whether pgd begins at a random point of the ball
    ///
    /// Default: true. Example: --random-start false
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", value_parser = switch)]
    pub(crate) random_start: Option<bool>,

    /// Random starts of pgd, at least 1; each image keeps the worst
    ///
    /// Default: 1
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) restarts: Option<usize>,

    /// Where utility comes from: grad-cam, cam (needs --head gap), gradient, or random (the control)
    ///
    /// Default: grad-cam
    #[arg(long, value_name = "NAME")]
    pub(crate) cam: Option<Method>,

    /// Layer of the class activation map, by torchvision's name or as conv5_3
    ///
    /// Default: the last convolution after its ReLU, or the deepest one whose grid has at least 4 cells a side; the
    /// choice is printed. Example: --layer features.22
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: Option<String>,

    /// What the map explains: logit (of the label), or margin (the label's minus the largest other)
    ///
    /// Default: logit
    #[arg(long, value_name = "WHAT")]
    pub(crate) explain: Option<Explain>,

    /// Where vulnerability comes from: gradient (of the loss), or delta (the change made, the paper's)
    ///
    /// Default: gradient; a sign attack moves every pixel alike, so that delta ranks little
    #[arg(long, value_name = "WHAT")]
    pub(crate) roa: Option<Measure>,

    /// Threshold of the RoI: top:Q% (the largest Q % of the pixels), max:F (F times the maximum), abs:V, otsu
    ///
    /// Default: top:30%. Example: --delta1 max:0.5
    #[arg(long, value_name = "RULE")]
    pub(crate) delta1: Option<Threshold>,

    /// Threshold of the RoA, as --delta1
    ///
    /// Default: top:30%. Example: --delta2 top:20%
    #[arg(long, value_name = "RULE")]
    pub(crate) delta2: Option<Threshold>,
}
