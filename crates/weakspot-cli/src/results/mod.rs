//! Where results go, and what is kept beside them.

pub(crate) mod expect;
pub(crate) mod folder;
pub(crate) mod run_record;
