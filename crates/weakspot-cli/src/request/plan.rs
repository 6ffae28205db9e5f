//! From what was typed to what it means: a preset's defaults, and the flags over them.

use std::fmt::Display;

use weakspot::attack::{AttackKind, AttackSettings, Epsilon};
use weakspot::dataset::known;
use weakspot::study::{MapsPlan, Plan, Tuning};
use weakspot::{Error, Result};

use crate::args::{MapsArgs, MethodArgs, Preset, SavedMaps, StudyArgs};

/// The plan of a study, but for a mask of the user's own.
///
/// # Errors
/// `InvalidParameter` for a setting out of range, or where `--eps` is needed and was not given.
pub(crate) fn study(args: &StudyArgs) -> Result<Plan> {
    // A list of pictures is not the data set whose name stands where none was typed.
    let set = known::by_name(&args.dataset).filter(|_| args.data.manifest.is_none());
    let epsilon = epsilon(&args.method, set.map(|set| set.epsilon))?;
    let seed = args.run.seed;
    let base = match args.what.preset {
        Preset::Default => Plan::new(epsilon, seed)?,
        Preset::Paper => Plan::paper(epsilon, seed)?,
    };
    let (method, what) = (&args.method, &args.what);
    let attack = attack(method, base.attack, epsilon)?;
    // Another attack may spend its budget elsewhere: its own measure, unless a preset or the user says so.
    let roa = match (method.roa, args.what.preset) {
        (Some(roa), _) => roa,
        (None, Preset::Default) => attack.kind.row().measure,
        (None, Preset::Paper) => base.roa,
    };
    let mut plan = Plan {
        attack,
        targeted: what.targeted,
        cam: method.cam.unwrap_or(base.cam),
        explain: method.explain.unwrap_or(base.explain),
        layer: method.layer.clone(),
        roa,
        delta1: method.delta1.unwrap_or(base.delta1),
        delta2: method.delta2.unwrap_or(base.delta2),
        theta: what.theta.unwrap_or(base.theta),
        blob: what.blob.unwrap_or(base.blob),
        fills: what.fill.clone().unwrap_or(base.fills),
        mask: what.mask.unwrap_or(base.mask),
        protocols: what.protocols.unwrap_or(base.protocols),
        sweep: what.sweep.clone().map_or(base.sweep, |sweep| sweep.0),
        controls: what.controls.map_or(base.controls, |controls| controls.0),
        ssim: what.ssim.unwrap_or(base.ssim),
        save_all_maps: what.save_maps == SavedMaps::All,
        ..base
    };
    if args.tune.tune {
        plan.tune = Some(tuning(args, &plan)?);
    } else if let Some(flag) = args.tune.given() {
        return Err(Error::invalid(format!("{flag} belongs to a search, and nothing is searched"))
            .with_hint(format!("add --tune, or leave {flag} out")));
    }
    plan.validate()?;
    Ok(plan)
}

/// The search that was asked for. What has its own flag is not searched: its side of the grid is that one value.
fn tuning(args: &StudyArgs, plan: &Plan) -> Result<Tuning> {
    let tune = &args.tune;
    let base = Tuning::new(plan.fills.clone())?;
    let (method, what) = (&args.method, &args.what);
    Ok(Tuning {
        delta1: side("delta1", method.delta1, tune.tune_delta1.as_ref(), base.delta1)?,
        delta2: side("delta2", method.delta2, tune.tune_delta2.as_ref(), base.delta2)?,
        theta: side("theta", what.theta, tune.tune_theta.as_ref(), base.theta)?,
        goal: tune.tune_for.unwrap_or(base.goal),
        cost: tune.tune_cost.unwrap_or(base.cost),
        limit: tune.tune_limit.unwrap_or(base.limit),
        ..base
    })
}

