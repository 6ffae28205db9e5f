//! The rows that are already computed, batch by batch, so that a run that was cut short can be resumed.
//!
//! Every stage of a study turns one image into one row. Rows go to the journal as soon as their batch is done; a
//! resumed study reads them back and computes only what is missing. Because each row depends on its image alone,
//! the result is the same bytes (`docs/DESIGN.md`, invariant 9).

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::error::{Error, Result};
use crate::hint::Hint;

/// Keeps rows of JSON, keyed by stage and image id.
///
/// # Examples
/// ```
/// use std::collections::HashMap;
/// use weakspot::study::Journal;
///
/// /// Keeps rows in memory, so that a second study with the same settings reuses them.
/// #[derive(Default)]
/// struct Memory(HashMap<String, HashMap<String, String>>);
///
/// impl Journal for Memory {
///     fn known(&mut self, stage: &str) -> weakspot::Result<HashMap<String, String>> {
///         Ok(self.0.get(stage).cloned().unwrap_or_default())
///     }
///
///     fn append(&mut self, stage: &str, rows: &[(String, String)]) -> weakspot::Result<()> {
///         self.0.entry(stage.to_owned()).or_default().extend(rows.iter().cloned());
///         Ok(())
///     }
/// }
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// let mut journal = Memory::default();
/// let first = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut journal, &Silent)?;
/// assert_eq!(run(&plan, &Subject::new(&model, &data, &splits), 20, &mut journal, &Silent)?, first);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub trait Journal {
    /// The rows of a stage that are known already, by image id.
    ///
    /// # Errors
    /// `Io` if they cannot be read.
    fn known(&mut self, stage: &str) -> Result<HashMap<String, String>>;

    /// Adds the rows of one batch: image id and JSON on one line.
    ///
    /// # Errors
    /// `Io` if they cannot be written.
    fn append(&mut self, stage: &str, rows: &[(String, String)]) -> Result<()>;
}

/// Remembers nothing: a study that is not resumed.
///
/// # Examples
/// ```
/// use weakspot::study::{Journal, NoJournal};
///
/// NoJournal.append("fit", &[("image/00000".to_owned(), "{}".to_owned())])?;
/// assert!(NoJournal.known("fit")?.is_empty());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn known(&mut self, _stage: &str) -> Result<HashMap<String, String>> {
        Ok(HashMap::new())
    }

    fn append(&mut self, _stage: &str, _rows: &[(String, String)]) -> Result<()> {
        Ok(())
    }
}

/// How a journal's first line begins.
const MAGIC: &str = "weakspot-journal/2 ";

/// The first line of the format before this one, without checksums and escaped ids. Such a journal is started over.
const MAGIC_BEFORE: &str = "weakspot-journal/1 ";

/// A journal in one file: a fingerprint line, then `checksum TAB stage TAB id TAB json` lines. The checksum is the
/// CRC-32 of what follows it, in eight hexadecimal digits. In an id, tabs, line ends and backslashes are escaped.
///
/// # Examples
/// ```
/// use weakspot::study::{FileJournal, Journal};
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("journal");
/// FileJournal::open(&path, "a digest")?.append("fit", &[("image/00000".to_owned(), "{}".to_owned())])?;
/// assert_eq!(FileJournal::open(&path, "a digest")?.known("fit")?["image/00000"], "{}");
/// // Another fingerprint means another study: the journal starts over.
/// assert!(FileJournal::open(&path, "another digest")?.is_empty());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Debug)]
pub struct FileJournal {
    path: std::path::PathBuf,
    file: std::fs::File,
    rows: HashMap<String, HashMap<String, String>>,
    note: Option<String>,
}

