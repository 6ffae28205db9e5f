//! Which two classes of a data set are studied.

use weakspot::dataset::Dataset;
use weakspot::{Error, Result};

/// The two classes, as the data set counts them: those asked for, the paper's, or the only two there are.
///
/// # Errors
/// `InvalidParameter` for a class that does not exist, the same class twice, or more than two classes and none asked
/// for.
pub(crate) fn of(data: &Dataset, asked: Option<&[String; 2]>) -> Result<[usize; 2]> {
    let pair = match (asked, data.name.as_str()) {
        (Some([a, b]), _) => [data.class_index(a)?, data.class_index(b)?],
        (None, "fashion-mnist") => [data.class_index("Trouser")?, data.class_index("Pullover")?],
        (None, "cifar10") => [data.class_index("cat")?, data.class_index("dog")?],
        (None, "mnist") => [0, 1],
        (None, _) if data.class_names.len() == 2 => [0, 1],
        (None, _) => {
            return Err(Error::invalid(format!(
                "{} has {} classes; a study needs two",
                data.name,
                data.class_names.len()
            ))
            .with_hint(format!("--classes A,B, of {}", data.class_names.join(", "))));
        }
    };
    if pair[0] == pair[1] {
        return Err(Error::invalid(format!(
            "expected two different classes; {} came twice",
            data.class_names[pair[0]]
        ))
        .with_hint("name two classes, as in --classes 0,1"));
    }
    Ok(pair)
}
