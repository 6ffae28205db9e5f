//! One checksum for one content.

use sha2::{Digest as _, Sha256};

use crate::digest;
use crate::image::Pixels;

/// SHA-256 in hexadecimal; every part is preceded by its kind and length, so that no two contents share bytes.
pub(super) fn of(pixels: &Pixels, labels: Option<&[usize]>, class_names: &[String]) -> String {
    let mut hash = Sha256::new();
    let (n, c, h, w) = pixels.dim();
    hash.update(match pixels {
        Pixels::U8(_) => b"u8 ",
        Pixels::F32(_) => b"f32",
        // Too many to be read again: the images' own digests stand for them.
        Pixels::File(_) => b"sha",
    });
    for side in [n, c, h, w] {
        hash.update((side as u64).to_le_bytes());
    }
    match pixels {
        Pixels::U8(a) => match a.as_slice() {
            Some(bytes) => hash.update(bytes),
            None => a.iter().for_each(|v| hash.update([*v])),
        },
        Pixels::F32(a) => a.iter().for_each(|v| hash.update(v.to_le_bytes())),
        Pixels::File(file) => file.digests().for_each(|digest| hash.update(digest)),
    }
    match labels {
        None => hash.update(b"no labels"),
        Some(labels) => {
            hash.update(b"labels");
            for &label in labels {
                hash.update((label as u64).to_le_bytes());
            }
        }
    }
    for name in class_names {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
    }
    digest::hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array4;

    #[test]
    fn every_part_of_the_content_moves_the_checksum() {
        let names = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let pixels = Pixels::U8(Array4::from_elem((2, 1, 2, 3), 7));
        let base = of(&pixels, Some(&[0, 1]), &names("a", "b"));
        assert_eq!(base, of(&pixels.clone(), Some(&[0, 1]), &names("a", "b")));
        assert_eq!(base.len(), 64);
        let mut others = vec![
            of(&Pixels::U8(Array4::from_elem((2, 1, 3, 2), 7)), Some(&[0, 1]), &names("a", "b")),
            of(&Pixels::U8(Array4::from_elem((2, 1, 2, 3), 8)), Some(&[0, 1]), &names("a", "b")),
            of(&pixels, Some(&[1, 0]), &names("a", "b")),
            of(&pixels, None, &names("a", "b")),
            of(&pixels, Some(&[0, 1]), &names("ab", "")),
            base,
        ];
        others.sort();
        others.dedup();
        assert_eq!(others.len(), 6);
    }
}
