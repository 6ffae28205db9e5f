//! `weakspot fetch`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use weakspot::{Error, Result};

use crate::fetch::names;

/// Download data sets and weights from their publishers, check them, and put them where study looks
///
/// The licence is shown, every byte's SHA-256 is compared with the published one before anything is used, and what is
/// there already is not fetched again. A download that breaks goes on where it stopped, also after Ctrl-C and in the
/// next run. Proxies are taken from ALL_PROXY, HTTPS_PROXY, HTTP_PROXY and NO_PROXY; SSL_CERT_FILE names the
/// certificates to trust where a proxy has its own. This is the only command that uses the network.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FetchArgs {
    /// What to fetch; without a name, what there is and what is here already is listed
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(names()))]
    pub(crate) names: Vec<String>,

    /// Folder of the data sets: each goes into a folder of its own name in it
    ///
    /// Default: $WEAKSPOT_CACHE, else the folder weakspot in the user's cache folder ($XDG_CACHE_HOME, else
    /// ~/.cache). Study looks there by itself. Example: --data-dir ~/data
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Take the files from here instead of the publishers: an address, a file, or a folder that holds them
    ///
    /// An address that ends in / is a folder. May be given several times; the next is tried where one fails. What
    /// comes from here is checked like everything else. Example: --from ~/Downloads/cifar-10-binary.tar.gz
    #[arg(long, value_name = "URL|PATH")]
    pub(crate) from: Vec<String>,

    /// Expect this SHA-256 instead of the published one, for another edition that you trust
    ///
    /// For what is one file: all but mnist and fashion-mnist. Example: --sha256 0a949556b2414159...
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    pub(crate) sha256: Option<String>,

    /// Give a server up that sends nothing for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Fetch again what an earlier fetch put there
    #[arg(long)]
    pub(crate) force: bool,
}

/// 64 hexadecimal digits, made small.
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
  weakspot fetch                                     what there is, how large, under which licence, what is here
  weakspot fetch mnist fashion-mnist                 then: weakspot study mnist
  weakspot fetch cifar10 --data-dir ~/data           then: weakspot study cifar10 --data-dir ~/data
  weakspot fetch malaria --from https://intranet/mirror/cell_images.zip
  HTTPS_PROXY=http://proxy:3128 weakspot fetch vgg16-imagenet";
