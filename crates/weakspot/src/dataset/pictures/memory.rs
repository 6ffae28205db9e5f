//! The memory that decoding may take, all threads together.
//!
//! A few bytes can claim a picture of gigabytes, and there are as many threads as cores. So each picture takes its
//! share of one budget before it is decoded, waits while that is not free, and is decoded alone where it needs most
//! of it. No thread waits while holding a share, so no thread waits for ever.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::dataset::MAX_PIXEL_BYTES;

/// What decoding may take, in bytes: as much as the pixels that are kept.
pub(super) const TOTAL: u64 = MAX_PIXEL_BYTES;

static DECODING: Budget = Budget::new(TOTAL);

/// Waits for a share of the memory for decoding. More than there is counts as all of it.
pub(super) fn reserve(bytes: u64) -> Share<'static> {
    DECODING.reserve(bytes)
}

#[derive(Debug)]
struct Budget {
    total: u64,
    free: Mutex<u64>,
    freed: Condvar,
}

/// A share, given back when dropped.
#[derive(Debug)]
pub(super) struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    const fn new(total: u64) -> Self {
        Self { total, free: Mutex::new(total), freed: Condvar::new() }
    }

    fn reserve(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.total);
        let enough = |free: &mut u64| *free < bytes;
        let mut free = self.freed.wait_while(self.lock(), enough).unwrap_or_else(PoisonError::into_inner);
        *free -= bytes;
        Share { budget: self, bytes }
    }

    /// A number cannot be left half changed, so a panic elsewhere is not a reason to stop.
    fn lock(&self) -> MutexGuard<'_, u64> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.lock() += self.bytes;
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn shares_never_exceed_the_budget_and_all_are_served() {
        let budget = Budget::new(10);
        let (held, most, served) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (budget, held, most, served) = (&budget, &held, &most, &served);
                scope.spawn(move || {
                    for i in 0..50 {
                        // From nothing to more than there is, which counts as all of it.
                        let share = budget.reserve((thread + i) % 13);
                        let now = held.fetch_add(share.bytes, Ordering::SeqCst) + share.bytes;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        held.fetch_sub(share.bytes, Ordering::SeqCst);
                        drop(share);
                        served.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 10);
        assert_eq!(served.load(Ordering::SeqCst), 8 * 50);
        assert_eq!(*budget.lock(), 10);
    }
}
