//! `config.json`: the settings of a study as its flags, written by every run and read by `--config`.
//!
//! What is read is put before the words that were typed, so that a setting from a file passes through the same checks
//! as one from the keyboard, and what was typed overrides what was read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use weakspot::record::Record;
use weakspot::{Error, ErrorKind, Result, input, output};

use crate::args::Seeds;

/// The file's name in a run's folder.
pub(crate) const NAME: &str = "config.json";

const SCHEMA: &str = "weakspot-config/1";

/// A configuration has a few dozen settings.
const LARGEST: u64 = 1 << 20;

/// Flags that say where and how a study runs, and not what is studied.
const NOT_SETTINGS: [&str; 10] =
    ["batch-size", "check", "config", "force", "help", "help-all", "models", "out", "scratch", "threads"];

/// A configuration, as it stands in a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    schema: String,
    /// The program that wrote it; of one written by hand it may be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    dataset: String,
    /// Values by the names of their flags.
    settings: BTreeMap<String, Value>,
}

/// What was typed for a study, and what came from a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Given {
    /// Values by the names of their flags, those from a file included.
    settings: BTreeMap<String, String>,
    /// Notes on the file, printed before the study begins.
    pub(crate) notes: Vec<String>,
}

impl Given {
    /// Whether a setting was typed, or read from a file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    /// Adds a setting, by the name of its flag.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.insert(name.to_owned(), value.into());
    }

    /// The settings as they would be typed.
    #[cfg(test)]
    pub(crate) fn words(&self) -> Vec<OsString> {
        let word = |(name, value): (&String, &String)| match value.as_str() {
            "true" => format!("--{name}").into(),
            _ => format!("--{name}={value}").into(),
        };
        self.settings.iter().map(word).collect()
    }

    /// The settings of one study among those of several seeds. Notes are printed once, for all of them.
    pub(crate) fn of_seed(&self, seed: u64, split_seed: u64) -> Self {
        let mut settings = self.settings.clone();
        settings.remove("seeds");
        let mut one = Self { settings, notes: Vec::new() };
        one.set("seed", seed.to_string());
        one.set("split-seed", split_seed.to_string());
        one
    }

    /// The settings among the words of a study, with notes on the file that some of them came from.
    pub(crate) fn of(command: &Command, matches: &ArgMatches, notes: Vec<String>) -> Self {
        let mut settings = BTreeMap::new();
        for arg in command.get_arguments() {
            let Some(name) = setting(arg) else { continue };
            let typed = matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
            if let Some(value) = typed.then(|| raw(matches, arg)).flatten() {
                settings.insert(name.to_owned(), value);
            }
        }
        Self { settings, notes }
    }

    /// How the configuration in a finished run's folder differs from this one, in words; `None` if it does not. The
    /// folder of the data is not compared: their digest is.
    ///
    /// # Errors
    /// `Io` and `Format` for a configuration that cannot be read.
    pub(crate) fn differs_from(&self, folder: &Path, record: &Record) -> Result<Option<String>> {
        let then = read(&folder.join(NAME))?.settings;
        let decides = |name: &str| name != "data-dir";
        for (name, now) in self.settings.iter().filter(|(name, _)| decides(name)) {
            let then = then.get(name).and_then(text);
            if then.as_ref() != Some(now) {
                let then = then.unwrap_or_else(|| "not given".to_owned());
                return Ok(Some(format!("--{name} {then}, now {now}")));
            }
        }
        // What was filled in follows from the rest.
        let filled = |name: &str| {
            record.config.contains_key(name) || ["classes", "arch", "head", "width"].contains(&name)
        };
        let more = then
            .iter()
            .find(|(name, _)| decides(name) && !filled(name) && !self.settings.contains_key(name.as_str()));
        Ok(more.map(|(name, then)| format!("--{name} {}, now not given", text(then).unwrap_or_default())))
    }

    /// Writes the configuration of a finished run: what was given, and every default that was filled in.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn write(&self, folder: &Path, dataset: &str, record: &Record, trained: bool) -> Result<()> {
        let command = crate::args::study_command();
        let flags: Vec<&str> = command.get_arguments().filter_map(setting).collect();
        let mut settings: BTreeMap<String, Value> = BTreeMap::new();
        let classes = &record.data.classes;
        if !classes.iter().any(|name| name.contains(',')) {
            settings.insert("classes".to_owned(), Value::from(classes.join(",")));
        }
        if trained {
            let model = &record.classifier;
            for (flag, value) in [("arch", &model.arch), ("head", &model.head), ("width", &model.width)] {
                settings.insert(flag.to_owned(), Value::from(value.as_str()));
            }
        }
        // Some resolved values are words that no flag takes: left out, they are found again the same way.
        let resolved = record.config.iter().filter(|(name, value)| {
            flags.contains(&name.as_str()) && *value != "auto" && !value.starts_with("eps/")
        });
        settings.extend(resolved.map(|(name, value)| (name.clone(), Value::from(value.as_str()))));
        if let Some(fills) = record.config.get("tune-fill") {
            // The settings of a search are what was searched and not what was found.
            for found in ["delta1", "delta2", "theta"] {
                settings.remove(found);
            }
            settings.insert("fill".to_owned(), Value::from(fills.as_str()));
        }
        settings
            .extend(self.settings.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))));
        let config = Config {
            schema: SCHEMA.to_owned(),
            version: Some(record.version.clone()),
            dataset: dataset.to_owned(),
            settings,
        };
        let mut json = serde_json::to_vec_pretty(&config)
            .map_err(|e| Error::new(ErrorKind::Numerical, format!("{NAME} cannot be written: {e}")))?;
        json.push(b'\n');
        output::write_atomic(&folder.join(NAME), &json)
    }
}

