//! The search: its whole grid, and the points worth a look.

use std::cmp::Reverse;

use super::{Cell, Table};
use crate::record::{Record, TunedPoint, TunedScore, TuningRecord};
use crate::report::words;

/// Every point of the grid; `None` if nothing was searched.
pub(super) fn grid(record: &Record) -> Option<Table> {
    let tuning = record.tuning.as_ref()?;
    let rows = tuning.points.iter().enumerate().map(|(i, point)| row(tuning, i, point));
    Some(Table {
        name: "tuning",
        title: "Search on the tune part: every point of the grid".to_owned(),
        note: format!(
            "Accuracy on {} tune images of both classes; attacked: under {}. front: no other point is at least as good \
             in both and better in one. Only the chosen point was scored on eval.",
            tuning.n[0] + tuning.n[1],
            if tuning.scored == "adaptive" {
                "the adaptive attack (P3)"
            } else {
                "the paper's protocol (P1)"
            },
        ),
        header: vec![
            "point",
            "is",
            "delta1",
            "delta2",
            "theta",
            "fill",
            "mask pixels, class 0",
            "mask pixels, class 1",
            "n",
            "mod k",
            "mod",
            "mod low",
            "mod high",
            "attacked k",
            "attacked",
            "attacked low",
            "attacked high",
            "mod, class 0",
            "mod, class 1",
            "attacked, class 0",
            "attacked, class 1",
            "front",
            "within cost",
        ],
        rows: rows.collect(),
    })
}

/// The points on the front, the chosen one and the one without a search, from the best under attack to the best without
/// one, in columns that fit a page.
pub(in crate::report) fn worth_a_look(record: &Record) -> Option<Table> {
    let tuning = record.tuning.as_ref()?;
    let mut points: Vec<(usize, &TunedPoint)> = tuning
        .points
        .iter()
        .enumerate()
        .filter(|(i, point)| point.front || *i == tuning.chosen || Some(*i) == tuning.untuned)
        .collect();
    points.sort_by_key(|(i, p)| (p.modified.both.k, Reverse(p.attacked.both.k), *i));
    let share = |s: &TunedScore| {
        format!("{} {}", words::percent(s.both.rate), words::interval(s.both.low, s.both.high))
    };
    let row = |(i, p): (usize, &TunedPoint)| {
        let [first, second] = p.area;
        let area = if first == second { first.to_string() } else { format!("{first}, {second}") };
        let by_class = [0, 1].map(|class| match tuning.n[class] {
            0 => "-".to_owned(),
            n => words::percent(p.attacked.k[class] as f64 / n as f64),
        });
        vec![
            Cell::Count(i),
            Cell::text(is(tuning, i)),
            Cell::Text(format!("{}, {}, {}, {}", p.delta1, p.delta2, p.theta, p.fill)),
            Cell::Text(area),
            Cell::Text(share(&p.modified)),
            Cell::Text(share(&p.attacked)),
            Cell::Text(by_class.join(", ")),
        ]
    };
    Some(Table {
        name: "tuning-front",
        title: "The Pareto front, the chosen point, and the one without a search".to_owned(),
        note: format!(
            "Accuracy on {} tune images, [95 % interval] in percent; by class: {}, {}.",
            tuning.n[0] + tuning.n[1],
            record.data.classes[0],
            record.data.classes[1]
        ),
        header: vec![
            "point",
            "is",
            "delta1, delta2, theta, fill",
            "mask pixels",
            "neutralized",
            "attacked",
            "attacked, by class",
        ],
        rows: points.into_iter().map(row).collect(),
    })
}

/// What is special about a point of the grid.
fn is(tuning: &TuningRecord, i: usize) -> &'static str {
    match (i == tuning.chosen, Some(i) == tuning.untuned) {
        (true, true) => "chosen, as without a search",
        (true, false) => "chosen",
        (false, true) => "without a search",
        (false, false) => "",
    }
}

fn row(tuning: &TuningRecord, i: usize, point: &TunedPoint) -> Vec<Cell> {
    let yes = |is: bool| Cell::text(if is { "yes" } else { "" });
    let share = |k: usize, class: usize| {
        if tuning.n[class] == 0 { Cell::None } else { Cell::Rate(k as f64 / tuning.n[class] as f64) }
    };
    let (modified, attacked) = (&point.modified, &point.attacked);
    vec![
        Cell::Count(i),
        Cell::text(is(tuning, i)),
        Cell::text(&point.delta1),
        Cell::text(&point.delta2),
        Cell::Text(point.theta.to_string()),
        Cell::text(&point.fill),
        Cell::Count(point.area[0]),
        Cell::Count(point.area[1]),
        Cell::Count(modified.both.n),
        Cell::Count(modified.both.k),
        Cell::Rate(modified.both.rate),
        Cell::Rate(modified.both.low),
        Cell::Rate(modified.both.high),
        Cell::Count(attacked.both.k),
        Cell::Rate(attacked.both.rate),
        Cell::Rate(attacked.both.low),
        Cell::Rate(attacked.both.high),
        share(modified.k[0], 0),
        share(modified.k[1], 1),
        share(attacked.k[0], 0),
        share(attacked.k[1], 1),
        yes(point.front),
        yes(point.within),
    ]
}
