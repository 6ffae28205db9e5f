//! Gets the classifier: the user's weights, a checkpoint of the same recipe, or a new training.

pub(crate) mod network;
mod recipes;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use weakspot::classifier::Classifier;
use weakspot::dataset::arrays::Reference;
use weakspot::dataset::outputs::Outputs;
use weakspot::metrics::Score;
use weakspot::progress::Observer as _;
use weakspot::record::{ClassifierRecord, Seen};
use weakspot::{Error, Result, num};
use weakspot_nn::checkpoint::{self, Accuracy, Description, Loaded, Overrides};
use weakspot_nn::train::{Freeze, Recipe, Resume, TrainingData, train, train_from};
use weakspot_nn::{Begun, Model, ModelSpec, Start, models};

use crate::args::{ModelArgs, TrainingArgs};
use crate::data::mistaken;
use crate::data::parts::Parts;
use crate::results::folder::{self, slug_of_pair};
use crate::terminal::progress::Progress;
use network::{Network, Opened};

/// The origin of a classifier that was trained here.
const OWN_RECIPE: &str = "own recipe";

/// Checks whether a network can be studied with these settings.
pub(crate) type Fits<'a> = dyn Fn(&dyn Classifier) -> Result<()> + 'a;

/// A classifier, and what is known of it.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) model: Network,
    /// The pair's two classes as the model counts them.
    pub(crate) classes: [usize; 2],
    /// For `results.json`: the same whether trained or reused.
    pub(crate) record: ClassifierRecord,
    /// SHA-256 of the weights' file.
    pub(crate) sha256: String,
    /// For `run.json`: `trained`, `reused`, or the user's file.
    pub(crate) weights: String,
    /// Where the weights are.
    pub(crate) path: PathBuf,
    /// For the user.
    pub(crate) note: String,
}

impl Chosen {
    /// The user's own weights.
    ///
    /// # Errors
    /// What [`load`] reports; `InvalidParameter` where it is not clear which of the model's classes the pair is.
    pub(crate) fn given(file: &Path, args: &ModelArgs, parts: &Parts) -> Result<Self> {
        let opened = open(file, args, image_shape(parts))?;
        let known = &opened.class_names;
        let n_classes = opened.network.n_classes();
        let outputs = parts.labels().outputs(&parts.classes, n_classes, known, &parts.typed_outputs())?;
        let classes = [outputs.of[0], outputs.of[1]];
        let said: Vec<String> = opened.said.iter().map(|what| format!("; {what}")).collect();
        let kind = match opened.network {
            Network::Vgg16(_) => "weights of",
            Network::Onnx(_) => "network",
        };
        let note = format!(
            "{kind} {}{}; {}",
            file.display(),
            said.concat(),
            matched(&parts.data.class_names, &outputs, known)
        );
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let [arch, head, width] = opened.in_record;
        let record = ClassifierRecord {
            arch,
            head,
            width,
            n_classes,
            origin: name,
            recipe: String::new(),
            convolutions: args.conv.to_string(),
            tune_accuracy: None,
            training_seed: opened.training_seed,
            seen: Some(parts.seen),
            outputs: Some(classes),
            // The study chooses the layer.
            layer: String::new(),
            grid: [0, 0],
        };
        let weights = file.display().to_string();
        Ok(Self {
            classes,
            record,
            sha256: opened.sha256,
            model: opened.network,
            weights,
            path: file.to_owned(),
            note,
        })
    }
}

