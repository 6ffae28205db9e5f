//! Tables as Markdown (GitHub's dialect), rounded for reading.

use std::fmt::Write as _;

use crate::report::tables::{Cell, Table};

/// A table as Markdown: title, table, note.
///
/// # Examples
/// ```
/// use weakspot::report::markdown;
/// use weakspot::report::tables::{Cell, Table};
///
/// let table = Table {
///     name: "scores",
///     title: "Scores".to_owned(),
///     note: String::new(),
///     header: vec!["class", "accuracy"],
///     rows: vec![vec![Cell::Text("cat".to_owned()), Cell::Rate(0.9375)]],
/// };
/// let text = "# Scores\n\n| class | accuracy |\n| --- | --: |\n| cat | 93.8 % |\n";
/// assert_eq!(markdown::table(&table), text);
/// ```
pub fn table(table: &Table) -> String {
    let mut out = format!("# {}\n\n", escape(&table.title));
    if table.rows.is_empty() {
        out.push_str("None.\n");
    } else {
        line(&mut out, table.header.iter().map(|h| escape(h)));
        let aligned = (0..table.header.len()).map(|i| alignment(table, i).to_owned());
        line(&mut out, aligned);
        for row in &table.rows {
            line(&mut out, row.iter().map(|c| escape(&c.readable())));
        }
    }
    if !table.note.is_empty() {
        let _infallible = write!(out, "\n{}\n", escape(&table.note));
    }
    out
}

fn line(out: &mut String, cells: impl Iterator<Item = String>) {
    for cell in cells {
        out.push_str("| ");
        out.push_str(&cell);
        out.push(' ');
    }
    out.push_str("|\n");
}

/// A column whose every cell is a number is aligned to the right.
fn alignment(table: &Table, column: usize) -> &'static str {
    let number = table.rows.iter().all(|row| row.get(column).is_none_or(Cell::is_number));
    if number { "--:" } else { "---" }
}

/// Text that Markdown would read as markup, made plain.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' => out.extend(['\\', c]),
            '\n' | '\r' => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_text_stays_one_cell_and_no_markup() {
        let table = Table {
            name: "t",
            title: "T".to_owned(),
            note: String::new(),
            header: vec!["a", "b"],
            rows: vec![vec![Cell::text("x|y\n<b>"), Cell::Count(3)]],
        };
        assert_eq!(super::table(&table), "# T\n\n| a | b |\n| --- | --: |\n| x\\|y \\<b\\> | 3 |\n");
    }
}
