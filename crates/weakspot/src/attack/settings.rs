//! The attacks by name, and what can be set about them.

use std::fmt;
use std::str::FromStr;

use super::{Attack, Epsilon, Measure, fgsm, noise, pgd};
use crate::error::{Error, Result};

/// Makes an attack for one radius.
///
/// # Examples
/// ```
/// use weakspot::attack::{AttackKind, AttackSettings, Epsilon, NewAttack};
///
/// let new: NewAttack = AttackKind::FGSM.row().new;
/// let attack = new(&AttackSettings::new(AttackKind::FGSM), Epsilon::new(0.3)?)?;
/// assert_eq!(format!("{attack:?}"), "Fgsm");
/// # Ok::<(), weakspot::Error>(())
/// ```
pub type NewAttack = fn(&AttackSettings, Epsilon) -> Result<Box<dyn Attack>>;

/// Everything that is known about an attack apart from its equation: parsing, help and tests use these rows.
///
/// # Examples
/// ```
/// use weakspot::attack::AttackKind;
///
/// let row = AttackKind::FGSM.row();
/// assert_eq!(row.summary, "one signed gradient step");
/// assert!(row.single_step);
/// ```
#[derive(Debug)]
pub struct AttackRow {
    /// The name on the command line.
    pub name: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// Who proposed it, and where; `None` for a control of our own.
    pub reference: Option<&'static str>,
    /// Whether it takes at most one gradient step and so is not an adaptive attack (flag `single-step`).
    pub single_step: bool,
    /// The vulnerability measure that suits it: sign attacks change every value by the same amount, so that only the
    /// gradient tells pixels apart (METHODS, section 4).
    pub measure: Measure,
    /// The settings that apply to it, with their values as the record has them.
    pub settings: fn(&AttackSettings) -> Vec<(&'static str, String)>,
    /// How it is made.
    pub new: NewAttack,
}

/// No settings.
pub(super) fn none(_: &AttackSettings) -> Vec<(&'static str, String)> {
    Vec::new()
}

/// An attack by its row.
///
/// # Examples
/// ```
/// use weakspot::attack::AttackKind;
///
/// assert_eq!("pgd".parse::<AttackKind>()?, AttackKind::PGD);
/// assert_eq!(AttackKind::ALL.map(AttackKind::name), ["fgsm", "pgd", "noise"]);
/// assert_eq!(AttackKind::with_setting("steps"), ["pgd"]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct AttackKind(&'static AttackRow);

impl AttackKind {
    /// [`Fgsm`](super::Fgsm)
    pub const FGSM: Self = Self(&fgsm::ROW);
    /// [`Pgd`](super::Pgd)
    pub const PGD: Self = Self(&pgd::ROW);
    /// [`Noise`](super::Noise)
    pub const NOISE: Self = Self(&noise::ROW);

    /// Every attack.
    pub const ALL: [Self; 3] = [Self::FGSM, Self::PGD, Self::NOISE];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What is known about it.
    pub fn row(self) -> &'static AttackRow {
        self.0
    }

    /// The names of the attacks that a setting applies to.
    pub fn with_setting(setting: &str) -> Vec<&'static str> {
        let concerns = |kind: &Self| {
            let settings = (kind.row().settings)(&AttackSettings::new(*kind));
            settings.iter().any(|(name, _)| *name == setting)
        };
        Self::ALL.into_iter().filter(concerns).map(Self::name).collect()
    }
}

impl PartialEq for AttackKind {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for AttackKind {}

impl fmt::Debug for AttackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
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
                .with_hint(format!("one of {}", Self::ALL.map(Self::name).join(", ")))
        })
    }
}

/// An attack with its settings. Settings that do not apply to the attack are ignored.
///
/// # Examples
/// ```
/// use weakspot::attack::{AttackKind, AttackSettings, Epsilon};
///
/// let epsilon: Epsilon = "8/255".parse()?;
/// let settings = AttackSettings { n_steps: 40, ..AttackSettings::new(AttackKind::PGD) };
/// let attack = settings.build(epsilon)?;
/// let error = AttackSettings { n_steps: 0, ..settings }.build(epsilon).unwrap_err();
/// assert_eq!(error.hint(), Some("steps = 20"));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttackSettings {
    /// Which attack.
    pub kind: AttackKind,
    /// alpha (PGD); an eighth of epsilon if not set.
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
    /// `InvalidParameter` for settings that make no sense for the attack.
    pub fn build(&self, epsilon: Epsilon) -> Result<Box<dyn Attack>> {
        (self.kind.row().new)(self, epsilon)
    }
}
