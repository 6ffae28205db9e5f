//! What the program asks of the machine: threads, the clock, and word of Ctrl-C.

pub(crate) mod clock;
pub(crate) mod interrupt;
pub(crate) mod threads;
