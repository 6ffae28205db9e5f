//! The fills: their values, and the scores of all but the headline fill.

use crate::error::Result;
use crate::region::{ChannelMeans, ResolvedFill};
use crate::study::defend::Defence;
use crate::study::look::Lens;
use crate::study::plan::Plan;
use crate::study::rows::{Call, DefendRow};
use crate::study::stage::Bench;
use crate::study::subject::Subject;
use crate::study::worst::{self, defended};

/// The scores of a fill that is not the headline fill, on some eval images.
pub(crate) struct OtherFill {
    /// Places in the data set.
    pub(crate) images: Vec<usize>,
    pub(crate) rows: Vec<DefendRow>,
    pub(crate) worst: Option<Vec<Call>>,
}

/// The values of each fill; `channel-mean` is the fit part's.
pub(crate) fn values(
    plan: &Plan,
    subject: &Subject<'_>,
    fit: &[usize],
    batch_size: usize,
) -> Result<Vec<ResolvedFill>> {
    let channels = subject.classifier.input().channels;
    let mut means = ChannelMeans::new(channels);
    for chunk in fit.chunks(batch_size.max(1)) {
        means.add(subject.data.pixels.batch(chunk)?.view());
    }
    let means = means.means();
    plan.fills.iter().map(|fill| fill.resolve(channels, Some(&means))).collect()
}

/// Every fill but the headline fill, on some eval images of each class.
pub(crate) fn stage(
    lens: &Lens<'_>,
    bench: &mut Bench<'_>,
    headline: Defence<'_>,
    fills: &[ResolvedFill],
) -> Result<[Vec<OtherFill>; 2]> {
    let mut others = [Vec::new(), Vec::new()];
    for (label, others) in others.iter_mut().enumerate() {
        let images = headline.some(lens, bench.data, label, "fill-images", headline.budget().fills);
        let name = bench.data.class_names[label].clone();
        for (i, fill) in fills.iter().enumerate().skip(1) {
            let n = Defence { fill, ..headline }.n(label);
            let title = format!("fill {}, {name}", lens.plan.fills[i]);
            let rows = bench
                .rows(&format!("fill/{i}/{label}"), &title, &images, |batch| lens.defend(batch, n, None))?;
            let worst = if lens.plan.protocols.p3w {
                let stage = &*format!("fill-worst/{i}/{label}");
                let title = &*format!("PGD through the defence, {title}");
                let known = defended(&rows);
                let known = known.each_ref().map(Vec::as_slice);
                Some(worst::stage(lens, bench, (stage, title), (&images, label), Some(n), known)?)
            } else {
                None
            };
            others.push(OtherFill { images: images.clone(), rows, worst });
        }
    }
    Ok(others)
}
