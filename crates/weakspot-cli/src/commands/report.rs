//! `weakspot report`: tables, figures and page from a run's files, without a model.

use weakspot::{Error, Result, report};

use crate::args::ReportArgs;
use crate::results::expect::Expected;
use crate::results::folder;
use crate::terminal::exit_code::Outcome;
use crate::terminal::output;

/// Rebuilds and says where, or compares.
pub(crate) fn run(args: &ReportArgs) -> Result<Outcome> {
    if report::seeds::is_seeds(&args.dir) {
        if args.expect.is_some() || args.write_expected.is_some() {
            return Err(Error::invalid(format!(
                "expected the folder of one study; {} holds those of several seeds",
                args.dir.display()
            ))
            .with_hint("name the folder of one seed in it, such as its seed-0"));
        }
        report::seeds::rebuild(&args.dir)?;
        output::data(&args.dir.join("report.html").display().to_string())?;
        return Ok(Outcome::Done);
    }
    let results = args.dir.join("results.json");
    if !results.is_file() {
        return Err(Error::invalid(format!(
            "expected the folder of a finished run; {} holds no results.json",
            args.dir.display()
        ))
        .with_hint(
            "give the folder that weakspot study wrote, for example weakspot report runs/demo-disc-cross",
        ));
    }
    if report::reproduction::is_reproduction(&args.dir) {
        if args.expect.is_some() || args.write_expected.is_some() {
            return Err(Error::invalid(format!(
                "expected the folder of one study; {} holds a reproduction of several",
                args.dir.display()
            ))
            .with_hint(format!("for example weakspot report {}", args.dir.join("mnist/default").display())));
        }
        report::reproduction::rebuild(&args.dir)?;
        output::data(&args.dir.join("report.html").display().to_string())?;
        return Ok(Outcome::Done);
    }
    if let Some(file) = &args.expect {
        let (table, agrees) = Expected::read(file)?.compare(&Expected::of_run(&args.dir)?)?;
        output::data(&table)?;
        return Ok(if agrees { Outcome::Done } else { Outcome::CheckFailed });
    }
    if let Some(file) = &args.write_expected {
        folder::check_file(file, args.force)?;
        Expected::of_run(&args.dir)?.write(file)?;
        output::data(&file.display().to_string())?;
        return Ok(Outcome::Done);
    }
    report::rebuild(&args.dir)?;
    output::data(&args.dir.join("report.html").display().to_string())?;
    Ok(Outcome::Done)
}
