//! `weakspot` shows where an image classifier looks, where an attacker strikes, and whether blocking the places
//! that are struck but not looked at helps.
//!
//! It implements Chattopadhyay, Yip, Tan and Chattopadhyay, *Spatially Correlated Patterns in Adversarial
//! Images*; `docs/METHODS.md` says where it goes beyond the paper. It works with plain arrays and the
//! [`classifier::Classifier`] trait, and needs no machine-learning framework.
//!
//! # A study of your own classifier
//!
//! A classifier says what it is, gives logits, and walks back from a gradient at the logits to its pixels:
//!
//! ```
//! use ndarray::{Array2, Array4, ArrayView4, s};
//! use weakspot::attack::Epsilon;
//! use weakspot::attribution::Method;
//! use weakspot::classifier::{Classifier, InputSpec, Signature, Trace, TraceRequest, Walk};
//! use weakspot::dataset::{Dataset, Limits, SplitRule, split};
//! use weakspot::image::Pixels;
//! use weakspot::objective::cotangents;
//! use weakspot::progress::Silent;
//! use weakspot::study::{NoJournal, Plan, Subject, run};
//!
//! /// Compares the brightness of an image's left half with that of its right half.
//! struct Halves(Signature);
//!
//! impl Classifier for Halves {
//!     fn signature(&self) -> &Signature {
//!         &self.0
//!     }
//!     fn logits(&self, images: ArrayView4<'_, f32>) -> weakspot::Result<Array2<f32>> {
//!         let half = |(i, class)| images.slice(s![i, .., .., 4 * class..4 * class + 4]).sum();
//!         Ok(Array2::from_shape_fn((images.dim().0, 2), half))
//!     }
//!     fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> weakspot::Result<Trace> {
//!         let logits = self.logits(images)?;
//!         let at_pixels = |walk: &Walk<'_>| {
//!             let at_logits = cotangents(walk.from, &logits);
//!             vec![Array4::from_shape_fn(images.raw_dim(), |(i, _, _, x)| at_logits[[i, x / 4]])]
//!         };
//!         let walks = request.walks.iter().map(at_pixels).collect();
//!         Ok(Trace { logits, walks, ..Trace::default() })
//!     }
//! }
//!
//! fn main() -> weakspot::Result<()> {
//!     let model = Halves(Signature::new(InputSpec { channels: 1, height: 8, width: 8 }, 2));
//!     let bright = |(i, _, y, x): (usize, usize, usize, usize)| (x / 4 == i % 2) as u8 * 40 + (i * y % 7) as u8;
//!     let pixels = Pixels::U8(Array4::from_shape_fn((120, 1, 8, 8), bright));
//!     let labels = (0..120).map(|i| i % 2).collect();
//!     let data = Dataset::new("halves", pixels, labels, &["left", "right"])?;
//!     let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
//!     let plan = Plan { cam: Method::GRADIENT, ..Plan::new(Epsilon::new(0.1)?, 0)? };
//!     let found = run(&plan, &Subject::new(&model, &data, &splits), 64, &mut NoJournal, &Silent)?;
//!     println!("{}", weakspot::report::terminal_summary(&found.record));
//!     # assert_eq!(found.record.directions[0].scores.clean.unwrap().rate, 1.0);
//!     Ok(())
//! }
//! ```
//!
//! [`report::write`] writes the results to a folder, as tables, figures and a page. Networks with weights are in the
//! crate `weakspot-nn`.
#![deny(missing_docs)]

pub mod attack;
pub mod attribution;
mod checks;
pub mod classifier;
pub mod dataset;
#[doc(hidden)]
pub mod digest;
pub mod error;
pub mod hint;
pub mod image;
#[doc(hidden)]
pub mod input;
pub mod metrics;
#[doc(hidden)]
pub mod num;
pub mod objective;
#[doc(hidden)]
pub mod output;
pub mod progress;
pub mod record;
pub mod region;
pub mod report;
pub mod rng;
pub mod study;
pub mod testing;

pub use error::{Error, ErrorKind, Result};
