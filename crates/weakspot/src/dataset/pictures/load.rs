//! From files to pixels.

use std::path::PathBuf;

use rayon::prelude::*;

use super::decode::{self, Header};
use super::kind;
use super::listing::{Entry, Listing};
use super::resize;
use super::why::Why;
use crate::dataset::{Arrays, Dataset, MAX_PIXEL_BYTES, Origin, Provenance, Skipped};
use crate::error::{Error, ErrorKind, Result};
use crate::hint::Hint;
use crate::image::{Pixels, Store};
use crate::progress::Observer;

/// Pictures that are decoded before the next look at the clock and at Ctrl-C.
const CHUNK: usize = 16;

/// The longest side that is taken as it is, in pixels: larger pictures need a size.
const MAX_OWN_SIDE: usize = 512;

/// How pictures become pixels.
///
/// # Examples
/// ```
/// use weakspot::dataset::pictures::{Grouping, Listing, Options};
/// use weakspot::progress::Silent;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # for (name, width) in [("a.png", 16), ("b.png", 24)] {
/// #     let picture = weakspot::image::png(ndarray::Array3::zeros((1, 16, width)).view())?;
/// #     std::fs::write(folder.path().join(name), picture).unwrap();
/// # }
/// // Two pictures of 16x16 and 16x24 pixels.
/// let listing = Listing::of_folder(folder.path(), "mine", Grouping::None)?;
/// assert!(listing.clone().load(&Options::default(), &Silent).is_err());
/// let loaded = listing.load(&Options { size: Some(8), ..Options::default() }, &Silent)?;
/// assert_eq!(loaded.pixels.dim(), (2, 1, 8, 8));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Height and width that pictures are brought to; `None` takes them as they are, all of one size.
    pub size: Option<usize>,
    /// Whether a picture that cannot be read is left out and listed, instead of an error.
    pub skip_bad: bool,
    /// Folder of the scratch file for pixels beyond `memory`; made if absent. The file has no name (where the system
    /// knows such files) and is gone when the data set is.
    pub scratch: PathBuf,
    /// The most bytes of pixels that stay in memory.
    pub memory: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { size: None, skip_bad: false, scratch: tempfile::env::temp_dir(), memory: MAX_PIXEL_BYTES }
    }
}

/// Pictures as pixels, with what is known about them.
///
/// # Examples
/// ```
/// use weakspot::dataset::pictures::{Grouping, Listing, Options};
/// use weakspot::progress::Silent;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let picture = weakspot::image::png(ndarray::Array3::zeros((1, 8, 8)).view())?;
/// # std::fs::write(folder.path().join("a.png"), picture).unwrap();
/// // A folder with one picture, and no folders of classes.
/// let loaded = Listing::of_folder(folder.path(), "mine", Grouping::None)?.load(&Options::default(), &Silent)?;
/// assert_eq!(loaded.clone().into_arrays().labels, None);
/// assert!(loaded.into_dataset().is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The data set's name.
    pub name: String,
    /// `[n, channels, height, width]`: one channel if every picture is grey, else three.
    pub pixels: Pixels,
    /// One per picture, where pictures have labels.
    pub labels: Option<Vec<usize>>,
    /// One per label.
    pub class_names: Vec<String>,
    /// The path within the folder, or as the list has it.
    pub ids: Vec<String>,
    /// Where each came from.
    pub origins: Vec<Origin>,
    /// Groups, files left out, notes.
    pub provenance: Provenance,
}

impl Listing {
    /// Opens, checks, decodes and resizes every picture.
    ///
    /// # Determinism
    /// The same files give the same bytes, whatever the number of threads.
    ///
    /// # Errors
    /// `Format`, naming the file, for one that is empty, damaged, truncated, unreadable, too large or of a kind that is
    /// not read, unless such files are skipped; `Shape` for pictures of unequal sizes, or larger than 512 pixels, if no
    /// size is given; `Io` if the scratch file cannot be written; `Interrupted`.
    pub fn load(self, options: &Options, observer: &dyn Observer) -> Result<Loaded> {
        let mut skipped = Vec::new();
        let (entries, headers) = check(&self, options, &mut skipped, observer)?;
        let (height, width) = common_size(&entries, &headers, options.size)?;
        let channels = if headers.iter().all(|header| header.grey) { 1 } else { 3 };
        let mut store =
            Store::new([channels, height, width], entries.len(), options.memory, &options.scratch)?;
        let mut kept = Vec::with_capacity(entries.len());
        observer.stage("decoding pictures", entries.len());
        let mut misnamed = Vec::new();
        for (chunk, headers) in entries.chunks(CHUNK).zip(headers.chunks(CHUNK)) {
            stop_if_asked(observer)?;
            let decoded: Vec<Result<Vec<u8>, Why>> = chunk
                .par_iter()
                .zip(headers)
                .map(|(entry, header)| {
                    decode::decode(&entry.path, header.need, channels, |picture| match options.size {
                        Some(size) => Ok(resize::square(picture, size)),
                        None if (picture.height, picture.width) == (height, width) => {
                            Ok(resize::planar(picture))
                        }
                        None => Err(decode::changed()),
                    })
                })
                .collect();
            for ((entry, header), result) in chunk.iter().zip(headers).zip(decoded) {
                match result {
                    Ok(bytes) => {
                        store.push(&bytes)?;
                        if kind::by_name(&entry.path).is_some_and(|named| named != header.kind) {
                            misnamed.push(format!("{} ({})", entry.id, kind::called(header.kind)));
                        }
                        kept.push(entry.clone());
                    }
                    Err(why) => leave_out(&self.name, entry, why, options.skip_bad, &mut skipped)?,
                }
            }
            observer.advance(chunk.len());
        }
        if kept.is_empty() {
            return Err(none_left(&self.name, skipped.len()));
        }
        let mut notes = self.notes;
        notes.extend(by_content(&misnamed));
        let grouped = kept.iter().all(|entry| !entry.group.is_empty());
        let groups =
            if grouped { kept.iter().map(|entry| entry.group.clone()).collect() } else { Vec::new() };
        Ok(Loaded {
            name: self.name,
            pixels: store.finish()?,
            labels: kept.iter().map(|entry| entry.class).collect(),
            class_names: self.class_names,
            origins: kept.iter().map(|entry| entry.origin).collect(),
            ids: kept.into_iter().map(|entry| entry.id).collect(),
            provenance: Provenance { groups, skipped, notes },
        })
    }
}

