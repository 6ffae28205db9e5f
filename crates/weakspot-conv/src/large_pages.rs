//! Large buffers: large pages, and zeros that do not have to be written.
//!
//! The kernels jump through tens of megabytes, and the processor looks up the addresses of pages in a table of one or
//! two thousand entries, which is too small for pages of 4 KiB. Pages of 2 MiB made networks 5 to 10 % faster.
//!
//! Fresh pages come from the system as zeros, at the first touch. A buffer that is not written here is touched first by
//! the threads that fill it, all at once.
#![expect(unsafe_code, reason = "calls of the allocator and of the system")]

use std::alloc::{Layout, alloc_zeroed};

use crate::scalar::Scalar;
use crate::simd::Lanes;

/// Types for which zero bytes are a valid value.
pub(crate) trait Zeros: Copy {}
impl<T: Scalar> Zeros for T {}
impl Zeros for Lanes {}

/// Makes a buffer hold `len` numbers: those it held, zeros, or both.
///
/// # Panics
/// If there is not enough memory, with a message that begins with "out of memory".
pub fn resize<T: Scalar>(buffer: &mut Vec<T>, len: usize) {
    resize_zeros(buffer, len, T::ZERO);
}

/// [`resize`], for vectors too.
pub(crate) fn resize_zeros<T: Zeros>(buffer: &mut Vec<T>, len: usize, zero: T) {
    if len <= buffer.capacity() {
        buffer.resize(len, zero);
    } else {
        *buffer = zeros(len);
    }
}

/// As `vec![0; len]`, on large pages where the system offers them on request (Linux: transparent huge pages).
///
/// # Panics
/// If there is not enough memory, with a message that begins with "out of memory". Usually the process would abort.
/// But the largest buffers grow with the user's images and batches, and a caller that catches the panic can say what
/// to make smaller.
fn zeros<T: Zeros>(len: usize) -> Vec<T> {
    let Ok(layout) = Layout::array::<T>(len) else { out_of_memory(usize::MAX) };
    if layout.size() == 0 {
        return Vec::new();
    }
    // SAFETY: the layout's size is not zero.
    let start = unsafe { alloc_zeroed(layout) };
    if start.is_null() {
        out_of_memory(layout.size());
    }
    advise(start, layout.size());
    // SAFETY: the allocator gave `len` elements of `T`'s size and alignment. Zero bytes are a valid value of every
    // `Zeros`: f32, f64, and arrays of f32.
    unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(start.cast::<T>(), len)) }.into_vec()
}

fn out_of_memory(bytes: usize) -> ! {
    panic!("out of memory: the network needs {bytes} bytes at once");
}

/// Asks for large pages under a fresh allocation. Nothing depends on the answer.
#[cfg(target_os = "linux")]
fn advise(start: *mut u8, len: usize) {
    const PAGE: usize = 2 << 20;
    let first = start.align_offset(PAGE);
    let Some(pages) = len.checked_sub(first).map(|len| len / PAGE).filter(|&pages| pages > 0) else { return };
    // SAFETY: the range lies in an allocation of `len` bytes, and MADV_HUGEPAGE changes neither the content of memory
    // nor whether it may be used.
    unsafe { libc::madvise(start.add(first).cast(), pages * PAGE, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_: *mut u8, _: usize) {}

#[cfg(test)]
mod tests {
    use super::{Lanes, resize, resize_zeros};

    #[test]
    fn fresh_numbers_are_zeros_and_small_changes_keep_the_place() {
        let mut buffer = Vec::<f32>::new();
        resize(&mut buffer, 3 << 20);
        assert_eq!(buffer.len(), 3 << 20);
        assert!(buffer.iter().all(|v| v.to_bits() == 0));
        buffer.fill(7.0);
        let place = buffer.as_ptr();
        resize(&mut buffer, 5);
        assert_eq!(buffer, [7.0; 5]);
        resize(&mut buffer, 6);
        assert_eq!(buffer, [7.0, 7.0, 7.0, 7.0, 7.0, 0.0]);
        assert_eq!(buffer.as_ptr(), place);
        resize(&mut buffer, 0);
        assert!(buffer.is_empty());
    }

    #[test]
    fn memory_that_nobody_has_is_a_panic_that_can_be_caught_and_no_abort() {
        for len in [usize::MAX, isize::MAX as usize / 4 - 4096] {
            let told = std::panic::catch_unwind(|| resize(&mut Vec::<f32>::new(), len)).unwrap_err();
            assert!(told.downcast_ref::<String>().unwrap().starts_with("out of memory"), "{len}");
        }
    }

    #[test]
    fn vectors_too() {
        let mut buffer = Vec::new();
        resize_zeros(&mut buffer, 0, Lanes::default());
        assert!(buffer.is_empty());
        resize_zeros(&mut buffer, 1 << 18, Lanes::default());
        assert!(buffer.iter().all(|lanes| lanes.0 == [0.0; 16]));
        assert!(buffer.as_ptr().is_aligned());
    }
}
