//! From gradients to steps.
//!
//! # References
//! Adam: Kingma and Ba, ICLR 2015, arXiv:1412.6980, algorithm 1; weight decay apart from the gradient: Loshchilov and
//! Hutter, ICLR 2019, arXiv:1711.05101, algorithm 2 (without its schedule). Momentum as PyTorch's SGD writes it:
//! `v = 0.9 v + g`, `w = w - learning rate * v`.

use rayon::prelude::*;

use super::recipe::{Optimizer, Recipe};
use super::schedule;

/// Numbers per parallel piece of an update.
const PIECE: usize = 1 << 16;

/// An optimizer and what it remembers about each tensor.
#[derive(Debug)]
pub(super) struct State {
    recipe: Recipe,
    /// The steps of the whole training, if it runs to its last epoch.
    n_steps: usize,
    /// Steps begun.
    steps: i32,
    /// Per tensor: the mean of gradients (or the velocity), and the mean of their squares.
    moments: Vec<[Vec<f32>; 2]>,
}

/// What an optimizer has to know about a tensor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// Its number in the network.
    pub(super) number: usize,
    /// Whether it is a weight, which decay shrinks.
    pub(super) decays: bool,
    /// Its share of the learning rate.
    pub(super) share: f64,
}

impl State {
    pub(super) fn new(recipe: &Recipe, n_steps: usize) -> Self {
        Self { recipe: recipe.clone(), n_steps, steps: 0, moments: Vec::new() }
    }

    pub(super) fn remember(&mut self, steps: i32, moments: Vec<[Vec<f32>; 2]>) {
        (self.steps, self.moments) = (steps, moments);
    }

    pub(super) fn memory(&self) -> (i32, &[[Vec<f32>; 2]]) {
        (self.steps, &self.moments)
    }

    /// Begins a step. Call it before [`State::update`] of the step's tensors.
    pub(super) fn begin(&mut self) {
        self.steps += 1;
    }

