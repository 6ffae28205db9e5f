//! `weakspot study --seeds`: the same study of several networks, each of its own seed, and one page over all of them.

use std::path::{Path, PathBuf};

use weakspot::progress::Observer as _;
use weakspot::record::Record;
use weakspot::report::seeds::{self, MissingSeed, SeedStudy, folder_of};
use weakspot::{Error, ErrorKind, Result};

use crate::args::Seeds;
use crate::commands::kept;
use crate::commands::study::{self, Study, default_out};
use crate::data::parts::Parts;
use crate::request::{ClassifierSource, Destination, StudyRequest};
use crate::results::folder::{self, Wanted};
use crate::results::run_record::RunRecord;
use crate::system::interrupt::Interrupt;
use crate::terminal::output;
use crate::terminal::progress::Progress;

/// Runs what is not finished, and writes the page over all networks.
pub(crate) fn run(request: &StudyRequest, asked: &Seeds) -> Result<()> {
    if matches!(request.classifier.source, ClassifierSource::Weights { .. }) {
        return Err(Error::invalid(
            "--seeds trains a network for every seed; with --weights, nothing is trained",
        )
        .with_hint("leave --seeds out, or --weights"));
    }
    let asked = asked.numbers(request.plan.seed, request.given.has("seed"))?;
    let split_seed = request.data.split_seed.unwrap_or(asked[0]);
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new(interrupt.clone());
    for note in &request.given.notes {
        progress.note(note);
    }
    if let Some(out) = &request.destination.out {
        check(out, request.destination.force)?;
    }
    let first = of_seed(request, asked[0], split_seed, Path::new(""));
    let parts = study::open(&first, &progress)?;
    let planned = progress.while_reading(|| Study::new(&first, &parts))?;
    planned.describe(&progress);
    let shared = planned.shared()?;
    let out = place(&request.destination, &default_out(&parts.data), &shared)?;
    for &seed in &asked {
        weakspot::output::stays_inside(&out, &out.join(folder_of(seed)))?;
    }
    let mut work = Work {
        request,
        parts,
        all: seeds::Seeds { shared, split_seed, studies: Vec::new(), missing: Vec::new() },
        seeds: asked,
        out,
        interrupt,
        failed: Vec::new(),
    };
    work.keep_finished()?;
    work.write()?;
    work.run()?;
    output::data(&seeds::terminal_summary(&work.page()))?;
    output::data(&work.out.join("report.html").display().to_string())?;
    match work.failed.into_iter().next() {
        None => Ok(()),
        Some((seed, error)) => Err(error.context(format!("seed {seed} (the other studies are finished)"))),
    }
}

/// The request of one seed's study.
fn of_seed(all: &StudyRequest, seed: u64, split_seed: u64, out: &Path) -> StudyRequest {
    let mut one = all.clone();
    one.given = all.given.of_seed(seed, split_seed);
    one.plan.seed = seed;
    // How many more there are decides nothing.
    one.plan.one_of_several_seeds = true;
    one.data.split_seed = Some(split_seed);
    one.destination.out = Some(out.join(folder_of(seed)));
    one
}

/// What a folder holds, as far as several seeds are concerned.
enum Holds {
    /// It does not exist, or is empty.
    Nothing,
    /// Studies of several seeds, with the digest of what they share.
    Seeds(String),
    /// Something else.
    Foreign,
}

fn holds(path: &Path) -> Result<Holds> {
    if path.join(seeds::NAME).exists() {
        return Ok(Holds::Seeds(seeds::read_summary(path)?.shared));
    }
    if !path.is_dir() {
        return Ok(Holds::Nothing);
    }
    for entry in std::fs::read_dir(path).map_err(|e| Error::io(path, &e))? {
        let name = entry.map_err(|e| Error::io(path, &e))?.file_name();
        // A run that was killed while it began can leave a file that has no name yet.
        if !name.to_string_lossy().starts_with(".weakspot-") {
            return Ok(Holds::Foreign);
        }
    }
    Ok(Holds::Nothing)
}

/// Refuses a folder that holds something else.
fn check(out: &Path, force: bool) -> Result<()> {
    folder::check_writable(out)?;
    if !force && matches!(holds(out)?, Holds::Foreign) {
        return Err(Error::invalid(format!(
            "expected a new or empty folder, or one of weakspot study --seeds; {} is neither",
            out.display()
        ))
        .with_hint("choose another --out, or add --force to write beside what is there"));
    }
    Ok(())
}

/// The folder of all seeds: `--out`, or the first of `runs/<data>-<a>-<b>-seeds`, `-seeds-2`, ... that is new or holds
/// these very studies.
fn place(destination: &Destination, of_one: &Path, shared: &str) -> Result<PathBuf> {
    if let Some(out) = &destination.out {
        return Ok(out.clone());
    }
    let mut name = of_one.file_name().unwrap_or_default().to_owned();
    name.push("-seeds");
    let default = of_one.with_file_name(name);
    folder::check_writable(&default)?;
    let mut number = 1;
    loop {
        let path = folder::numbered(&default, number);
        match holds(&path) {
            Ok(Holds::Nothing) => return Ok(path),
            Ok(Holds::Seeds(found)) if found == shared => return Ok(path),
            _ if destination.force => return Ok(path),
            _ => number += 1,
        }
    }
}

/// Several seeds under way.
struct Work<'a> {
    request: &'a StudyRequest,
    /// Opened and divided once; the seed in it is that of the study under way.
    parts: Parts,
    /// What is finished.
    all: seeds::Seeds,
    /// Every seed that is to be on the page, in order.
    seeds: Vec<u64>,
    out: PathBuf,
    interrupt: Interrupt,
    /// What could not be run, and why.
    failed: Vec<(u64, Error)>,
}

