//! The control of co-location: the same maps from the same network untrained, and from both networks on noise.
//!
//! A network's input gradient is smooth whatever the network has learned, because neighbouring pixels share filters.
//! A significant Moran's I therefore says nothing about training. What training adds is the paired difference.

use crate::attack::{Measure, ThreatModel, vulnerability};
use crate::attribution::Explainer;
use crate::error::{ErrorKind, Result};
use crate::metrics::{Mean, morans_i};
use crate::objective::Objective;
use crate::record::MoranControl;
use crate::rng;
use crate::study::draws::draw;
use crate::study::look::Lens;
use crate::study::rows::{LookRow, Morans};
use crate::study::stage::{Batch, Bench};

/// Eval images per class that the untrained network sees (METHODS, section 8).
const IMAGES: usize = 200;

/// Noise images per class.
const NOISE_IMAGES: usize = 100;

/// What the untrained network showed on one class's images.
pub(crate) struct Untrained {
    /// Places in the data set.
    images: Vec<usize>,
    /// The untrained network, image by image.
    morans: Vec<Morans>,
    /// The trained and the untrained network, noise image by noise image.
    noise: Vec<[Morans; 2]>,
}

impl Untrained {
    /// The control of the utility maps (0) or of the vulnerability maps (1) of a class, beside its own rows.
    pub(crate) fn control(&self, which: usize, eval: &[usize], looks: &[LookRow]) -> MoranControl {
        let trained = |image: &usize| {
            let look = looks[eval.iter().position(|i| i == image)?].eval.as_ref()?;
            Some(if which == 0 { look.moran_utility } else { look.moran_vulnerability }?.value)
        };
        let pairs: Vec<(f64, f64)> = self
            .images
            .iter()
            .zip(&self.morans)
            .filter_map(|(image, untrained)| Some((trained(image)?, untrained[which]?)))
            .collect();
        let noise = |network: usize| {
            Mean::of(&self.noise.iter().filter_map(|of| of[network][which]).collect::<Vec<_>>())
        };
        MoranControl {
            untrained: Mean::of(&pairs.iter().map(|pair| pair.1).collect::<Vec<_>>()),
            difference: Mean::of(&pairs.iter().map(|pair| pair.0 - pair.1).collect::<Vec<_>>()),
            noise: noise(0),
            noise_untrained: noise(1),
        }
    }
}

/// The control of both classes; `None` if the plan has no controls, the model cannot be randomised, or its random
/// twin overflows.
pub(crate) fn stage(
    lens: &Lens<'_>,
    bench: &mut Bench<'_>,
    eval: &[Vec<usize>; 2],
) -> Result<Option<[Untrained; 2]>> {
    let plan = lens.plan;
    if plan.controls == 0 {
        return Ok(None);
    }
    let Some(model) = lens.classifier.randomised(plan.seed)? else {
        bench.observer.note("the untrained control is not run: the model does not give its parameters");
        return Ok(None);
    };
    let explainer = Explainer::new(model.as_ref(), plan.cam, plan.explain, plan.layer.as_deref())?;
    let untrained = Lens { classifier: model.as_ref(), plan, explainer };
    let mut found = Vec::new();
    for (label, eval) in eval.iter().enumerate() {
        match of_class(lens, &untrained, bench, label, eval) {
            Ok(of_class) => found.push(of_class),
            Err(error) if error.kind() == ErrorKind::Numerical => {
                bench.observer.note(&format!("the untrained control is not run: {error}"));
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found.try_into().ok())
}

fn of_class(
    trained: &Lens<'_>,
    untrained: &Lens<'_>,
    bench: &mut Bench<'_>,
    label: usize,
    eval: &[usize],
) -> Result<Untrained> {
    let seed = trained.plan.seed;
    let images = draw(seed, "untrained-images", bench.data, eval, IMAGES);
    let class = bench.data.class_names[label].clone();
    let title = format!("untrained network, {class}");
    let morans =
        bench.rows(&format!("untrained/{label}"), &title, &images, |batch| untrained.morans(batch))?;
    // Every noise image is named after an eval image, by which the journal knows it.
    let names = draw(seed, "white-noise-images", bench.data, eval, NOISE_IMAGES);
    let title = format!("both networks on noise, {class}");
    let noise = bench.rows(&format!("white-noise/{label}"), &title, &names, |batch| {
        let noise = white_noise(seed, batch);
        Ok(trained
            .morans(&noise)?
            .into_iter()
            .zip(untrained.morans(&noise)?)
            .map(<[Morans; 2]>::from)
            .collect())
    })?;
    Ok(Untrained { images, morans, noise })
}

/// Uniform noise in the place of every image, keyed by its id.
fn white_noise<'a>(seed: u64, batch: &Batch<'a>) -> Batch<'a> {
    let mut images = batch.images.clone();
    for (mut image, id) in images.outer_iter_mut().zip(&batch.ids) {
        let mut stream = rng::stream(seed, "white-noise", id);
        image.mapv_inplace(|_| stream.unit());
    }
    Batch { images, labels: batch.labels.clone(), ids: batch.ids.clone() }
}

