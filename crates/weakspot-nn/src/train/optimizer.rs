//! From gradients to steps.
//!
//! # References
//! Adam: Kingma and Ba, ICLR 2015, arXiv:1412.6980, algorithm 1; weight decay apart from the gradient: Loshchilov and
//! Hutter, ICLR 2019, arXiv:1711.05101, algorithm 2 (without its schedule). Momentum as PyTorch's SGD writes it:
//! `v = 0.9 v + g`, `w = w - learning rate * v`.

use rayon::prelude::*;

use super::recipe::{Optimizer, Recipe};

/// Numbers per parallel piece of an update.
const PIECE: usize = 1 << 16;

/// An optimizer and what it remembers of each tensor.
#[derive(Debug)]
pub(super) struct State {
    optimizer: Optimizer,
    learning_rate: f64,
    warmup_steps: usize,
    weight_decay: f64,
    steps: i32,
    /// Per tensor: the mean of gradients (or the velocity), and the mean of their squares.
    moments: Vec<[Vec<f32>; 2]>,
}

impl State {
    pub(super) fn new(recipe: &Recipe) -> Self {
        Self {
            optimizer: recipe.optimizer,
            learning_rate: recipe.learning_rate,
            warmup_steps: recipe.warmup_steps,
            weight_decay: recipe.weight_decay,
            steps: 0,
            moments: Vec::new(),
        }
    }

    pub(super) fn remember(&mut self, steps: i32, moments: Vec<[Vec<f32>; 2]>) {
        (self.steps, self.moments) = (steps, moments);
    }

    pub(super) fn memory(&self) -> (i32, Vec<[Vec<f32>; 2]>) {
        (self.steps, self.moments.clone())
    }

    /// Begins a step; to be called before [`State::update`] of its tensors.
    pub(super) fn begin(&mut self) {
        self.steps += 1;
    }

    /// Changes one tensor. `decays` says whether it is a weight, which decay shrinks.
    pub(super) fn update(&mut self, tensor: usize, decays: bool, weights: &mut [f32], gradient: &[f32]) {
        if self.moments.len() <= tensor {
            self.moments.resize_with(tensor + 1, Default::default);
        }
        let [first, second] = &mut self.moments[tensor];
        first.resize(weights.len(), 0.0);
        if self.optimizer == Optimizer::Adam {
            second.resize(weights.len(), 0.0);
        }
        let warmup = f64::from(self.steps) / (self.warmup_steps + 1) as f64;
        let rate = self.learning_rate * if warmup < 1.0 { warmup } else { 1.0 };
        let keep = if decays { (1.0 - rate * self.weight_decay) as f32 } else { 1.0 };
        let pieces =
            weights.par_chunks_mut(PIECE).zip(gradient.par_chunks(PIECE)).zip(first.par_chunks_mut(PIECE));
        match self.optimizer {
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
    use super::*;

    /// `hashed` of `reference/vgg.py`.
    fn hashed(seed: u32) -> [f32; 6] {
        std::array::from_fn(|i| {
            let mut x = (i as u32).wrapping_add(seed.wrapping_mul(0x9E37_79B9));
            for (shift, factor) in [(16, 0x85EB_CA6B_u32), (13, 0xC2B2_AE35), (16, 1)] {
                x = (x ^ (x >> shift)).wrapping_mul(factor);
            }
            (x >> 8) as f32 / 8_388_608.0 - 1.0
        })
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
            let mut state = State {
                optimizer,
                learning_rate: 0.01,
                warmup_steps: 0,
                weight_decay,
                steps: 0,
                moments: Vec::new(),
            };
            let mut weights = hashed(60);
            for step in 0..5 {
                state.begin();
                state.update(0, true, &mut weights, &hashed(61 + step));
            }
            for (w, e) in weights.iter().zip(&reference.steps[name]) {
                assert!((w - e).abs() < 1e-6, "{name}: {w} instead of {e}");
            }
        }
    }

    #[test]
    fn the_first_steps_are_shorter_and_biases_do_not_decay() {
        let mut state = State {
            optimizer: Optimizer::Sgd,
            learning_rate: 0.5,
            warmup_steps: 3,
            weight_decay: 0.0,
            steps: 0,
            moments: Vec::new(),
        };
        let mut weights = [0.0];
        for expected in [0.125, 0.25, 0.375, 0.5, 0.5] {
            let before = weights[0];
            state.begin();
            // The velocity is reset, so that a step shows the rate alone.
            state.moments.clear();
            state.update(0, true, &mut weights, &[-1.0]);
            assert_eq!(weights[0] - before, expected);
        }
        let decaying = State { weight_decay: 0.5, warmup_steps: 0, moments: Vec::new(), ..state };
        for (decays, expected) in [(true, 0.75), (false, 1.0)] {
            let mut state = State { moments: Vec::new(), ..decaying };
            let mut weights = [1.0];
            state.update(0, decays, &mut weights, &[0.0]);
            assert_eq!(weights[0], expected);
        }
    }
}
