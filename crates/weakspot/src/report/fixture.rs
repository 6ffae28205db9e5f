//! Runs made up for tests: plausible numbers, no model. Each covers something that real runs may lack or contain.

use std::collections::BTreeMap;

use ndarray::{Array3, Array4, Axis, s};

use crate::record::Run;
use crate::record::maps::{ImageMaps, StudyMaps};
use crate::record::{
    Across, AcrossOf, AttackSuccess, AucRecord, BothDifference, ClassifierRecord, Colocation, ColocationOf,
    ComponentRecord, Control, DataRecord, Direction, FeatureSummary, Features, FillScores, FitCounts, Flag,
    Interval, Iou, LedgerRow, Mean, MoranControl, PairedTest, PartCounts, PlaceboRecord, Record,
    RegionRecord, SCHEMA, Score, Scores, SeparationRecord, ShiftTest, Ssim, SsimPair, SweepPoint, Together,
    TruthRow, TunedEval, TunedPoint, TunedScore, TuningRecord,
};
use crate::rng;

/// A run of the demo data set: one protocol not run, one blob empty, three kinds of flags, a planted truth.
pub(crate) fn demo() -> Run {
    run("demo", ["disc", "ring"], [3, 32, 32], 200, true)
}

/// A run on grey 28x28 images of the given name.
pub(crate) fn named(data: &str, classes: [&str; 2]) -> Run {
    run(data, classes, [1, 28, 28], 980, false)
}

/// A run of the demo data set whose thresholds and fill were searched.
pub(crate) fn tuned() -> Run {
    let mut run = demo();
    let score = |k: [usize; 2]| TunedScore { k, both: Score::of(k[0] + k[1], 400) };
    let mut points = Vec::new();
    // Correct of 400, neutralized and attacked; whether on the front; whether at most 4 fewer than 398.
    let scores = [
        (398, 90, true, true),
        (396, 90, false, true),
        (395, 120, true, true),
        (390, 200, true, false),
        (394, 150, false, true),
        (380, 180, false, false),
        (394, 160, true, true),
        (300, 160, false, false),
    ];
    for (i, (modified, attacked, front, within)) in scores.into_iter().enumerate() {
        points.push(TunedPoint {
            delta1: "top:30%".to_owned(),
            delta2: format!("top:{}%", [30, 10, 40, 20][i / 2]),
            theta: 0.5,
            fill: (i % 2).to_string(),
            area: [20 * i, 20 * i],
            modified: score([modified - modified / 2, modified / 2]),
            attacked: score([attacked, 0]),
            front,
            within,
        });
    }
    run.record.tuning = Some(TuningRecord {
        scored: "adaptive".to_owned(),
        cost: 0.01,
        n: [200, 200],
        stopped_training: true,
        clean: score([200, 198]),
        adv: score([80, 0]),
        evaluated: 15,
        points,
        chosen: 6,
        untuned: Some(0),
        eval: TunedEval {
            clean: Score::of(396, 400),
            adv: Score::of(70, 400),
            modified: Score::of(390, 400),
            attacked: Score::of(140, 400),
        },
    });
    run
}

/// A run in which nothing was run.
pub(crate) fn bare() -> Run {
    let mut run = run("demo", ["a", "b"], [1, 8, 8], 0, false);
    let record = &mut run.record;
    record.directions.clear();
    record.together.clear();
    record.tests.clear();
    record.sweep.clear();
    record.differences.clear();
    record.worst_of.clear();
    record.separation = None;
    record.controls.clear();
    record.config.clear();
    record.checksums.clear();
    record.classifier.tune_accuracy = None;
    run.ledger.clear();
    run.maps.pictured = pictured([1, 8, 8], 0);
    run
}

/// A run on images of a single pixel.
pub(crate) fn one_pixel() -> Run {
    run("one", ["a", "b"], [1, 1, 1], 1, true)
}

/// A run whose names are markup, paths, escapes and letters no face has.
pub(crate) fn hostile() -> Run {
    let names = ["<b>\"x' onerror=\"x\" ../../etc/\u{1b}[31m|`*_\n\u{732b}", &"very long name ".repeat(40)];
    let mut run = run("<script>alert(1)</script>", names, [3, 28, 40], 50, true);
    run.record.directions[0].flags.push(Flag {
        id: "<img src=x>".to_owned(),
        value: 1e300,
        advice: "a\u{1b}[2J b ".repeat(60),
    });
    run.maps.pictured.ids[0] = "<i>".repeat(100);
    run.record.classifier.layer = "features.29\u{0}<u>".to_owned();
    run
}

