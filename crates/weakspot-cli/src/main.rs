//! The `weakspot` program.

fn main() {}
