//! The search: its whole grid, and the points worth a look.

use super::{Cell, Table};
use crate::study::record::{Record, TunedPoint, TuningRecord};

/// Every point of the grid; `None` where nothing was searched.
pub(super) fn grid(record: &Record) -> Option<Table> {
    let tuning = record.tuning.as_ref()?;
    let rows = tuning.points.iter().enumerate().map(|(i, point)| row(tuning, i, point));
    Some(Table {
        name: "tuning",
        title: "Search on the tune part: every point of the grid".to_owned(),
        note: format!(
            "Accuracy on {} tune images of both classes; attacked: under {}. front: no other point is as good in both \
             and better in one. Not scored on eval but for the chosen one.",
            tuning.n[0] + tuning.n[1],
            if tuning.scored == "adaptive" {
                "the adaptive attack (P3)"
            } else {
                "the paper's protocol (P1)"
            },
        ),
        header: vec![
            "point",
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
            "is",
        ],
        rows: rows.collect(),
    })
}

/// The points on the front, the chosen one and the one without a search.
pub(in crate::report) fn worth_a_look(record: &Record) -> Option<Table> {
    let (tuning, mut table) = (record.tuning.as_ref()?, grid(record)?);
    let mut place = 0;
    table.rows.retain(|_| {
        let (i, point) = (place, &tuning.points[place]);
        place += 1;
        point.front || i == tuning.chosen || Some(i) == tuning.untuned
    });
    let title = "The Pareto front, the chosen point, and the one without a search".to_owned();
    Some(Table { title, ..table })
}

fn row(tuning: &TuningRecord, i: usize, point: &TunedPoint) -> Vec<Cell> {
    let yes = |is: bool| Cell::text(if is { "yes" } else { "" });
    let share = |k: usize, class: usize| {
        if tuning.n[class] == 0 { Cell::None } else { Cell::Rate(k as f64 / tuning.n[class] as f64) }
    };
    let (modified, attacked) = (&point.modified, &point.attacked);
    let is = match (i == tuning.chosen, Some(i) == tuning.untuned) {
        (true, true) => "chosen, as without a search",
        (true, false) => "chosen",
        (false, true) => "without a search",
        (false, false) => "",
    };
    vec![
        Cell::Count(i),
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
        Cell::text(is),
    ]
}
