//! How long each step is.
//!
//! One cycle: with `T` steps, of which a share `p` warms up, and the peak 1, step `t` (from 0) has the rate
//! `c(1/25, 1, t / (pT - 1))` up to `t = pT - 1` and `c(1, 4e-6, (t - pT + 1) / (T - pT))` after it, where
//! `c(a, b, u) = b + (a - b) (1 + cos(pi u)) / 2`.
//!
//! # References
//! Smith and Topin, "Super-Convergence", arXiv:1708.07120, section 4; annealing, rounding and the two factors as
//! PyTorch's `OneCycleLR`.
//!
//! # Where we differ
//! Adam's beta does not change (PyTorch's `cycle_momentum=False`).

use super::recipe::{Recipe, Schedule};

/// PyTorch's `div_factor` and `final_div_factor`.
const FIRST: f64 = 1.0 / 25.0;
const LAST: f64 = FIRST / 1e4;

/// The learning rate of step `step`, from 0, of `n_steps`.
pub(super) fn rate(recipe: &Recipe, step: usize, n_steps: usize) -> f64 {
    recipe.learning_rate
        * match recipe.schedule {
            Schedule::Constant { warmup_steps } => {
                let risen = (step + 1) as f64 / (warmup_steps + 1) as f64;
                if risen < 1.0 { risen } else { 1.0 }
            }
            Schedule::OneCycle { warmup_share } => one_cycle(step as f64, n_steps as f64, warmup_share),
        }
}

fn one_cycle(step: f64, n_steps: f64, warmup_share: f64) -> f64 {
    let cosine =
        |from: f64, to: f64, part: f64| to + (from - to) / 2.0 * (1.0 + (std::f64::consts::PI * part).cos());
    let (top, end) = (warmup_share * n_steps - 1.0, n_steps - 1.0);
    if step <= top {
        // A warm-up of one step starts at the peak.
        return if top > 0.0 { cosine(FIRST, 1.0, step / top) } else { 1.0 };
    }
    cosine(1.0, LAST, (step - top) / (end - top))
}