/// Reads the user's own classifier for images of a shape `[channels, height, width]`.
///
/// # Errors
/// As [`load`] and [`network::open`].
pub(crate) fn open(file: &Path, args: &ModelArgs, image: [usize; 3]) -> Result<Opened> {
    if network::is_network(file) {
        return network::open(file, args, image);
    }
    let about_networks = [
        ("--layout", args.layout.is_some()),
        ("--labels-file", args.labels_file.is_some()),
        ("--normalization", args.normalization.is_some()),
    ];
    if let Some((flag, _)) = about_networks.into_iter().find(|(_, given)| *given) {
        return Err(Error::invalid(format!(
            "{flag} is about a network in an ONNX file; {} is none",
            file.display()
        ))
        .with_hint(format!("leave {flag} out; --mean and --std say what pixels become")));
    }
    let mut loaded = load(file, args, image)?;
    loaded.model.freeze()?;
    let spec = &loaded.description.model;
    let summary = format!(
        "model {} {} at width {}, {} classes, mean {:?}, std {:?}",
        spec.arch,
        spec.head,
        spec.width,
        spec.n_outputs.max(2),
        spec.mean,
        spec.std
    );
    Ok(Opened {
        in_record: [spec.arch.to_string(), spec.head.to_string(), spec.width.to_string()],
        summary,
        // Files of ours state the recipe that they were trained with, wherever they lie now.
        training_seed: loaded.description.recipe.as_ref().and(loaded.description.seed),
        class_names: loaded.description.class_names,
        sha256: loaded.sha256,
        said: loaded.assumed.iter().map(|what| format!("assumed {what}")).collect(),
        network: Network::Vgg16(Box::new(loaded.model)),
    })
}

/// Compares weights with the logits that their owner's own code gives for some images. Returns what was found, for the
/// user.
///
/// # Errors
/// What the file's reader reports; `Shape` for images or logits of another shape than the model's; `Format` where a
/// logit differs by more than 1e-3 of the largest.
pub(crate) fn check(file: &Path, model: &Network) -> Result<String> {
    let Reference { images, logits: expected } = Reference::load(file)?;
    let (n, channels, height, width) = images.dim();
    let (input, outputs) = (model.input(), model.n_outputs());
    let (got, wanted) =
        ((channels, height, width, expected.ncols()), (input.channels, input.height, input.width, outputs));
    if got != wanted {
        return Err(Error::shape(format!(
            "{}: expected images of {}x{}x{} (channels, height, width) and {} logits, as the model has; \
             got {}x{}x{} and {}",
            file.display(),
            wanted.0,
            wanted.1,
            wanted.2,
            wanted.3,
            got.0,
            got.1,
            got.2,
            got.3
        ))
        .with_hint(
            "the images of --check must have the size of the images that are studied, without normalisation",
        ));
    }
    let largest = expected.iter().fold(0.0, |most, v| num::max(most, v.abs()));
    let (mut worst, mut place) = (0.0, (0, 0));
    for chunk in (0..n).collect::<Vec<_>>().chunks(64) {
        let logits = model.logits(images.batch(chunk)?.view())?;
        for (&i, z) in chunk.iter().zip(logits.outer_iter()) {
            for j in 0..outputs {
                // One output z is read as (-z/2, z/2).
                let ours = if outputs == 1 { z[1] - z[0] } else { z[j] };
                let off = (ours - expected[[i, j]]).abs();
                if off > worst || off.is_nan() {
                    (worst, place) = (off, (i, j));
                }
            }
        }
    }
    if worst <= CHECK_TOLERANCE * largest {
        return Ok(format!(
            "the logits of {n} images agree with those of {}: the largest difference is {:.1e} of the largest logit",
            file.display(),
            worst / largest
        ));
    }
    Err(Error::format(format!(
        "{}: expected the logits of {n} images to differ by at most {CHECK_TOLERANCE} of the largest, {largest}; \
         logit {} of image {} differs by {worst}",
        file.display(),
        place.1,
        place.0
    ))
    .with_hint(
        "check --head, --mean, --std and --arch; the images of --check must be in [0, 1], and its logits must come \
         from evaluation mode",
    ))
}

/// How far logits may lie from their owner's, as a share of the largest.
const CHECK_TOLERANCE: f32 = 1e-3;

/// Which output belongs to which class, for the user: `cat is output 3, dog is output 5 (by name)`.
pub(crate) fn matched(classes: &[String], outputs: &Outputs, known: &[String]) -> String {
    let one = |(class, &output): (&String, &usize)| match known.get(output) {
        Some(name) if name != class => format!("{class} is output {output}, {name}"),
        _ => format!("{class} is output {output}"),
    };
    let all: Vec<String> = classes.iter().zip(&outputs.of).map(one).collect();
    format!("{} ({})", all.join("; "), outputs.by)
}