/// The words of a study with those of its configuration put in, and what to say about them; other words as they are.
///
/// # Errors
/// `Io` and `Format` for a file that cannot be read, naming it; `InvalidParameter` for a setting that no study has.
pub(crate) fn expand(words: Vec<OsString>, cli: &Command) -> Result<(Vec<OsString>, Vec<String>)> {
    let is_config = |word: &OsString| word == "--config" || word.to_string_lossy().starts_with("--config=");
    if !words.iter().any(is_config) {
        return Ok((words, Vec::new()));
    }
    // Words that are wrong by themselves are reported where all words are.
    let Ok(matches) = cli.clone().try_get_matches_from(&words) else { return Ok((words, Vec::new())) };
    let (Some(study), Some(typed)) = (cli.find_subcommand("study"), matches.subcommand_matches("study"))
    else {
        return Ok((words, Vec::new()));
    };
    let Some(path) = typed.get_one::<PathBuf>("config") else { return Ok((words, Vec::new())) };
    let config = read(path)?;
    let mut notes = vec![match &config.version {
        Some(version) if version != env!("CARGO_PKG_VERSION") => format!(
            "configuration {}, written by version {version}: defaults that it does not state may have changed",
            path.display()
        ),
        _ => format!("configuration {}", path.display()),
    }];
    let mut added: Vec<OsString> = Vec::new();
    let is_typed = |id: &str| typed.value_source(id) == Some(ValueSource::CommandLine);
    let lists_seeds = matches!(typed.get_one::<Seeds>("seeds"), Some(Seeds::List(_)));
    for (name, value) in &config.settings {
        if name == "seed" && lists_seeds {
            // The list names every seed.
            continue;
        }
        let value = text(value).ok_or_else(|| {
            Error::format(format!("{}: {name}: expected a text, a number or a list", path.display()))
                .with_hint(format!("as the flag takes it: weakspot study --help-all explains --{name}"))
        })?;
        let arg = study.get_arguments().find(|arg| setting(arg) == Some(name.as_str())).ok_or_else(|| {
            Error::invalid(format!("{}: no study has a setting {name:?}", path.display()))
                .with_hint("settings are the flags of weakspot study, without the dashes")
        })?;
        if is_typed(arg.get_id().as_str()) {
            let here = raw(typed, arg).unwrap_or_default();
            if here != value {
                notes.push(format!("--{name} {here}, as typed, instead of the configuration's {value}"));
            }
        } else if matches!(arg.get_action(), ArgAction::SetTrue) {
            match value.as_str() {
                "true" => added.push(format!("--{name}").into()),
                "false" => {}
                _ => {
                    return Err(Error::invalid(format!(
                        "{}: {name}: expected true or false; got {value:?}",
                        path.display()
                    ))
                    .with_hint(format!("weakspot study --help-all explains --{name}")));
                }
            }
        } else {
            added.push(format!("--{name}={value}").into());
        }
    }
    if !is_typed("dataset") {
        added.push(config.dataset.into());
    } else if let Some(here) = typed.get_one::<String>("dataset").filter(|here| **here != config.dataset) {
        notes.push(format!("{here}, as typed, instead of the configuration's {}", config.dataset));
    }
    // Behind `weakspot study`.
    let mut all: Vec<OsString> = words.iter().take(2).cloned().collect();
    all.extend(added);
    all.extend(words.into_iter().skip(2));
    Ok((all, notes))
}

