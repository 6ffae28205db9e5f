//! What is settled for a data set that the tool knows by name.

/// Changes of a training image that keep its label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// Whether an image may be mirrored left to right, with probability one half.
    pub flip: bool,
    /// The largest shift in pixels in either direction along either axis; 0 for none.
    pub shift: usize,
}

/// What is settled for one data set. Nothing here reduces the eval part (method: section 2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preset {
    /// Attack radius in pixel units; `None` where only the user can say.
    pub epsilon: Option<f64>,
    /// Augmentation while training.
    pub augment: Augment,
    /// The most training images per class, `None` for all of them.
    pub train_per_class: Option<usize>,
    /// Height and width that pictures are brought to; `None` where images have a size of their own.
    pub size: Option<usize>,
}

/// The preset of a data set, by name.
///
/// Epsilon is 0.3 for digits and garments and 8/255 for 32-pixel colour images (the demo, CIFAR-10)
/// and 4/255 for photographs of 224 pixels (method: section 4).
/// Any other name is the user's own data, for which nothing is assumed: an epsilon decides a claim, so it is
/// asked for.
pub fn preset(name: &str) -> Preset {
    match name {
        // Places are what the demo plants: neither flip nor shift.
        "demo" => Preset {
            epsilon: Some(8.0 / 255.0),
            augment: Augment::default(),
            train_per_class: None,
            size: None,
        },
        // A mirrored digit is another sign or none.
        "mnist" => Preset {
            epsilon: Some(0.3),
            augment: Augment { flip: false, shift: 2 },
            train_per_class: Some(2_000),
            size: None,
        },
        "fashion-mnist" => Preset {
            epsilon: Some(0.3),
            augment: Augment { flip: true, shift: 2 },
            train_per_class: Some(2_000),
            size: None,
        },
        "cifar10" => Preset {
            epsilon: Some(8.0 / 255.0),
            augment: Augment { flip: true, shift: 4 },
            train_per_class: None,
            size: None,
        },
        // Cats, dogs and cells are what they are in the mirror.
        "cats-vs-dogs" | "malaria" => Preset {
            epsilon: Some(4.0 / 255.0),
            augment: Augment { flip: true, shift: 4 },
            train_per_class: None,
            size: Some(224),
        },
        _ => Preset { epsilon: None, augment: Augment::default(), train_per_class: None, size: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_never_mirrored_and_unknown_data_gets_no_epsilon() {
        assert!(!preset("mnist").augment.flip);
        assert!(preset("fashion-mnist").augment.flip);
        assert_eq!(preset("demo").epsilon, Some(8.0 / 255.0));
        assert_eq!(preset("my-images").epsilon, None);
    }
}