/// Counts as large as they get.
pub(crate) fn large() -> Run {
    run("cats-vs-dogs", ["Parasitized cats", "Uninfected dogs"], [1, 16, 16], 99_999, false)
}

fn run(data: &str, classes: [&str; 2], shape: [usize; 3], n: usize, truth: bool) -> Run {
    let classes = classes.map(str::to_owned);
    let directions = vec![direction(&classes, 0, n), direction(&classes, 1, n)];
    let together = ["clean", "adv", "adv_worst", "mod", "mod_adv", "adaptive", "adaptive_worst", "remasked"]
        .iter()
        .zip([0.99, 0.2, 0.15, 0.95, 0.41, 0.36, 0.28, 0.36])
        .map(|(protocol, rate)| Together {
            protocol: (*protocol).to_owned(),
            accuracy: score(2 * n, rate),
            balanced_accuracy: rate,
            balanced_low: rate - 0.03,
            balanced_high: rate + 0.01,
            majority_rate: score(2 * n, 0.97),
            majority_class: classes[0].clone(),
        })
        .collect();
    let record = Record {
        schema: SCHEMA.to_owned(),
        version: "0.1.0".to_owned(),
        config: config(),
        seed: 0,
        checksums: ["config", "data", "weights"].map(|k| (k.to_owned(), "0123456789abcdef".repeat(4))).into(),
        data: DataRecord {
            name: data.to_owned(),
            classes: classes.clone(),
            image_shape: shape,
            split: "own test files; training files 80 / 10 / 10".to_owned(),
            notes: Vec::new(),
            skipped: Vec::new(),
        },
        classifier: ClassifierRecord {
            arch: "vgg16-bn".to_owned(),
            head: "gap".to_owned(),
            width: "1/8".to_owned(),
            n_classes: 2,
            origin: "trained".to_owned(),
            recipe: "Adam, 6 epochs, batch 64".to_owned(),
            convolutions: "fast".to_owned(),
            tune_accuracy: Some(score(n, 0.99)),
            training_seed: Some(0),
            seen: None,
            outputs: None,
            layer: "features.22".to_owned(),
            grid: [4, 4],
        },
        together,
        tests: classes.iter().enumerate().flat_map(|(i, class)| tests(class, i, n)).collect(),
        differences: vec![BothDifference {
            comparison: "adaptive_worst-adv_worst".to_owned(),
            difference: interval(0.08),
        }],
        worst_of: ["adv_worst", "adaptive_worst"]
            .map(|key| (key.to_owned(), ["no attack", "fgsm", "pgd"].map(str::to_owned).to_vec()))
            .into(),
        separation: Some(separation(n)),
        given_mask: None,
        sweep: sweep(&classes, n),
        controls: classes
            .iter()
            .flat_map(|class| ["mod", "adaptive", "adaptive_worst"].map(|scored| control(class, scored)))
            .collect(),
        truth: if truth { truth_rows(&classes) } else { Vec::new() },
        tuning: None,
        directions,
    };
    let maps = maps(shape, truth);
    let ledger = (0..6).map(|i| ledger_row(&classes, i)).collect();
    Run { record, ledger, maps }
}

