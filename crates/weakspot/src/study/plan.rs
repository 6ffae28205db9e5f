//! The settings of a study: everything that decides a number.

use std::collections::BTreeMap;

use crate::attack::{AttackKind, AttackSettings, Epsilon, Measure};
use crate::attribution::{Explain, Method};
use crate::digest;
use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::image::Mask;
use crate::metrics::Window;
use crate::region::{BlobRule, Fill, MaskPolicy, Theta, Threshold};
use crate::study::tune::{Point, TuneFor, Tuning};

/// The settings of a study. Settings that change no number (batch size, threads) are not here.
///
/// # Examples
/// ```
/// use weakspot::attack::{AttackKind, AttackSettings};
/// use weakspot::study::Plan;
///
/// let attack = AttackSettings::new(AttackKind::PGD);
/// let plan = Plan { attack, layer: Some("features.29".to_owned()), ..Plan::new("8/255".parse()?, 0)? };
/// plan.validate()?;
/// assert_eq!((plan.config()["eps"].as_str(), plan.config()["attack"].as_str()), ("8/255", "pgd"));
/// // With five shifts p cannot reach 0.05.
/// assert!(Plan { controls: 5, ..plan }.validate().is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one setting")]
pub struct Plan {
    /// `default` or `paper`.
    pub preset: Preset,
    /// The one seed of every random stream.
    pub seed: u64,
    /// Radius of the attack in pixel units.
    pub epsilon: Epsilon,
    /// The attack A.
    pub attack: AttackSettings,
    /// Whether A aims at the pair's other class rather than away from the true one. For two classes the gradient is
    /// the same, and with it every number (a theorem test).
    pub targeted: bool,
    /// Where utility comes from.
    pub cam: Method,
    /// Which scalar it explains.
    pub explain: Explain,
    /// The layer, or `None` for the automatic choice.
    pub layer: Option<String>,
    /// Where vulnerability comes from.
    pub roa: Measure,
    /// From which images the RoA is built.
    pub roa_from: RoaFrom,
    /// Threshold of the RoI.
    pub delta1: Threshold,
    /// Threshold of the RoA.
    pub delta2: Threshold,
    /// Frequency at which a class-level map becomes a mask.
    pub theta: Theta,
    /// How the blob is made.
    pub blob: BlobRule,
    /// Fills; the first is the headline fill.
    pub fills: Vec<Fill>,
    /// Which mask an image gets.
    pub mask: MaskPolicy,
    /// Whether regions are built from the very images that are scored (the paper's way).
    pub fit_is_eval: bool,
    /// Protocols to run.
    pub protocols: Protocols,
    /// Further radii at which P0 and P3 are scored.
    pub sweep: Vec<Epsilon>,
    /// Shifted controls; 0 for none.
    pub controls: usize,
    /// Window of the SSIM.
    pub ssim: Window,
    /// Permutations of each spatial test.
    pub permutations: usize,
    /// Whether the maps of every eval image are kept.
    pub save_all_maps: bool,
    /// What is first searched on the tune part; the thresholds and the fill that are found replace those above.
    pub tune: Option<Tuning>,
    /// Masks that are scored in place of the blobs.
    pub given: Option<GivenMasks>,
    /// Whether it is one of several studies that differ in the seed: else the flag `one-seed` is raised.
    pub one_of_several_seeds: bool,
}

/// Masks that the user gives, one per class, which take the place of the classes' blobs.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::study::{GivenMasks, Plan};
///
/// let border = Mask::from_fn(8, 8, |y, x| [y, x].iter().any(|at| [0, 7].contains(at)));
/// let given = GivenMasks { masks: [border.clone(), border], source: "the border".to_owned() };
/// let plan = Plan { given: Some(given), ..Plan::new("8/255".parse()?, 0)? };
/// assert_eq!(plan.config()["use-mask"], "the border");
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenMasks {
    /// By class, `[height, width]`.
    pub masks: [Mask; 2],
    /// Where they are from, as typed.
    pub source: String,
}