/// One side of the grid.
fn side<T: Copy + PartialEq + Display>(
    flag: &str,
    asked: Option<T>,
    searched: Option<&Vec<T>>,
    default: Vec<T>,
) -> Result<Vec<T>> {
    match (asked, searched) {
        (Some(one), Some(many)) if *many != [one] => Err(Error::invalid(format!(
            "--{flag} {one} says which value to use, and --tune-{flag} which to search"
        ))
        .with_hint(format!("leave --{flag} or --tune-{flag} out"))),
        (Some(one), _) => Ok(vec![one]),
        (None, Some(many)) => Ok(many.clone()),
        (None, None) => Ok(default),
    }
}

/// The plan of a set of maps.
///
/// # Errors
/// As [`study`].
pub(crate) fn maps(args: &MapsArgs) -> Result<MapsPlan> {
    let method = &args.method;
    let epsilon = epsilon(method, None)?;
    let base = Plan::new(epsilon, args.run.seed)?;
    let attack = attack(method, base.attack, epsilon)?;
    if args.png.is_some() && !args.quantize {
        return Err(Error::invalid(
            "--png keeps 8 bits of each value: an attack that was not made for them may fail there",
        )
        .with_hint("add --quantize, or read the exact values from --out"));
    }
    Ok(MapsPlan {
        seed: args.run.seed,
        epsilon,
        attack,
        target: args.targeted,
        cam: method.cam.unwrap_or(base.cam),
        explain: method.explain.unwrap_or(base.explain),
        layer: method.layer.clone(),
        roa: method.roa.unwrap_or(attack.kind.row().measure),
        delta1: method.delta1.unwrap_or(base.delta1),
        delta2: method.delta2.unwrap_or(base.delta2),
        // Read when the images' size is known.
        allowed: None,
        quantize: args.quantize,
        pictures: args.png.clone(),
    })
}

fn epsilon(method: &MethodArgs, preset: Option<f64>) -> Result<Epsilon> {
    match (method.eps, preset) {
        (Some(epsilon), _) => Ok(epsilon),
        (None, Some(epsilon)) => Epsilon::new(epsilon),
        (None, None) => Err(Error::invalid(
            "--eps is needed: the attack's radius decides every claim, and nothing is \
                                            assumed about your images",
        )
        .with_hint("usual: --eps 8/255 for colour images of 32 pixels, 4/255 for 224, 0.3 for digits")),
    }
}

/// A radius that is probably meant in another unit.
pub(crate) fn remark(epsilon: Epsilon) -> Option<String> {
    (epsilon.get() >= 0.5).then(|| {
        format!(
            "note: --eps {epsilon} reaches half of all pixel values or more; a radius on bytes from 0 to 255 is \
             written N/255"
        )
    })
}

/// The attack with the flags that concern it; settings that would silently do nothing are refused.
fn attack(method: &MethodArgs, base: AttackSettings, epsilon: Epsilon) -> Result<AttackSettings> {
    let kind = method.attack.unwrap_or(base.kind);
    let default = AttackSettings::new(kind);
    let given = [
        ("alpha", method.alpha.is_some()),
        ("steps", method.steps.is_some()),
        ("random-start", method.random_start.is_some()),
        ("restarts", method.restarts.is_some()),
    ];
    for (setting, _) in given.iter().filter(|(_, given)| *given) {
        let concerned = AttackKind::with_setting(setting);
        if !concerned.contains(&kind.name()) {
            let concerned = concerned.join(", ");
            return Err(Error::invalid(format!("--{setting} belongs to {concerned}; the attack is {kind}"))
                .with_hint(format!("--attack {concerned}, or leave --{setting} out")));
        }
    }
    let settings = AttackSettings {
        kind,
        step_size: method.alpha,
        n_steps: method.steps.unwrap_or(default.n_steps),
        random_start: method.random_start.unwrap_or(default.random_start),
        n_restarts: method.restarts.unwrap_or(default.n_restarts),
    };
    // What cannot be built should be said before hours of training.
    settings.build(epsilon)?;
    Ok(settings)
}