/// The name of a flag that is a setting of a study.
fn setting(arg: &Arg) -> Option<&str> {
    arg.get_long().filter(|name| !NOT_SETTINGS.contains(name))
}

/// The value of a flag as one text, a list joined by commas.
fn raw(matches: &ArgMatches, arg: &Arg) -> Option<String> {
    let values = matches.get_raw(arg.get_id().as_str())?;
    Some(values.map(|value| value.to_string_lossy().into_owned()).collect::<Vec<_>>().join(","))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(items) => {
            let texts: Option<Vec<String>> =
                items.iter().map(|item| text(item).filter(|_| !item.is_array())).collect();
            texts.map(|texts| texts.join(","))
        }
        Value::Null | Value::Object(_) => None,
    }
}

fn read(path: &Path) -> Result<Config> {
    let hint = "a configuration is the config.json of a run's folder; docs/FORMATS.md describes it";
    let bytes = input::read_bounded(path, LARGEST).map_err(|e| e.with_hint(hint))?;
    let config: Config = serde_json::from_slice(&bytes)
        .map_err(|e| Error::format(format!("{}: {e}", path.display())).with_hint(hint))?;
    if config.schema != SCHEMA {
        return Err(Error::format(format!(
            "{}: expected the schema {SCHEMA}; got {:?}",
            path.display(),
            config.schema
        ))
        .with_hint(hint));
    }
    if config.dataset.starts_with('-') {
        return Err(Error::invalid(format!("{}: {:?} is no data set", path.display(), config.dataset))
            .with_hint(hint));
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::args;

    /// A setting's value: words that some flag takes, others, and what is no word.
    fn values() -> impl Strategy<Value = Value> + Clone {
        let words: &'static [&str] = &[
            "0,1", "8/255", "top:30%", "max:0.5", "otsu", "none", "auto", "-1", "1e400", "", "--seed", "true",
        ];
        let one = prop_oneof![
            3 => prop::sample::select(words).prop_map(Value::from),
            1 => any::<String>().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<f64>().prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
            1 => Just(json!({ "a": null })),
        ];
        prop_oneof![4 => one.clone(), 1 => prop::collection::vec(one, 0..3).prop_map(Value::from)]
    }

    /// A setting's name: a flag of the study, or anything.
    fn names() -> impl Strategy<Value = String> + Clone {
        let command = args::study_command();
        let flags: Vec<String> =
            command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
        prop_oneof![6 => prop::sample::select(flags), 1 => "[a-z=-]{0,8}"]
    }

    fn configurations() -> impl Strategy<Value = Vec<u8>> {
        let settings = prop::collection::btree_map(names(), values(), 0..6);
        let dataset = prop_oneof![4 => Just("demo".to_owned()), 1 => any::<String>()];
        let sound = (dataset, settings, any::<Option<String>>()).prop_map(|(dataset, settings, version)| {
            let config =
                json!({ "schema": SCHEMA, "version": version, "dataset": dataset, "settings": settings });
            config.to_string().into_bytes()
        });
        let turned =
            (sound.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut bytes, at, byte)| {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                bytes
            });
        prop_oneof![4 => sound, 1 => turned, 1 => prop::collection::vec(any::<u8>(), 0..40)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_configuration_that_nobody_wrote_is_a_study_or_an_error_that_says_what_to_type(
            bytes in configurations()
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(NAME);
            output::write_atomic(&path, &bytes).unwrap();
            let words = ["weakspot".into(), "study".into(), "--config".into(), path.into_os_string()];
            if let Err(error) = args::parse(words.to_vec()) {
                prop_assert!(error.hint().is_some(), "{error}");
            }
        }
    }
}
