//! The order of things: look at the fit images, find the blob, score the eval images, doubt the scores, record.

use ndarray::Array4;
use sha2::{Digest as _, Sha256};

use crate::attack::{Noise, ThreatModel};
use crate::attribution::Explainer;
use crate::classifier::Classifier;
use crate::dataset::{Dataset, Splits};
use crate::digest;
use crate::error::{Error, Result};
use crate::metrics::ShiftOverlap;
use crate::progress::Observer;
use crate::record::ClassifierRecord;
use crate::record::Run;
use crate::region::{ChannelMeans, ResolvedFill};
use crate::rng;
use crate::study::assemble::{self, ClassFindings, Findings, OtherFill};
use crate::study::defend::{Defence, Neutralizer};
use crate::study::journal::Journal;
use crate::study::likeness::Likeness;
use crate::study::look::{Lens, calls};
use crate::study::pictures;
use crate::study::plan::Plan;
use crate::study::regions::ClassRegions;
use crate::study::rows::{Call, DefendRow, EvalRow, LookRow};
use crate::study::stage::{Bench, stopped};
use crate::study::tune::{self, Point};
use crate::study::{controls, margins, sweep, untrained, worst};

/// Eval images per class on which random signs are set against the attack (flag `weak-attack`).
const NOISE_IMAGES: usize = 100;

/// Noise images that carry nothing but a mask, per class (flag `label-leak`; method, section 9, says 200).
const LEAK_IMAGES: usize = 100;

/// What is studied, with what.
pub struct Subject<'a> {
    /// Two classes: a [`PairView`](super::PairView) around a model of more.
    pub classifier: &'a dyn Classifier,
    /// The pair: labels 0 and 1.
    pub data: &'a Dataset,
    /// Its parts.
    pub splits: &'a Splits,
    /// What is known of the model; the study fills in layer and grid.
    pub classifier_record: ClassifierRecord,
    /// SHA-256 of the weights, in hexadecimal.
    pub weights_checksum: String,
}

/// A digest of everything that decides a study's rows: a journal with another fingerprint is of another study.
pub fn fingerprint(plan: &Plan, subject: &Subject<'_>) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    add(env!("CARGO_PKG_VERSION"));
    for (key, value) in plan.config() {
        add(&key);
        add(&value);
    }
    add(&subject.data.checksum);
    add(&subject.weights_checksum);
    add(&subject.classifier_record.convolutions);
    if let Some([a, b]) = subject.classifier_record.outputs {
        add(&format!("outputs {a}, {b}"));
    }
    for part in [&subject.splits.fit, &subject.splits.eval] {
        for &index in part {
            add(&subject.data.ids[index]);
        }
        add("");
    }
    if plan.tune.is_some() {
        for &index in &subject.splits.tune {
            add(&subject.data.ids[index]);
        }
    }
    digest::hex(&hash.finalize())
}

