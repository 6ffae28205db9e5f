//! Pixels that are collected image by image: in memory while they fit, else in a scratch file.

use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::Array4;
use sha2::{Digest as _, Sha256};

use super::Pixels;
use crate::error::{Error, Result};
use crate::hint::Hint;

/// Collects images of one size.
///
/// # Examples
/// ```
/// use weakspot::image::Store;
///
/// let scratch = tempfile::tempdir().unwrap();
/// // Two images of 1x1x2 bytes. With no memory allowed, they go to a scratch file.
/// let mut store = Store::new([1, 1, 2], 2, 0, scratch.path())?;
/// store.push(&[0, 255])?;
/// store.push(&[255, 255])?;
/// let pixels = store.finish()?;
/// assert_eq!(pixels.batch(&[0])?.as_slice(), Some(&[0.0, 1.0][..]));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Debug)]
pub struct Store {
    /// `[channels, height, width]`.
    shape: [usize; 3],
    digests: Vec<[u8; 32]>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Vec<u8>),
    File(BufWriter<File>),
}

impl Store {
    /// A store for at most `n` images of `[channels, height, width]` bytes: in memory if they are at most `memory`
    /// bytes, else in an unnamed file in the folder `scratch`, which is made if absent.
    ///
    /// # Errors
    /// `Io`, naming the folder, where no file can be made there; `OutOfMemory`.
    pub fn new(shape: [usize; 3], n: usize, memory: u64, scratch: &Path) -> Result<Self> {
        let total = shape.iter().fold(n as u64, |product, &side| product.saturating_mul(side as u64));
        let place = if total <= memory {
            let mut bytes = Vec::new();
            bytes
                .try_reserve_exact(total as usize)
                .map_err(|_short| Error::out_of_memory("the pixels of all pictures", total))?;
            Place::Memory(bytes)
        } else {
            let file = std::fs::create_dir_all(scratch)
                .and_then(|()| tempfile::tempfile_in(scratch))
                .map_err(|e| full(scratch, &e, total))?;
            Place::File(BufWriter::with_capacity(1 << 20, file))
        };
        Ok(Self { shape, digests: Vec::with_capacity(n), place })
    }

    /// Adds one image, `channels * height * width` bytes.
    ///
    /// # Errors
    /// `Shape` for another number of bytes; `Io` where the disk is full.
    pub fn push(&mut self, image: &[u8]) -> Result<()> {
        let expected: usize = self.shape.iter().product();
        if image.len() != expected {
            return Err(Error::shape(format!("expected an image of {expected} bytes; got {}", image.len())));
        }
        self.digests.push(Sha256::digest(image).into());
        match &mut self.place {
            Place::Memory(bytes) => bytes.extend_from_slice(image),
            Place::File(file) => {
                file.write_all(image).map_err(|e| full(Path::new("scratch file"), &e, expected as u64))?;
            }
        }
        Ok(())
    }

    /// The images that were added, `[n, channels, height, width]`.
    ///
    /// # Errors
    /// `Io` where the disk is full.
    pub fn finish(self) -> Result<Pixels> {
        let [c, h, w] = self.shape;
        let n = self.digests.len();
        match self.place {
            Place::Memory(bytes) => Array4::from_shape_vec((n, c, h, w), bytes)
                .map(Pixels::U8)
                .map_err(|e| Error::shape(e.to_string())),
            Place::File(file) => {
                let file = file
                    .into_inner()
                    .map_err(|e| full(Path::new("scratch file"), e.error(), (n * c * h * w) as u64))?;
                Ok(Pixels::File(PixelFile {
                    file: Arc::new(Mutex::new(file)),
                    shape: self.shape,
                    rows: (0..n).collect(),
                    digests: self.digests.into(),
                }))
            }
        }
    }
}

fn full(place: &Path, error: &std::io::Error, bytes: u64) -> Error {
    Error::io(place, error).with_hint(
        Hint::new()
            .say(format!(
                "the pixels beyond 1 GiB are kept in a file during the run ({bytes} bytes): name a folder with room, "
            ))
            .set("scratch", "DIR")
            .say(", or choose a smaller ")
            .setting("size"),
    )
}

