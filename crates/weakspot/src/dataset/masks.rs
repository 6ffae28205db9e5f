//! Masks that users give: black-and-white pictures, or arrays of zeros and ones.

use std::path::Path;

use ndarray::Array2;

use super::arrays::load_levels;
use super::pictures::grey_levels;
use crate::error::{Error, ErrorKind, Result};
use crate::image::Mask;

/// Reads one mask of the given size, or two of them (the first axis of an array): set pixels are neutralized.
///
/// * a picture (PNG or any other kind that [`Listing`](super::pictures::Listing) reads) in black and white: white is
///   set;
/// * `.npy`: `[height, width]` or `[2, height, width]`, numbers or booleans, 0 for unset and 1 (or 255) for set.
///
/// # Errors
/// `Io` for a file that cannot be read, `Format` for a damaged file, `Shape` for a different size, `ValueRange` for
/// values that are neither set nor unset, `Unsupported` for a different kind of file.
///
/// # Examples
/// ```
/// use ndarray::Array3;
/// use weakspot::dataset::load_masks;
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("mask.png");
/// // White is set: here the first of four rows.
/// let white = Array3::from_shape_fn((1, 4, 8), |(_, y, _)| if y == 0 { 1.0 } else { 0.0 });
/// std::fs::write(&path, weakspot::image::png(white.view())?).unwrap();
/// assert_eq!(load_masks(&path, (4, 8))?[0].area(), 8);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn load_masks(path: &Path, (height, width): (usize, usize)) -> Result<Vec<Mask>> {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    let (shape, levels) = if ending == "npy" {
        load_levels(path)?
    } else {
        let (size, levels) = grey_levels(path, (height, width))?;
        (vec![size.0, size.1], levels)
    };
    let n = match *shape.as_slice() {
        [h, w] if (h, w) == (height, width) => 1,
        [n @ 1..=2, h, w] if (h, w) == (height, width) => n,
        _ => {
            return Err(Error::shape(format!(
                "{}: expected a mask of [{height}, {width}] (height, width), or two as [2, {height}, {width}]; \
                 got {shape:?}",
                path.display()
            ))
            .with_hint("a mask has the size of the images that are studied"));
        }
    };
    // The first value that is not 0 shows whether set is written as 1 or as 255.
    let set = levels.iter().copied().find(|v| *v != 0.0).filter(|v| *v == 255.0).unwrap_or(1.0);
    if let Some(i) = levels.iter().position(|v| *v != 0.0 && *v != set) {
        let (value, row, column) = (levels[i], i / width % height, i % width);
        return Err(Error::new(
            ErrorKind::ValueRange,
            format!(
                "{}: expected two values, 0 for unset and 1 or 255 for set; got {value} in row {row}, column {column}",
                path.display()
            ),
        )
        .with_hint("save (mask > 0.5).astype(\"uint8\"), or a picture in black and white without smoothed edges"));
    }
    let masks = levels
        .chunks_exact(height * width)
        .take(n)
        .map(|levels| Mask(Array2::from_shape_fn((height, width), |(y, x)| levels[y * width + x] != 0.0)));
    Ok(masks.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::write_atomic;
    use crate::report::figures::grey_png;

    fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend((header.len() as u16).to_le_bytes());
        out.extend(header.as_bytes());
        out.extend(bytes);
        out
    }

    #[test]
    fn pictures_and_arrays_say_the_same_mask() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            write_atomic(&path, bytes).unwrap();
            path
        };
        // Two rows of three: set are the corner and the last.
        let expected = Mask::from_fn(2, 3, |y, x| (y, x) == (0, 0) || (y, x) == (1, 2));
        let bits = [1u8, 0, 0, 0, 0, 1];
        let floats: Vec<u8> = bits.iter().flat_map(|&b| f32::from(b).to_le_bytes()).collect();
        let longs: Vec<u8> = bits.iter().flat_map(|&b| i64::from(b).to_le_bytes()).collect();
        let white = bits.map(|b| b * 255);
        for (name, bytes) in [
            ("a.png", grey_png(3, 2, &white).unwrap()),
            ("b.npy", npy("|b1", "(2, 3)", &bits)),
            ("c.npy", npy("|u1", "(2, 3)", &white)),
            ("d.npy", npy("<f4", "(2, 3)", &floats)),
            ("e.npy", npy("<i8", "(1, 2, 3)", &longs)),
        ] {
            let read = load_masks(&write(name, &bytes), (2, 3)).unwrap();
            assert_eq!(read, std::slice::from_ref(&expected), "{name}");
        }
        let two = write("two.npy", &npy("|b1", "(2, 2, 3)", &[bits, [0; 6]].concat()));
        assert_eq!(load_masks(&two, (2, 3)).unwrap(), [expected, Mask::empty(2, 3)]);
        let refused = |name: &str, bytes: &[u8], size| load_masks(&write(name, bytes), size).unwrap_err();
        let grey = refused("grey.png", &grey_png(3, 2, &[255, 0, 0, 0, 7, 0]).unwrap(), (2, 3));
        assert_eq!(grey.kind(), ErrorKind::ValueRange);
        assert!(grey.to_string().contains("got 7 in row 1, column 1"), "{grey}");
        let seven = refused("seven.npy", &npy("|u1", "(2, 3)", &bits.map(|b| b * 7)), (2, 3));
        assert_eq!(seven.kind(), ErrorKind::ValueRange);
        let nan: Vec<u8> =
            [1.0f32, f32::NAN, 0.0, 0.0, 0.0, 1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(refused("nan.npy", &npy("<f4", "(2, 3)", &nan), (2, 3)).kind(), ErrorKind::ValueRange);
        for (name, bytes) in
            [("t.png", grey_png(3, 2, &white).unwrap()), ("t.npy", npy("|b1", "(2, 3)", &bits))]
        {
            let turned = refused(name, &bytes, (3, 2));
            assert_eq!(turned.kind(), ErrorKind::Shape, "{name}: {turned}");
            assert!(turned.hint().is_some());
        }
        assert!(load_masks(&folder.path().join("none.png"), (2, 3)).is_err());
    }
}
