//! Large pages under large buffers.
//!
//! The kernels jump through tens of megabytes, and the processor finds a page's address in a table of one or two thousand
//! entries: with pages of 4 KiB it is too small. Pages of 2 MiB made networks 5 to 10 % faster.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "a call of the system"))]

/// Makes room for `len` elements, and asks the system to use large pages for it where it offers them on request (Linux:
/// transparent huge pages). What the buffer holds does not change; nothing depends on the answer.
pub fn reserve<T>(buffer: &mut Vec<T>, len: usize) {
    if len <= buffer.capacity() {
        return;
    }
    buffer.reserve_exact(len - buffer.len());
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 2 << 20;
        let start = buffer.as_mut_ptr() as usize;
        let first = start.next_multiple_of(PAGE);
        let end = (start + buffer.capacity() * size_of::<T>()) / PAGE * PAGE;
        if first < end {
            // SAFETY: the range lies in the allocation of `buffer`, and MADV_HUGEPAGE changes neither what memory holds nor
            // whether it may be used.
            unsafe { libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_HUGEPAGE) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::reserve;

    #[test]
    fn room_is_made_and_the_content_stays() {
        let mut buffer = vec![1u8, 2, 3];
        reserve(&mut buffer, 9 << 20);
        assert!(buffer.capacity() >= 9 << 20);
        assert_eq!(buffer, [1, 2, 3]);
        let place = buffer.as_ptr();
        reserve(&mut buffer, 9 << 20);
        assert_eq!(buffer.as_ptr(), place);
    }
}
