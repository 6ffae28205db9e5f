//! From rows to the record and the ledger.

mod controls;
mod evidence;
mod ledger;
mod separation;
mod sweep;

use std::collections::BTreeMap;

use crate::checks;
use crate::dataset::Dataset;
use crate::digest;
use crate::error::Result;
use crate::image::Mask;
use crate::metrics::{self, Mean, RhoGamma, Score, ShiftOverlap, Standardizer};
use crate::record::{
    ClassifierRecord, Colocation, ColocationOf, ComponentRecord, DataRecord, Direction, Features, FillScores,
    GivenMaskRecord, Iou, LedgerRow, PartCounts, Protocol, Record, RegionRecord, SCHEMA, SkippedFile, Ssim,
    SsimPair,
};
use crate::region::{Connectivity, components};
use crate::study::findings::{ClassFindings, Findings};
use crate::study::plan::Plan;
use crate::study::rows::{EvalLook, Tested};
use crate::study::tally::{self, Calls};
use crate::study::truth;
use crate::study::tune;
use crate::study::worst;

/// The record and the ledger of a study.
pub(crate) fn record(findings: &Findings<'_>) -> Result<(Record, Vec<LedgerRow>)> {
    let Findings { plan, subject, .. } = findings;
    let names = [subject.data.class_names[0].clone(), subject.data.class_names[1].clone()];
    let calls: Vec<Calls> = findings.classes.iter().map(ClassFindings::calls).collect();
    let mut together = Vec::new();
    for protocol in &calls[0].0 {
        if let Some(second) = calls[1].get(protocol.protocol) {
            together.push(tally::together(protocol.protocol, [&protocol.calls, second], &names));
        }
    }
    let controls = controls::summaries(findings, &calls);
    let features = [features(findings, 0)?, features(findings, 1)?];
    let mut directions = Vec::new();
    for label in 0..2 {
        let of = |protocol: Protocol| {
            controls.iter().find(|c| c.source == names[label] && c.scored == protocol.key())
        };
        let as_good = of(Protocol::AdaptiveWorst).or_else(|| of(Protocol::Adaptive));
        let evidence = evidence::evidence(findings, label, &calls[label], &together, as_good);
        let flags = checks::flags(&evidence);
        directions.push(direction(findings, label, &calls[label], features[label].clone(), flags)?);
    }
    let mut truth_rows = Vec::new();
    if let Some(truth) = &subject.data.truth {
        let layer = findings.lens.explainer.layer();
        for (label, truth) in truth.iter().enumerate().take(2) {
            let found = &findings.classes[label].regions;
            let input = subject.classifier.input();
            let size = (input.height, input.width);
            truth_rows.extend(truth::rows(&names[label], found, truth, size, layer, plan.seed)?);
        }
    }
    let (_, channels, height, width) = subject.data.pixels.dim();
    let layer = findings.lens.explainer.layer();
    let config = plan.config();
    let config_text = config.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("\n");
    let checksums = BTreeMap::from([
        ("data".to_owned(), subject.data.checksum.clone()),
        ("weights".to_owned(), subject.weights_checksum.clone()),
        ("config".to_owned(), digest::sha256(config_text.as_bytes())),
    ]);
    let tuning = match (&findings.tuned, &findings.base.tune) {
        (Some(found), Some(tuning)) => {
            let stopped = subject.classifier_record.tune_accuracy.is_some();
            Some(tune::record(found, tuning, findings.base, stopped, &together)?)
        }
        _ => None,
    };
    let tests = tally::paired_tests([&calls[0], &calls[1]], &names);
    let record = Record {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config,
        seed: plan.seed,
        checksums,
        data: DataRecord {
            name: subject.data.name.clone(),
            classes: names.clone(),
            image_shape: [channels, height, width],
            split: subject.splits.description.clone(),
            notes: subject.data.provenance.notes.clone(),
            skipped: skipped(subject.data),
        },
        classifier: ClassifierRecord {
            layer: layer.name.clone(),
            grid: [layer.grid.0, layer.grid.1],
            ..subject.classifier_record.clone()
        },
        directions,
        together,
        differences: tally::together_differences(&tests),
        tests,
        worst_of: worst::tried(plan),
        separation: separation::record(findings),
        given_mask: plan
            .given
            .as_ref()
            .map(|given| GivenMaskRecord { source: given.source.clone(), sha256: given.sha256() }),
        sweep: sweep::points(findings),
        controls,
        truth: truth_rows,
        tuning,
    };
    Ok((record, ledger::ledger(findings, &calls, &names)))
}

