//! Finished studies among those that are to be run: kept where they are the same study.

use std::collections::BTreeMap;
use std::path::Path;

use weakspot::record::{Record, Run};
use weakspot::report;
use weakspot::{Error, ErrorKind, Result};

use crate::request::StudyRequest;
use crate::results::folder::is_finished;

/// Settings that a search decides; the finished study has what was found, and beside it what was searched.
const SEARCHED: [&str; 4] = ["delta1", "delta2", "theta", "fill"];

/// The run in a folder, if it is finished with these settings; with `force`, one with other settings counts as none.
/// Its data are compared when they are opened.
///
/// # Errors
/// `InvalidParameter` for a finished study with other settings, and what reading it reports.
pub(crate) fn finished(request: &StudyRequest, folder: &Path, force: bool) -> Result<Option<Run>> {
    if !is_finished(folder) {
        return Ok(None);
    }
    let read = report::load(folder).and_then(|run| {
        let differs = differs_from(request, folder, &run.record)?;
        Ok((run, differs))
    });
    match read {
        Ok((run, None)) => Ok(Some(run)),
        _ if force => Ok(None),
        Ok((_, Some(why))) => Err(other_settings(folder, &why)),
        Err(error) => Err(error
            .context(folder.display())
            .with_hint("add --force to run this study again, or choose another --out")),
    }
}

/// A finished study in the way of another.
pub(crate) fn other_settings(folder: &Path, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidParameter,
        format!("{} holds a different finished study: {why}", folder.display()),
    )
    .with_hint("add --force to run it again, choose another --out, or give the settings it was run with")
}

fn differs_from(request: &StudyRequest, folder: &Path, record: &Record) -> Result<Option<String>> {
    let version = env!("CARGO_PKG_VERSION");
    if record.version != version {
        return Ok(Some(format!("version {}, now {version}", record.version)));
    }
    if let Some(why) = request.given.differs_from(folder, record)? {
        return Ok(Some(why));
    }
    let now = request.plan.config();
    let searched = record.config.contains_key("tune-fill");
    let mut names = now.keys().chain(record.config.keys());
    let other = names.find(|name| {
        let found = searched && SEARCHED.contains(&name.as_str());
        // A mask is read with the data, and compared with them.
        let read_later = name.starts_with("use-mask");
        !found && !read_later && now.get(*name) != record.config.get(*name)
    });
    Ok(other.map(|name| {
        let value = |config: &BTreeMap<String, String>| {
            config.get(name).cloned().unwrap_or_else(|| "not given".to_owned())
        };
        format!("{name} {}, now {}", value(&record.config), value(&now))
    }))
}
