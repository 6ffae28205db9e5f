//! `weakspot fetch`: the only command that uses the network.

use indicatif::HumanBytes;
use weakspot::{Error, Result};

use crate::args::FetchArgs;
use crate::data::cache;
use crate::fetch::{Fetcher, source, sources};
use crate::system::interrupt::Interrupt;
use crate::terminal::output;
use crate::terminal::progress::Progress;

/// Fetches what is named, or lists what there is.
pub(crate) fn run(args: &FetchArgs) -> Result<()> {
    let root = match &args.data_dir {
        Some(folder) => folder.clone(),
        None => cache::root()?,
    };
    if args.names.is_empty() {
        if !args.from.is_empty() || args.sha256.is_some() {
            return Err(Error::invalid("expected the name of what to fetch from there; got none")
                .with_hint("for example weakspot fetch cifar10 --from cifar-10-binary.tar.gz"));
        }
        output::data(&list(&root))?;
        return Ok(());
    }
    if args.names.len() > 1 && args.sha256.is_some() {
        return Err(Error::invalid("--sha256 is the digest of a single file; several names were given")
            .with_hint("fetch that one by itself"));
    }
    let progress = Progress::new(Interrupt::listen()?);
    let fetcher = Fetcher {
        root: &root,
        from: &args.from,
        sha256: args.sha256.as_deref(),
        patience: args.timeout,
        force: args.force,
        progress: &progress,
    };
    for name in &args.names {
        let source = source(name).ok_or_else(|| {
            Error::invalid(format!("nothing is called {name:?}")).with_hint("weakspot fetch lists all names")
        })?;
        let folder = fetcher.fetch(source)?;
        output::data(&folder.display().to_string())?;
    }
    Ok(())
}

/// What there is, how large it is, under which terms, and whether it is here.
fn list(root: &std::path::Path) -> String {
    let mut lines = vec![format!("Into {} (--data-dir and WEAKSPOT_CACHE change it):", root.display())];
    for source in sources() {
        let bytes = source.files.iter().map(|file| file.size).sum();
        let here = if root.join(source.name).is_dir() { ", here" } else { "" };
        lines.push(format!(
            "\n{}: {}, {}{here}\n  licence: {}\n  {}",
            source.name,
            source.what,
            HumanBytes(bytes),
            source.licence,
            source.page
        ));
    }
    lines.join("\n")
}
