//! Opens what a study is about: data sets by name, file, folder or list; the pair of classes, its parts, and masks.

pub(crate) mod cache;
pub(crate) mod classes;
pub(crate) mod masks;
pub(crate) mod mistaken;
pub(crate) mod parts;
pub(crate) mod source;