/// Runs a study. Rows that the journal knows are not computed again; the result is the same bytes either way, and
/// for any `batch_size` and number of threads.
///
/// # Errors
/// `InvalidParameter` for a plan that contradicts itself or a model that does not fit the data; `Numerical` when a
/// logit is not finite; `Interrupted` when the observer says so; what the journal reports.
pub fn run(
    plan: &Plan,
    subject: &Subject<'_>,
    batch_size: usize,
    journal: &mut dyn Journal,
    observer: &dyn Observer,
) -> Result<Run> {
    plan.validate()?;
    check(plan, subject)?;
    let explainer = Explainer::new(subject.classifier, plan.cam, plan.explain, plan.layer.as_deref())?;
    let mut lens = Lens { classifier: subject.classifier, plan, explainer };
    let mut bench = Bench { data: subject.data, batch_size, journal, observer };
    let parts = |part: &[usize], label: usize| -> Vec<usize> {
        part.iter().copied().filter(|&i| subject.data.labels[i] == label).collect()
    };
    let fit_part = if plan.fit_is_eval { &subject.splits.eval } else { &subject.splits.fit };
    let fit = [parts(fit_part, 0), parts(fit_part, 1)];
    let eval = [parts(&subject.splits.eval, 0), parts(&subject.splits.eval, 1)];
    let base = plan;
    let mut fills = fills(plan, subject, fit_part, batch_size)?;
    let mut tuned = None;
    let at_point;
    if let Some(tuning) = &base.tune {
        let tune = [parts(&subject.splits.tune, 0), parts(&subject.splits.tune, 1)];
        let found = tune::search(&lens, tuning, &mut bench, &fit, &tune, &fills)?;
        at_point = base.at(&found.points[found.chosen].point);
        lens.plan = &at_point;
        // The chosen fill is the headline's: it comes first.
        let chosen = base.fills.iter().position(|fill| Some(fill) == at_point.fills.first());
        fills[..=chosen.unwrap_or(0)].rotate_right(1);
        let Point { delta1, delta2, theta, fill } = found.points[found.chosen].point;
        observer.note(&format!(
            "the search chose delta1 {delta1}, delta2 {delta2}, theta {theta}, fill {fill} among {} points",
            found.points.len()
        ));
        tuned = Some(found);
    }
    let plan = lens.plan;
    let input = subject.classifier.input();
    let likeness = Likeness { plan, shifts: ShiftOverlap::new(input.height, input.width) };

    // Where regions are built from the scored images (the paper's way), those are looked at first and once.
    let seen_first: [Vec<LookRow>; 2] = if plan.fit_is_eval {
        look_stage(&lens, &mut bench, "look", &eval, Some(&likeness))?
    } else {
        look_stage(&lens, &mut bench, "fit", &fit, None)?
    };
    let size = (input.height, input.width);
    let mut regions = [0, 1].map(|label| ClassRegions::new(plan, label, &seen_first[label], size));
    if let Some(given) = &plan.given {
        for (regions, mask) in regions.iter_mut().zip(&given.masks) {
            regions.blob = mask.clone();
        }
    }
    let masks = [0, 1].map(|label| plan.mask.applied([&regions[0].blob, &regions[1].blob], label));

    let defence = Defence { eval: &eval, masks: &masks, fill: &fills[0] };
    let (looks, defends) = if plan.fit_is_eval {
        let defends = defend_stage(&lens, &mut bench, defence)?;
        (seen_first.clone(), defends)
    } else {
        eval_stage(&lens, &mut bench, defence, &likeness)?
    };
    let worst = worst_stage(&lens, &mut bench, defence, &looks, &defends)?;
    let others = other_fills(&lens, &mut bench, defence, &fills)?;
    let margins = margins::stage(&lens, &mut bench, defence)?;
    let sweep = sweep::stage(&lens, &mut bench, defence)?;
    let controls = controls::stage(&lens, &mut bench, defence)?;
    let noise = noise_stage(&lens, &mut bench, &eval)?;
    let untrained = untrained::stage(&lens, &mut bench, &eval)?;
    let leak = leak(&lens, &regions, &fills[0], batch_size.max(1), observer)?;
    observer.stage("writing down what was found", 1);
    let mut classes = Vec::new();
    let mut each = looks.into_iter().zip(defends).zip(worst).zip(others).zip(noise).zip(masks.clone());
    for (label, regions) in regions.into_iter().enumerate() {
        let Some((((((looks, defends), worst), others), noise), mask)) = each.next() else { break };
        let (fit, eval) = (fit[label].clone(), eval[label].clone());
        classes.push(ClassFindings { regions, mask, fit, eval, looks, defends, worst, others, noise });
    }
    let findings = Findings {
        plan,
        base,
        subject,
        lens: &lens,
        classes,
        controls,
        margins,
        sweep,
        untrained,
        leak,
        fit_looks: seen_first,
        tuned,
    };
    let (record, ledger) = assemble::record(&findings)?;
    let maps = pictures::maps(&findings, &bench, &fills[0])?;
    observer.advance(1);
    Ok(Run { record, ledger, maps })
}

/// Checks that model and data fit each other.
fn check(plan: &Plan, subject: &Subject<'_>) -> Result<()> {
    let input = subject.classifier.input();
    let (_, channels, height, width) = subject.data.pixels.dim();
    if (channels, height, width) != (input.channels, input.height, input.width) {
        return Err(Error::shape(format!(
            "the model takes {} x {} x {} (channels, height, width); the images are {channels} x {height} x {width}",
            input.channels, input.height, input.width
        ))
        .with_hint("train a model on these images: leave out --weights, or see weakspot train --help"));
    }
    if let Some(given) = &plan.given
        && let Some(mask) = given.masks.iter().find(|mask| mask.dim() != (height, width))
    {
        return Err(Error::shape(format!(
            "{}: expected a mask of {height} x {width} pixels, as the images have; got {:?}",
            given.source,
            mask.dim()
        )));
    }
    if subject.classifier.n_classes() != 2 || subject.data.class_names.len() != 2 {
        return Err(
            Error::invalid("a study is about two classes").with_hint("choose them with --classes A,B")
        );
    }
    Ok(())
}

