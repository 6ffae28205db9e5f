//! `--use-mask`: the user's mask, or another run's, in place of the blob.

use std::path::{Path, PathBuf};

use weakspot::dataset::{Dataset, load_masks};
use weakspot::image::Mask;
use weakspot::study::GivenMasks;
use weakspot::{Error, Result, report};

use crate::data::mistaken;

/// The masks that `text` names: one file for both classes, two with a comma between them, or a finished run's folder.
///
/// # Errors
/// What the files' readers report; `InvalidParameter` for a run of other classes; `Shape` for masks of another size.
pub(crate) fn given(text: &str, data: &Dataset) -> Result<GivenMasks> {
    let (_, _, height, width) = data.pixels.dim();
    let size = (height, width);
    let masks = match paths(text) {
        (one, None) if one.is_dir() => of_run(&one, data, size)?,
        (one, None) => match <[Mask; 2]>::try_from(read(&one, size)?) {
            Ok(two) => two,
            // One mask serves both classes.
            Err(one) => [0, 1].map(|_| one[0].clone()),
        },
        (first, Some(second)) => [single(&first, size)?, single(&second, size)?],
    };
    Ok(GivenMasks { masks, source: text.to_owned() })
}

/// One path, or two with a comma between them; a path that holds a comma and exists is one.
fn paths(text: &str) -> (PathBuf, Option<PathBuf>) {
    match text.split_once(',') {
        Some((first, second)) if !Path::new(text).exists() => (first.into(), Some(second.into())),
        _ => (text.into(), None),
    }
}

fn read(path: &Path, size: (usize, usize)) -> Result<Vec<Mask>> {
    load_masks(path, size).map_err(|e| mistaken::data(path, e))
}

/// The one mask that a file holds.
///
/// # Errors
/// As [`load_masks`]; `InvalidParameter` for two.
pub(crate) fn single(path: &Path, size: (usize, usize)) -> Result<Mask> {
    let mut masks = read(path, size)?;
    if masks.len() != 1 {
        return Err(Error::invalid(format!("{}: expected one mask; got {}", path.display(), masks.len()))
            .with_hint("if one file holds the masks of both classes, name it alone"));
    }
    Ok(masks.remove(0))
}

/// The blobs of a finished run, class by class.
fn of_run(folder: &Path, data: &Dataset, (height, width): (usize, usize)) -> Result<[Mask; 2]> {
    let run = report::load(folder).map_err(|e| e.context(folder.display()))?;
    let classes = &run.record.data.classes;
    let place = |name: &String| classes.iter().position(|known| known == name);
    let (Some(first), Some(second)) = (place(&data.class_names[0]), place(&data.class_names[1])) else {
        return Err(Error::invalid(format!(
            "{}: expected a run of the classes {}; its classes are {}",
            folder.display(),
            data.class_names.join(" and "),
            classes.join(" and ")
        ))
        .with_hint("name the run's blob-CLASS.png files instead: --use-mask blob-a.png,blob-b.png"));
    };
    let (rows, columns) = run.maps.size();
    if (rows, columns) != (height, width) {
        return Err(Error::shape(format!(
            "{}: expected blobs of {height} x {width} pixels, as the images have; the run's are {rows} x {columns}",
            folder.display()
        ))
        .with_hint("study the images at the run's size"));
    }
    Ok([first, second].map(|class| run.maps.blob_mask(class)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_parts_two_paths_unless_a_file_has_it() {
        assert_eq!(paths("a.png"), ("a.png".into(), None));
        assert_eq!(paths("a.png,b.npy"), ("a.png".into(), Some("b.npy".into())));
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("a,b.png");
        weakspot::output::write_atomic(&odd, b"").unwrap();
        assert_eq!(paths(odd.to_str().unwrap()), (odd.clone(), None));
    }
}
