//! The maps of single images, without a study.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array4, Axis};

use crate::attack::{
    AttackJob, AttackSettings, Epsilon, Goal, Measure, ThreatModel, referee, to_levels, vulnerability,
};
use crate::attribution::{ChosenLayer, Explain, Explainer, Method, Scene};
use crate::classifier::Classifier;
use crate::error::{Error, ErrorKind, Result};
use crate::image::{Mask, Pixels, png};
use crate::metrics::Score;
use crate::objective::{Objective, predicted};
use crate::output::{TensorFile, TensorSpec, write_atomic};
use crate::progress::Observer;
use crate::region::{Threshold, partition};

/// What to map, and how.
///
/// # Examples
/// ```
/// use weakspot::attack::{AttackKind, AttackSettings, Measure};
/// use weakspot::attribution::{Explain, Method};
/// use weakspot::region::Threshold;
/// use weakspot::study::MapsPlan;
///
/// let plan = MapsPlan {
///     seed: 0,
///     epsilon: "8/255".parse()?,
///     attack: AttackSettings::new(AttackKind::PGD),
///     target: None,
///     cam: Method::GRAD_CAM,
///     explain: Explain::Logit,
///     layer: None,
///     roa: Measure::Gradient,
///     delta1: Threshold::Top(0.3),
///     delta2: Threshold::Top(0.3),
///     allowed: None,
///     quantize: true,
///     pictures: None,
/// };
/// assert!(plan.attack.build(plan.epsilon).is_ok());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MapsPlan {
    /// The one seed of every random stream.
    pub seed: u64,
    /// Radius of the attack in pixel units.
    pub epsilon: Epsilon,
    /// The attack.
    pub attack: AttackSettings,
    /// The class attacked towards, or `None` to attack away from the label.
    pub target: Option<usize>,
    /// Where utility comes from.
    pub cam: Method,
    /// Which scalar it explains.
    pub explain: Explain,
    /// The layer, or `None` for the automatic choice.
    pub layer: Option<String>,
    /// Where vulnerability comes from.
    pub roa: Measure,
    /// Threshold of the RoI.
    pub delta1: Threshold,
    /// Threshold of the RoA.
    pub delta2: Threshold,
    /// The pixels that the attack may write; all of them if there is no mask.
    pub allowed: Option<Mask>,
    /// Whether attacked images are rounded to 8 bits before they are judged and written.
    pub quantize: bool,
    /// Folder that gets the attacked images as PNG, `00042-<id>.png`; exact for quantized ones only.
    pub pictures: Option<PathBuf>,
}

/// What was mapped.
///
/// # Examples
/// ```
/// # use ndarray::{Array4, arr1, arr2};
/// # use weakspot::attack::{AttackKind, AttackSettings, Epsilon, Measure};
/// # use weakspot::attribution::{Explain, Method};
/// # use weakspot::{image::Pixels, progress::Silent, region::Threshold, testing::Linear};
/// # use weakspot::study::{MapsPlan, write_maps};
/// # let (epsilon, attack) = (Epsilon::new(0.25)?, AttackSettings::new(AttackKind::FGSM));
/// # let (cam, explain, roa, delta1, delta2) =
/// #     (Method::GRADIENT, Explain::Logit, Measure::Gradient, Threshold::Top(0.5), Threshold::Top(0.5));
/// # let (seed, target, layer, allowed, quantize, pictures) = (0, None, None, None, false, None);
/// # let plan = MapsPlan {
/// #     seed, epsilon, attack, target, cam, explain, layer, roa, delta1, delta2, allowed, quantize, pictures
/// # };
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("maps.safetensors");
/// // One image of two pixels at 0.5, epsilon 0.25; the logits are x0 - x1 + 1/8 and 0.
/// let model = Linear::new(arr2(&[[1.0, -1.0], [0.0, 0.0]]), arr1(&[0.125, 0.0]), (1, 1, 2));
/// let pixels = Pixels::F32(Array4::from_elem((1, 1, 1, 2), 0.5));
/// let ids = ["image/00000".to_owned()];
/// let summary = write_maps(&path, false, &plan, &model, &pixels, Some(&[0]), &ids, 8, &Silent)?;
/// assert_eq!((summary.accuracy.unwrap().rate, summary.adversarial_accuracy.rate), (1.0, 0.0));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MapsSummary {
    /// Images.
    pub images: usize,
    /// Logits per image.
    pub classes: usize,
    /// Where the maps were read.
    pub layer: ChosenLayer,
    /// Images whose label is predicted; `None` where the predicted class was explained.
    pub accuracy: Option<Score>,
    /// Of all images, those whose explained class is still predicted under attack.
    pub adversarial_accuracy: Score,
    /// Images whose loss gradient is zero everywhere: no gradient attack moves them.
    pub without_gradient: usize,
    /// Images whose RoI has no pixel.
    pub empty_roi: usize,
    /// Images whose RoA has no pixel.
    pub empty_roa: usize,
}

