//! The section on the search.

use super::sections::table;
use super::write::Page;
use crate::record::Record;
use crate::report::findings;
use crate::report::tables::{self, Table};

/// What was searched and chosen, the front, and the whole grid folded away; nothing if there was no search.
pub(super) fn tuning(page: &mut Page, record: &Record, tables: &[Table]) {
    let Some(notable) = tables::tuning_worth_a_look(record) else { return };
    page.raw("<section id=\"tuning\">\n");
    page.element("h2", "", "Thresholds and fill, searched on the tune part");
    page.list(&findings::tuning(record));
    table(page, &notable);
    if let Some(grid) = tables.iter().find(|table| table.name == "tuning") {
        page.raw("<details>\n");
        page.element("summary", "", &format!("The whole grid: {} points", grid.rows.len()));
        table(page, grid);
        page.raw("</details>\n");
    }
    page.raw("</section>\n");
}
