//! `weakspot reproduce`: the paper's data sets, each studied with the default settings and with the paper's.

mod planned;

use std::path::Path;

use weakspot::progress::Observer as _;
use weakspot::report::reproduction::{self, Missing, Reproduction, Settings, Studied, Study};
use weakspot::{Error, ErrorKind, Result};

use crate::args::ReproduceArgs;
use crate::commands::kept;
use crate::commands::study::{self, Study as OneStudy};
use crate::data::cache;
use crate::data::source::Source;
use crate::results::folder;
use crate::results::run_record::RunRecord;
use crate::system::interrupt::Interrupt;
use crate::system::threads;
use crate::terminal::output;
use crate::terminal::output::flag;
use crate::terminal::progress::Progress;

use planned::{Planned, Set};

pub(crate) use planned::data_sets;

/// The same command goes on with what is missing.
const AGAIN: &str = "type the same command again: what is finished is kept";

/// Runs what is not finished, and sets everything beside the paper.
pub(crate) fn run(args: &ReproduceArgs) -> Result<()> {
    threads::start(args.run.threads)?;
    let out = planned::out(args);
    check(&out, args.run.force)?;
    let interrupt = Interrupt::listen()?;
    let mut work = Work {
        args,
        out: &out,
        progress: Progress::new(interrupt.clone()),
        interrupt,
        all: Reproduction { reduced: planned::reduced(args), subjects: Vec::new(), missing: Vec::new() },
        failed: Vec::new(),
        absent: Vec::new(),
        number: 0,
        n_studies: 0,
    };
    let sets = planned::sets(args, &out)?;
    for planned in sets.iter().flat_map(|set| &set.studies) {
        weakspot::output::stays_inside(&out, &planned.folder)?;
    }
    work.keep_finished(&sets)?;
    let present = work.present(&sets)?;
    work.n_studies = present.iter().map(|set| set.studies.len()).sum();
    for reduced in &work.all.reduced {
        work.progress.note(&format!("REDUCED, not the reproduction: {reduced}"));
    }
    work.write(&sets)?;
    for set in present {
        work.run(set, &sets)?;
    }
    work.write(&sets)?;
    output::data(&reproduction::terminal_summary(&work.page(&sets)))?;
    output::data(&out.join("report.html").display().to_string())?;
    match work.failed.into_iter().next() {
        None => Ok(()),
        Some((what, error)) => Err(error.context(format!("{what} (the other studies are finished)"))),
    }
}

/// Refuses a folder that holds something else.
fn check(out: &Path, force: bool) -> Result<()> {
    folder::check_writable(out)?;
    let used = out.is_dir() && std::fs::read_dir(out).map_err(|e| Error::io(out, &e))?.next().is_some();
    if used && !force && !reproduction::is_reproduction(out) {
        return Err(Error::invalid(format!(
            "expected a new or empty folder, or one of weakspot reproduce; {} is neither",
            out.display()
        ))
        .with_hint("choose another --out, or add --force to write beside what is there"));
    }
    Ok(())
}

/// A reproduction under way.
struct Work<'a> {
    args: &'a ReproduceArgs,
    out: &'a Path,
    progress: Progress,
    interrupt: Interrupt,
    /// What is finished, and what is not there.
    all: Reproduction,
    /// What could not be run, and why.
    failed: Vec<(String, Error)>,
    /// Data sets that are asked for and absent.
    absent: Vec<Missing>,
    /// Studies that were begun or kept.
    number: usize,
    n_studies: usize,
}

