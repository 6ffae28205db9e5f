//! The attacks by name, and what can be set about them.

use std::fmt;
use std::str::FromStr;

use super::{Attack, Epsilon, Fgsm, Measure, Noise, Pgd};
use crate::error::{Error, Result};

/// The attacks, by the names the command line knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttackKind {
    /// [`Fgsm`]
    Fgsm,
    /// [`Pgd`]
    Pgd,
    /// [`Noise`]
    Noise,
}

impl AttackKind {
    /// Every attack.
    pub const ALL: [Self; 3] = [Self::Fgsm, Self::Pgd, Self::Noise];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fgsm => "fgsm",
            Self::Pgd => "pgd",
            Self::Noise => "noise",
        }
    }

    /// Whether it takes one gradient step or none: no adaptive attack (flag `single-step`).
    pub fn is_single_step(self) -> bool {
        matches!(self, Self::Fgsm | Self::Noise)
    }

    /// The vulnerability measure that suits it: sign attacks move every value alike, so that only the gradient
    /// tells pixels apart (method: section 4).
    pub fn default_measure(self) -> Measure {
        match self {
            Self::Fgsm | Self::Pgd | Self::Noise => Measure::Gradient,
        }
    }
}

impl fmt::Display for AttackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AttackKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|a| a.name() == text).ok_or_else(|| {
            Error::invalid(format!("expected an attack's name; got {text:?}"))
                .with_hint("one of fgsm, pgd, noise")
        })
    }
}

/// An attack with its settings; those that do not concern the attack are not looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttackSettings {
    /// Which attack.
    pub kind: AttackKind,
    /// alpha (PGD); an eighth of epsilon where not set.
    pub step_size: Option<Epsilon>,
    /// Steps (PGD).
    pub n_steps: usize,
    /// Whether to begin at a random point of the ball (PGD).
    pub random_start: bool,
    /// Random starts, of which each image keeps the worst (PGD).
    pub n_restarts: usize,
}

impl AttackSettings {
    /// An attack with the settings of the headline score's PGD: steps of eps / 8, 20 of them, one random start.
    pub fn new(kind: AttackKind) -> Self {
        Self { kind, step_size: None, n_steps: 20, random_start: true, n_restarts: 1 }
    }

    /// The attack for one radius.
    ///
    /// # Errors
    /// `InvalidParameter` for no steps, no restart, several restarts of the same start, or a step of size 0 in a
    /// ball that has room.
    pub fn build(&self, epsilon: Epsilon) -> Result<Box<dyn Attack>> {
        match self.kind {
            AttackKind::Fgsm => Ok(Box::new(Fgsm)),
            AttackKind::Noise => Ok(Box::new(Noise)),
            AttackKind::Pgd => {
                let step_size = match self.step_size {
                    Some(step_size) => step_size,
                    None => epsilon.scaled(1.0 / 8.0)?,
                };
                if self.n_steps == 0 {
                    return Err(Error::invalid("PGD needs at least one step; got 0").with_hint("--steps 20"));
                }
                if self.n_restarts == 0 {
                    return Err(
                        Error::invalid("PGD needs at least one start; got 0").with_hint("--restarts 1")
                    );
                }
                if self.n_restarts > 1 && !self.random_start {
                    let message =
                        format!("{} restarts from the clean image would all be the same", self.n_restarts);
                    return Err(Error::invalid(message).with_hint("--random-start true, or --restarts 1"));
                }
                if step_size.value() == 0.0 && epsilon.value() > 0.0 {
                    return Err(Error::invalid("PGD needs a step size above 0").with_hint("--alpha 2/255"));
                }
                Ok(Box::new(Pgd {
                    step_size,
                    n_steps: self.n_steps,
                    random_start: self.random_start,
                    n_restarts: self.n_restarts,
                    stop_when_fooled: false,
                }))
            }
        }
    }
}
