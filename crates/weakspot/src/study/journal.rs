//! What is known already, batch by batch, so that a run that dies is resumed.
//!
//! Every stage of a study turns one image into one row. Rows go to the journal as soon as their batch is done; a
//! resumed study reads them back and computes only what is missing. Because each row depends on its image alone,
//! the result is the same bytes (`docs/DESIGN.md`, invariant 9).

use std::collections::HashMap;
use std::io::{BufRead as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::error::{Error, Result};

/// Keeps rows of JSON, keyed by stage and image id.
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
const MAGIC: &str = "weakspot-journal/1 ";

/// A journal in one file: a fingerprint line, then `stage TAB id TAB json` lines.
#[derive(Debug)]
pub struct FileJournal {
    path: std::path::PathBuf,
    file: std::fs::File,
    rows: HashMap<String, HashMap<String, String>>,
}

impl FileJournal {
    /// Opens or begins the journal of the study with this fingerprint (a digest of everything that decides its
    /// rows). A journal of another study is begun anew; a line that a crash cut short is dropped.
    ///
    /// # Errors
    /// `Io`, naming the path; `InvalidParameter` while another process has it open.
    pub fn open(path: &Path, fingerprint: &str) -> Result<Self> {
        let fail = |e: std::io::Error| Error::io(path, &e);
        let mut file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(fail)?;
        // Two processes that append to one journal would mix their rows. A file system without locks gives none.
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::invalid(format!("{}: another run is writing it", path.display()))
                .with_hint("wait for it to end, or choose another --out"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        let header = format!("{MAGIC}{fingerprint}\n");
        let mut rows: HashMap<String, HashMap<String, String>> = HashMap::new();
        let mut whole = 0;
        if bytes.starts_with(header.as_bytes()) {
            whole = header.len();
            while let Some(end) = bytes[whole..].iter().position(|&b| b == b'\n') {
                let Some((stage, id, json)) = parse_line(&bytes[whole..whole + end]) else { break };
                rows.entry(stage.to_owned()).or_default().insert(id.to_owned(), json.to_owned());
                whole += end + 1;
            }
        }
        file.set_len(whole as u64).map_err(fail)?;
        file.seek(SeekFrom::End(0)).map_err(fail)?;
        if whole == 0 {
            file.write_all(header.as_bytes()).map_err(fail)?;
        }
        Ok(Self { path: path.to_owned(), file, rows })
    }

    /// The fingerprint of the study that a file is the journal of; `None` if the file is no journal.
    ///
    /// # Errors
    /// `Io`, naming the path.
    pub fn fingerprint(path: &Path) -> Result<Option<String>> {
        let file = std::fs::File::open(path).map_err(|e| Error::io(path, &e))?;
        let mut first = Vec::new();
        let line = std::io::BufReader::new(file.take(1 << 10)).read_until(b'\n', &mut first);
        line.map_err(|e| Error::io(path, &e))?;
        let line = std::str::from_utf8(&first).ok().and_then(|line| line.strip_suffix('\n'));
        Ok(line.and_then(|line| line.strip_prefix(MAGIC)).map(str::to_owned))
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

/// `stage`, `id` and `json` of one line without its end.
fn parse_line(line: &[u8]) -> Option<(&str, &str, &str)> {
    let mut fields = std::str::from_utf8(line).ok()?.splitn(3, '\t');
    Some((fields.next()?, fields.next()?, fields.next()?))
}

impl Journal for FileJournal {
    fn known(&mut self, stage: &str) -> Result<HashMap<String, String>> {
        Ok(self.rows.remove(stage).unwrap_or_default())
    }

    fn append(&mut self, stage: &str, rows: &[(String, String)]) -> Result<()> {
        // An id is a file's name in some data sets: a tab or a line end in it must not break the line.
        let line = |(id, json): &(String, String)| {
            [stage, &id.replace(['\t', '\n', '\r'], " "), json].join("\t") + "\n"
        };
        let text: String = rows.iter().map(line).collect();
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
}