    /// Changes one tensor.
    pub(super) fn update(&mut self, kind: Kind, weights: &mut [f32], gradient: &[f32]) {
        if self.moments.len() <= kind.number {
            self.moments.resize_with(kind.number + 1, Default::default);
        }
        let [first, second] = &mut self.moments[kind.number];
        first.resize(weights.len(), 0.0);
        if self.recipe.optimizer == Optimizer::Adam {
            second.resize(weights.len(), 0.0);
        }
        let step = (self.steps - 1).unsigned_abs() as usize;
        let rate = kind.share * schedule::rate(&self.recipe, step, self.n_steps);
        let keep = if kind.decays { (1.0 - rate * self.recipe.weight_decay) as f32 } else { 1.0 };
        let pieces =
            weights.par_chunks_mut(PIECE).zip(gradient.par_chunks(PIECE)).zip(first.par_chunks_mut(PIECE));
        match self.recipe.optimizer {
            Optimizer::Sgd => {
                let rate = rate as f32;
                pieces.for_each(|((weights, gradient), velocity)| {
                    for ((w, &g), v) in weights.iter_mut().zip(gradient).zip(velocity) {
                        *v = 0.9 * *v + g;
                        *w = *w * keep - rate * *v;
                    }
                });
            }
            Optimizer::Adam => {
                // Both means start at 0; these undo the bias.
                let length = (rate / (1.0 - 0.9f64.powi(self.steps))) as f32;
                let spread = (1.0 / (1.0 - 0.999f64.powi(self.steps)).sqrt()) as f32;
                pieces.zip(second.par_chunks_mut(PIECE)).for_each(|(((weights, gradient), mean), square)| {
                    for (((w, &g), m), s) in weights.iter_mut().zip(gradient).zip(mean).zip(square) {
                        *m = 0.9 * *m + 0.1 * g;
                        *s = 0.999 * *s + 0.001 * g * g;
                        *w = *w * keep - length * *m / (s.sqrt() * spread + 1e-8);
                    }
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hashed;
    use super::super::recipe::Schedule;
    use super::*;
    use crate::models::{Arch, Head, ModelSpec, Width};

    const WEIGHT: Kind = Kind { number: 0, decays: true, share: 1.0 };

    /// Adam with these numbers and nothing else.
    fn recipe(learning_rate: f64, weight_decay: f64) -> Recipe {
        let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::FULL, [1, 8, 8], 2);
        let schedule = Schedule::Constant { warmup_steps: 0 };
        Recipe { learning_rate, schedule, weight_decay, ..Recipe::for_model(&spec, 0) }
    }

    fn run(recipe: &Recipe, n_steps: usize) -> Vec<f32> {
        let mut state = State::new(recipe, n_steps);
        let mut weights = hashed(6, 60);
        for step in 0..n_steps as u32 {
            state.begin();
            state.update(WEIGHT, &mut weights, &hashed(6, 61 + step));
        }
        weights
    }

    #[derive(serde::Deserialize)]
    struct OneCycle {
        n_steps: usize,
        warmup_share: f64,
        rates: Vec<f64>,
        weights: Vec<f32>,
    }

    #[test]
    fn five_steps_are_pytorchs() {
        #[derive(serde::Deserialize)]
        struct Reference {
            steps: std::collections::BTreeMap<String, Vec<f32>>,
        }
        let reference: Reference =
            serde_json::from_str(include_str!("../../../../reference/vgg_layers.json")).unwrap();
        for (optimizer, name, weight_decay) in [(Optimizer::Adam, "adam", 0.1), (Optimizer::Sgd, "sgd", 0.0)]
        {
            let weights = run(&Recipe { optimizer, ..recipe(0.01, weight_decay) }, 5);
            for (w, e) in weights.iter().zip(&reference.steps[name]) {
                assert!((w - e).abs() < 1e-6, "{name}: {w} instead of {e}");
            }
        }
    }

    #[test]
    fn one_cycle_is_pytorchs_in_every_rate_and_in_the_weights_it_leaves() {
        #[derive(serde::Deserialize)]
        struct Reference {
            one_cycle: Vec<OneCycle>,
        }
        let reference: Reference =
            serde_json::from_str(include_str!("../../../../reference/training.json")).unwrap();
        assert!(reference.one_cycle.len() >= 4);
        for OneCycle { n_steps, warmup_share, rates, weights } in reference.one_cycle {
            let recipe = Recipe { schedule: Schedule::OneCycle { warmup_share }, ..recipe(0.02, 0.1) };
            for (step, expected) in rates.iter().enumerate() {
                let rate = schedule::rate(&recipe, step, n_steps);
                assert!(
                    (rate - expected).abs() < 1e-12,
                    "step {step} of {n_steps}: {rate} instead of {expected}"
                );
            }
            for (w, e) in run(&recipe, n_steps).iter().zip(&weights) {
                assert!((w - e).abs() < 1e-6, "{n_steps} steps: {w} instead of {e}");
            }
        }
    }

    #[test]
    fn a_cycle_of_any_length_has_positive_rates_up_to_the_peak() {
        for n_steps in 1..40 {
            for warmup_share in [0.0, 0.01, 0.1, 0.25, 0.5, 0.99] {
                let recipe = Recipe { schedule: Schedule::OneCycle { warmup_share }, ..recipe(0.5, 0.0) };
                for step in 0..n_steps {
                    let rate = schedule::rate(&recipe, step, n_steps);
                    assert!(rate > 0.0 && rate <= 0.5, "step {step} of {n_steps} at {warmup_share}: {rate}");
                }
            }
        }
    }

    #[test]
    fn the_first_steps_are_shorter_biases_do_not_decay_and_a_trunk_may_be_slower() {
        let schedule = Schedule::Constant { warmup_steps: 3 };
        let sgd = Recipe { optimizer: Optimizer::Sgd, ..recipe(0.5, 0.0) };
        let mut state = State::new(&Recipe { schedule, ..sgd.clone() }, 5);
        let mut weights = [0.0];
        for expected in [0.125, 0.25, 0.375, 0.5, 0.5] {
            let before = weights[0];
            state.begin();
            // The velocity is reset, so that a step shows the rate alone.
            state.moments.clear();
            state.update(WEIGHT, &mut weights, &[-1.0]);
            assert_eq!(weights[0] - before, expected);
        }
        let decaying = Recipe { weight_decay: 0.5, ..sgd };
        for (decays, share, expected) in [(true, 1.0, 0.75), (false, 1.0, 1.0), (true, 0.5, 0.875)] {
            let mut state = State::new(&decaying, 1);
            let mut weights = [1.0];
            state.begin();
            state.update(Kind { number: 0, decays, share }, &mut weights, &[0.0]);
            assert_eq!(weights[0], expected);
        }
        let mut state = State::new(&Recipe { weight_decay: 0.0, ..decaying }, 1);
        let mut weights = [0.0];
        state.begin();
        state.update(Kind { share: 0.5, ..WEIGHT }, &mut weights, &[-1.0]);
        assert_eq!(weights[0], 0.25);
    }
}