impl GivenMasks {
    /// SHA-256 of both masks' sizes and pixels, in hexadecimal.
    pub fn sha256(&self) -> String {
        let bytes = self.masks.iter().flat_map(|mask| {
            let (height, width) = mask.dim();
            let size = [height as u64, width as u64].map(u64::to_le_bytes).concat();
            size.into_iter().chain(mask.0.iter().map(|&set| u8::from(set))).collect::<Vec<u8>>()
        });
        digest::sha256(&bytes.collect::<Vec<u8>>())
    }
}

/// Where the defaults come from.
///
/// # Examples
/// ```
/// use weakspot::study::{Plan, Preset};
///
/// assert_eq!(Plan::new("8/255".parse()?, 0)?.preset, Preset::Default);
/// assert_eq!(Plan::paper("8/255".parse()?, 0)?.preset, Preset::Paper);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The method of `docs/METHODS.md`.
    Default,
    /// The paper's literal reading (METHODS, section 11).
    Paper,
}

/// From which images the RoA is built.
///
/// # Examples
/// ```
/// use weakspot::study::{Plan, RoaFrom};
///
/// let plan = Plan { roa_from: RoaFrom::All, ..Plan::new("8/255".parse()?, 0)? };
/// assert_eq!(plan.config()["roa-from"], "all");
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoaFrom {
    /// Images that are correct before the attack and wrong after it; all correctly classified ones if a class has fewer
    /// than 20 of these.
    Successes,
    /// All images (the paper's preset).
    All,
}

/// Protocols to run (METHODS, section 7). P0 is always run: everything else is measured against it.
///
/// # Examples
/// ```
/// use weakspot::study::Protocols;
///
/// let protocols = Protocols::parse("p0,p3")?;
/// // P3 includes its worst case, P3w.
/// assert!(protocols.p3w && !protocols.p1);
/// assert_eq!(protocols.to_string(), "p0,p3");
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one switch per protocol")]
pub struct Protocols {
    /// The paper's.
    pub p1: bool,
    /// Oblivious.
    pub p2: bool,
    /// Adaptive.
    pub p3: bool,
    /// Adaptive, worst of A and PGD: needs `p3`.
    pub p3w: bool,
    /// Re-masked.
    pub p4: bool,
}

impl Protocols {
    /// All of them.
    pub const ALL: Self = Self { p1: true, p2: true, p3: true, p3w: true, p4: true };

    /// Reads `p0,p1,p3`; `p3` includes the headline P3w, because one gradient step is not an adaptive attack.
    ///
    /// # Errors
    /// `InvalidParameter` for an unknown name.
    pub fn parse(text: &str) -> Result<Self> {
        let mut it = Self { p1: false, p2: false, p3: false, p3w: false, p4: false };
        for name in text.split(',').map(str::trim) {
            match name.to_ascii_lowercase().as_str() {
                "p0" => {}
                "p1" => it.p1 = true,
                "p2" => it.p2 = true,
                "p3" => (it.p3, it.p3w) = (true, true),
                "p4" => it.p4 = true,
                _ => {
                    return Err(Error::invalid(format!("protocols are p0, p1, p2, p3, p4; got {name:?}"))
                        .with_hint(Hint::new().say("for example ").set("protocols", "p0,p1,p3")));
                }
            }
        }
        Ok(it)
    }
}

impl std::fmt::Display for Protocols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("p0")?;
        for (on, name) in [(self.p1, "p1"), (self.p2, "p2"), (self.p3, "p3"), (self.p4, "p4")] {
            if on {
                write!(f, ",{name}")?;
            }
        }
        Ok(())
    }
}

/// The share of a class's fit images below which successes alone say nothing (METHODS, section 4).
pub const FEW_SUCCESSES: usize = 20;

/// Eval images per class for the measurements beside the scores (METHODS, sections 4, 7 and 8).
///
/// # Examples
/// ```
/// use weakspot::study::Plan;
///
/// assert_eq!(Plan::budget((32, 32)).sweep, 100);
/// // Large images cost more.
/// assert_eq!(Plan::budget((224, 224)).sweep, 25);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Scored with every fill but the headline fill.
    pub fills: usize,
    /// Scored under shifted controls.
    pub controls: usize,
    /// Of those, scored under P3w too.
    pub worst_controls: usize,
    /// Scored at other radii.
    pub sweep: usize,
    /// Attacked to the end, for AUC and placebo.
    pub margins: usize,
}