/// Reads weights for images of a shape `[channels, height, width]`.
///
/// # Errors
/// What the file's reader reports; `Shape` where the model takes other images; `InvalidParameter` where `--width`
/// contradicts the tensors.
pub(crate) fn load(file: &Path, args: &ModelArgs, image: [usize; 3]) -> Result<Loaded> {
    let [channels, height, width] = image;
    let overrides = Overrides {
        arch: args.arch,
        head: args.head,
        mean: args.mean.as_ref().map(|mean| mean.of_pixels("--mean", channels)).transpose()?,
        std: recipes::std_of(args, channels)?,
        size: Some((height, width)),
        convolutions: args.conv,
    };
    let loaded = checkpoint::load(file, &overrides).map_err(|e| mistaken::weights(file, e))?;
    let spec = &loaded.description.model;
    if spec.channels != channels {
        return Err(Error::shape(format!(
            "{}: the weights take images of {} channels; the images have {channels}",
            file.display(),
            spec.channels
        ))
        .with_hint("use images with as many channels, or leave --weights out to train on these"));
    }
    if let Some(asked) = args.width.filter(|asked| *asked != spec.width) {
        return Err(Error::invalid(format!(
            "{}: the weights have width {}; got --width {asked}",
            file.display(),
            spec.width
        ))
        .with_hint("leave --width out: it is read from the tensors"));
    }
    Ok(loaded)
}

/// The classifier of this recipe: reused from `folder` if it is there, else trained and kept there.
///
/// `fits` sees a model of the same network before anything is trained, so that a layer that does not exist costs no
/// training.
///
/// # Errors
/// What `fits`, training and the file system report.
pub(crate) fn trained_or_reused(
    folder: &Path,
    model: &ModelArgs,
    training: &TrainingArgs,
    parts: &Parts,
    fits: Option<&Fits<'_>>,
    progress: &Progress,
) -> Result<Chosen> {
    let wanted = progress.while_reading(|| ToTrain::new(model, training, parts))?;
    let path = folder.join(wanted.file_name(parts));
    folder::clear_litter(folder);
    let kept = progress.while_reading(|| wanted.kept(&path, progress));
    let (mut loaded, weights, note) = if let Some(loaded) = kept {
        // A training that was killed between its last two steps left it there.
        folder::remove_if_there(&state_of(&path))?;
        (loaded, "reused", format!("reuses {}: the same recipe, data and seed", path.display()))
    } else {
        if let Some(fits) = fits {
            fits(&Model::random(wanted.spec.clone(), parts.seed)?)?;
        }
        folder::check_writable(folder)?;
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, &e))?;
        wanted.train(&path, parts, progress)?;
        // From the file, so that a trained and a reused classifier are the same in every bit.
        (checkpoint::load(&path, &wanted.overrides())?, "trained", format!("trained {}", path.display()))
    };
    loaded.model.freeze()?;
    let accuracy = loaded.description.accuracy.map(|a| Score::of(a.k, a.n));
    let record = record(&loaded, OWN_RECIPE.to_owned(), wanted.in_words(), accuracy, parts.seen);
    Ok(Chosen {
        classes: [0, 1],
        record,
        sha256: loaded.sha256,
        model: Network::Vgg16(Box::new(loaded.model)),
        weights: weights.to_owned(),
        path,
        note,
    })
}

/// What is known of a classifier before it is trained, as a study's record states it.
///
/// # Errors
/// As for training, where the settings contradict each other.
pub(crate) fn described(
    model: &ModelArgs,
    training: &TrainingArgs,
    parts: &Parts,
) -> Result<ClassifierRecord> {
    let wanted = ToTrain::new(model, training, parts)?;
    Ok(ClassifierRecord {
        arch: wanted.spec.arch.to_string(),
        head: wanted.spec.head.to_string(),
        width: wanted.spec.width.to_string(),
        n_classes: 2,
        origin: OWN_RECIPE.to_owned(),
        recipe: wanted.in_words(),
        convolutions: wanted.recipe.convolutions.to_string(),
        tune_accuracy: None,
        training_seed: Some(wanted.recipe.seed),
        seen: Some(parts.seen),
        outputs: None,
        layer: String::new(),
        grid: [0, 0],
    })
}