fn direction(
    findings: &Findings<'_>,
    label: usize,
    calls: &Calls,
    features: Features,
    flags: Vec<crate::record::Flag>,
) -> Result<Direction> {
    let class = &findings.classes[label];
    let Findings { plan, subject, .. } = findings;
    let fill_scores = |fill: &crate::region::Fill, calls: &Calls| FillScores {
        fill: fill.to_string(),
        scores: calls.scores(label),
        asr: calls.attack_success(label),
    };
    let mut by_fill: Vec<FillScores> =
        plan.fills.first().map(|fill| fill_scores(fill, calls)).into_iter().collect();
    let others = plan.fills.iter().skip(1).zip(&class.others);
    by_fill.extend(others.map(|(fill, other)| fill_scores(fill, &class.calls_of(other))));
    let count = |part: &[usize]| part.iter().filter(|&&i| subject.data.labels[i] == label).count();
    Ok(Direction {
        source: subject.data.class_names[label].clone(),
        target: subject.data.class_names[1 - label].clone(),
        n: PartCounts {
            train: count(&subject.splits.train),
            tune: count(&subject.splits.tune),
            fit: class.fit.len(),
            eval: class.eval.len(),
        },
        fit: class.regions.fit.clone(),
        scores: calls.scores(label),
        asr: calls.attack_success(label),
        by_fill,
        ssim: ssim(plan, class, label)?,
        iou: iou(class, label),
        blob: region(&class.regions.blob),
        applied_mask: region(&class.mask),
        colocation: colocation(findings, label),
        across: class.regions.across(&findings.classes[1 - label].regions, plan),
        features,
        flags,
    })
}

/// The similarity rows that count: correctly classified images (no other has a RoI) with both regions non-empty.
fn counted(class: &ClassFindings, label: usize) -> impl Iterator<Item = &EvalLook> {
    class.looks.iter().filter(move |l| l.clean.right(label)).filter_map(|l| l.eval.as_ref())
}

fn mean_of(values: impl Iterator<Item = Option<f64>>) -> Mean {
    Mean::of(&values.flatten().collect::<Vec<_>>())
}

fn ssim(plan: &Plan, class: &ClassFindings, label: usize) -> Result<Ssim> {
    let regions = &class.regions;
    let (roi, roa) = (regions.counts.roi.frequency(), regions.counts.roa.frequency());
    let some = regions.counts.roi.n > 0 && regions.counts.roa.n > 0;
    let both = !regions.roi.is_empty() && !regions.roa.is_empty();
    let maps = some.then(|| metrics::ssim(roi.view(), roa.view(), plan.ssim)).transpose()?;
    let masks = both
        .then(|| metrics::ssim(regions.roi.to_f32().view(), regions.roa.to_f32().view(), plan.ssim))
        .transpose()?;
    Ok(Ssim {
        window: plan.ssim.name().to_owned(),
        maps: SsimPair {
            mean_of_samples: mean_of(counted(class, label).map(|r| r.ssim_maps)),
            representatives: maps,
        },
        masks: SsimPair {
            mean_of_samples: mean_of(counted(class, label).map(|r| r.ssim_masks)),
            representatives: masks,
        },
    })
}

fn iou(class: &ClassFindings, label: usize) -> Iou {
    let regions = &class.regions;
    let (height, width) = regions.roi.dim();
    let both = !regions.roi.is_empty() && !regions.roa.is_empty();
    let p: Vec<f64> = counted(class, label).filter_map(|r| r.shift_p).collect();
    Iou {
        mean_of_samples: mean_of(counted(class, label).map(|r| r.iou)),
        representatives: if both { metrics::iou(&regions.roi, &regions.roa) } else { None },
        shifts: ShiftOverlap::new(height, width).test(&regions.roi, &regions.roa),
        share_significant: Score::of(p.iter().filter(|&&p| p < 0.05).count(), p.len()),
    }
}