/// Above this side, in pixels, fewer images are attacked for the measurements beside the scores.
const LARGE: usize = 64;

/// The least number of shifted controls (METHODS, section 8): with 19, p can reach 0.05.
pub const LEAST_CONTROLS: usize = 19;

impl Plan {
    /// The method's defaults at a radius.
    ///
    /// # Errors
    /// None for a radius in range: the signature leaves room for settings that depend on it.
    pub fn new(epsilon: Epsilon, seed: u64) -> Result<Self> {
        Ok(Self {
            preset: Preset::Default,
            seed,
            epsilon,
            attack: AttackSettings::new(AttackKind::FGSM),
            targeted: false,
            cam: Method::GRAD_CAM,
            explain: Explain::Logit,
            layer: None,
            roa: Measure::Gradient,
            roa_from: RoaFrom::Successes,
            delta1: Threshold::Top(0.3),
            delta2: Threshold::Top(0.3),
            theta: Theta::new(0.5)?,
            blob: BlobRule::Frequency,
            fills: vec![Fill::Value(0.0), Fill::Value(1.0)],
            mask: MaskPolicy::Union,
            fit_is_eval: false,
            protocols: Protocols::ALL,
            sweep: [0.25, 0.5, 1.0, 2.0]
                .iter()
                .map(|&factor| epsilon.scaled(factor))
                .collect::<Result<_>>()?,
            controls: LEAST_CONTROLS,
            ssim: Window::Uniform,
            permutations: 999,
            save_all_maps: false,
            tune: None,
            given: None,
            one_of_several_seeds: false,
        })
    }

    /// The paper's literal reading (METHODS, section 11).
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn paper(epsilon: Epsilon, seed: u64) -> Result<Self> {
        Ok(Self {
            preset: Preset::Paper,
            roa: Measure::Delta,
            roa_from: RoaFrom::All,
            delta2: Threshold::Max(0.5),
            blob: BlobRule::RepDiff,
            mask: MaskPolicy::Oracle,
            fit_is_eval: true,
            ..Self::new(epsilon, seed)?
        })
    }

    /// How many images per class the measurements beside the scores use, for images of `(height, width)`.
    pub fn budget((height, width): (usize, usize)) -> Budget {
        if height.max(width) > LARGE {
            return Budget { fills: 300, controls: 300, worst_controls: 10, sweep: 25, margins: 25 };
        }
        Budget { fills: 300, controls: 300, worst_controls: 50, sweep: 100, margins: 300 }
    }

    /// Checks that the settings fit together.
    ///
    /// # Errors
    /// `InvalidParameter`, saying which setting and what it may be.
    pub fn validate(&self) -> Result<()> {
        if self.fills.is_empty() {
            return Err(Error::invalid("at least one fill is needed; got none")
                .with_hint(Hint::new().say("for example ").set("fill", "0,1")));
        }
        if self.controls != 0 && self.controls < LEAST_CONTROLS {
            return Err(Error::invalid(format!(
                "controls must be none or at least {LEAST_CONTROLS}, so that p can reach 0.05; got {}",
                self.controls
            ))
            .with_hint(Hint::new().set("controls", "none").say(", or ").set("controls", LEAST_CONTROLS)));
        }
        self.attack.build(self.epsilon)?;
        if self.given.is_some() && self.tune.is_some() {
            return Err(Error::invalid("a search looks for a blob, but the mask that is scored is given")
                .with_hint(
                    Hint::new().say("leave ").setting("tune").say(" or ").setting("use-mask").say(" out"),
                ));
        }
        if self.permutations < 19 {
            return Err(Error::invalid(format!(
                "at least 19 permutations are needed; got {}",
                self.permutations
            )));
        }
        self.tune.as_ref().map_or(Ok(()), |tuning| self.validate_tuning(tuning))
    }

