//! The order of a study: look at the fit images, find the blob, score the eval images, run the controls, record.

use crate::attribution::Explainer;
use crate::error::Result;
use crate::metrics::ShiftOverlap;
use crate::progress::Observer;
use crate::record::Run;
use crate::study::defend::Defence;
use crate::study::findings::{ClassFindings, Findings};
use crate::study::journal::Journal;
use crate::study::likeness::Likeness;
use crate::study::look::Lens;
use crate::study::looks::{Looks, defend_stage, eval_stage, look_stage};
use crate::study::plan::Plan;
use crate::study::regions::ClassRegions;
use crate::study::stage::Bench;
use crate::study::subject::{Subject, check};
use crate::study::tune::{self, Point};
use crate::study::{assemble, controls, fills, leak, margins, noise, pictures, sweep, untrained, worst};

/// Runs a study. Rows that the journal knows are not computed again; the result is the same bytes either way, and
/// for any `batch_size` and number of threads.
///
/// # Errors
/// `InvalidParameter` for a plan that contradicts itself or a model that does not fit the data; `Numerical` when a
/// logit is not finite; `Interrupted` when the observer says so; what the journal reports.
///
/// # Examples
/// ```
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let scores = run.record.directions[0].scores;
/// assert_eq!((scores.clean.unwrap().rate, scores.adv.unwrap().rate), (1.0, 0.0));
/// # Ok::<(), weakspot::Error>(())
/// ```
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
    let mut fills = fills::values(plan, subject, fit_part, batch_size)?;
    let mut tuned = None;
    let at_point;
    if let Some(tuning) = &base.tune {
        let tune = [parts(&subject.splits.tune, 0), parts(&subject.splits.tune, 1)];
        let found = tune::search(&lens, tuning, &mut bench, &fit, &tune, &fills)?;
        at_point = base.at(&found.points[found.chosen].point);
        lens.plan = &at_point;
        // The chosen fill is the headline fill: it comes first.
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

    // If regions are built from the scored images (the paper's way), those are looked at first and once.
    let seen_first: Looks = if plan.fit_is_eval {
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
    let worst = worst::headline(&lens, &mut bench, defence, &looks, &defends)?;
    let others = fills::stage(&lens, &mut bench, defence, &fills)?;
    let margins = margins::stage(&lens, &mut bench, defence)?;
    let sweep = sweep::stage(&lens, &mut bench, defence)?;
    let controls = controls::stage(&lens, &mut bench, defence)?;
    let noise = noise::stage(&lens, &mut bench, &eval)?;
    let untrained = untrained::stage(&lens, &mut bench, &eval)?;
    let leak = leak::stage(&lens, &regions, &fills[0], batch_size.max(1), observer)?;
    observer.stage("writing the record", 1);
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