/// Trains and writes the weights to a place of the user's choice.
///
/// # Errors
/// What training and the file system report.
pub(crate) fn train_to(
    path: &Path,
    model: &ModelArgs,
    training: &TrainingArgs,
    parts: &Parts,
    progress: &Progress,
) -> Result<()> {
    let wanted = progress.while_reading(|| ToTrain::new(model, training, parts))?;
    wanted.train(path, parts, progress)
}

/// A classifier to be trained: everything that decides its weights.
struct ToTrain {
    spec: ModelSpec,
    recipe: Recipe,
    /// The weights to start from, if they are not random.
    begun: Option<Begun>,
    /// Whether neither the file of `--init` nor the user says how pixels are normalised.
    assumes_imagenet: bool,
    /// SHA-256 over specification, recipe (with its seed), data and parts.
    key: String,
}

impl ToTrain {
    fn new(model: &ModelArgs, training: &TrainingArgs, parts: &Parts) -> Result<Self> {
        if training.init.is_none() && training.freeze == Some(Freeze::Trunk) {
            return Err(Error::invalid(
                "--freeze trunk needs --init: without it, the trunk would stay random",
            )
            .with_hint("for example --init vgg16-imagenet.safetensors --freeze trunk"));
        }
        let named = |e: Error| match &training.init {
            Some(file) => mistaken::weights(file, e),
            None => e,
        };
        let start = training.init.as_deref().map(Start::open).transpose().map_err(named)?;
        let spec = recipes::spec(model, parts, start.as_ref())?;
        let mut recipe = recipes::recipe(training, &spec, parts);
        recipe.convolutions = model.conv;
        recipe.check()?;
        let silent = start.as_ref().is_some_and(|start| !start.normalization().known);
        let assumes_imagenet = silent && (model.mean.is_none() || model.std.is_none()) && spec.channels == 3;
        let begun = start
            .map(|start| {
                let outputs = parts.labels().outputs(&parts.classes, 2, start.class_names(), &[]);
                let same = outputs.is_ok_and(|outputs| outputs.of == [0, 1]);
                start.read(&models::network(&spec)?, parts.seed, same)
            })
            .transpose()?;
        let ids = |part: &[usize]| part.iter().map(|&i| parts.data.ids[i].as_str()).collect::<Vec<_>>();
        let mut decides = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": spec,
            "recipe": recipe,
            "data": parts.data.checksum,
            "train": ids(&parts.splits.train),
            "tune": ids(&parts.splits.tune),
        });
        if let (Some(begun), Value::Object(fields)) = (&begun, &mut decides) {
            fields.insert("init".to_owned(), json!(begun.sha256));
        }
        let key = weakspot::digest::sha256(decides.to_string().as_bytes());
        Ok(Self { spec, recipe, begun, assumes_imagenet, key })
    }

    /// `<dataset>-<a>-<b>-<arch>-<head>-<key>.safetensors`.
    fn file_name(&self, parts: &Parts) -> String {
        let pair = slug_of_pair(&parts.data.name, &parts.data.class_names);
        format!("{pair}-{}-{}-{}.safetensors", self.spec.arch, self.spec.head, &self.key[..12])
    }

    /// How the model is run after training: as in training.
    fn overrides(&self) -> Overrides {
        Overrides { convolutions: self.recipe.convolutions, ..Overrides::default() }
    }

    /// The checkpoint at a path, if it is this very classifier. A damaged file is reported, and the classifier is
    /// trained again: the file is only a cache.
    fn kept(&self, path: &Path, progress: &Progress) -> Option<Loaded> {
        path.symlink_metadata().ok()?;
        let loaded = match checkpoint::load(path, &self.overrides()) {
            Ok(loaded) => loaded,
            Err(error) => {
                progress.note(&format!("{error}; it is trained again"));
                return None;
            }
        };
        let same =
            loaded.description.recipe.as_ref().and_then(|recipe| recipe.get("key")) == Some(&json!(self.key));
        if same && !loaded.checked {
            progress.note(&format!(
                "{}: the file has no checksum, so damage would go unnoticed; remove it to train the classifier again",
                path.display()
            ));
        }
        same.then_some(loaded)
    }

    fn train(&self, path: &Path, parts: &Parts, progress: &Progress) -> Result<()> {
        let data = TrainingData {
            pixels: &parts.data.pixels,
            labels: &parts.data.labels,
            ids: &parts.data.ids,
            train: &parts.splits.train,
            tune: &parts.splits.tune,
        };
        // Beside the checkpoint, until that is written: a training that is killed continues from its last epoch.
        let state = state_of(path);
        let resume = Resume { path: &state, key: &self.key };
        let trained = match &self.begun {
            None => train(&self.spec, &data, &self.recipe, Some(resume), progress)?,
            Some(begun) => {
                progress.note(&self.beginning(begun));
                train_from(&begun.weights, &self.spec, &data, &self.recipe, Some(resume), progress)?
            }
        };
        progress.end_stage();
        let score = Score::of(trained.tune_correct, trained.n_tune);
        progress.note(&format!(
            "trained: {} of {} tune images correctly classified ({:.1} %), epoch {} of {}",
            score.k,
            score.n,
            100.0 * score.rate,
            trained.best + 1,
            trained.epochs.len()
        ));
        let mut recipe = json!(self.recipe);
        if let Value::Object(fields) = &mut recipe {
            fields.insert("key".to_owned(), json!(self.key));
            if let Some(begun) = &self.begun {
                fields.insert("init".to_owned(), json!(begun.sha256));
            }
            fields.insert("epochs".to_owned(), json!(trained.epochs));
        }
        let description = Description {
            class_names: parts.data.class_names.clone(),
            dataset: Some((parts.data.name.clone(), parts.data.checksum.clone())),
            recipe: Some(recipe),
            seed: Some(self.recipe.seed),
            accuracy: Some(Accuracy { k: score.k, n: score.n, low: score.low, high: score.high }),
            parts: Some(parts.drawn.clone()),
            ..Description::of(self.spec.clone())
        };
        checkpoint::save(path, &trained.model, &description)?;
        // Another training of the same may have removed it.
        folder::remove_if_there(&state)?;
        Ok(())
    }

    /// The recipe and the weights that it starts from, in words.
    fn in_words(&self) -> String {
        let begun = self.begun.as_ref();
        let begun = begun.map(|begun| format!(", from weights of SHA-256 {}", &begun.sha256[..12]));
        recipes::in_words(&self.recipe) + &begun.unwrap_or_default()
    }

    /// What became of the weights of `--init`, for the user.
    fn beginning(&self, begun: &Begun) -> String {
        let taken = begun.weights.0.len() - begun.fresh.len();
        let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let said: Vec<String> = begun.said.iter().map(|said| format!("{said}; ")).collect();
        format!(
            "--init: {taken} tensors taken over; started at random: {}; in the file but not used: {}; {}pixels: \
             mean {:?}, std {:?}{}",
            list(&begun.fresh),
            list(&begun.left_out),
            said.concat(),
            self.spec.mean,
            self.spec.std,
            if self.assumes_imagenet {
                " (ImageNet's, assumed: neither the file nor --mean and --std give them)"
            } else {
                ""
            }
        )
    }
}

/// Where a training keeps its state, beside the weights that it will write.
fn state_of(weights: &Path) -> PathBuf {
    weights.with_extension("training")
}

fn record(
    loaded: &Loaded,
    origin: String,
    recipe: String,
    tune_accuracy: Option<Score>,
    seen: Seen,
) -> ClassifierRecord {
    let spec = &loaded.description.model;
    ClassifierRecord {
        arch: spec.arch.to_string(),
        head: spec.head.to_string(),
        width: spec.width.to_string(),
        n_classes: loaded.model.n_classes(),
        origin,
        recipe,
        convolutions: loaded.model.executor().method().to_string(),
        tune_accuracy,
        // Files of ours state the recipe that they were trained with, wherever they lie now.
        training_seed: loaded.description.recipe.as_ref().and(loaded.description.seed),
        seen: Some(seen),
        outputs: None,
        // The study chooses the layer.
        layer: String::new(),
        grid: [0, 0],
    }
}

fn image_shape(parts: &Parts) -> [usize; 3] {
    let (_, channels, height, width) = parts.data.pixels.dim();
    [channels, height, width]
}