/// Reads every header before anything is decoded.
fn check(
    listing: &Listing,
    options: &Options,
    skipped: &mut Vec<Skipped>,
    observer: &dyn Observer,
) -> Result<(Vec<Entry>, Vec<Header>)> {
    observer.stage("checking pictures", listing.entries.len());
    let (mut entries, mut headers) = (Vec::new(), Vec::new());
    for chunk in listing.entries.chunks(64 * CHUNK) {
        stop_if_asked(observer)?;
        let read: Vec<Result<Header, Why>> =
            chunk.par_iter().map(|entry| decode::header(&entry.path)).collect();
        for (entry, result) in chunk.iter().zip(read) {
            match result {
                Ok(header) => {
                    headers.push(header);
                    entries.push(entry.clone());
                }
                Err(why) => leave_out(&listing.name, entry, why, options.skip_bad, skipped)?,
            }
        }
        observer.advance(chunk.len());
    }
    if entries.is_empty() { Err(none_left(&listing.name, skipped.len())) } else { Ok((entries, headers)) }
}

/// The size that every picture will have, `(height, width)`.
fn common_size(entries: &[Entry], headers: &[Header], asked: Option<usize>) -> Result<(usize, usize)> {
    if let Some(size) = asked {
        return Ok((size, size));
    }
    let size_of = |i: usize| format!("{} x {} in {}", headers[i].width, headers[i].height, entries[i].id);
    let first = (headers[0].height, headers[0].width);
    if let Some(other) = headers.iter().position(|header| (header.height, header.width) != first) {
        return Err(Error::shape(format!(
            "expected pictures of one size, or a size to bring them to; got {} and {} (width x height)",
            size_of(0),
            size_of(other)
        ))
        .with_hint(resize()));
    }
    if first.0.max(first.1) > MAX_OWN_SIDE {
        return Err(Error::shape(format!(
            "expected pictures of at most {MAX_OWN_SIDE} pixels a side, or a size to bring them to; got {}",
            size_of(0)
        ))
        .with_hint(resize()));
    }
    Ok(first)
}

fn resize() -> Hint {
    Hint::new()
        .set("size", 224)
        .say(" resizes the shorter side and crops the middle; ")
        .set("size", 64)
        .say(" is faster")
}

/// A picture that cannot be read: an error, or a line in the list.
fn leave_out(name: &str, entry: &Entry, why: Why, skip: bool, skipped: &mut Vec<Skipped>) -> Result<()> {
    if skip {
        skipped.push(Skipped { file: entry.id.clone(), why: why.came });
        return Ok(());
    }
    Err(Error::format(format!("{name}: {}: expected a whole picture; got {why}", entry.path.display()))
        .with_hint(why.hint()))
}

/// One sentence about pictures whose names say another kind.
fn by_content(misnamed: &[String]) -> Option<String> {
    let named = misnamed.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    let more = if misnamed.len() > 3 { ", .." } else { "" };
    (!misnamed.is_empty()).then(|| {
        format!(
            "{} pictures are of another kind than their names say and were read by their content: {named}{more}",
            misnamed.len()
        )
    })
}

fn none_left(name: &str, skipped: usize) -> Error {
    Error::format(format!("{name}: expected at least one whole picture; got {skipped} that cannot be read"))
        .with_hint(Hint::new().say("without ").setting("skip-bad").say(", the error names the first of them"))
}

fn stop_if_asked(observer: &dyn Observer) -> Result<()> {
    if observer.interrupted() {
        return Err(Error::new(ErrorKind::Interrupted, "stopped while reading pictures; nothing was saved"));
    }
    Ok(())
}

impl Loaded {
    /// The pictures as a labelled data set.
    ///
    /// # Errors
    /// `InvalidParameter` without labels, or with fewer than two classes.
    pub fn into_dataset(self) -> Result<Dataset> {
        let Some(labels) = self.labels else {
            return Err(Error::invalid(format!(
                "{}: expected labelled pictures for a study; got a folder without class folders",
                self.name
            ))
            .with_hint(
                Hint::new()
                    .say("put the pictures in one folder per class, or name them in a list: ")
                    .set("manifest", "files.csv"),
            ));
        };
        let data = Dataset {
            checksum: Dataset::checksum_of(&self.pixels, Some(&labels), &self.class_names),
            name: self.name,
            class_names: self.class_names,
            pixels: self.pixels,
            labels,
            ids: self.ids,
            origins: self.origins,
            truth: None,
            provenance: self.provenance,
        };
        data.check()?;
        Ok(data)
    }

    /// The pictures as arrays, with labels or without.
    pub fn into_arrays(self) -> Arrays {
        let checksum = Dataset::checksum_of(&self.pixels, self.labels.as_deref(), &self.class_names);
        Arrays {
            checksum,
            pixels: self.pixels,
            labels: self.labels,
            ids: self.ids,
            class_names: (!self.class_names.is_empty()).then_some(self.class_names),
            notes: self.provenance.notes,
        }
    }
}