impl FileJournal {
    /// Opens or begins the journal of the study with this fingerprint (a digest of everything that decides its
    /// rows). A journal of another study or format is started over. Lines that are damaged, or that a crash cut short,
    /// are dropped.
    ///
    /// # Errors
    /// `Io`, naming the path; `InvalidParameter` while another process has it open, and for what is not a regular file.
    pub fn open(path: &Path, fingerprint: &str) -> Result<Self> {
        let fail = |e: std::io::Error| Error::io(path, &e);
        check_place(path)?;
        let mut file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(fail)?;
        // Two processes that append to one journal would mix their rows. Some file systems have no locks.
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::invalid(format!("{}: another run is writing it", path.display()))
                .with_hint(Hint::new().say("wait for it to end, or choose another ").setting("out")));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        let header = format!("{MAGIC}{fingerprint}\n");
        let Found { rows, whole, damaged } = read(&bytes, &header);
        let note = if bytes.starts_with(MAGIC_BEFORE.as_bytes()) {
            Some(format!(
                "{}: the journal is from an earlier version, without checksums; the study starts over",
                path.display()
            ))
        } else {
            (damaged > 0).then(|| {
                format!("{}: {damaged} damaged lines; their rows are computed again", path.display())
            })
        };
        let kept = if damaged > 0 { 0 } else { whole };
        file.set_len(kept as u64).map_err(fail)?;
        file.seek(SeekFrom::Start(kept as u64)).map_err(fail)?;
        let mut journal = Self { path: path.to_owned(), file, rows, note };
        if kept == 0 {
            journal.begin(&header)?;
        }
        Ok(journal)
    }

    /// Writes the first line, and the rows that are known.
    fn begin(&mut self, header: &str) -> Result<()> {
        let mut text = header.to_owned();
        // In an order of their own: the same journal is the same bytes.
        let stages: BTreeMap<&String, BTreeMap<&String, &String>> =
            self.rows.iter().map(|(stage, rows)| (stage, rows.iter().collect())).collect();
        for (stage, rows) in stages {
            text.extend(rows.into_iter().map(|(id, json)| line(stage, id, json)));
        }
        self.file.write_all(text.as_bytes()).map_err(|e| Error::io(&self.path, &e))
    }

    /// The fingerprint of the study that a journal belongs to, in this format or the one before; `None` if the file is
    /// not a journal.
    ///
    /// # Errors
    /// `Io`, naming the path; `InvalidParameter` for what is not a regular file.
    pub fn fingerprint(path: &Path) -> Result<Option<String>> {
        check_place(path)?;
        let file = std::fs::File::open(path).map_err(|e| Error::io(path, &e))?;
        let mut first = Vec::new();
        let line = std::io::BufReader::new(file.take(1 << 10)).read_until(b'\n', &mut first);
        line.map_err(|e| Error::io(path, &e))?;
        let line = std::str::from_utf8(&first).ok().and_then(|line| line.strip_suffix('\n'));
        let rest = |line: &str| {
            line.strip_prefix(MAGIC).or_else(|| line.strip_prefix(MAGIC_BEFORE)).map(str::to_owned)
        };
        Ok(line.and_then(rest))
    }

    /// What the user should know about the file: that rows were damaged, or that the format was an earlier one.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The number of rows that are known.
    pub fn len(&self) -> usize {
        self.rows.values().map(HashMap::len).sum()
    }

    /// Whether no row is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Refuses anything that is not a file of its own. A pipe would make the study wait, a device never ends, and
/// through a link a different file would be cut short and overwritten.
fn check_place(path: &Path) -> Result<()> {
    let Ok(found) = path.symlink_metadata() else { return Ok(()) };
    if found.is_file() {
        return Ok(());
    }
    let what = if found.is_symlink() { "a link" } else { "not a regular file" };
    Err(Error::invalid(format!("{}: expected a study's journal; it is {what}", path.display()))
        .with_hint(Hint::new().say("remove it, or choose another ").setting("out")))
}

/// What a journal's bytes hold.
#[derive(Default)]
struct Found {
    rows: HashMap<String, HashMap<String, String>>,
    /// Bytes up to the end of the last line.
    whole: usize,
    /// Lines that are not as they were written.
    damaged: usize,
}

fn read(bytes: &[u8], header: &str) -> Found {
    let mut found = Found::default();
    if !bytes.starts_with(header.as_bytes()) {
        return found;
    }
    found.whole = header.len();
    while let Some(end) = bytes[found.whole..].iter().position(|&b| b == b'\n') {
        match parse_line(&bytes[found.whole..found.whole + end]) {
            Some((stage, id, json)) => {
                found.rows.entry(stage).or_default().insert(id, json);
            }
            None => found.damaged += 1,
        }
        found.whole += end + 1;
    }
    found
}

/// One line, with its checksum and its end.
fn line(stage: &str, id: &str, json: &str) -> String {
    let row = [stage, &escaped(id), json].join("\t");
    format!("{:08x}\t{row}\n", crc32fast::hash(row.as_bytes()))
}

/// Stage, id and JSON of one line without its end, if its checksum is right.
fn parse_line(line: &[u8]) -> Option<(String, String, String)> {
    let (checksum, row) = std::str::from_utf8(line).ok()?.split_once('\t')?;
    if checksum != format!("{:08x}", crc32fast::hash(row.as_bytes())) {
        return None;
    }
    let mut fields = row.splitn(3, '\t');
    let (stage, id, json) = (fields.next()?, fields.next()?, fields.next()?);
    Some((stage.to_owned(), unescaped(id)?, json.to_owned()))
}

/// The escape of a character that would break a line: in some data sets an id is a file's name, which may have any.
const ESCAPES: [(char, char); 4] = [('\\', '\\'), ('\t', 't'), ('\n', 'n'), ('\r', 'r')];

fn escaped(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for c in id.chars() {
        match ESCAPES.iter().find(|(plain, _)| *plain == c) {
            Some((_, letter)) => text.extend(['\\', *letter]),
            None => text.push(c),
        }
    }
    text
}

