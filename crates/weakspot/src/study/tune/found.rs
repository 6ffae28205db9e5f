//! What a search leaves in the record.

use crate::error::{Error, Result};
use crate::metrics::Score;
use crate::record::{Protocol, Together, TunedEval, TunedPoint, TunedScore, TuningRecord};
use crate::study::plan::Plan;
use crate::study::tune::{Found, ScoredPoint, Tuning};

/// The record of a search; `base` is the plan before it, `together` what eval scored at the chosen point.
pub(crate) fn record(
    found: &Found,
    tuning: &Tuning,
    base: &Plan,
    stopped_training: bool,
    together: &[Together],
) -> Result<TuningRecord> {
    let score = |k: [usize; 2]| TunedScore { k, both: Score::of(k.iter().sum(), found.n.iter().sum()) };
    let point = |p: &ScoredPoint| TunedPoint {
        delta1: p.point.delta1.to_string(),
        delta2: p.point.delta2.to_string(),
        theta: p.point.theta.get(),
        fill: p.point.fill.to_string(),
        area: p.area,
        modified: score(p.modified),
        attacked: score(p.attacked),
        front: p.front,
        within: p.within,
    };
    let on_eval = |protocol: Protocol| {
        let of = together.iter().find(|t| t.protocol == protocol.key());
        of.map(|t| t.accuracy).ok_or_else(|| Error::invalid(format!("{protocol} was not scored on eval")))
    };
    Ok(TuningRecord {
        scored: tuning.goal.protocol().key().to_owned(),
        cost: tuning.cost,
        n: found.n,
        stopped_training,
        clean: score(found.clean),
        adv: score(found.adv),
        evaluated: found.evaluated,
        points: found.points.iter().map(point).collect(),
        chosen: found.chosen,
        untuned: tuning.points().position(|p| base.is_at(&p)),
        eval: TunedEval {
            clean: on_eval(Protocol::Clean)?,
            adv: on_eval(Protocol::Adv)?,
            modified: on_eval(Protocol::Mod)?,
            attacked: on_eval(tuning.goal.protocol())?,
        },
    })
}