impl Work<'_> {
    /// Reads the studies that are finished. One of other settings is an error before any work, where it is asked for.
    fn keep_finished(&mut self, sets: &[Set]) -> Result<()> {
        for set in sets {
            for planned in &set.studies {
                match planned.finished(self.args.run.force) {
                    Ok(Some(run)) => self.add(set, planned, run),
                    Ok(None) => {}
                    Err(error) if set.asked => return Err(error),
                    Err(error) => self.progress.note(&format!("not shown: {error}")),
                }
            }
        }
        Ok(())
    }

    /// The data sets that are asked for and present. For the others, a note says how to fetch them.
    fn present<'s>(&mut self, sets: &'s [Set]) -> Result<Vec<&'s Set>> {
        let mut present = Vec::new();
        for set in sets.iter().filter(|set| set.asked) {
            let find = || Source::find(set.name, &set.studies[0].request.data.images);
            match self.progress.while_reading(find) {
                Ok(_) => present.push(set),
                Err(error) if error.kind() == ErrorKind::Io => {
                    let next = cache::fetch_command(set.name, self.args.data_dir.as_deref());
                    self.progress.note(&format!("{} is left out: {error}; fetch it: {next}", set.name));
                    self.absent.push(Missing { what: set.name.to_owned(), why: error.to_string(), next });
                }
                Err(error) => return Err(error.context(set.name)),
            }
        }
        if present.is_empty() && self.all.subjects.is_empty() {
            let fetch = cache::fetch_command("mnist fashion-mnist", self.args.data_dir.as_deref());
            return Err(Error::new(
                ErrorKind::Io,
                "expected at least one of the data sets that are asked for; none is there",
            )
            .with_hint(format!("{fetch} downloads and checks two of them")));
        }
        Ok(present)
    }

    /// Runs those studies of a data set that are not finished.
    fn run(&mut self, set: &Set, sets: &[Set]) -> Result<()> {
        // What one study's run.json says of its stages is its own.
        self.progress = Progress::new(self.interrupt.clone());
        let parts = match study::open(&set.studies[0].request, &self.progress) {
            Ok(parts) => parts,
            Err(error) => {
                self.number += set.studies.len();
                return self.fail(set.name.to_owned(), error);
            }
        };
        for planned in &set.studies {
            self.number += 1;
            let what = planned.title(set);
            let of = format!("study {} of {}: {what}", self.number, self.n_studies);
            let study = OneStudy::new(&planned.request, &parts)?;
            if let Some(kept) = self.finished(set, planned.settings) {
                match study.differs_from(&kept.run.record)? {
                    None => {
                        self.progress.note(&format!("{of}: finished before, kept"));
                        continue;
                    }
                    Some(why) if !self.args.run.force => {
                        self.remove(set, planned.settings);
                        self.fail(what, kept::other_settings(&planned.folder, &why))?;
                        continue;
                    }
                    Some(_) => self.remove(set, planned.settings),
                }
            }
            self.progress.note(&of);
            match self.one(planned, &study) {
                Ok(run) => {
                    self.add(set, planned, run);
                    self.write(sets)?;
                }
                Err(error) => self.fail(what, error)?,
            }
            self.progress = Progress::new(self.interrupt.clone());
        }
        Ok(())
    }

    fn one(&self, planned: &Planned, study: &OneStudy<'_>) -> Result<weakspot::record::Run> {
        let watch = RunRecord::begin();
        study.describe(&self.progress);
        let chosen = study.classifier(&self.progress)?;
        let (_, run) = study.run(chosen, &planned.wanted(self.args.run.force), watch, &self.progress)?;
        Ok(run)
    }

    /// A study that cannot be run does not stop the others; Ctrl-C stops all.
    fn fail(&mut self, what: String, error: Error) -> Result<()> {
        if error.kind() == ErrorKind::Interrupted {
            return Err(error);
        }
        output::failure(&error);
        self.failed.push((what, error));
        Ok(())
    }

    fn finished(&self, set: &Set, settings: Settings) -> Option<&Study> {
        self.all.subjects.iter().find(|subject| subject.name == set.name)?.with(settings)
    }

    fn add(&mut self, set: &Set, planned: &Planned, run: weakspot::record::Run) {
        let study = Study { settings: planned.settings, folder: planned.relative(set), run };
        let place = self.all.subjects.iter_mut().find(|subject| subject.name == set.name);
        if let Some(subject) = place {
            subject.studies.push(study);
            subject.studies.sort_by_key(|study| study.settings);
        } else {
            self.all.subjects.push(Studied { name: set.name.to_owned(), studies: vec![study] });
            self.all.subjects.sort_by_key(|subject| data_sets().position(|set| set.name == subject.name));
        }
    }

    fn remove(&mut self, set: &Set, settings: Settings) {
        for subject in self.all.subjects.iter_mut().filter(|subject| subject.name == set.name) {
            subject.studies.retain(|study| study.settings != settings);
        }
        self.all.subjects.retain(|subject| !subject.studies.is_empty());
    }

    /// The page of what is finished; the rest is listed as missing.
    fn page(&self, sets: &[Set]) -> Reproduction {
        let mut all = self.all.clone();
        for set in sets.iter().filter(|set| set.asked) {
            let open: Vec<&Planned> =
                set.studies.iter().filter(|planned| self.finished(set, planned.settings).is_none()).collect();
            if let Some(absent) = self.absent.iter().find(|absent| absent.what == set.name) {
                all.missing.extend((!open.is_empty()).then(|| absent.clone()));
                continue;
            }
            for planned in open {
                let what = planned.title(set);
                let failed = self.failed.iter().find(|(of, _)| *of == what || of == set.name);
                let (why, next) = match failed {
                    Some((_, error)) => {
                        (error.to_string(), error.hint_in(flag).unwrap_or_else(|| AGAIN.to_owned()))
                    }
                    None => ("not finished".to_owned(), AGAIN.to_owned()),
                };
                all.missing.push(Missing { what, why, next });
            }
        }
        all
    }

    /// Writes the page, so that it exists after an interruption.
    fn write(&self, sets: &[Set]) -> Result<()> {
        reproduction::write(self.out, &self.page(sets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_something_else_is_refused() {
        let root = tempfile::tempdir().unwrap();
        assert!(check(root.path(), false).is_ok());
        assert!(check(&root.path().join("new"), false).is_ok());
        weakspot::output::write_atomic(&root.path().join("notes.txt"), b"mine").unwrap();
        assert!(check(root.path(), false).unwrap_err().hint().unwrap().contains("--force"));
        assert!(check(root.path(), true).is_ok());
        let all = Reproduction { reduced: Vec::new(), subjects: Vec::new(), missing: Vec::new() };
        reproduction::write(root.path(), &all).unwrap();
        assert!(check(root.path(), false).is_ok());
        assert!(check(&root.path().join("notes.txt"), true).is_err());
    }
}
