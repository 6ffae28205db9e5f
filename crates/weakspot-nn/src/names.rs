//! From the tensor names in users' files to torchvision's.
//!
//! `DataParallel`, `torch.compile`, wrappers and training loops put words before the names; these are removed and
//! reported. Names that could mean two things, and tensors of another network, are refused by name.

use std::collections::{BTreeMap, BTreeSet};

use weakspot::hint::Hint;
use weakspot::{Error, Result};

use crate::weights::is_ignored;

/// The first convolution, which every VGG16 has.
const FIRST: &str = "features.0.weight";

/// What training loops count and save beside the weights.
const COUNTERS: [&str; 6] = ["n_averaged", "epoch", "step", "steps", "global_step", "best_acc"];

/// The names that normalising wrappers give their statistics.
const STATISTICS: [&str; 5] = ["mean", "std", "mu", "sigma", "var"];

/// Tensors whose names show another network.
const OTHERS: [(&str, &str); 9] = [
    ("layer1.0.conv1.weight", "a ResNet"),
    ("layer1.0.conv2.weight", "a ResNet"),
    ("denseblock1.", "a DenseNet"),
    ("encoder_layer_0.", "a vision transformer"),
    ("blocks.0.attn.", "a vision transformer"),
    ("Mixed_5b.", "an Inception network"),
    (".squeeze.weight", "a SqueezeNet"),
    ("features.0.0.weight", "a MobileNet, EfficientNet, ConvNeXt or Swin network"),
    ("conv_stem.weight", "an EfficientNet"),
];

/// Convolutions of each stage, and the network's name (Simonyan and Zisserman, table 1).
const DEPTHS: [([usize; 5], &str); 4] = [
    ([1, 1, 2, 2, 2], "a VGG11"),
    ([2, 2, 2, 2, 2], "a VGG13"),
    ([2, 2, 3, 3, 3], "a VGG16"),
    ([2, 2, 4, 4, 4], "a VGG19"),
];

/// A file's tensors under torchvision's names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Torchvision's name by the file's. Tensors that are left out are not here.
    pub(crate) of: BTreeMap<String, String>,
    /// What the user should know about the renaming.
    pub(crate) said: Vec<String>,
}

impl Names {
    /// The names as they are.
    pub(crate) fn unchanged<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self { of: names.map(|name| (name.to_owned(), name.to_owned())).collect(), said: Vec::new() }
    }

    /// The names in a file that does not say which network its tensors belong to.
    ///
    /// # Errors
    /// `Format` for the tensors of another network, for more than one copy, and for a normalisation among the tensors.
    pub(crate) fn translate(shapes: &BTreeMap<&str, &[usize]>) -> Result<Self> {
        let prefix = prefix(shapes)?;
        let mut names = Self::default();
        let mut left_out = Vec::new();
        for (&name, shape) in shapes {
            let last = name.rsplit('.').next().unwrap_or(name);
            match name.strip_prefix(prefix) {
                Some(inside) if !prefix.is_empty() || !COUNTERS.contains(&last) => {
                    names.of.insert(name.to_owned(), inside.to_owned());
                }
                _ if COUNTERS.contains(&last) => left_out.push(name),
                _ => {
                    names.of.insert(name.to_owned(), name.to_owned());
                }
            }
            if STATISTICS.contains(&last) && shape.iter().product::<usize>() <= 4 {
                return Err(Error::format(format!(
                    "tensor {name} {shape:?} looks like the normalisation of pixels, which is not part of a VGG16"
                ))
                .with_hint(
                    Hint::new()
                        .say("give its numbers as ")
                        .setting("mean")
                        .say(" and ")
                        .setting("std")
                        .say(", and save the file without it"),
                ));
            }
        }
        if !prefix.is_empty() {
            names.said.push(format!("\"{prefix}\" before every name belongs to a wrapper and was removed"));
        }
        if !left_out.is_empty() {
            names.said.push(format!("{}: counted by a training loop, ignored", left_out.join(", ")));
        }
        names.check_depth(shapes)?;
        names.rename_single_layer(shapes);
        let mut seen = BTreeMap::new();
        for (file, name) in &names.of {
            if let Some(other) = seen.insert(name, file) {
                return Err(Error::format(format!(
                    "tensors {other} and {file} are the same layer of a VGG16"
                ))
                .with_hint("save the weights of one network in the file"));
            }
        }
        Ok(names)
    }

    /// Refuses VGGs of other depths, which have tensors of the same names.
    fn check_depth(&self, shapes: &BTreeMap<&str, &[usize]>) -> Result<()> {
        let place = |(file, name): (&String, &String)| {
            let rest = name.strip_prefix("features.")?.strip_suffix(".weight")?;
            shapes.get(file.as_str()).filter(|shape| shape.len() == 4)?;
            rest.parse::<usize>().ok()
        };
        let found: BTreeSet<usize> = self.of.iter().filter_map(place).collect();
        for (stages, network) in DEPTHS {
            let other = network != "a VGG16" && (found == places(stages, 2) || found == places(stages, 3));
            if other {
                return Err(only_vgg16(network, &format!("{} convolutions", found.len())));
            }
        }
        Ok(())
    }

    /// A single linear layer may have any name.
    fn rename_single_layer(&mut self, shapes: &BTreeMap<&str, &[usize]>) {
        let linear = |(file, name): &(&String, &String)| {
            !name.starts_with("features.") && shapes.get(file.as_str()).is_some_and(|shape| shape.len() == 2)
        };
        let linear: Vec<String> = self.of.iter().filter(linear).map(|(_, name)| name.clone()).collect();
        let [only] = linear.as_slice() else { return };
        let Some(layer) = only.strip_suffix(".weight").filter(|layer| *layer != "classifier") else { return };
        for name in self.of.values_mut() {
            if let Some(what) = name.strip_prefix(layer).filter(|what| [".weight", ".bias"].contains(what)) {
                *name = format!("classifier{what}");
            }
        }
        self.said.push(format!("{layer} is the linear layer that torchvision's names call classifier"));
    }
}