impl Lens<'_> {
    /// Moran's I of each image's utility and vulnerability maps, made as for a look.
    fn morans(&self, batch: &Batch<'_>) -> Result<Vec<Morans>> {
        let (plan, images) = (self.plan, batch.images.view());
        let inputs = [Objective::Loss];
        let mut trace = self.explainer.trace(self.classifier, images, &batch.labels, &inputs, false)?;
        let utility = self.explainer.maps(&self.scene(batch, &trace))?;
        let gradient = trace.take_gradient(0)?;
        let attacked = match plan.roa {
            Measure::Gradient => None,
            Measure::Delta => {
                let threat = ThreatModel::everywhere(plan.epsilon);
                Some(self.attack(batch, &batch.images, &gradient, &threat, false)?.adversarial)
            }
        };
        let attacked = attacked.as_ref().map_or(images, |attacked| attacked.view());
        let measured = vulnerability(plan.roa, gradient.view(), images, attacked)?;
        let both = utility.iter().zip(&measured);
        Ok(both.map(|(u, v)| [u.raw.view(), v.leverage.raw.view()].map(morans_i)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::{Classifier, input_gradient};
    use crate::dataset::{Dataset, Splits};
    use crate::image::Mask;
    use crate::progress::Silent;
    use crate::record::Record;
    use crate::region::ResolvedFill;
    use crate::study::tests::{data, model, plan, subject};
    use crate::study::{NoJournal, PairView, Plan, run};
    use crate::testing::{ConvGap, Neutralized};

    fn study(plan: &Plan, classifier: &dyn Classifier, data: &Dataset) -> Record {
        let (fit, eval) = (0..data.ids.len()).partition(|i| i % 2 == 0);
        let splits = Splits { fit, eval, ..Splits::default() };
        run(plan, &subject(classifier, data, &splits), 7, &mut NoJournal, &Silent).unwrap().record
    }

    fn gradient_moran(model: &dyn Classifier, data: &Dataset, image: usize) -> Option<f64> {
        let images = data.pixels.batch(&[image]).unwrap();
        let labels = [data.labels[image]];
        let (_, gradient) = input_gradient(model, images.view(), &Objective::Loss.of(&labels)).unwrap();
        let one_channel =
            gradient.index_axis(ndarray::Axis(0), 0).index_axis(ndarray::Axis(0), 0).mapv(f32::abs);
        morans_i(one_channel.view())
    }

    #[test]
    fn the_difference_is_trained_minus_untrained_image_by_image() {
        let (model, plan) = (model(), plan());
        let data = data(&model, 60);
        let record = study(&plan, &model, &data);
        let untrained = model.randomised(plan.seed).unwrap().unwrap();
        for label in 0..2 {
            let of = |model: &dyn Classifier| -> Vec<Option<f64>> {
                let eval = (0..60).filter(|i| i % 2 == 1 && data.labels[*i] == label);
                eval.map(|i| gradient_moran(model, &data, i)).collect()
            };
            let pairs = of(&model).into_iter().zip(of(untrained.as_ref()));
            let pairs: Vec<(f64, f64)> = pairs.filter_map(|(t, u)| Some((t?, u?))).collect();
            let n = pairs.len();
            assert!(n > 5, "{n}");
            let colocation = &record.directions[label].colocation;
            let found = colocation.vulnerability.control.unwrap();
            let mean = |f: fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / n as f64;
            assert_eq!((found.difference.n, found.untrained.n), (n, n));
            assert!((found.difference.mean - mean(|p| p.0 - p.1)).abs() < 1e-6, "{found:?}");
            assert!((found.untrained.mean - mean(|p| p.1)).abs() < 1e-6, "{found:?}");
            assert!(found.noise.n > 5 && found.noise_untrained.n > 5, "{found:?}");
            assert!(colocation.utility.control.is_some());
        }
    }

    #[test]
    fn no_controls_and_models_that_do_not_tell_their_parameters_have_none() {
        let model = model();
        let data = data(&model, 40);
        let none = |record: &Record| {
            record
                .directions
                .iter()
                .map(|d| &d.colocation)
                .all(|c| c.utility.control.is_none() && c.vulnerability.control.is_none())
        };
        assert!(!none(&study(&plan(), &model, &data)));
        assert!(none(&study(&Plan { controls: 0, ..plan() }, &model, &data)));
        let silent = Neutralized::new(model, Mask::empty(8, 8), ResolvedFill { values: vec![0.0] });
        assert!(none(&study(&plan(), &silent, &data)));
    }

    #[test]
    fn the_view_of_the_untrained_model_is_the_untrained_view() {
        let wide = ConvGap::random(5, 5, 4, 2, model().input());
        let view = PairView::new(&wide, [3, 1]).unwrap();
        let data = data(&view, 10);
        let images = data.pixels.batch(&[0, 1, 2]).unwrap();
        let outer = view.randomised(9).unwrap().unwrap();
        let inner = wide.randomised(9).unwrap().unwrap();
        let expected = inner.logits(images.view()).unwrap().select(ndarray::Axis(1), &[3, 1]);
        assert_eq!(outer.logits(images.view()).unwrap(), expected);
        assert_ne!(view.logits(images.view()).unwrap(), expected);
        let other = wide.randomised(8).unwrap().unwrap();
        assert_ne!(other.logits(images.view()).unwrap(), inner.logits(images.view()).unwrap());
    }
}