/// Writes the maps of every image to a safetensors file, batch by batch (tensors: `docs/FORMATS.md`).
///
/// Without labels, the predicted class of each image is explained and attacked. With `replace`, a file that is there
/// is replaced.
///
/// # Errors
/// `Shape` where the images do not fit the model; `InvalidParameter` for a label or target out of range, or an image
/// whose label is the target, or a file that appeared meanwhile; `Numerical`; `Io`; `Interrupted`.
///
/// # Examples
/// ```
/// use weakspot::study::{MapsPlan, write_maps};
/// # use weakspot::attack::{AttackKind, AttackSettings, Epsilon, Measure};
/// # use weakspot::attribution::{Explain, Method};
/// # use weakspot::{image::Pixels, progress::Silent, region::Threshold, testing::Linear};
/// # let (epsilon, attack) = (Epsilon::new(0.25)?, AttackSettings::new(AttackKind::FGSM));
/// # let (cam, explain, roa, delta1, delta2) =
/// #     (Method::GRADIENT, Explain::Logit, Measure::Gradient, Threshold::Top(0.5), Threshold::Top(0.5));
/// # let (seed, target, layer, allowed, quantize, pictures) = (0, None, None, None, false, None);
/// # let plan = MapsPlan {
/// #     seed, epsilon, attack, target, cam, explain, layer, roa, delta1, delta2, allowed, quantize, pictures
/// # };
/// # let model = Linear::random(0, 2, (1, 4, 4));
/// # let pixels = Pixels::F32(ndarray::Array4::from_elem((3, 1, 4, 4), 0.5));
/// # let ids = ["a", "b", "c"].map(str::to_owned);
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("maps.safetensors");
/// write_maps(&path, false, &plan, &model, &pixels, None, &ids, 8, &Silent)?;
/// let bytes = std::fs::read(&path).unwrap();
/// let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
/// assert_eq!(tensors.tensor("roi").unwrap().shape(), [3, 4, 4]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[expect(clippy::too_many_arguments, reason = "each is one thing the user gave on the command line")]
pub fn write_maps(
    path: &Path,
    replace: bool,
    plan: &MapsPlan,
    classifier: &dyn Classifier,
    pixels: &Pixels,
    labels: Option<&[usize]>,
    ids: &[String],
    batch_size: usize,
    observer: &dyn Observer,
) -> Result<MapsSummary> {
    let explainer = Explainer::new(classifier, plan.cam, plan.explain, plan.layer.as_deref())?;
    let layer = explainer.layer().clone();
    let (n, channels, height, width) = pixels.dim();
    let classes = classifier.n_classes();
    if labels.is_some_and(|l| l.len() != n) || ids.len() != n {
        return Err(Error::invalid(format!("expected one label and one id for each of {n} images")));
    }
    if let Some(label) = labels.and_then(|l| l.iter().find(|&&label| label >= classes)) {
        return Err(Error::invalid(format!(
            "labels must be below the model's {classes} classes; got {label}"
        ))
        .with_hint("labels count the model's classes from 0"));
    }
    let image = vec![n, channels, height, width];
    let map = vec![n, height, width];
    let spec = |name: &str, dtype, shape: &Vec<usize>| TensorSpec {
        name: name.to_owned(),
        dtype,
        shape: shape.clone(),
    };
    let specs = [
        spec("logits", "F32", &vec![n, classes]),
        spec("input_gradient", "F32", &image),
        spec("adversarial", "F32", &image),
        spec("adversarial_logits", "F32", &vec![n, classes]),
        spec("cam", "F32", &vec![n, layer.grid.0, layer.grid.1]),
        spec("utility", "F32", &map),
        spec("vulnerability", "F32", &map),
        spec("roi", "U8", &map),
        spec("roa", "U8", &map),
        spec("region", "U8", &map),
    ];
    let mut file = TensorFile::create(path, &specs, &metadata(plan, &layer, labels.is_some()))?;
    let (mut right, mut kept, mut without_gradient, mut empty_roi, mut empty_roa) = (0, 0, 0, 0, 0);
    observer.stage("maps", n);
    let places: Vec<usize> = (0..n).collect();
    for chunk in places.chunks(batch_size.max(1)) {
        if observer.interrupted() {
            return Err(Error::new(ErrorKind::Interrupted, "stopped by request; nothing was written"));
        }
        let first = chunk[0];
        let images = pixels.batch(chunk)?;
        let explained: Vec<usize> = match labels {
            Some(labels) => chunk.iter().map(|&i| labels[i]).collect(),
            None => classifier.logits(images.view())?.outer_iter().map(predicted).collect(),
        };
        let names: Vec<&str> = chunk.iter().map(|&i| ids[i].as_str()).collect();
        let trace = explainer.trace(classifier, images.view(), &explained, &[Objective::Loss], false)?;
        let scene = Scene {
            classifier,
            images: images.view(),
            labels: &explained,
            ids: &names,
            seed: plan.seed,
            trace: &trace,
        };
        let utility = explainer.maps(&scene)?;
        let gradient = &trace.walks[0][0];
        let goal = match plan.target {
            None => Goal::Untargeted,
            Some(target) => Goal::Targeted(vec![target; chunk.len()]),
        };
        let threat = ThreatModel { epsilon: plan.epsilon, allowed: plan.allowed.clone() };
        let job = AttackJob {
            classifier,
            images: images.view(),
            labels: &explained,
            ids: &names,
            seed: plan.seed,
            threat: &threat,
            goal: &goal,
            // A targeted attack uses the target's loss, whose gradient is different.
            gradient: plan.target.is_none().then(|| gradient.view()),
            features: false,
        };
        let mut outcome = referee::run(plan.attack.build(plan.epsilon)?.as_ref(), &job)?;
        if plan.quantize {
            let levels = to_levels(images.view(), &outcome.adversarial, plan.epsilon)?;
            outcome = referee::classify(classifier, levels, &explained)?;
        }
        let measured = vulnerability(plan.roa, gradient.view(), images.view(), outcome.adversarial.view())?;
        right += trace.logits.outer_iter().zip(&explained).filter(|(z, y)| predicted(*z) == **y).count();
        kept += outcome.predicted.iter().zip(&explained).filter(|(p, y)| p == y).count();
        without_gradient += gradient.outer_iter().filter(|g| g.iter().all(|&v| v == 0.0)).count();
        file.write_rows("logits", first, &le(&trace.logits))?;
        file.write_rows("input_gradient", first, &le(&cross_entropy(gradient, &trace.logits, &explained)))?;
        file.write_rows("adversarial", first, &le(&outcome.adversarial))?;
        file.write_rows("adversarial_logits", first, &le(&outcome.logits))?;
        for (i, (utility, vulnerability)) in utility.iter().zip(&measured).enumerate() {
            let roi = plan.delta1.region(utility);
            let roa = plan.delta2.region(&vulnerability.leverage);
            empty_roi += usize::from(roi.is_empty());
            empty_roa += usize::from(roa.is_empty());
            let row = first + i;
            if let Some(folder) = &plan.pictures {
                let name = format!("{row:05}-{}.png", file_part(names[i]));
                write_atomic(&folder.join(name), &png(outcome.adversarial.index_axis(Axis(0), i))?)?;
            }
            file.write_rows("cam", row, &le(&utility.raw))?;
            file.write_rows("utility", row, &le(&utility.view))?;
            file.write_rows("vulnerability", row, &le(&vulnerability.leverage.view))?;
            file.write_rows("roi", row, &bytes(&roi.0.mapv(u8::from)))?;
            file.write_rows("roa", row, &bytes(&roa.0.mapv(u8::from)))?;
            file.write_rows("region", row, &bytes(&partition(&roi, &roa)))?;
        }
        observer.advance(chunk.len());
    }
    if replace { file.finish() } else { file.finish_new() }?;
    Ok(MapsSummary {
        images: n,
        classes,
        layer,
        accuracy: labels.map(|_| Score::of(right, n)),
        adversarial_accuracy: Score::of(kept, n),
        without_gradient,
        empty_roi,
        empty_roa,
    })
}