fn unescaped(text: &str) -> Option<String> {
    let mut id = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let escape = if c == '\\' { Some(chars.next()?) } else { None };
        id.push(match escape {
            Some(letter) => ESCAPES.iter().find(|(_, known)| *known == letter)?.0,
            None => c,
        });
    }
    Some(id)
}

impl Journal for FileJournal {
    fn known(&mut self, stage: &str) -> Result<HashMap<String, String>> {
        Ok(self.rows.remove(stage).unwrap_or_default())
    }

    fn append(&mut self, stage: &str, rows: &[(String, String)]) -> Result<()> {
        let text: String = rows.iter().map(|(id, json)| line(stage, id, json)).collect();
        self.file.write_all(text.as_bytes()).map_err(|e| Error::io(&self.path, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, json: &str) -> (String, String) {
        (id.to_owned(), json.to_owned())
    }

    #[test]
    fn rows_survive_a_line_cut_short_and_another_study_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = FileJournal::open(&path, "a").unwrap();
        journal.append("eval", &[row("1", "{}"), row("2", "[1]")]).unwrap();
        drop(journal);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(b"eval\t3\t{\"half");
        crate::output::write_atomic(&path, &bytes).unwrap();

        let mut journal = FileJournal::open(&path, "a").unwrap();
        assert_eq!(journal.len(), 2);
        assert_eq!(journal.known("eval").unwrap()["2"], "[1]");
        journal.append("eval", &[row("3", "7")]).unwrap();
        assert!(FileJournal::open(&path, "a").unwrap_err().to_string().contains("another run"));
        drop(journal);
        assert_eq!(FileJournal::fingerprint(&path).unwrap().as_deref(), Some("a"));
        assert_eq!(FileJournal::open(&path, "a").unwrap().known("eval").unwrap()["3"], "7");
        assert!(FileJournal::open(&path, "b").unwrap().is_empty());
    }

    #[test]
    fn ids_that_differ_by_a_tab_a_line_end_or_a_backslash_keep_their_own_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let ids = ["x y", "x\ty", "x\ny", "x\ry", "x\\ty", "x\\\ty", "\\"];
        let rows: Vec<_> = ids.iter().enumerate().map(|(i, id)| row(id, &i.to_string())).collect();
        FileJournal::open(&path, "a").unwrap().append("eval", &rows).unwrap();
        let mut journal = FileJournal::open(&path, "a").unwrap();
        assert_eq!(journal.note(), None);
        let known = journal.known("eval").unwrap();
        assert_eq!(known.len(), ids.len());
        for (id, json) in rows {
            assert_eq!(known[&id], json, "{id:?}");
        }
    }

    #[test]
    fn a_flipped_bit_costs_the_lines_it_is_in_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let rows = [row("1", "{\"m\":0.25}"), row("2", "[1]"), row("3", "7")];
        FileJournal::open(&path, "a").unwrap().append("eval", &rows).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let first = whole.iter().position(|&b| b == b'\n').unwrap() + 1;
        for bit in first * 8..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            crate::output::write_atomic(&path, &bytes).unwrap();
            let mut journal = FileJournal::open(&path, "a").unwrap();
            // The last line's end is what says that it is whole.
            let cut = bit / 8 == whole.len() - 1;
            assert_eq!(journal.note().is_some(), !cut, "bit {bit}");
            let known = journal.known("eval").unwrap();
            assert!(known.len() == 2 || known.len() == 1, "bit {bit}: {known:?}");
            for (id, json) in &rows {
                assert!(known.get(id).is_none_or(|found| found == json), "bit {bit}: {known:?}");
            }
            journal.append("eval", &[row("4", "8")]).unwrap();
            drop(journal);
            // What was damaged is gone from the file.
            let again = FileJournal::open(&path, "a").unwrap();
            assert_eq!((again.note(), again.len()), (None, known.len() + 1), "bit {bit}");
        }
    }

    #[test]
    fn a_journal_of_the_format_before_is_begun_anew_with_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        crate::output::write_atomic(&path, b"weakspot-journal/1 a\neval\t1\t{}\n").unwrap();
        assert_eq!(FileJournal::fingerprint(&path).unwrap().as_deref(), Some("a"));
        let journal = FileJournal::open(&path, "a").unwrap();
        assert!(journal.is_empty() && journal.note().unwrap().contains("starts over"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_journals_place_is_neither_followed_nor_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let (path, outside) = (folder.path().join("journal"), folder.path().join("thesis.tex"));
        crate::output::write_atomic(&outside, b"mine").unwrap();
        std::os::unix::fs::symlink(&outside, &path).unwrap();
        let error = FileJournal::open(&path, "a").unwrap_err();
        assert!(error.to_string().contains("it is a link") && error.hint().is_some(), "{error}");
        assert!(FileJournal::fingerprint(&path).is_err());
        assert_eq!(std::fs::read(&outside).unwrap(), b"mine");
    }
}
