//! How long-running library code tells its caller where it is, without printing.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Receives progress. The command line draws bars with it; the default does nothing.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use weakspot::progress::Observer;
///
/// /// Counts the steps of all stages.
/// #[derive(Default)]
/// struct Steps(AtomicUsize);
///
/// impl Observer for Steps {
///     fn advance(&self, steps: usize) {
///         self.0.fetch_add(steps, Ordering::Relaxed);
///     }
/// }
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// let steps = Steps::default();
/// run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &steps)?;
/// assert!(steps.0.into_inner() > 0);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub trait Observer: Sync {
    /// A stage begins that will take `total` steps.
    fn stage(&self, name: &str, total: usize) {
        let _ = (name, total);
    }

    /// `steps` more steps of the current stage are done.
    fn advance(&self, steps: usize) {
        let _ = steps;
    }

    /// A short text to show beside the current stage: a loss, an accuracy.
    fn status(&self, text: &str) {
        let _ = text;
    }

    /// Something the user should read.
    fn note(&self, text: &str) {
        let _ = text;
    }

    /// Whether the user has asked to stop; long loops ask between batches.
    fn interrupted(&self) -> bool {
        false
    }

    /// A flag that is set when the user asks to stop, for code that cannot ask the observer: a network checks it
    /// between its layers, because a batch of photographs can take a quarter of a minute.
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        None
    }
}

/// An observer that ignores everything.
///
/// # Examples
/// ```
/// use weakspot::progress::{Observer, Silent};
///
/// assert!(!Silent.interrupted());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