impl Work<'_> {
    /// Reads the studies that are finished: those that are asked for, and those of an earlier call with the same
    /// settings, so that no seed can be left out once it is known. Studies of other settings are an error before any
    /// work.
    fn keep_finished(&mut self) -> Result<()> {
        let force = self.request.destination.force;
        let asked = self.seeds.clone();
        self.seeds.sort_unstable();
        let earlier: Vec<u64> = match holds(&self.out) {
            Ok(Holds::Seeds(found)) if found == self.all.shared => {
                let studies = seeds::read_summary(&self.out)?.studies;
                studies.into_iter().map(|study| study.seed).collect()
            }
            Ok(Holds::Seeds(_)) if !force => {
                self.name_difference()?;
                return Err(Error::invalid(format!(
                    "{} holds studies of several seeds with other settings, data or split",
                    self.out.display()
                ))
                .with_hint("choose another --out, or add --force to run them again"));
            }
            Err(error) if !force => return Err(error),
            // Nothing is there, or what is there is run again.
            _ => return Ok(()),
        };
        self.seeds.extend(earlier);
        self.seeds.sort_unstable();
        self.seeds.dedup();
        for seed in self.seeds.clone() {
            if let Some(record) = self.finished(seed)? {
                self.add(seed, record);
            }
        }
        self.seeds.retain(|seed| asked.contains(seed) || self.all.studies.iter().any(|s| s.seed == *seed));
        Ok(())
    }

    /// Reports the first finished study of other settings, as an error that names one of them.
    fn name_difference(&mut self) -> Result<()> {
        for seed in self.seeds.clone() {
            self.finished(seed)?;
        }
        Ok(())
    }

    /// The finished study of a seed, if it is there and the same.
    fn finished(&mut self, seed: u64) -> Result<Option<Record>> {
        let force = self.request.destination.force;
        let (one, folder) = (self.one(seed), self.out.join(folder_of(seed)));
        let Some(run) = kept::finished(&one, &folder, force)? else { return Ok(None) };
        self.parts.seed = seed;
        match Study::new(&one, &self.parts)?.differs_from(&run.record)? {
            None => Ok(Some(run.record)),
            Some(_) if force => Ok(None),
            Some(why) => Err(kept::other_settings(&folder, &why)),
        }
    }

    fn one(&self, seed: u64) -> StudyRequest {
        of_seed(self.request, seed, self.all.split_seed, &self.out)
    }

    fn add(&mut self, seed: u64, record: Record) {
        self.all.studies.push(SeedStudy { seed, folder: folder_of(seed), record });
        self.all.studies.sort_by_key(|study| study.seed);
    }

    /// Every study that is not finished, one after the other.
    fn run(&mut self) -> Result<()> {
        let seeds = self.seeds.clone();
        for (i, &seed) in seeds.iter().enumerate() {
            // What one study's run.json says of its stages is its own.
            let progress = Progress::new(self.interrupt.clone());
            let of = format!("seed {seed} ({} of {})", i + 1, seeds.len());
            if self.all.studies.iter().any(|study| study.seed == seed) {
                progress.note(&format!("{of}: finished before, kept"));
                continue;
            }
            progress.note(&of);
            match self.study(seed, &progress) {
                Ok(record) => {
                    self.add(seed, record);
                    self.write()?;
                }
                // A training that finds no numbers says nothing about the next seed; any other error would recur.
                Err(error) if error.kind() == ErrorKind::Numerical => {
                    output::failure(&error);
                    self.failed.push((seed, error));
                }
                Err(error) => return Err(error),
            }
        }
        self.write()
    }

    fn study(&mut self, seed: u64, progress: &Progress) -> Result<Record> {
        let (one, folder) = (self.one(seed), self.out.join(folder_of(seed)));
        let watch = RunRecord::begin();
        // The split stays; the network, the draws and the maps are the seed's.
        self.parts.seed = seed;
        let study = Study::new(&one, &self.parts)?;
        let chosen = study.classifier(progress)?;
        let wanted =
            Wanted { out: Some(&folder), default: folder.clone(), force: self.request.destination.force };
        let (_, run) = study.run(chosen, &wanted, watch, progress)?;
        Ok(run.record)
    }

    /// The page of what is finished; the rest is listed as missing.
    fn page(&self) -> seeds::Seeds {
        let mut all = self.all.clone();
        for &seed in self.seeds.iter().filter(|seed| all.studies.iter().all(|s| s.seed != **seed)) {
            let failed = self.failed.iter().find(|(of, _)| *of == seed);
            let why = failed.map_or_else(|| "not finished".to_owned(), |(_, error)| error.to_string());
            all.missing.push(MissingSeed { seed, why });
        }
        all
    }

    /// Writes the page, so that it exists after an interruption.
    fn write(&self) -> Result<()> {
        seeds::write(&self.out, &self.page())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weakspot::output::write_atomic;

    #[test]
    fn a_folder_of_something_else_is_refused() {
        let root = tempfile::tempdir().unwrap();
        assert!(check(root.path(), false).is_ok());
        assert!(check(&root.path().join("new"), false).is_ok());
        write_atomic(&root.path().join(".weakspot-x"), b"").unwrap();
        assert!(check(root.path(), false).is_ok(), "what a killed run left");
        write_atomic(&root.path().join("notes.txt"), b"mine").unwrap();
        assert!(check(root.path(), false).unwrap_err().hint().unwrap().contains("--force"));
        assert!(check(root.path(), true).is_ok());
        let all =
            seeds::Seeds { shared: "x".to_owned(), split_seed: 0, studies: Vec::new(), missing: Vec::new() };
        seeds::write(root.path(), &all).unwrap();
        assert!(check(root.path(), false).is_ok());
        assert!(check(&root.path().join("notes.txt"), true).is_err());
    }
}