/// The words before the names of the one VGG16 in a file.
fn prefix<'a>(shapes: &BTreeMap<&'a str, &[usize]>) -> Result<&'a str> {
    let first = shapes.iter().filter(|(_, shape)| shape.len() == 4);
    let prefixes: Vec<&str> = first
        .filter_map(|(name, _)| name.strip_suffix(FIRST))
        .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        .collect();
    if let Some((network, tensor)) = other_network(shapes) {
        return Err(only_vgg16(network, tensor));
    }
    match prefixes.as_slice() {
        [] => Err(not_vgg(shapes)),
        [one] => Ok(one),
        several => {
            let list: Vec<String> = several.iter().map(|prefix| format!("{prefix}{FIRST}")).collect();
            Err(Error::format(format!(
                "expected one network; got {} copies: {}",
                list.len(),
                list.join(", ")
            ))
            .with_hint("save the copy you want, such as the averaged one (EMA), in a file of its own"))
        }
    }
}

/// The other network that a tensor's name shows, and that name.
fn other_network<'a>(shapes: &BTreeMap<&'a str, &[usize]>) -> Option<(&'static str, &'a str)> {
    OTHERS.iter().find_map(|(mark, network)| {
        let tensor = shapes.keys().find(|name| name.contains(mark))?;
        Some((*network, *tensor))
    })
}

fn only_vgg16(network: &str, mark: &str) -> Error {
    Error::format(format!("expected the weights of a VGG16; got those of {network} ({mark})"))
        .with_hint("only VGG16 is supported, with or without batch norm")
}

/// The error for tensors of an unknown network, naming one of them.
pub(crate) fn not_vgg(shapes: &BTreeMap<&str, &[usize]>) -> Error {
    let first = shapes.iter().find(|(name, _)| !is_ignored(name));
    let found = first
        .map_or_else(|| "no tensor".to_owned(), |(name, shape)| format!("{name} {shape:?}, among others"));
    Error::format(format!("expected the tensor {FIRST} of a VGG16, [64, 3, 3, 3]; found {found}")).with_hint(
        "only VGG16 is supported; from torchvision: safetensors.torch.save_file(torchvision.models.vgg16(\
         weights=\"DEFAULT\").state_dict(), \"vgg16.safetensors\")",
    )
}

