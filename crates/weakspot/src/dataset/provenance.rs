//! What is known about where images came from, beside their ids.

/// What a source says about the images it delivered and those it did not.
///
/// # Examples
/// ```
/// use weakspot::dataset::Provenance;
///
/// let groups = ["slide 1", "slide 1", "slide 2"].map(str::to_owned).to_vec();
/// let known = Provenance { groups, ..Provenance::default() };
/// assert_eq!(known.select(&[0, 2]).groups, ["slide 1", "slide 2"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The group of each image (a slide, a patient), which is kept in one part; empty if nothing is known.
    pub groups: Vec<String>,
    /// Files that were left out because they could not be read (setting `skip-bad`).
    pub skipped: Vec<Skipped>,
    /// What a reader of the results should know about the data: one sentence each.
    pub notes: Vec<String>,
}

/// A file that was left out.
///
/// # Examples
/// ```
/// use ndarray::Array3;
/// use weakspot::dataset::pictures::{Grouping, Listing, Options};
/// use weakspot::progress::Silent;
///
/// let folder = tempfile::tempdir().unwrap();
/// std::fs::write(folder.path().join("a.png"), weakspot::image::png(Array3::zeros((1, 8, 8)).view())?).unwrap();
/// std::fs::write(folder.path().join("b.png"), b"no picture").unwrap();
/// let listing = Listing::of_folder(folder.path(), "mine", Grouping::None)?;
/// let loaded = listing.load(&Options { skip_bad: true, ..Options::default() }, &Silent)?;
/// assert_eq!(loaded.provenance.skipped[0].file, "b.png");
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its path, within the data set's folder where it lies in one.
    pub file: String,
    /// What was wrong with it.
    pub why: String,
}

impl Provenance {
    /// The same of a selection of the images.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        let groups = if self.groups.is_empty() {
            Vec::new()
        } else {
            indices.iter().map(|&i| self.groups[i].clone()).collect()
        };
        Self { groups, skipped: self.skipped.clone(), notes: self.notes.clone() }
    }
}
