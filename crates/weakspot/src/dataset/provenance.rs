//! What is known of where images came from, beside their ids.

/// What a source says about the images it delivered and those it did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// One name per image of what must not be torn apart (a slide, a patient), or empty where nothing is known.
    pub groups: Vec<String>,
    /// Files that were left out because they could not be read (`--skip-bad`).
    pub skipped: Vec<Skipped>,
    /// What a reader of the results should know of the data: one sentence each.
    pub notes: Vec<String>,
}

/// A file that was left out.
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