/// The values of each fill; `channel-mean` is the fit part's.
fn fills(plan: &Plan, subject: &Subject<'_>, fit: &[usize], batch_size: usize) -> Result<Vec<ResolvedFill>> {
    let channels = subject.classifier.input().channels;
    let mut means = ChannelMeans::new(channels);
    for chunk in fit.chunks(batch_size.max(1)) {
        means.add(subject.data.pixels.batch(chunk)?.view());
    }
    let means = means.means();
    plan.fills.iter().map(|fill| fill.resolve(channels, Some(&means))).collect()
}

fn look_stage(
    lens: &Lens<'_>,
    bench: &mut Bench<'_>,
    stage: &str,
    parts: &[Vec<usize>; 2],
    likeness: Option<&Likeness<'_>>,
) -> Result<[Vec<LookRow>; 2]> {
    let mut looks = [Vec::new(), Vec::new()];
    for (label, rows) in looks.iter_mut().enumerate() {
        let title = format!("maps and attack, {}", bench.data.class_names[label]);
        *rows = bench.rows(&format!("{stage}/{label}"), &title, &parts[label], |batch| {
            Ok(lens.look(batch, likeness)?.rows)
        })?;
    }
    Ok(looks)
}

/// The rows of every class, image by image, with one fill.
type Defended = [Vec<DefendRow>; 2];

fn defend_stage(lens: &Lens<'_>, bench: &mut Bench<'_>, defence: Defence<'_>) -> Result<Defended> {
    let mut defends = [Vec::new(), Vec::new()];
    for (label, rows) in defends.iter_mut().enumerate() {
        let title = format!("protocols, {}", bench.data.class_names[label]);
        let n = defence.n(label);
        *rows = bench.rows(&format!("defend/{label}"), &title, &defence.eval[label], |batch| {
            lens.defend(batch, n, None)
        })?;
    }
    Ok(defends)
}

/// Look and protocols in one go: the attack on the clean image is made once.
fn eval_stage(
    lens: &Lens<'_>,
    bench: &mut Bench<'_>,
    defence: Defence<'_>,
    likeness: &Likeness<'_>,
) -> Result<([Vec<LookRow>; 2], Defended)> {
    let mut looks = [Vec::new(), Vec::new()];
    let mut defends = [Vec::new(), Vec::new()];
    for label in 0..2 {
        let title = format!("protocols, {}", bench.data.class_names[label]);
        let n = defence.n(label);
        let rows = bench.rows(&format!("eval/{label}"), &title, &defence.eval[label], |batch| {
            let seen = lens.look(batch, Some(likeness))?;
            let defended = lens.defend(batch, n, Some(&seen.adversarial))?;
            Ok(seen.rows.into_iter().zip(defended).map(|(look, defend)| EvalRow { look, defend }).collect())
        })?;
        (looks[label], defends[label]) = rows.into_iter().map(|row| (row.look, row.defend)).unzip();
    }
    Ok((looks, defends))
}

/// P0w and P3w with the headline fill, in this order. `None` where P3 was not asked for.
fn worst_stage(
    lens: &Lens<'_>,
    bench: &mut Bench<'_>,
    defence: Defence<'_>,
    looks: &[Vec<LookRow>; 2],
    defends: &Defended,
) -> Result<[Option<[Vec<Call>; 2]>; 2]> {
    let mut worst = [None, None];
    if !lens.plan.protocols.p3w {
        return Ok(worst);
    }
    for (label, out) in worst.iter_mut().enumerate() {
        let images = (defence.eval[label].as_slice(), label);
        let name = bench.data.class_names[label].clone();
        let known = |f: fn(&LookRow) -> Call| looks[label].iter().map(f).collect::<Vec<_>>();
        let known = [known(|look| look.clean), known(|look| look.adv)];
        let stage = (&*format!("worst-undefended/{label}"), &*format!("PGD, nothing neutralized, {name}"));
        let plain = worst::stage(lens, bench, stage, images, None, known.each_ref().map(Vec::as_slice))?;
        let stage = (&*format!("worst/{label}"), &*format!("PGD through the defence, {name}"));
        let known = defended(&defends[label]);
        let known = known.each_ref().map(Vec::as_slice);
        *out = Some([plain, worst::stage(lens, bench, stage, images, Some(defence.n(label)), known)?]);
    }
    Ok(worst)
}

/// The calls on N(x) and after A through the defence: what P3w is known to be at least as bad as.
fn defended(rows: &[DefendRow]) -> [Vec<Call>; 2] {
    [rows.iter().map(|row| row.modified).collect(), rows.iter().filter_map(|row| row.adaptive).collect()]
}

