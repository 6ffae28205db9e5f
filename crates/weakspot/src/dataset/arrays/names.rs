//! Which of a file's arrays are the images and which their labels.

use crate::dataset::brief::brief_list;
use crate::error::{Error, Result};

/// Other common names of images and labels; capitals do not matter.
const PAIRS: [[&str; 2]; 13] = [
    ["images", "labels"],
    ["image", "label"],
    ["x_train", "y_train"],
    ["x_test", "y_test"],
    ["x_val", "y_val"],
    ["train_images", "train_labels"],
    ["test_images", "test_labels"],
    ["val_images", "val_labels"],
    ["x", "y"],
    ["data", "target"],
    ["data", "labels"],
    ["data", "label"],
    // How np.savez names arrays that were given without names, in their order.
    ["arr_0", "arr_1"],
];

/// The names of the arrays to read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) images: String,
    pub(super) labels: Option<String>,
    /// What a reader of the results should know about the choice.
    pub(super) note: Option<String>,
}

/// `images` and `labels`, else the only pair of known names. `kind` is `an array` or `a tensor`.
///
/// # Errors
/// `Format`, listing the names, if there is no such pair or more than one.
pub(super) fn choose(names: &[&str], kind: &str) -> Result<Chosen> {
    let named = |name: &str| {
        let mut found = names.iter().filter(|other| other.eq_ignore_ascii_case(name));
        // If both `x` and `X` are there, neither is meant more than the other.
        found.next().filter(|_| found.next().is_none()).copied()
    };
    if names.contains(&"images") {
        let labels = names.contains(&"labels");
        let others = brief_list(names.iter().copied().filter(|name| *name != "images"));
        let note = (!labels && names.len() > 1).then(|| {
            format!("{kind} \"labels\" is not in the file; its other arrays are not read: {others}")
        });
        return Ok(Chosen { images: "images".to_owned(), labels: labels.then(|| "labels".to_owned()), note });
    }
    let pairs: Vec<[&str; 2]> = PAIRS
        .iter()
        // A third array without a name: training and test, or something else.
        .filter(|[images, _]| *images != "arr_0" || named("arr_2").is_none())
        .filter_map(|[images, labels]| Some([named(images)?, named(labels)?]))
        .collect();
    match (pairs.as_slice(), names) {
        ([[images, labels]], _) => Ok(Chosen {
            images: (*images).to_owned(),
            labels: Some((*labels).to_owned()),
            note: Some(format!("images were read from {images}, labels from {labels}")),
        }),
        ([], [only]) if PAIRS.iter().any(|[images, _]| only.eq_ignore_ascii_case(images)) => Ok(Chosen {
            images: (*only).to_owned(),
            labels: None,
            note: Some(format!("images were read from {only}")),
        }),
        (pairs, _) => {
            let error = Error::format(format!(
                "expected {kind} \"images\"; got {}",
                brief_list(names.iter().copied())
            ));
            Err(match pairs {
                [] => error.with_hint("call the images `images` and their labels `labels`"),
                [[images, labels], ..] => error.with_hint(format!(
                    "call the two that should be read `images` and `labels`, for example {images} and {labels}"
                )),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_by_other_names_were_refused() {
        // As docs/FORMATS.md lists them.
        let documented = [
            ("images", "labels"),
            ("image", "label"),
            ("x", "y"),
            ("x_train", "y_train"),
            ("x_test", "y_test"),
            ("x_val", "y_val"),
            ("train_images", "train_labels"),
            ("test_images", "test_labels"),
            ("val_images", "val_labels"),
            ("data", "target"),
            ("data", "labels"),
            ("data", "label"),
            ("arr_0", "arr_1"),
        ];
        for (images, labels) in documented {
            let chosen = choose(&["classes", labels, images], "an array").unwrap();
            assert_eq!((chosen.images.as_str(), chosen.labels.as_deref()), (images, Some(labels)));
            assert_eq!(chosen.note.is_none(), images == "images");
            let (images, labels) = (images.to_uppercase(), labels.to_uppercase());
            let chosen = choose(&["classes", labels.as_str(), images.as_str()], "an array").unwrap();
            assert_eq!((chosen.images, chosen.labels), (images, Some(labels)));
        }
        assert_eq!(PAIRS.len(), documented.len(), "every pair is documented");
        let chosen = choose(&["X", "Y"], "an array").unwrap();
        assert_eq!(chosen.note.unwrap(), "images were read from X, labels from Y");
        assert_eq!(choose(&["arr_0"], "an array").unwrap().labels, None);
    }

    #[test]
    fn names_that_could_mean_either_are_listed_with_what_to_rename() {
        for names in [
            &["x_test", "x_train", "y_test", "y_train"][..],
            &["arr_0", "arr_1", "arr_2", "arr_3"],
            &["x", "X", "y"],
            &["x", "data"],
            &["x", "classes"],
            &["data", "label", "target"],
            &["pixels"],
            &[],
        ] {
            let error = choose(names, "an array").unwrap_err();
            assert!(error.to_string().starts_with("expected an array \"images\"; got "), "{error}");
            assert!(error.hint().unwrap().contains("`images`"), "{names:?}");
        }
        let error = choose(&["x_test", "x_train", "y_test", "y_train"], "an array").unwrap_err();
        assert!(error.to_string().ends_with("got x_test, x_train, y_test, y_train"), "{error}");
        assert!(error.hint().unwrap().ends_with("for example x_train and y_train"), "{error}");
        // The documented names come before all others, and a label by another name is not lost without a note.
        let chosen = choose(&["images", "x", "y"], "an array").unwrap();
        assert_eq!((chosen.images.as_str(), chosen.labels), ("images", None));
        assert!(chosen.note.unwrap().ends_with("not read: x, y"));
        let long = "n".repeat(1 << 20);
        assert!(choose(&[&long], "a tensor").unwrap_err().to_string().len() < 200);
    }
}
