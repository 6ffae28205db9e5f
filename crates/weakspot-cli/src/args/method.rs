//! Maps, attack, thresholds: what `study` and `maps` share.

use clap::Args;
use weakspot::attack::{AttackKind, Epsilon, Measure};
use weakspot::attribution::{Explain, Method};
use weakspot::region::Threshold;

use super::named::Named;
use super::values::{at_least_one, step, switch};

/// The attacks by name.
fn attacks() -> String {
    let names = AttackKind::ALL.map(AttackKind::name).join(", ");
    format!("Attack: {names} [default: {}; e.g. {}]", AttackKind::FGSM, AttackKind::PGD)
}

/// The same, and what each does.
fn attacks_explained() -> String {
    let rows = AttackKind::ALL.map(|kind| explained(kind.name(), kind.row().summary, kind.row().reference));
    format!("{}\n\n{}", attacks(), rows.join("\n"))
}

/// A row of a table in one line of the help.
pub(super) fn explained(name: &str, summary: &str, reference: Option<&str>) -> String {
    let reference = reference.map_or_else(String::new, |reference| format!(" ({reference})"));
    format!("{name:<12} {summary}{reference}")
}

/// The map methods by name.
fn maps() -> String {
    let names = Method::ALL.map(Method::name).join(", ");
    format!("Utility map: {names} [default: {}; e.g. {}]", Method::GRAD_CAM, Method::GRADIENT)
}

/// The same, and what each shows.
fn maps_explained() -> String {
    let rows = Method::ALL.map(|map| explained(map.name(), map.row().summary, map.row().reference));
    format!("{}\n\n{}", maps(), rows.join("\n"))
}

/// Maps, attack, thresholds.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Attack and maps")]
pub(crate) struct MethodArgs {
    /// Radius of the attack in pixel units on [0, 1] [default: by data set, none for your own; e.g. 8/255]
    ///
    /// Common choices: 8/255 for colour images of 32 x 32 pixels, 4/255 for 224 x 224, 0.3 for digits.
    #[arg(long, value_name = "EPS", allow_negative_numbers = true)]
    pub(crate) eps: Option<Epsilon>,

    // Made of the attacks' own rows.
    #[arg(
        long,
        value_name = "NAME",
        value_parser = Named::<AttackKind>::new(|| {
            AttackKind::ALL.map(|kind| (kind.name(), kind.row().summary)).into()
        }),
        hide_possible_values = true,
        help = attacks(),
        long_help = attacks_explained()
    )]
    pub(crate) attack: Option<AttackKind>,

    /// Step size of pgd in pixel units [default: an eighth of --eps; e.g. 2/255]
    #[arg(
        long,
        value_name = "STEP",
        allow_negative_numbers = true,
        value_parser = step,
        hide_short_help = true
    )]
    pub(crate) alpha: Option<Epsilon>,

    /// Number of steps of pgd [default: 20; e.g. 40]
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true)]
    pub(crate) steps: Option<usize>,

    /// Start pgd at a random point within --eps of the image [default: true; e.g. false]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        value_parser = switch,
        hide_short_help = true
    )]
    pub(crate) random_start: Option<bool>,

    /// Number of random starts of pgd; the strongest result counts [default: 1; e.g. 5]
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true)]
    pub(crate) restarts: Option<usize>,

    // Made of the methods' own rows.
    #[arg(
        long,
        value_name = "NAME",
        value_parser = Named::<Method>::new(|| Method::ALL.map(|map| (map.name(), map.row().summary)).into()),
        hide_possible_values = true,
        help = maps(),
        long_help = maps_explained()
    )]
    pub(crate) cam: Option<Method>,

    /// Layer of the utility map [default: the deepest with at least 4 x 4 cells; e.g. features.22 or conv5_3]
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: Option<String>,

    /// Explain the label's logit, or its margin over the largest other logit [default: logit; e.g. margin]
    #[arg(long, value_name = "WHAT", hide_short_help = true)]
    pub(crate) explain: Option<Explain>,

    /// Vulnerability map: gradient (of the loss) or delta (the attack's change) [default: gradient; e.g. delta]
    #[arg(long, value_name = "WHAT", hide_short_help = true)]
    pub(crate) roa: Option<Measure>,

    /// Threshold of the RoI: top:Q% of pixels, max:F of the maximum, abs:V, otsu [default: top:30%; e.g. max:0.5]
    #[arg(long, value_name = "RULE")]
    pub(crate) delta1: Option<Threshold>,

    /// Threshold of the RoA, written like --delta1 [default: top:30%; e.g. top:20%]
    #[arg(long, value_name = "RULE")]
    pub(crate) delta2: Option<Threshold>,
}
