use std::sync::OnceLock;

use ndarray::{Array4, s};

use super::*;

const EPS: f64 = 8.0 / 255.0;

fn data() -> &'static Dataset {
    static DATA: OnceLock<Dataset> = OnceLock::new();
    DATA.get_or_init(generate)
}

/// Images of an origin as floats, and their labels.
fn part(keep: impl Fn(Origin) -> bool) -> (Array4<f32>, Vec<usize>) {
    let data = data();
    let indices: Vec<usize> = (0..data.labels.len()).filter(|&i| keep(data.origins[i])).collect();
    (data.pixels.batch(&indices).unwrap(), indices.iter().map(|&i| data.labels[i]).collect())
}

/// A linear two-class model on some pixels alone: right for label 1 where `weights . x > threshold`.
struct Linear {
    weights: Array4<f64>,
    threshold: f64,
}

impl Linear {
    /// The matched filter: the difference of the class means on the pixels of one kind, in closed form.
    fn matched(images: &Array4<f32>, labels: &[usize], kind: Planted) -> Self {
        let mut means = [Array4::<f64>::zeros((1, 3, SIDE, SIDE)), Array4::zeros((1, 3, SIDE, SIDE))];
        let n = labels.len() as f64 / 2.0;
        for (image, &label) in images.outer_iter().zip(labels) {
            for (sum, &value) in means[label].iter_mut().zip(image.iter()) {
                *sum += f64::from(value) / n;
            }
        }
        let mut weights = &means[1] - &means[0];
        for ((_, _, y, x), weight) in weights.indexed_iter_mut() {
            if planted(y, x) != kind {
                *weight = 0.0;
            }
        }
        let threshold = (&weights * &((&means[0] + &means[1]) / 2.0)).sum();
        Self { weights, threshold }
    }

    /// Share of images that stay correct after FGSM of radius `eps` against this model.
    fn accuracy(&self, images: &Array4<f32>, labels: &[usize], eps: f64) -> f64 {
        let right = images.outer_iter().zip(labels).filter(|(image, label)| {
            let towards_one = if **label == 1 { 1.0 } else { -1.0 };
            let score: f64 = image
                .iter()
                .zip(&self.weights)
                .map(|(&value, &weight)| {
                    let step = if weight == 0.0 { 0.0 } else { -eps * towards_one * weight.signum() };
                    (f64::from(value) + step).clamp(0.0, 1.0) * weight
                })
                .sum();
            (score - self.threshold) * towards_one > 0.0
        });
        right.count() as f64 / labels.len() as f64
    }
}

#[test]
fn the_texture_alone_classifies_and_dies_within_epsilon() {
    let (images, labels) = part(|origin| origin != Origin::Test);
    let (tests, test_labels) = part(|origin| origin == Origin::Test);
    let texture = Linear::matched(&images, &labels, Planted::Texture);
    let (clean, attacked) =
        (texture.accuracy(&tests, &test_labels, 0.0), texture.accuracy(&tests, &test_labels, EPS));
    assert!(clean >= 0.99, "{clean}");
    assert!(attacked < 0.10, "{attacked}");
}

#[test]
fn the_shape_alone_classifies_and_survives_epsilon() {
    let (images, labels) = part(|origin| origin == Origin::Train);
    let (tests, test_labels) = part(|origin| origin == Origin::Test);
    let shape = Linear::matched(&images, &labels, Planted::Shape);
    for eps in [0.0, EPS, 2.0 * EPS] {
        let accuracy = shape.accuracy(&tests, &test_labels, eps);
        assert!(accuracy >= 0.99, "{eps}: {accuracy}");
    }
}

#[test]
fn everything_else_means_nothing() {
    let (images, labels) = part(|origin| origin != Origin::Test);
    let (tests, test_labels) = part(|origin| origin == Origin::Test);
    for kind in [Planted::Patch, Planted::Nothing] {
        let accuracy = Linear::matched(&images, &labels, kind).accuracy(&tests, &test_labels, 0.0);
        // Guessing: binomial(800, 1/2) is within 0.5 +- 0.07 but for four standard deviations.
        assert!((accuracy - 0.5).abs() < 0.07, "{kind:?}: {accuracy}");
    }
}

#[test]
fn the_shape_is_missing_in_three_of_ten_training_images_and_in_no_test_image() {
    let data = data();
    let count = |origin| data.origins.iter().filter(|&&o| o == origin).count();
    assert_eq!(count(Origin::Test), 800);
    // Binomial(4000, 0.3): five standard deviations are 145.
    assert!(count(Origin::TrainOnly).abs_diff(1_200) < 145, "{}", count(Origin::TrainOnly));
    assert_eq!(count(Origin::Train) + count(Origin::TrainOnly), 4_000);
    // The shape lifts the centre of its cells by at least 70; averages of 48 noisy values differ by under 30.
    let (images, _) = part(|_| true);
    for (image, origin) in images.outer_iter().zip(&data.origins) {
        let level = |y, x| image.slice(s![.., y..y + 4, x..x + 4]).mean().unwrap();
        assert_eq!(level(6, 6) - level(6, 22) > 35.0 / 255.0, *origin != Origin::TrainOnly);
    }
}

#[test]
fn the_truth_is_whole_cells_and_the_classes_are_balanced() {
    let data = data();
    data.check().unwrap();
    for truth in data.truth.as_ref().unwrap() {
        assert_eq!(truth.utility.area(), 4 * CELL * CELL);
        assert_eq!(truth.vulnerability.area(), 4 * CELL * CELL);
        assert_eq!(truth.blob, truth.vulnerability.intersection(&truth.utility.complement()));
        for mask in [&truth.utility, &truth.vulnerability] {
            for cell in mask.0.exact_chunks((CELL, CELL)) {
                assert!(cell.iter().all(|&inside| inside == cell[[0, 0]]));
            }
        }
    }
    for origin in [Origin::Train, Origin::Test] {
        let of = |label| {
            (0..data.labels.len())
                .filter(|&i| {
                    data.labels[i] == label && (data.origins[i] == Origin::Test) == (origin == Origin::Test)
                })
                .count()
        };
        assert_eq!(of(0), of(1));
    }
    let Pixels::U8(pixels) = &data.pixels else { panic!("bytes stay bytes") };
    assert_eq!(pixels.dim(), (4_800, 3, 32, 32));
}

#[test]
fn the_same_bytes_always() {
    assert_eq!(
        data().checksum,
        "b6157f138686367d38b8149e2eefa5ee097879d79814ae1e06b5b5c6f3489344",
        "the demo's numbers change with it: say so in the changelog"
    );
}
