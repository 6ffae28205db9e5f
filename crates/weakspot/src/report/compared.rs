//! The paper's figures beside a study's own, one by one: the figure in its Tables I to III, ours, and the verdict.

use serde::{Deserialize, Serialize};

use crate::metrics::Score;
use crate::record::{Direction, Mean, Record, Scores};
use crate::report::agreement::{self, Verdict};
use crate::report::paper::{self, PaperRow, PaperScore};

/// One quantity in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The paper's table: 1, 2 or 3.
    pub table: u8,
    /// Class whose images are scored.
    pub source: String,
    /// Class they are attacked towards.
    pub target: String,
    /// `score_mod`, `SSIM of maps, mean of samples`, ...
    pub quantity: String,
    /// What the mask's pixels were set to, if that matters.
    pub fill: Option<String>,
    /// The paper's figure, if it has one.
    pub paper: Option<Figure>,
    /// Ours, if it was run and is defined.
    pub ours: Option<Figure>,
    /// Fisher's exact p, if the paper's figure implies k and n.
    pub p: Option<f64>,
    /// What may be concluded.
    pub verdict: Verdict,
}

/// A figure with what is known about its precision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// A fraction, or an SSIM.
    pub value: f64,
    /// Successes, of a proportion.
    pub k: Option<usize>,
    /// Images.
    pub n: Option<usize>,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub high: Option<f64>,
}

impl Figure {
    /// A number without n and interval.
    fn bare(value: f64) -> Self {
        Self { value, k: None, n: None, low: None, high: None }
    }

    /// A proportion.
    fn of(s: &Score) -> Self {
        Self { value: s.rate, k: Some(s.k), n: Some(s.n), low: Some(s.low), high: Some(s.high) }
    }

    /// A score of the paper: with Wilson's interval if its k and n are known, otherwise alone.
    fn printed(score: PaperScore) -> Self {
        score.counts.map_or_else(|| Self::bare(score.rate), |(k, n)| Self::of(&Score::of(k, n)))
    }
}

impl Compared {
    /// The verdict as tables print it.
    pub fn word(&self) -> String {
        let empty = self.table == 1 && self.ours.is_none() && self.verdict != Verdict::NotRun;
        format!("{}{}", self.verdict.word(), if empty { "; ours is empty" } else { "" })
    }
}

/// Table I: structural similarity of RoI and RoA, of maps and of masks, since the paper does not say which.
pub fn similarity(record: &Record) -> Vec<Compared> {
    let mut rows = Vec::new();
    for d in &record.directions {
        let paper = row_of(record, d).and_then(|r| r.ssim);
        for (what, pair) in [("maps", &d.ssim.maps), ("masks", &d.ssim.masks)] {
            let samples = format!("SSIM of {what}, mean of samples");
            rows.push(mean_row(d, samples, paper.map(|p| p.0), &pair.mean_of_samples));
            let name = format!("SSIM of {what}, representatives");
            rows.push(value_row(d, name, paper.map(|p| p.1), pair.representatives));
        }
    }
    rows
}

/// Table II: accuracy without an attack, before and after neutralization.
pub fn classification(record: &Record) -> Vec<Compared> {
    score_rows(
        record,
        2,
        ("score_clean", |s| s.clean, |r| r.clean),
        ("score_mod", |s| s.modified, |r| r.modified),
    )
}

/// Table III: accuracy under attack, before and after neutralization.
pub fn attack(record: &Record) -> Vec<Compared> {
    score_rows(
        record,
        3,
        ("score_adv", |s| s.adv, |r| r.adv),
        ("score_mod-adv", |s| s.mod_adv, |r| r.mod_adv),
    )
}

/// Every quantity of the paper's three tables.
pub fn all(record: &Record) -> Vec<Compared> {
    [similarity(record), classification(record), attack(record)].concat()
}

fn row_of(record: &Record, d: &Direction) -> Option<PaperRow> {
    paper::find(&record.data.name, &d.source, &d.target)
}

