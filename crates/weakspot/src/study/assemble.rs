//! From rows to the record and the ledger.

use std::collections::BTreeMap;

use crate::attribution::Explain;
use crate::checks::{self, Evidence};
use crate::dataset::Dataset;
use crate::digest;
use crate::error::Result;
use crate::image::Mask;
use crate::metrics::{self, Mean, RhoGamma, Score, ShiftOverlap, Standardizer};
use crate::record::{
    ClassifierRecord, Colocation, ColocationOf, ComponentRecord, Control, DataRecord, Direction, Features,
    FillScores, GivenMaskRecord, Iou, LedgerRow, PartCounts, Protocol, Record, RegionRecord, SCHEMA, Seen,
    SkippedFile, Ssim, SsimPair,
};
use crate::region::{Connectivity, components, partition};
use crate::study::controls::{self, Controls};
use crate::study::look::Lens;
use crate::study::margins::{self, Margins};
use crate::study::plan::Plan;
use crate::study::regions::ClassRegions;
use crate::study::rows::{Call, DefendRow, EvalLook, LookRow, Tested};
use crate::study::run::{NoiseCheck, Subject};
use crate::study::sweep::{self, Sweep};
use crate::study::tally::{self, Calls, accuracy};
use crate::study::truth;
use crate::study::tune;
use crate::study::untrained::Untrained;
use crate::study::worst;

/// Everything a study found about one class.
pub(crate) struct ClassFindings {
    pub(crate) regions: ClassRegions,
    /// The mask its images get.
    pub(crate) mask: Mask,
    /// Places in the data set.
    pub(crate) fit: Vec<usize>,
    pub(crate) eval: Vec<usize>,
    /// One per eval image.
    pub(crate) looks: Vec<LookRow>,
    /// One per eval image, with the headline fill.
    pub(crate) defends: Vec<DefendRow>,
    /// P0w and P3w, one call per eval image.
    pub(crate) worst: Option<[Vec<Call>; 2]>,
    /// The fills after the headline's, in the plan's order.
    pub(crate) others: Vec<OtherFill>,
    pub(crate) noise: NoiseCheck,
}

/// What a fill that is not the headline's scored, on some eval images.
pub(crate) struct OtherFill {
    /// Places in the data set.
    pub(crate) images: Vec<usize>,
    pub(crate) rows: Vec<DefendRow>,
    pub(crate) worst: Option<Vec<Call>>,
}

/// Everything a study found.
pub(crate) struct Findings<'a> {
    pub(crate) plan: &'a Plan,
    /// The plan before a search changed it; the same one without.
    pub(crate) base: &'a Plan,
    pub(crate) subject: &'a Subject<'a>,
    pub(crate) lens: &'a Lens<'a>,
    /// Two: one per class.
    pub(crate) classes: Vec<ClassFindings>,
    pub(crate) controls: Controls,
    pub(crate) margins: Margins,
    pub(crate) sweep: Sweep,
    /// By class.
    pub(crate) untrained: Option<[Untrained; 2]>,
    pub(crate) leak: Option<(usize, usize)>,
    /// The fit images' rows, by class.
    pub(crate) fit_looks: [Vec<LookRow>; 2],
    pub(crate) tuned: Option<tune::Found>,
}

impl ClassFindings {
    /// Every protocol with the headline fill.
    fn calls(&self) -> Calls {
        let looks = |f: fn(&LookRow) -> Call| self.looks.iter().map(f).collect();
        let rows: Vec<&DefendRow> = self.defends.iter().collect();
        Calls::new(looks(|l| l.clean), looks(|l| l.adv), &rows, self.worst.clone())
    }

    /// Every protocol with another fill, on its images.
    fn calls_of(&self, other: &OtherFill) -> Calls {
        let places: Vec<usize> =
            (0..self.eval.len()).filter(|&i| other.images.contains(&self.eval[i])).collect();
        let looks = |f: fn(&LookRow) -> Call| places.iter().map(|&i| f(&self.looks[i])).collect();
        let worst = self.worst.as_ref().zip(other.worst.clone());
        let worst =
            worst.map(|([plain, _], defended)| [places.iter().map(|&i| plain[i]).collect(), defended]);
        Calls::new(looks(|l| l.clean), looks(|l| l.adv), &other.rows.iter().collect::<Vec<_>>(), worst)
    }

    fn eval_looks(&self) -> impl Iterator<Item = &EvalLook> {
        self.looks.iter().filter_map(|l| l.eval.as_ref())
    }
}

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
        let evidence = evidence(findings, label, &calls[label], &together, as_good);
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
        separation: margins::record(findings),
        given_mask: plan
            .given
            .as_ref()
            .map(|given| GivenMaskRecord { source: given.source.clone(), sha256: given.sha256() }),
        sweep: sweep::points(findings),
        controls,
        truth: truth_rows,
        tuning,
    };
    Ok((record, ledger(findings, &calls, &names)))
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

/// The similarity rows that count: rightly classified images (a RoI is theirs alone), both regions non-empty.
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