    fn validate_tuning(&self, tuning: &Tuning) -> Result<()> {
        tuning.validate()?;
        if self.fit_is_eval {
            return Err(Error::invalid(
                "a search needs scored images that nothing was built from, but the paper's preset builds the regions \
                 from the images that it scores",
            )
            .with_hint(
                Hint::new()
                    .say("leave ")
                    .set("preset", "paper")
                    .say(" out; ")
                    .set("tune-for", "paper")
                    .say(" searches under the paper's protocol"),
            ));
        }
        let (scored, protocol) = match tuning.goal {
            TuneFor::Adaptive => (self.protocols.p3, "p3"),
            TuneFor::Paper => (self.protocols.p1, "p1"),
        };
        if !scored {
            return Err(Error::invalid(format!(
                "a search for {} needs {protocol} on eval, but the list of protocols ({}) leaves it out",
                tuning.goal, self.protocols
            ))
            .with_hint(Hint::new().set("protocols", format!("{},{protocol}", self.protocols))));
        }
        if tuning.fills.len() != self.fills.len() || !tuning.fills.iter().all(|f| self.fills.contains(f)) {
            return Err(Error::invalid("a search takes the fills of the plan; got different ones")
                .with_hint(Hint::new().say("for example ").set("fill", "0,1")));
        }
        Ok(())
    }

    /// This plan with the thresholds of a point, and its fill as the headline fill.
    #[must_use]
    pub fn at(&self, point: &Point) -> Self {
        let others = self.fills.iter().copied().filter(|fill| *fill != point.fill);
        Self {
            delta1: point.delta1,
            delta2: point.delta2,
            theta: point.theta,
            fills: std::iter::once(point.fill).chain(others).collect(),
            ..self.clone()
        }
    }

    /// Whether a point is what this plan would use.
    pub(crate) fn is_at(&self, point: &Point) -> bool {
        let own = (self.delta1, self.delta2, self.theta);
        own == (point.delta1, point.delta2, point.theta) && self.fills.first() == Some(&point.fill)
    }

    /// Every setting, by its flag's name if it has a flag, as text that the flag would accept.
    pub fn config(&self) -> BTreeMap<String, String> {
        // In full, so that a new setting cannot be left out: what is not here does not tell two studies apart.
        let Self {
            preset,
            seed,
            epsilon,
            attack,
            targeted,
            cam,
            explain,
            layer,
            roa,
            roa_from,
            delta1,
            delta2,
            theta,
            blob,
            fills,
            mask,
            fit_is_eval,
            protocols,
            sweep,
            controls,
            ssim,
            permutations,
            save_all_maps,
            tune,
            given,
            one_of_several_seeds,
        } = self;
        let join = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join(",") };
        let mut config = BTreeMap::new();
        let mut set = |key: &str, value: String| config.insert(key.to_owned(), value);
        set("preset", if *preset == Preset::Paper { "paper" } else { "default" }.to_owned());
        set("seed", seed.to_string());
        set("eps", epsilon.flag());
        set("cam", cam.to_string());
        set("explain", explain.to_string());
        set("layer", layer.clone().unwrap_or_else(|| "auto".to_owned()));
        set("roa", roa.to_string());
        set("roa-from", if *roa_from == RoaFrom::All { "all" } else { "successes" }.to_owned());
        set("delta1", delta1.to_string());
        set("delta2", delta2.to_string());
        set("theta", theta.to_string());
        set("blob", blob.to_string());
        set("fill", join(fills.iter().map(ToString::to_string).collect()));
        set("mask", mask.to_string());
        set("fit", if *fit_is_eval { "eval" } else { "own" }.to_owned());
        set("protocols", protocols.to_string());
        set("sweep", join(sweep.iter().map(|e| e.flag()).collect()));
        set("controls", if *controls == 0 { "none".to_owned() } else { controls.to_string() });
        set("ssim", ssim.name().to_owned());
        set("permutations", permutations.to_string());
        set("save-maps", if *save_all_maps { "all" } else { "pictured" }.to_owned());
        set("attack", attack.kind.to_string());
        for (key, value) in (attack.kind.row().settings)(attack) {
            set(key, value);
        }
        set("targeted", targeted.to_string());
        if let Some(given) = given {
            set("use-mask", given.source.clone());
            set("use-mask-sha256", given.sha256());
        }
        if *one_of_several_seeds {
            set("one-of-several-seeds", "true".to_owned());
        }
        config.extend(tune.iter().flat_map(Tuning::config));
        config
    }
}