/// The places of convolutions that are `apart` layers from each other: 2 with a ReLU after each, 3 with a batch norm as
/// well.
fn places(stages: [usize; 5], apart: usize) -> BTreeSet<usize> {
    let mut next = 0;
    let mut places = BTreeSet::new();
    for count in stages {
        for _ in 0..count {
            places.insert(next);
            next += apart;
        }
        // A max-pool.
        next += 1;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A VGG16's tensors, as far as names go, and some more.
    fn translate(before: &str, more: &[(&str, &[usize])]) -> Result<Names> {
        let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for place in places([2, 2, 3, 3, 3], 2) {
            all.insert(format!("{before}features.{place}.weight"), vec![64, 3, 3, 3]);
            all.insert(format!("{before}features.{place}.bias"), vec![64]);
        }
        all.extend(more.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())));
        Names::translate(&all.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect())
    }

    #[test]
    fn the_words_of_wrappers_are_taken_off_and_reported() {
        for before in ["module.", "model.", "net.", "backbone.", "state_dict.", "_orig_mod.module.", "a.b.c."]
        {
            let names = translate(before, &[(&format!("{before}classifier.weight"), &[2, 512])]).unwrap();
            assert_eq!(names.of[&format!("{before}features.28.bias")], "features.28.bias");
            assert_eq!(names.of[&format!("{before}classifier.weight")], "classifier.weight");
            assert_eq!(names.said.len(), 1, "{:?}", names.said);
            assert!(names.said[0].contains(before), "{:?}", names.said);
        }
        assert!(translate("", &[("classifier.weight", &[2, 512])]).unwrap().said.is_empty());
    }

    #[test]
    fn a_single_linear_layer_is_known_by_its_shape() {
        let names =
            translate("module.", &[("module.fc.weight", &[10, 512]), ("module.fc.bias", &[10])]).unwrap();
        assert_eq!(names.of["module.fc.bias"], "classifier.bias");
        assert!(names.said.iter().any(|said| said.starts_with("fc is")), "{:?}", names.said);
        let three: [(&str, &[usize]); 3] = [
            ("classifier.0.weight", &[512, 512]),
            ("classifier.3.weight", &[512, 512]),
            ("classifier.6.weight", &[10, 512]),
        ];
        assert_eq!(translate("", &three).unwrap().of["classifier.3.weight"], "classifier.3.weight");
    }

    #[test]
    fn counters_are_left_out_and_a_normalisation_is_named() {
        let names =
            translate("module.", &[("n_averaged", &[]), ("module.classifier.weight", &[2, 512])]).unwrap();
        assert!(!names.of.contains_key("n_averaged"));
        assert!(names.said.iter().any(|said| said.starts_with("n_averaged")), "{:?}", names.said);
        let error = translate("1.", &[("0.mean", &[3])]).unwrap_err();
        assert!(
            error.to_string().contains("0.mean [3]") && error.hint().unwrap().contains("as mean and std"),
            "{error}"
        );
    }

    #[test]
    fn two_copies_are_refused_by_name() {
        let twice: [(&str, &[usize]); 2] =
            [("model.classifier.weight", &[2, 512]), ("classifier.weight", &[2, 512])];
        let error = translate("model.", &twice).unwrap_err();
        assert!(error.to_string().contains("classifier.weight and model.classifier.weight"), "{error}");
        let error = translate("model.", &[("ema.features.0.weight", &[64, 3, 3, 3])]).unwrap_err();
        assert!(error.to_string().contains("ema.features.0.weight, model.features.0.weight"), "{error}");
    }

    #[test]
    fn another_network_is_named() {
        let refuse = |tensors: &[(&str, &[usize])]| {
            Names::translate(&tensors.iter().copied().collect()).unwrap_err().to_string()
        };
        let kernel: &[usize] = &[64, 64, 3, 3];
        assert!(refuse(&[("module.layer1.0.conv1.weight", kernel)]).contains("a ResNet"));
        assert!(refuse(&[("features.0.0.weight", kernel)]).contains("a MobileNet"));
        assert!(refuse(&[("a", &[3])]).contains("found a [3]"));
        for (stages, network) in DEPTHS {
            for apart in [2, 3] {
                let names: Vec<String> =
                    places(stages, apart).iter().map(|place| format!("features.{place}.weight")).collect();
                let result = Names::translate(&names.iter().map(|name| (name.as_str(), kernel)).collect());
                match result {
                    Ok(_) => assert_eq!(network, "a VGG16"),
                    Err(error) => {
                        assert!(network != "a VGG16" && error.to_string().contains(network), "{error}");
                    }
                }
            }
        }
    }
}