fn config() -> BTreeMap<String, String> {
    [
        ("attack", "fgsm"),
        ("blob", "frequency"),
        ("delta1", "top:30%"),
        ("delta2", "top:30%"),
        ("eps", "8/255"),
        ("explain", "grad-cam"),
        ("fill", "0,1"),
        ("mask", "union"),
        ("roa", "gradient"),
        ("theta", "0.5"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into()
}

/// The score of a rate among n images.
fn score(n: usize, rate: f64) -> Score {
    Score::of((rate * n as f64).round() as usize, n)
}

fn interval(value: f64) -> Interval {
    Interval { value, low: value - 0.04, high: value + 0.04 }
}

fn separation(n: usize) -> SeparationRecord {
    let auc =
        AucRecord { adv_worst: interval(0.31), adaptive_worst: interval(0.52), difference: interval(0.21) };
    SeparationRecord {
        auc: (n > 1).then_some(auc),
        placebo: PlaceboRecord {
            shift: -1.25,
            scores: [score(n, 0.4), score(n, 0.1)],
            masked_scores: [score(n, 0.5), score(n, 0.2)],
            balanced: interval(0.25),
            masked_balanced: interval(0.35),
            difference: interval(0.1),
        },
    }
}

fn mean(mean: f64, n: usize) -> Mean {
    Mean { mean, n, low: mean - 0.02, high: mean + 0.02 }
}

fn direction(classes: &[String; 2], i: usize, n: usize) -> Direction {
    let empty = i == 1;
    let scores = scores(i, n, 0.0);
    let asr =
        AttackSuccess { adv: Some(score(n, 0.8)), mod_adv: Some(score(n, 0.6)), ..AttackSuccess::default() };
    let second =
        FillScores { fill: "1".to_owned(), scores: Scores { adaptive_worst: None, ..scores_of(i, n) }, asr };
    let region = |area: usize, parts: &[usize]| RegionRecord {
        area,
        fraction: area as f64 / 1024.0,
        components: parts
            .iter()
            .map(|&area| ComponentRecord { area, top: 2, left: 20, bottom: 10, right: 28 })
            .collect(),
    };
    let colocation = ColocationOf {
        grid: [4, 4],
        moran: mean(0.41, n),
        moran_significant: score(n, 0.8),
        joins: mean(1.7, n),
        joins_significant: score(n, 0.7),
        control: Some(MoranControl {
            untrained: mean(0.30, n),
            difference: mean(0.11, n),
            noise: mean(0.35, n),
            noise_untrained: mean(0.31, n),
        }),
    };
    let across = AcrossOf { own: mean(0.6, n), other: mean(0.3, n), difference: mean(0.3, n) };
    let features = FeatureSummary {
        features: 3072,
        n: 2 * n,
        useful: 400,
        useful_not_robust: 390,
        max_rho: 0.7,
        mean_rho: 0.2,
        mean_gamma: -0.1,
    };
    let pair = SsimPair { mean_of_samples: mean(0.2, n), representatives: (!empty).then_some(0.004) };
    let mut flags = vec![Flag {
        id: "few-successes".to_owned(),
        value: 12.0,
        advice: "Only 12 images fell to the attack, so the RoA is built from all correctly classified ones; raise eps."
            .to_owned(),
    }];
    if empty {
        flags.push(Flag {
            id: "empty-blob".to_owned(),
            value: 0.0,
            advice: "No pixel is in U-V+ on enough images; lower theta.".to_owned(),
        });
    } else {
        flags.push(Flag {
            id: "collapse".to_owned(),
            value: 0.97,
            advice: "97 % of the predictions after neutralization are disc: a score may be high because the classifier \
                     has become constant."
                .to_owned(),
        });
    }
    Direction {
        source: classes[i].clone(),
        target: classes[1 - i].clone(),
        n: PartCounts { train: 800, tune: 100, fit: 100, eval: n },
        fit: FitCounts {
            images: 100,
            correct: 99,
            successes: 12,
            roi_images: 98,
            roa_images: 99,
            both_images: 98,
            roa_from: "all-correct".to_owned(),
            roi_fraction: mean(0.3, 98),
            roa_fraction: mean(0.3, 99),
        },
        scores,
        asr,
        by_fill: vec![FillScores { fill: "0".to_owned(), scores, asr }, second],
        ssim: Ssim { window: "uniform".to_owned(), maps: pair.clone(), masks: pair },
        iou: Iou {
            mean_of_samples: mean(0.25, n),
            representatives: (!empty).then_some(0.2),
            shifts: (!empty).then_some(ShiftTest { shifts: 1023, upper_p: 0.03, lower_p: 0.98 }),
            share_significant: score(n, 0.4),
        },
        blob: if empty { RegionRecord::default() } else { region(64, &[48, 16]) },
        applied_mask: region(64, &[48, 16]),
        colocation: Colocation { utility: colocation.clone(), vulnerability: colocation },
        across: Across { roi: across, roa: across },
        features: Features {
            pixels: features,
            channels: FeatureSummary { features: 64, useful: 40, useful_not_robust: 39, ..features },
        },
        flags,
    }
}

fn scores(class: usize, n: usize, shift: f64) -> Scores {
    let at = |rates: [f64; 2]| Some(score(n, (rates[class] + shift).clamp(0.0, 1.0)));
    Scores {
        clean: at([0.99, 1.0]),
        adv: at([0.12, 0.28]),
        adv_worst: at([0.08, 0.26]),
        modified: at([0.97, 0.93]),
        mod_adv: at([0.55, 0.27]),
        oblivious: None,
        adaptive: at([0.42, 0.30]),
        adaptive_worst: at([0.35, 0.21]),
        remasked: at([0.42, 0.30]),
    }
}

/// The second fill's scores.
fn scores_of(class: usize, n: usize) -> Scores {
    scores(class, n, -0.05)
}

fn tests(class: &str, i: usize, n: usize) -> Vec<PairedTest> {
    [
        ("mod-clean", [-0.02, -0.07], ["no effect", "worse"]),
        ("mod_adv-adv", [0.43, -0.01], ["better", "not shown"]),
        ("adaptive-adv", [0.30, 0.02], ["better", "not shown"]),
        ("adaptive_worst-adv_worst", [0.27, -0.05], ["better", "worse"]),
    ]
    .map(|(comparison, difference, word)| {
        let mut test = PairedTest {
            source: class.to_owned(),
            comparison: comparison.to_owned(),
            n,
            first_only: 0,
            second_only: 0,
            difference: 0.0,
            low: 0.0,
            high: 0.0,
            p: 1e-5,
            p_holm: if word[i] == "not shown" { 0.61 } else { 4e-5 },
            word: word[i].to_owned(),
        };
        differ(&mut test, difference[i]);
        test
    })
    .into()
}

/// Gives a test the counts that come nearest to a difference, three images against it where there are as many.
pub(crate) fn differ(test: &mut PairedTest, difference: f64) {
    let more = (difference.abs() * test.n as f64).round() as usize;
    let fewer = 3.min((test.n - more) / 2);
    let counts = (more + fewer, fewer);
    (test.first_only, test.second_only) = if difference < 0.0 { (counts.1, counts.0) } else { counts };
    let more = if difference < 0.0 { -(more as f64) } else { more as f64 };
    test.difference = if test.n == 0 { 0.0 } else { more / test.n as f64 };
    (test.low, test.high) = (test.difference - 0.04, test.difference + 0.04);
}

fn sweep(classes: &[String; 2], n: usize) -> Vec<SweepPoint> {
    let mut points = Vec::new();
    for (i, class) in classes.iter().enumerate() {
        for (eps, adv, adaptive) in [(2.0, 0.9, 0.92), (4.0, 0.6, 0.75), (8.0, 0.12, 0.42), (16.0, 0.0, 0.05)]
        {
            let drop = i as f64 * 0.04;
            let worst = PairedTest {
                word: if eps > 4.0 { "cannot tell at this eps" } else { "better" }.to_owned(),
                ..tests(class, i, n).remove(3)
            };
            points.push(SweepPoint {
                epsilon: eps / 255.0,
                source: class.clone(),
                clean: score(n, 0.99),
                adv: score(n, (adv - drop).max(0.0)),
                adaptive: Some(score(n, adaptive - drop)),
                adv_worst: Some(score(n, (adv - 0.1 - drop).max(0.0))),
                adaptive_worst: Some(score(n, (adaptive - 0.1 - drop).max(0.0))),
                worst: Some(worst),
            });
        }
    }
    points
}

fn control(class: &str, scored: &str) -> Control {
    let mut draws = rng::stream(1, "fixture-controls", scored);
    let base = if scored == "mod" { 0.9 } else { 0.3 };
    let rates: Vec<f64> = (0..19).map(|_| base + 0.1 * f64::from(draws.unit())).collect();
    let blob = score(200, base + 0.09);
    let beaten = rates.iter().filter(|&&r| r >= blob.rate).count();
    Control {
        source: class.to_owned(),
        scored: scored.to_owned(),
        blob,
        shifts: (0..19).map(|i| [i + 1, 2 * i]).collect(),
        rates,
        rank: beaten + 1,
        p: (beaten as f64 + 1.0) / 20.0,
    }
}

fn truth_rows(classes: &[String; 2]) -> Vec<TruthRow> {
    let mut rows = Vec::new();
    for class in classes {
        for (region, iou) in [("roi", 0.81), ("roa", 0.62), ("blob", 0.7)] {
            for (by, factor) in [("method", 1.0), ("random", 0.2)] {
                rows.push(TruthRow {
                    class: class.clone(),
                    region: region.to_owned(),
                    by: by.to_owned(),
                    iou: iou * factor,
                    precision: 0.9 * factor,
                    recall: 0.85 * factor,
                    found: 60,
                    planted: 64,
                });
            }
        }
    }
    rows
}

fn ledger_row(classes: &[String; 2], i: usize) -> LedgerRow {
    LedgerRow {
        id: format!("test/{i:05}"),
        label: classes[i % 2].clone(),
        clean_prediction: Some(classes[i % 2].clone()),
        clean_margin: Some(3.25 - i as f32),
        adv_prediction: Some(classes[1 - i % 2].clone()),
        adv_margin: Some(-0.1),
        roi_area: 300,
        roa_area: 290,
        u_minus_v_minus_area: 524,
        u_minus_v_plus_area: 200,
        u_plus_v_minus_area: 210,
        u_plus_v_plus_area: 90,
        ssim_maps: Some(0.1 + 0.2),
        iou: (i != 3).then_some(0.18),
        ..LedgerRow::default()
    }
}

/// How much a round shape of radius `r` (a share of the image) around (cy, cx) holds a pixel.
fn bump(shape: [usize; 3], centre: (f32, f32), r: f32) -> Array3<f32> {
    let [_, h, w] = shape;
    Array3::from_shape_fn((1, h, w), |(_, y, x)| {
        let (y, x) = ((y as f32 + 0.5) / h as f32, (x as f32 + 0.5) / w as f32);
        let d = (y - centre.0).hypot(x - centre.1);
        (1.0 - (d / r).powi(2)).clamp(0.0, 1.0)
    })
}

/// Where class `c` is looked at, and where it is struck.
fn places(c: usize) -> [(f32, f32); 2] {
    [[(0.4, 0.35), (0.75, 0.75)], [(0.6, 0.6), (0.25, 0.3)]][c]
}

fn maps(shape: [usize; 3], truth: bool) -> StudyMaps {
    let [_, h, w] = shape;
    let class_maps = |which: usize, r: f32| {
        ndarray::concatenate(
            Axis(0),
            &[bump(shape, places(0)[which], r).view(), bump(shape, places(1)[which], r).view()],
        )
        .unwrap()
    };
    let (roi, roa) = (class_maps(0, 0.4), class_maps(1, 0.35));
    let region = |roi: &Array3<f32>, roa: &Array3<f32>| {
        ndarray::Zip::from(roi).and(roa).map_collect(|&u, &v| 2 * u8::from(u >= 0.5) + u8::from(v >= 0.5))
    };
    let partition = region(&roi, &roa);
    let mut frequency = Array4::zeros((2, 4, h, w));
    for r in 0..4u8 {
        let share = ndarray::Zip::from(&roi).and(&roa).map_collect(|&u, &v| {
            (if r & 2 > 0 { u } else { 1.0 - u }) * (if r & 1 > 0 { v } else { 1.0 - v })
        });
        frequency.slice_mut(s![.., usize::from(r), .., ..]).assign(&share);
    }
    let mut blob = partition.mapv(|r| u8::from(r == 1));
    blob.index_axis_mut(Axis(0), 1).fill(0);
    let union = &blob.index_axis(Axis(0), 0) | &blob.index_axis(Axis(0), 1);
    let applied = ndarray::stack(Axis(0), &[union.view(), union.view()]).unwrap();
    StudyMaps {
        truth: truth.then(|| region(&class_maps(0, 0.3), &class_maps(1, 0.3))),
        class_partition: partition,
        region_frequency: frequency,
        roi_frequency: roi,
        roa_frequency: roa,
        blob,
        applied_mask: applied,
        pictured: pictured(shape, 4),
        all: None,
    }
}

fn pictured(shape: [usize; 3], n: usize) -> ImageMaps {
    let [c, h, w] = shape;
    let mut draws = rng::stream(2, "fixture-images", "");
    let (mut utility, mut vulnerability) = (Array3::zeros((n, h, w)), Array3::zeros((n, h, w)));
    let mut images = Array4::zeros((n, c, h, w));
    for i in 0..n {
        let [look, strike] = places(i % 2);
        utility.slice_mut(s![i..=i, .., ..]).assign(&bump(shape, look, 0.45));
        vulnerability.slice_mut(s![i..=i, .., ..]).assign(&bump(shape, strike, 0.4));
        vulnerability
            .index_axis_mut(Axis(0), i)
            .mapv_inplace(|v: f32| (v * (0.6 + 0.4 * draws.unit())).clamp(0.0, 1.0));
        let thing = bump(shape, look, 0.3);
        for channel in 0..c {
            let tint = [0.9, 0.6, 0.3][channel % 3];
            let mut plane = images.slice_mut(s![i..=i, channel, .., ..]);
            plane.assign(&thing.mapv(|v| 0.15 + 0.7 * tint * v));
        }
    }
    let adversarial = images.mapv(|v: f32| (v + draws.sign() * 8.0 / 255.0).clamp(0.0, 1.0));
    let mut neutralized = images.clone();
    if n > 0 {
        neutralized.slice_mut(s![.., .., h * 5 / 8.., w * 5 / 8..]).fill(0.0);
    }
    let region = ndarray::Zip::from(&utility)
        .and(&vulnerability)
        .map_collect(|&u, &v| 2 * u8::from(u >= 0.5) + u8::from(v >= 0.35));
    ImageMaps {
        ids: (0..n).map(|i| format!("test/{i:05}")).collect(),
        labels: (0..n).map(|i| (i % 2) as u8).collect(),
        images,
        adversarial,
        neutralized,
        utility,
        vulnerability,
        region,
    }
}
