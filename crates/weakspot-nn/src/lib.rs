//! Image classifiers as data, run by a CPU executor forward and backward; training; checkpoints.
#![deny(missing_docs)]