/// Images in a scratch file that is deleted with its last owner.
///
/// # Examples
/// ```
/// use weakspot::image::{Pixels, Store};
///
/// let scratch = tempfile::tempdir().unwrap();
/// let mut store = Store::new([1, 1, 1], 2, 0, scratch.path())?;
/// store.push(&[7])?;
/// store.push(&[7])?;
/// let Pixels::File(file) = store.finish()? else { unreachable!("no byte may stay in memory") };
/// let digests: Vec<_> = file.digests().collect();
/// assert_eq!(digests[0], digests[1]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PixelFile {
    file: Arc<Mutex<File>>,
    /// `[channels, height, width]`.
    shape: [usize; 3],
    /// Which rows of the file these images are.
    rows: Vec<usize>,
    /// SHA-256 of every row of the file.
    digests: Arc<[[u8; 32]]>,
}

impl PixelFile {
    /// `(images, channels, height, width)`.
    pub(super) fn dim(&self) -> (usize, usize, usize, usize) {
        let [c, h, w] = self.shape;
        (self.rows.len(), c, h, w)
    }

    /// SHA-256 of the bytes of every image.
    pub fn digests(&self) -> impl Iterator<Item = [u8; 32]> + '_ {
        self.rows.iter().map(|&row| self.digests[row])
    }

    pub(super) fn select(&self, indices: &[usize]) -> Self {
        Self { rows: indices.iter().map(|&i| self.rows[i]).collect(), ..self.clone() }
    }

    /// The bytes of some images, one after the other.
    pub(super) fn read(&self, indices: &[usize]) -> Result<Vec<u8>> {
        let size: usize = self.shape.iter().product();
        let mut bytes = vec![0; indices.len() * size];
        // A reader that panicked left nothing behind but a place in the file.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        for (image, &i) in bytes.chunks_exact_mut(size.max(1)).zip(indices) {
            file.seek(SeekFrom::Start(self.rows[i] as u64 * size as u64))
                .and_then(|_| file.read_exact(image))
                .map_err(|e| Error::io(Path::new("scratch file"), &e).with_hint("try again"))?;
        }
        Ok(bytes)
    }
}

impl PartialEq for PixelFile {
    /// The same images, wherever they are kept.
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.digests().eq(other.digests())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(memory: u64, scratch: &Path) -> Pixels {
        let mut store = Store::new([1, 2, 3], 4, memory, scratch).unwrap();
        for i in 0..4u8 {
            store.push(&[i, 1, 2, 3, 4, 250]).unwrap();
        }
        store.finish().unwrap()
    }

    #[test]
    fn a_file_gives_what_memory_gives_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = folder.path().join("below");
        let (memory, file) = (stored(24, &scratch), stored(23, &scratch));
        assert!(matches!((&memory, &file), (Pixels::U8(_), Pixels::File(_))));
        assert_eq!(memory.dim(), file.dim());
        for indices in [&[0, 1, 2, 3][..], &[3, 0, 0], &[]] {
            assert_eq!(memory.batch(indices).unwrap(), file.batch(indices).unwrap());
        }
        let (some, same) = (memory.select(&[2, 1]), file.select(&[2, 1]));
        assert_eq!(some.batch(&[0]).unwrap(), same.batch(&[0]).unwrap());
        assert_eq!(some.digests(), same.digests());
        assert_eq!(same.select(&[0]), file.select(&[2]));
        assert_ne!(same, file);
        drop((file, same));
        assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_written_and_an_image_of_another_size_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        crate::output::write_atomic(&file, b"").unwrap();
        let error = Store::new([1, 1, 1], 9, 0, &file).unwrap_err();
        assert!(error.hint().unwrap().contains("scratch = DIR"), "{error}");
        let mut store = Store::new([1, 1, 2], 1, 9, folder.path()).unwrap();
        assert!(store.push(&[1]).is_err());
    }
}