fn evidence(
    findings: &Findings<'_>,
    label: usize,
    calls: &Calls,
    together: &[crate::record::Together],
    control: Option<&Control>,
) -> Evidence {
    let class = &findings.classes[label];
    let plan = findings.plan;
    let subject_seed = findings.subject.classifier_record.training_seed;
    let right: Vec<&LookRow> = class.looks.iter().filter(|l| l.clean.right(label)).collect();
    let headline = &class.defends;
    let n = class.looks.len().max(1) as f64;
    let changed_predictions =
        headline.iter().zip(&class.looks).filter(|(d, l)| d.modified.predicted != l.clean.predicted).count();
    // Both classes are there in every eval part, so that one class taking all predictions is a collapse under any
    // attack or mask; on clean images the accuracies show it.
    let majority = together
        .iter()
        .filter(|t| t.protocol != Protocol::Clean.key())
        .map(|t| (t.protocol.clone(), t.majority_rate.rate))
        .reduce(|a, b| if b.1 > a.1 { b } else { a });
    let noise = (!class.noise.calls.is_empty()).then(|| {
        let adv: Vec<Call> = class
            .eval
            .iter()
            .zip(&class.looks)
            .filter(|(i, _)| class.noise.images.contains(i))
            .map(|(_, look)| look.adv)
            .collect();
        (accuracy(&class.noise.calls, label), accuracy(&adv, label))
    });
    Evidence {
        two_value_share: class.looks.iter().map(|l| l.two_values).sum::<f64>() / n,
        successes: class.regions.fit.successes,
        few_successes: class.regions.few_successes,
        empty_maps: (right.iter().filter(|l| l.roi.is_none()).count(), right.len()),
        // Of one logit z, read as (-z/2, z/2), the margin is twice the class's logit.
        margin_differs: plan.explain != Explain::Margin && !findings.subject.classifier.signature().one_logit,
        blob_area: class.regions.blob.area(),
        given_mask: plan.given.is_some(),
        multi_step: class.worst.is_some(),
        clean_balanced_low: together
            .iter()
            .find(|t| t.protocol == Protocol::Clean.key())
            .map(|t| t.balanced_low),
        worst: Some([Protocol::AdvWorst, Protocol::AdaptiveWorst].map(|protocol| calls.get(protocol)))
            .and_then(|[plain, defended]| Some([accuracy(plain?, label), accuracy(defended?, label)])),
        may_be_seen: findings.subject.classifier_record.seen == Some(Seen::Unknown),
        training_seed: subject_seed.filter(|_| !plan.one_of_several_seeds),
        headline_fill: plan.fills.first().map_or_else(String::new, ToString::to_string),
        same_images: plan.fit_is_eval,
        oracle: plan.mask == crate::region::MaskPolicy::Oracle,
        mask_area: class.mask.area(),
        changed_images: headline.iter().filter(|d| d.changed).count(),
        changed_predictions,
        majority,
        controls: control.map(|c| (c.scored.clone(), c.rank - 1, c.rates.len())),
        zero_share: class.looks.iter().map(|l| l.zeros).sum::<f64>() / n,
        noise,
        leak: findings.leak,
        tune_images: findings.tuned.as_ref().map(|found| found.n[label]),
    }
}

fn ledger(findings: &Findings<'_>, calls: &[Calls], names: &[String; 2]) -> Vec<LedgerRow> {
    let mut rows = Vec::new();
    for (label, class) in findings.classes.iter().enumerate() {
        let (height, width) = class.mask.dim();
        for (i, (&index, look)) in class.eval.iter().zip(&class.looks).enumerate() {
            let of = |protocol: Protocol| calls[label].get(protocol).map(|c| c[i]);
            let name = |protocol: Protocol| of(protocol).map(|c| names[usize::from(c.predicted)].clone());
            let margin = |protocol: Protocol| of(protocol).map(|c| c.margin);
            let roi = look.roi.as_ref().map_or_else(|| Mask::empty(height, width), |m| m.mask(height, width));
            let roa = look.roa.mask(height, width);
            let areas = crate::region::areas(&partition(&roi, &roa));
            let eval = look.eval.as_ref();
            rows.push(LedgerRow {
                id: findings.subject.data.ids[index].clone(),
                label: names[label].clone(),
                clean_prediction: name(Protocol::Clean),
                clean_margin: margin(Protocol::Clean),
                adv_prediction: name(Protocol::Adv),
                adv_margin: margin(Protocol::Adv),
                adv_worst_prediction: name(Protocol::AdvWorst),
                adv_worst_margin: margin(Protocol::AdvWorst),
                mod_prediction: name(Protocol::Mod),
                mod_margin: margin(Protocol::Mod),
                mod_adv_prediction: name(Protocol::ModAdv),
                mod_adv_margin: margin(Protocol::ModAdv),
                oblivious_prediction: name(Protocol::Oblivious),
                oblivious_margin: margin(Protocol::Oblivious),
                adaptive_prediction: name(Protocol::Adaptive),
                adaptive_margin: margin(Protocol::Adaptive),
                adaptive_worst_prediction: name(Protocol::AdaptiveWorst),
                adaptive_worst_margin: margin(Protocol::AdaptiveWorst),
                remasked_prediction: name(Protocol::Remasked),
                remasked_margin: margin(Protocol::Remasked),
                roi_area: roi.area(),
                roa_area: roa.area(),
                u_minus_v_minus_area: areas[0],
                u_minus_v_plus_area: areas[1],
                u_plus_v_minus_area: areas[2],
                u_plus_v_plus_area: areas[3],
                ssim_maps: eval.and_then(|e| e.ssim_maps),
                ssim_masks: eval.and_then(|e| e.ssim_masks),
                iou: eval.and_then(|e| e.iou),
            });
        }
    }
    rows
}
