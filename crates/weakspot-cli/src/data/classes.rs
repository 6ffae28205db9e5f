//! Which two classes of a data set are studied.

use weakspot::dataset::{class_pair, known};
use weakspot::{Error, Result};

/// The two classes, as the data set counts them: those asked for, the paper's, or the only two there are.
///
/// # Errors
/// `InvalidParameter` for a class that does not exist, the same class twice, or more than two classes and none asked
/// for.
pub(crate) fn of(dataset: &str, class_names: &[String], asked: Option<&[String; 2]>) -> Result<[usize; 2]> {
    let pair = |a: &str, b: &str| class_pair(dataset, class_names, [a, b]);
    if class_names.len() < 2 {
        return Err(Error::invalid(format!(
            "{dataset}: expected images of at least 2 classes; got {}",
            class_names.len()
        ))
        .with_hint(
            "a study compares two classes: put the images in one folder per class, or give labels of two classes",
        ));
    }
    let usual = known::by_name(dataset).and_then(|set| set.classes);
    let found = match (asked, usual) {
        (Some([a, b]), _) => pair(a, b)?,
        (None, Some([a, b])) => pair(a, b)?,
        (None, None) if class_names.len() == 2 => [0, 1],
        (None, None) => {
            return Err(Error::invalid(format!(
                "{dataset} has {} classes; a study needs two",
                class_names.len()
            ))
            .with_hint(format!("name two of these with --classes A,B: {}", class_names.join(", "))));
        }
    };
    if found[0] == found[1] {
        return Err(Error::invalid(format!(
            "expected two different classes; got {} twice",
            class_names[found[0]]
        ))
        .with_hint("name two classes, as in --classes 0,1"));
    }
    Ok(found)
}