fn metadata(plan: &MapsPlan, layer: &ChosenLayer, labelled: bool) -> BTreeMap<String, String> {
    BTreeMap::from(
        [
            ("format", "weakspot-image-maps/1".to_owned()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("seed", plan.seed.to_string()),
            ("eps", plan.epsilon.flag()),
            ("attack", plan.attack.kind.to_string()),
            ("target", plan.target.map_or_else(|| "none".to_owned(), |t| t.to_string())),
            ("cam", plan.cam.to_string()),
            ("explain", plan.explain.to_string()),
            ("layer", layer.name.clone()),
            ("roa", plan.roa.to_string()),
            ("delta1", plan.delta1.to_string()),
            ("delta2", plan.delta2.to_string()),
            ("quantized", plan.quantize.to_string()),
            (
                "allowed",
                plan.allowed
                    .as_ref()
                    .map_or_else(|| "all pixels".to_owned(), |mask| format!("{} pixels", mask.area())),
            ),
            ("explained", if labelled { "label" } else { "predicted" }.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    )
}

/// The gradient of the summed cross-entropy from that of the loss: `1 - p_y` times as large.
fn cross_entropy(gradient: &Array4<f32>, logits: &Array2<f32>, labels: &[usize]) -> Array4<f32> {
    let mut out = gradient.clone();
    for ((mut image, z), &label) in out.outer_iter_mut().zip(logits.axis_iter(Axis(0))).zip(labels) {
        // The sum of exp(z_j - z_y) over the other classes: the odds against the label.
        let odds: f64 = z
            .iter()
            .enumerate()
            .filter(|(j, _)| *j != label)
            .map(|(_, &other)| (f64::from(other) - f64::from(z[label])).exp())
            .sum();
        // Odds beyond the largest number are certainty against the label.
        let factor = if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 };
        image.mapv_inplace(|g| g * factor as f32);
    }
    out
}

/// As much of an image's id as a file's name can hold everywhere.
fn file_part(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    // The last part of a path says more than the first.
    let last = id.rsplit('/').next().unwrap_or(id);
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    stem.chars().map(plain).take(60).collect()
}

/// Little-endian bytes in the arrays' logical order.
fn le<D: ndarray::Dimension>(array: &ndarray::Array<f32, D>) -> Vec<u8> {
    array.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn bytes(array: &Array2<u8>) -> Vec<u8> {
    array.iter().copied().collect()
}
