//! Numbers from named references: `reference/metrics.py` says which, at which versions, and writes the JSON.

use ndarray::Array2;
use serde_json::Value;

use super::*;
use crate::image::Mask;
use crate::rng;

fn golden(section: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../../../reference/metrics.json")).unwrap();
    all[section].as_array().unwrap().clone()
}

fn count(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Bytes over 255 in single precision.
fn image(case: &Value, key: &str) -> Array2<f32> {
    let values = case[key].as_array().unwrap().iter().map(|v| count(v) as f32 / 255.0).collect();
    Array2::from_shape_vec((count(&case["shape"][0]), count(&case["shape"][1])), values).unwrap()
}

fn mask(case: &Value, key: &str) -> Mask {
    Mask(image(case, key).mapv(|v| v > 0.0))
}

fn close(got: f64, want: f64, tolerance: f64, case: &Value) {
    assert!((got - want).abs() <= tolerance, "got {got}, want {want}: {case}");
}

#[test]
fn wilson_is_that_of_statsmodels() {
    for case in golden("wilson") {
        let (score, want) = (Score::of(count(&case["k"]), count(&case["n"])), numbers(&case["interval"]));
        close(score.low, want[0], 1e-14, &case);
        close(score.high, want[1], 1e-14, &case);
    }
}

#[test]
fn binomial_tails_are_those_of_scipy() {
    for case in golden("binomial") {
        let (k, n, p) = (count(&case["k"]), count(&case["n"]), case["p"].as_f64().unwrap());
        let (two_sided, upper) = (case["two_sided"].as_f64().unwrap(), case["upper"].as_f64().unwrap());
        // Relative, so that small p values are held to as many digits. The reference rounds 1 - p before raising it to
        // the n, which at n = 10^6 and p = 5e-6 costs it 3e-11 (the next test says who is right).
        close(binomial::two_sided(k, n, p), two_sided, 1e-10 * two_sided, &case);
        close(binomial::upper(k, n, p), upper, 1e-10 * upper, &case);
    }
}

#[test]
fn binomial_tails_are_right_to_thirteen_digits() {
    for case in golden("tails") {
        let (k, n, p) = (count(&case["k"]), count(&case["n"]), case["p"].as_f64().unwrap());
        let above = case["above"].as_bool().unwrap();
        // The other tail is computed from its own side: P(X <= k) = P(n - X >= n - k).
        let got = if above { binomial::upper(k, n, p) } else { binomial::upper(n - k, n, 1.0 - p) };
        let want = case["tail"].as_f64().unwrap();
        close(got, want, 1e-13 * want, &case);
    }
}

#[test]
fn mcnemar_is_that_of_statsmodels() {
    for case in golden("mcnemar") {
        let p = mcnemar_exact(count(&case["first_only"]), count(&case["second_only"]));
        let want = case["p"].as_f64().unwrap();
        close(p, want, 1e-12 * want, &case);
    }
}

#[test]
fn holm_is_that_of_statsmodels() {
    for case in golden("holm") {
        for (got, want) in holm(&numbers(&case["p"])).into_iter().zip(numbers(&case["corrected"])) {
            close(got, want, 1e-15, &case);
        }
    }
}

#[test]
fn newcombe_is_method_10_written_out() {
    for case in golden("newcombe") {
        let c: Vec<usize> = case["counts"].as_array().unwrap().iter().map(count).collect();
        let (got, want) = (paired_difference(c[0], c[1], c[2], c[3]), numbers(&case["difference"]));
        close(got.value, want[0], 1e-14, &case);
        close(got.low, want[1].max(-1.0), 1e-9, &case);
        close(got.high, want[2].min(1.0), 1e-9, &case);
    }
}

#[test]
fn students_quantile_is_that_of_scipy() {
    let cases = golden("student");
    assert_eq!(cases.len(), 33);
    for case in cases {
        let (got, want) = (t_95(count(&case["df"])), case["t"].as_f64().unwrap());
        // Twelve digits: scipy inverts an incomplete beta function, which costs it some of the last four.
        close(got, want, 1e-12 * want, &case);
    }
}

#[test]
fn ssim_is_that_of_scikit_image() {
    let mut compared = 0;
    for case in golden("ssim") {
        let (a, b) = (image(&case, "a"), image(&case, "b"));
        for window in [Window::Uniform, Window::Gaussian] {
            if let Some(want) = case[window.name()].as_f64() {
                // The reference's running sums leave about 1e-12 where a window is flat.
                close(ssim(a.view(), b.view(), window).unwrap(), want, 1e-11, &case["shape"]);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 17);
}

#[test]
fn moran_is_the_dense_quadratic_form() {
    for case in golden("moran") {
        close(
            morans_i(image(&case, "map").view()).unwrap(),
            case["value"].as_f64().unwrap(),
            1e-13,
            &case["shape"],
        );
    }
}

#[test]
fn moran_by_exact_moments_is_that_of_esda() {
    for case in golden("moran_exact") {
        let map = image(&case, "map");
        let found = moran_test(map.view(), 0, &mut rng::stream(0, "test", "golden")).unwrap();
        close(found.value, case["value"].as_f64().unwrap(), 1e-13, &case["shape"]);
        // A standard score below 5 that is accurate to 1e-13 moves its tail by less than 1e-11 of it.
        let want = case["p"].as_f64().unwrap();
        close(found.p, want, 1e-11 * want, &case["shape"]);
    }
}

#[test]
fn joins_by_exact_moments_are_those_of_all_pairs_of_pairs() {
    for case in golden("joins_exact") {
        let found = join_test(&mask(&case, "mask"), 0, &mut rng::stream(0, "test", "golden")).unwrap();
        assert_eq!(found.observed, count(&case["joins"]));
        let (mean, want) = (case["mean"].as_f64().unwrap(), case["p"].as_f64().unwrap());
        close(found.expected, mean, 1e-12 * mean, &case["shape"]);
        // The variance is a difference of numbers some thousand times as large.
        close(found.p, want, 1e-9 * want, &case["shape"]);
    }
}

#[test]
fn the_normal_tail_is_right_to_thirteen_digits() {
    for case in golden("normal") {
        let want = case["p"].as_f64().unwrap();
        close(exact::upper_normal(case["z"].as_f64().unwrap()), want, 2e-13 * want, &case);
    }
}

#[test]
fn shift_shares_are_those_of_rolled_masks() {
    for case in golden("shift") {
        let (a, b, want) = (mask(&case, "a"), mask(&case, "b"), numbers(&case["p"]));
        let (h, w) = a.dim();
        let got = ShiftOverlap::new(h, w).test(&a, &b).unwrap();
        close(got.upper_p, want[0], 1e-15, &case["shape"]);
        close(got.lower_p, want[1], 1e-15, &case["shape"]);
    }
}
