//! What makes an array labels: one class index per image.

use super::MAX_CLASSES;
use super::raw::{Number, Raw};
use crate::error::{Error, ErrorKind, Result};

impl Raw {
    /// The array as `n` class indices; the notes say what was changed.
    pub(super) fn into_labels(self, n: usize, notes: &mut Vec<String>) -> Result<Vec<usize>> {
        let note = match *self.shape.as_slice() {
            [m] if m == n => None,
            [m, 1] if m == n => Some("one number per image"),
            [m, classes] if m == n && classes > 1 => {
                notes.push(format!("labels of shape {:?} were read as one-hot", self.shape));
                return (0..n).map(|row| self.hot(row, classes)).collect();
            }
            _ => {
                return Err(Error::shape(format!(
                    "expected labels of shape [{n}], one per image; got {:?}",
                    self.shape
                ))
                .with_hint("labels are class indices, [n] or [n, 1], or one-hot, [n, classes]"));
            }
        };
        notes.extend(note.map(|note| format!("labels of shape {:?} were read as {note}", self.shape)));
        match self.number {
            Number::Bool => notes.push("labels of bool were read as class 0 (false) and 1 (true)".to_owned()),
            Number::F16 | Number::BF16 | Number::F32 | Number::F64 => {
                notes.push(format!("labels of {} were read as whole numbers", self.number.name()));
            }
            _ => {}
        }
        (0..n).map(|place| self.class(place)).collect()
    }

    /// The class index at a place.
    fn class(&self, place: usize) -> Result<usize> {
        let whole = self.whole(place);
        whole.and_then(|label| usize::try_from(label).ok()).filter(|&label| label < MAX_CLASSES).ok_or_else(
            || {
                let came = whole.map_or_else(|| self.float(place).to_string(), |label| label.to_string());
                out_of_range(
                    &format!("labels that are whole numbers from 0 to {}", MAX_CLASSES - 1),
                    &format!("{came} at position {place}"),
                )
                .with_hint("labels are class indices counted from 0")
            },
        )
    }

    /// The place of the only 1 in a row of zeros.
    fn hot(&self, row: usize, classes: usize) -> Result<usize> {
        let start = row * classes;
        let mut found = None;
        for class in 0..classes {
            match self.whole(start + class) {
                Some(0) => {}
                Some(1) if found.is_none() => found = Some(class),
                Some(1) => return Err(not_one_hot(&format!("two in row {row}"))),
                _ => return Err(not_one_hot(&format!("{} in row {row}", self.float(start + class)))),
            }
        }
        found.filter(|&class| class < MAX_CLASSES).ok_or_else(|| not_one_hot(&format!("none in row {row}")))
    }
}

fn not_one_hot(came: &str) -> Error {
    out_of_range("one 1 and zeros in every row of labels [n, classes]", came).with_hint(
        "labels.argmax(1) makes class indices of scores; an image with several labels belongs to no class",
    )
}

fn out_of_range(expected: &str, came: &str) -> Error {
    Error::new(ErrorKind::ValueRange, format!("expected {expected}; got {came}"))
}
