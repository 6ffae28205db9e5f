//! Image classifiers as data, run by a CPU executor forward and backward; training; checkpoints.
//!
//! A [`ModelSpec`] describes a network; [`models::network`] builds the [`Network`], a list of named layers; an
//! [`Executor`] runs it with [`Weights`]; a [`Model`] joins all of these and implements
//! [`Classifier`](weakspot::classifier::Classifier), the only interface that studies use. [`train()`] makes a model
//! from images; [`checkpoint`] stores it in a file. [`OnnxModel`] reads any other network from an ONNX file, as a graph
//! of operators.
#![deny(missing_docs)]

pub mod checkpoint;
#[cfg(test)]
mod conformance;
pub mod executor;
mod graph;
mod half;
mod imported;
pub mod init;
mod model;
pub mod models;
mod names;
mod network;
mod onnx;
mod operators;
mod places;
mod start;
pub mod train;
mod weights;

pub use executor::Executor;
#[doc(hidden)]
pub use imported::read_graph;
pub use imported::{ImageShape, OnnxDescription, OnnxModel, OnnxSettings, image_shape};
pub use model::{Model, Passes};
pub use models::{Arch, Head, ModelSpec, Width};
pub use network::{Layer, NamedLayer, Network, Parameter, Shape};
pub use onnx::ChannelOrder;
pub use places::Listed;
pub use start::{Begun, Normalization, Start};
pub use train::{
    Augmentation, Epoch, Freeze, Optimizer, Recipe, Resume, Schedule, Trained, TrainingData, train,
    train_from,
};
pub use weakspot_conv::{Allocator, Method as Convolutions, ShapeError};
pub use weights::{Tensor, Weights};