/// A quantity: its name, where ours is, where the paper's is.
type Quantity = (&'static str, fn(&Scores) -> Option<Score>, fn(&PaperRow) -> PaperScore);

/// The quantity without neutralization once per direction, the one with it once per direction and fill.
fn score_rows(record: &Record, table: u8, before: Quantity, after: Quantity) -> Vec<Compared> {
    let mut rows = Vec::new();
    for d in &record.directions {
        let paper = row_of(record, d);
        let row = |quantity: &Quantity, fill: Option<&str>, ours: Option<Score>| {
            score_row(d, table, quantity.0, fill, paper.as_ref().map(quantity.2), ours)
        };
        rows.push(row(&before, None, before.1(&d.scores)));
        rows.extend(d.by_fill.iter().map(|fill| row(&after, Some(&fill.fill), after.1(&fill.scores))));
        if d.by_fill.is_empty() {
            rows.push(row(&after, None, after.1(&d.scores)));
        }
    }
    rows
}

fn score_row(
    d: &Direction,
    table: u8,
    quantity: &str,
    fill: Option<&str>,
    paper: Option<PaperScore>,
    ours: Option<Score>,
) -> Compared {
    let (verdict, p) = match (paper, ours) {
        (None, _) => (Verdict::NotInPaper, None),
        (_, None) => (Verdict::NotRun, None),
        (Some(PaperScore { counts: Some(theirs), .. }), Some(s)) => {
            let (verdict, p) = agreement::counts(theirs, (s.k, s.n));
            (verdict, Some(p))
        }
        (Some(theirs), Some(s)) => (agreement::against_interval(theirs.rate, s.low, s.high), None),
    };
    Compared {
        table,
        source: d.source.clone(),
        target: d.target.clone(),
        quantity: quantity.to_owned(),
        fill: fill.map(str::to_owned),
        paper: paper.map(Figure::printed),
        ours: ours.as_ref().map(Figure::of),
        p,
        verdict,
    }
}

fn mean_row(d: &Direction, quantity: String, paper: Option<f64>, ours: &Mean) -> Compared {
    let run = ours.n > 0;
    let verdict = match paper {
        None => Verdict::NotInPaper,
        Some(_) if !run => Verdict::NotRun,
        Some(p) => agreement::against_interval(p, ours.low, ours.high),
    };
    let found =
        Figure { value: ours.mean, k: None, n: Some(ours.n), low: Some(ours.low), high: Some(ours.high) };
    ssim_row(d, quantity, paper, run.then_some(found), verdict)
}

fn value_row(d: &Direction, quantity: String, paper: Option<f64>, ours: Option<f64>) -> Compared {
    let verdict = if paper.is_none() { Verdict::NotInPaper } else { Verdict::CannotTell };
    ssim_row(d, quantity, paper, ours.map(Figure::bare), verdict)
}

fn ssim_row(
    d: &Direction,
    quantity: String,
    paper: Option<f64>,
    ours: Option<Figure>,
    verdict: Verdict,
) -> Compared {
    Compared {
        table: 1,
        source: d.source.clone(),
        target: d.target.clone(),
        quantity,
        fill: None,
        paper: paper.map(Figure::bare),
        ours,
        p: None,
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_papers_figure_carries_an_interval_where_it_betrays_its_n() {
        let run = fixture::named("mnist", ["0", "1"]);
        let rows = classification(&run.record);
        let modified = rows.iter().find(|r| r.quantity == "score_mod").unwrap();
        let paper = modified.paper.unwrap();
        // Wilson by hand: (30 + 1.9208 -+ 1.96 sqrt(30 * 2 / 32 + 0.9604)) / 35.8416.
        assert_eq!((paper.k, paper.n), (Some(30), Some(32)));
        assert!((paper.low.unwrap() - 0.7985).abs() < 5e-4 && (paper.high.unwrap() - 0.9827).abs() < 5e-4);
        let cats = fixture::named("cats-vs-dogs", ["cat", "dog"]);
        let clean = classification(&cats.record)[0].paper.unwrap();
        assert_eq!((clean.value, clean.n, clean.low), (0.9897, None, None));
    }

    #[test]
    fn a_verdict_follows_from_the_counts_alone() {
        let mut run = fixture::named("mnist", ["0", "1"]);
        let word = |k: usize, run: &mut crate::record::Run| {
            run.record.directions[0].scores.clean = Some(Score::of(k, 980));
            classification(&run.record)[0].verdict
        };
        // The paper has 32 of 32: 980 of 980 is shown to be within ten points, 400 of 980 is another number, and
        // with 890 of 980 neither is shown.
        assert_eq!(word(980, &mut run), Verdict::Agrees);
        assert_eq!(word(400, &mut run), Verdict::Differs);
        assert_eq!(word(890, &mut run), Verdict::CannotTell);
    }

    #[test]
    fn an_empty_representative_is_said_to_be_empty() {
        let mut run = fixture::named("mnist", ["0", "1"]);
        run.record.directions[0].ssim.maps.representatives = None;
        assert_eq!(similarity(&run.record)[1].word(), "cannot tell; ours is empty");
        run.record.directions[0].ssim.maps.mean_of_samples.n = 0;
        assert_eq!(similarity(&run.record)[0].word(), "not run");
    }
}