fn region(mask: &Mask) -> RegionRecord {
    RegionRecord {
        area: mask.area(),
        fraction: mask.fraction(),
        components: components(mask, Connectivity::Eight)
            .into_iter()
            .map(|c| ComponentRecord {
                area: c.area,
                top: c.top,
                left: c.left,
                bottom: c.bottom,
                right: c.right,
            })
            .collect(),
    }
}

fn colocation(findings: &Findings<'_>, label: usize) -> Colocation {
    let class = &findings.classes[label];
    let of = |which: usize,
              grid: (usize, usize),
              moran: fn(&EvalLook) -> Option<Tested>,
              joins: fn(&EvalLook) -> Option<Tested>| {
        let (moran, joins): (Vec<_>, Vec<_>) = class.eval_looks().map(|l| (moran(l), joins(l))).unzip();
        ColocationOf {
            grid: [grid.0, grid.1],
            moran: mean_of(moran.iter().map(|t| t.map(|t| t.value))),
            moran_significant: significant(&moran),
            joins: mean_of(joins.iter().map(|t| t.map(|t| t.value))),
            joins_significant: significant(&joins),
            control: findings
                .untrained
                .as_ref()
                .map(|of| of[label].control(which, &class.eval, &class.looks)),
        }
    };
    let input = findings.subject.classifier.input();
    Colocation {
        utility: of(0, findings.lens.explainer.layer().grid, |l| l.moran_utility, |l| l.joins_utility),
        vulnerability: of(
            1,
            (input.height, input.width),
            |l| l.moran_vulnerability,
            |l| l.joins_vulnerability,
        ),
    }
}

fn skipped(data: &Dataset) -> Vec<SkippedFile> {
    let left_out = &data.provenance.skipped;
    left_out.iter().map(|s| SkippedFile { file: s.file.clone(), why: s.why.clone() }).collect()
}

fn significant(tests: &[Option<Tested>]) -> Score {
    Score::of(tests.iter().flatten().filter(|t| t.p < 0.05).count(), tests.iter().flatten().count())
}

/// Usefulness of pixels and of the last layer's channels; y = +1 for the source class `label`.
fn features(findings: &Findings<'_>, label: usize) -> Result<Features> {
    let data = findings.subject.data;
    let (_, channels, height, width) = data.pixels.dim();
    let pixels_of =
        |index: usize| -> Result<Vec<f32>> { Ok(data.pixels.batch(&[index])?.into_raw_vec_and_offset().0) };
    let mut pixel_fit = Standardizer::new(channels * height * width);
    let mut channel_fit: Option<Standardizer> = None;
    for (class, looks) in findings.classes.iter().zip(&findings.fit_looks) {
        for (&index, look) in class.fit.iter().zip(looks) {
            pixel_fit.push(&pixels_of(index)?);
            let values = look.features.values();
            channel_fit.get_or_insert_with(|| Standardizer::new(values.len())).push(&values);
        }
    }
    let mut pixels = RhoGamma::new(&pixel_fit);
    let mut of_channels = RhoGamma::new(&channel_fit.unwrap_or_else(|| Standardizer::new(0)));
    let epsilon = findings.plan.epsilon.value();
    for (class, findings_of_class) in findings.classes.iter().enumerate() {
        let is_source = class == label;
        for (&index, look) in findings_of_class.eval.iter().zip(&findings_of_class.looks) {
            pixels.push_pixels(&pixels_of(index)?, epsilon, is_source);
            if let Some(eval) = &look.eval {
                of_channels.push_attacked(&look.features.values(), &eval.adv_features.values(), is_source);
            }
        }
    }
    Ok(Features { pixels: pixels.summary(), channels: of_channels.summary() })
}
