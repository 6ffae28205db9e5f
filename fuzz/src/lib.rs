//! Everything that reads a file or a word, called with bytes that nobody wrote.
//!
//! A target is a function of bytes. It lets the library read them as one kind of input. The library must not panic,
//! loop endlessly or use more memory than the documentation allows. If something was read, it must be what the library
//! promises (pixels in `[0, 1]`, as many labels as images, the same record after it is written and read again). An
//! error is a correct answer.
#![deny(missing_docs)]

mod edit;
mod images;
mod mend;
mod networks;
mod pictures;
mod place;
mod results;
mod small;
mod words;

pub use mend::{png, tar};
pub use small::{small_journal, small_run, small_training, small_weights};

/// A kind of input, and how it is read.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is also the name of its folder in `corpus/`.
    pub name: &'static str,
    /// Reads bytes as this kind of input.
    ///
    /// # Panics
    /// When the library does, or breaks a promise.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 28] = [
    Target { name: "idx-images", run: images::idx_images },
    Target { name: "idx-labels", run: images::idx_labels },
    Target { name: "cifar-archive", run: images::cifar_archive },
    Target { name: "cifar-folder", run: images::cifar_folder },
    Target { name: "npy", run: images::npy },
    Target { name: "npz", run: images::npz },
    Target { name: "tensors", run: images::tensors },
    Target { name: "mask", run: images::mask },
    Target { name: "png", run: pictures::png },
    Target { name: "jpeg", run: pictures::jpeg },
    Target { name: "webp", run: pictures::webp },
    Target { name: "bmp", run: pictures::bmp },
    Target { name: "gif", run: pictures::gif },
    Target { name: "tiff", run: pictures::tiff },
    Target { name: "manifest", run: pictures::manifest },
    Target { name: "record", run: results::record },
    Target { name: "record-edits", run: results::record_edits },
    Target { name: "report-edits", run: results::report_edits },
    Target { name: "summaries", run: results::summaries },
    Target { name: "ledger", run: results::ledger },
    Target { name: "maps", run: results::maps },
    Target { name: "journal", run: results::journal },
    Target { name: "journal-edits", run: results::journal_edits },
    Target { name: "onnx", run: networks::onnx },
    Target { name: "weights", run: networks::weights },
    Target { name: "description", run: networks::description },
    Target { name: "training", run: networks::training },
    Target { name: "words", run: words::words },
];
