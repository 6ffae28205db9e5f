//! `weakspot report`: tables, figures and page from a run's files, without a model.

use weakspot::{Error, Result, report};

use crate::args::ReportArgs;
use crate::output;

/// Rebuilds and says where.
pub(crate) fn run(args: &ReportArgs) -> Result<()> {
    let results = args.dir.join("results.json");
    if !results.is_file() {
        return Err(Error::invalid(format!(
            "expected the folder of a finished run; {} holds no results.json",
            args.dir.display()
        ))
        .with_hint("weakspot report runs/NAME, the folder that weakspot study wrote"));
    }
    report::rebuild(&args.dir)?;
    output::data(&args.dir.join("report.html").display().to_string());
    Ok(())
}
