//! The system's allocator, for programs that report a lack of memory instead of aborting.
#![expect(unsafe_code, reason = "an allocator, which passes every call on to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

/// From this size on, in bytes, a refusal is left to the caller. Code that asks for so much can report it, and a file
/// that claims a terabyte is not a reason to end the program. Where less is refused, memory is short for everything
/// that follows.
const LARGE: usize = 64 << 20;

/// The system's allocator, which ends the program with a message if the system refuses a piece below 64 MiB.
///
/// Most of Rust's collections cannot report a refusal: the program would abort, as it does after a bug.
/// Nothing is unwound or written before the end, as after a kill.
#[derive(Debug)]
pub struct Allocator {
    /// What is written to standard error.
    words: [&'static str; 3],
    code: i32,
    ending: AtomicBool,
}

impl Allocator {
    /// An allocator that writes `words`, one after the other, to standard error and ends with exit code `code`.
    #[must_use]
    pub const fn new(words: [&'static str; 3], code: i32) -> Self {
        Self { words, code, ending: AtomicBool::new(false) }
    }

    fn given(&self, start: *mut u8, size: usize) -> *mut u8 {
        if start.is_null() && size < LARGE {
            self.end();
        }
        start
    }

    #[cold]
    fn end(&self) {
        // Writing the message and exiting may ask for memory too: this is then refused as usual.
        if !self.ending.swap(true, Ordering::Relaxed) {
            let mut stderr = std::io::stderr();
            for words in self.words {
                let _ = stderr.write_all(words.as_bytes());
            }
            process::exit(self.code);
        }
    }
}

// SAFETY: every call is passed on to the system's allocator unchanged, and so is its answer. The code between neither
// reads nor writes the memory and does not unwind: a refused write is dropped.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the system's conditions.
        self.given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        self.given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        self.given(unsafe { System.realloc(start, layout, size) }, size)
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(start, layout) }
    }
}
