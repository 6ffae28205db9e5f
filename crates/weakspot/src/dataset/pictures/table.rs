//! Tables of pixels: CSV files that are not lists of pictures.

use std::path::Path;

use crate::error::{Error, ErrorKind};

/// Fewer columns of numbers are not a picture.
const FEWEST: usize = 64;

/// The error for a table whose columns are pixels, as Kaggle has MNIST: `label,pixel0,pixel1,...`; `None` for any
/// other table.
pub(super) fn of_pixels(file: &Path, columns: &[&str]) -> Option<Error> {
    // Without a header the first line is numbers, the first of them the label.
    let no_header = columns.iter().all(|column| column.parse::<f64>().is_ok());
    let others: Vec<usize> =
        if no_header { vec![0] } else { (0..columns.len()).filter(|&i| !is_pixel(columns[i])).collect() };
    // An empty file has no column at all.
    let pixels = columns.len().saturating_sub(others.len());
    if pixels < FEWEST || others.len() > 1 {
        return None;
    }
    let (values, labels) = match others.first() {
        None => ("t", String::new()),
        Some(0) => ("t[:, 1:]", ", labels=t[:, 0].astype(\"int64\")".to_owned()),
        Some(&last) if last + 1 == columns.len() => {
            ("t[:, :-1]", ", labels=t[:, -1].astype(\"int64\")".to_owned())
        }
        Some(_) => return None,
    };
    let (grey, colour) = (pixels.isqrt(), (pixels / 3).isqrt());
    let shape = if grey * grey == pixels {
        format!("-1, 1, {grey}, {grey}")
    } else if 3 * colour * colour == pixels {
        format!("-1, {colour}, {colour}, 3")
    } else {
        "-1, channels, height, width".to_owned()
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let skipped = usize::from(!no_header);
    let message = format!(
        "{}: expected a list of pictures, path,label; got a table of pixels, {pixels} columns of them",
        file.display()
    );
    Some(Error::new(ErrorKind::Format, message).with_hint(format!(
        "in Python, t = np.loadtxt(\"{name}\", delimiter=\",\", skiprows={skipped}); \
         np.savez(\"{stem}.npz\", images={values}.reshape({shape}).astype(\"uint8\"){labels})"
    )))
}

/// Whether a column's name is a pixel's: `pixel17`, `px_17`, `28x28`, `17`.
fn is_pixel(name: &str) -> bool {
    let name = name.to_lowercase();
    let inner = ["pixel", "pix", "px", "p", "x", "feature"]
        .iter()
        .find_map(|start| name.strip_prefix(start))
        .unwrap_or(&name)
        .trim_start_matches(['_', '-', ' ', '.']);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(inner) || inner.split_once('x').is_some_and(|(row, column)| digits(row) && digits(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(columns: &[String]) -> Option<String> {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let error = of_pixels(Path::new("d/train.csv"), &columns)?;
        assert!(error.to_string().len() < 200, "{error}");
        error.hint().map(str::to_owned)
    }

    #[test]
    fn a_table_of_pixels_was_listed_column_by_column() {
        let named = |name: fn(usize) -> String, n: usize| (0..n).map(name).collect::<Vec<_>>();
        let label = || vec!["label".to_owned()];
        let kaggle = hint(&[label(), named(|i| format!("pixel{i}"), 784)].concat()).unwrap();
        assert_eq!(
            kaggle,
            "in Python, t = np.loadtxt(\"train.csv\", delimiter=\",\", skiprows=1); np.savez(\"train.npz\", \
             images=t[:, 1:].reshape(-1, 1, 28, 28).astype(\"uint8\"), labels=t[:, 0].astype(\"int64\"))"
        );
        let grid = hint(&[label(), named(|i| format!("{}x{}", i / 28 + 1, i % 28 + 1), 784)].concat());
        assert_eq!(grid, Some(kaggle));
        let colour = hint(&[named(|i| format!("pixel{i:04}"), 2352), label()].concat()).unwrap();
        assert!(
            colour.contains("t[:, :-1].reshape(-1, 28, 28, 3)") && colour.contains("t[:, -1]"),
            "{colour}"
        );
        let bare = hint(&named(|i| (i % 7).to_string(), 785)).unwrap();
        assert!(bare.contains("skiprows=0") && bare.contains("28, 28"), "{bare}");
        for list in [&["file", "label"][..], &["path"], &["id", "x1", "x2"], &[]] {
            assert_eq!(of_pixels(Path::new("a.csv"), list).map(|e| e.to_string()), None);
        }
    }
}
