//! `weakspot fetch`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use weakspot::{Error, Result};

use crate::fetch::names;

/// Download data sets and weights from their publishers, check them, and put them where study finds them
///
/// This is the only command that uses the network.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}{MORE}"))]
pub(crate) struct FetchArgs {
    /// What to fetch [default: nothing, only list what is available]
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(names()))]
    pub(crate) names: Vec<String>,

    /// Folder for the data sets [default: $WEAKSPOT_CACHE, or weakspot in your cache folder; e.g. ~/data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Address, file or folder to take the files from; repeatable [default: the publishers; e.g. ~/Downloads]
    ///
    /// An address that ends in / is a folder. If one place fails, the next is tried. Every file is checked.
    #[arg(long, value_name = "URL|PATH")]
    pub(crate) from: Vec<String>,

    /// Expect this SHA-256, for another edition that you trust [default: the published one; e.g. 0a949556b241...]
    ///
    /// This works for downloads of a single file, which are all but mnist and fashion-mnist.
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    pub(crate) sha256: Option<String>,

    /// Give up on a server that sends nothing for this many seconds [e.g. 60]
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Download again, and replace what an earlier fetch left
    #[arg(long)]
    pub(crate) force: bool,
}

/// 64 hexadecimal digits, in lower case.
fn sha256(text: &str) -> Result<String> {
    let digits = text.trim().to_ascii_lowercase();
    if digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    Err(Error::invalid(format!("expected a SHA-256: 64 hexadecimal digits; got {text:?}"))
        .with_hint("sha256sum FILE prints it"))
}

/// A time of waiting.
fn seconds(text: &str) -> Result<Duration> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(Error::invalid(format!("expected seconds, from 0.1 to 3600; got {text:?}"))
            .with_hint("for example --timeout 60 on a slow line")),
    }
}

const EXAMPLES: &str = "\
Examples:
  weakspot fetch                              list names, sizes, licences, and what is already here
  weakspot fetch mnist fashion-mnist          then: weakspot study mnist
  weakspot fetch cifar10 --data-dir ~/data    then: weakspot study cifar10 --data-dir ~/data";

const MORE: &str = "
  weakspot fetch malaria --from https://intranet/mirror/cell_images.zip
  HTTPS_PROXY=http://proxy:3128 weakspot fetch vgg16-imagenet

An interrupted download continues when you run the same command again.";