/// Every fill but the headline's, on some eval images of each class.
fn other_fills(
    lens: &Lens<'_>,
    bench: &mut Bench<'_>,
    headline: Defence<'_>,
    fills: &[ResolvedFill],
) -> Result<[Vec<OtherFill>; 2]> {
    let mut others = [Vec::new(), Vec::new()];
    for (label, others) in others.iter_mut().enumerate() {
        let images = headline.some(lens, bench.data, label, "fill-images", headline.budget().fills);
        let name = bench.data.class_names[label].clone();
        for (i, fill) in fills.iter().enumerate().skip(1) {
            let n = Defence { fill, ..headline }.n(label);
            let title = format!("fill {}, {name}", lens.plan.fills[i]);
            let rows = bench
                .rows(&format!("fill/{i}/{label}"), &title, &images, |batch| lens.defend(batch, n, None))?;
            let worst = if lens.plan.protocols.p3w {
                let stage = &*format!("fill-worst/{i}/{label}");
                let title = &*format!("PGD through the defence, {title}");
                let known = defended(&rows);
                let known = known.each_ref().map(Vec::as_slice);
                Some(worst::stage(lens, bench, (stage, title), (&images, label), Some(n), known)?)
            } else {
                None
            };
            others.push(OtherFill { images: images.clone(), rows, worst });
        }
    }
    Ok(others)
}

/// At most `n` of some images, drawn by (seed, purpose, id) and given in their own order.
pub(crate) fn draw(seed: u64, purpose: &str, data: &Dataset, from: &[usize], n: usize) -> Vec<usize> {
    let key = |&i: &usize| (rng::stream(seed, purpose, &data.ids[i]).next_u64(), i);
    let mut keyed: Vec<(u64, usize)> = from.iter().map(key).collect();
    keyed.sort_unstable();
    keyed.truncate(n);
    from.iter().copied().filter(|i| keyed.iter().any(|(_, j)| i == j)).collect()
}

/// Calls on images with random signs of the study's epsilon, and which images those are.
pub(crate) struct NoiseCheck {
    pub(crate) images: Vec<usize>,
    pub(crate) calls: Vec<Call>,
}

fn noise_stage(lens: &Lens<'_>, bench: &mut Bench<'_>, eval: &[Vec<usize>; 2]) -> Result<[NoiseCheck; 2]> {
    let mut checks = [0, 1].map(|_| NoiseCheck { images: Vec::new(), calls: Vec::new() });
    for (label, check) in checks.iter_mut().enumerate() {
        check.images = draw(lens.plan.seed, "noise-images", bench.data, &eval[label], NOISE_IMAGES);
        let title = format!("random signs, {}", bench.data.class_names[label]);
        let threat = ThreatModel::everywhere(lens.plan.epsilon);
        check.calls = bench.rows(&format!("noise/{label}"), &title, &check.images, |batch| {
            Ok(calls(&lens.untargeted(&Noise, batch, &batch.images, &threat)?.logits, &batch.labels))
        })?;
    }
    Ok(checks)
}

/// Noise images that carry nothing but one class's mask: how many are classified as that class, of how many.
fn leak(
    lens: &Lens<'_>,
    regions: &[ClassRegions; 2],
    fill: &ResolvedFill,
    batch_size: usize,
    observer: &dyn Observer,
) -> Result<Option<(usize, usize)>> {
    if lens.plan.mask != crate::region::MaskPolicy::Oracle || regions.iter().any(|r| r.blob.is_empty()) {
        return Ok(None);
    }
    let input = lens.classifier.input();
    observer.stage("masks alone, on noise", regions.len() * LEAK_IMAGES);
    let (mut told, mut n) = (0, 0);
    for (label, regions) in regions.iter().enumerate() {
        let mut stream = rng::stream(lens.plan.seed, "leak-noise", &label.to_string());
        // The images are drawn one after the other, however many are classified at once.
        for first in (0..LEAK_IMAGES).step_by(batch_size) {
            if observer.interrupted() {
                return Err(stopped());
            }
            let count = batch_size.min(LEAK_IMAGES - first);
            let shape = (count, input.channels, input.height, input.width);
            let noise = Array4::from_shape_simple_fn(shape, || stream.unit());
            let masked = Neutralizer { mask: &regions.blob, fill }.apply(&noise)?;
            let calls = lens.classify(&masked, &vec![label; count])?;
            told += calls.iter().filter(|call| call.right(label)).count();
            n += count;
            observer.advance(count);
        }
    }
    Ok(Some((told, n)))
}
