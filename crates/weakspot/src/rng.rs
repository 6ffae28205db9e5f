//! Every random stream, named and derived from one seed.
//!
//! A draw is keyed by (seed, purpose, item): batch size, threads and order change nothing
//! (`docs/DESIGN.md`, invariant 8).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// A stream of random numbers that belongs to one purpose and one item.
///
/// # Examples
/// ```
/// use weakspot::rng::stream;
///
/// let mut draw = stream(0, "dice", "first");
/// assert!((1..=6).contains(&(1 + draw.below(6))));
/// assert!((0.0..1.0).contains(&draw.unit()));
/// let mut order = [1, 2, 3];
/// draw.shuffle(&mut order);
/// assert_eq!(order.iter().sum::<i32>(), 6);
/// ```
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

/// The stream of (seed, purpose, item), for example `(0, "pgd-start", "test/00012")`.
///
/// # Examples
/// ```
/// use weakspot::rng::stream;
///
/// // The same key gives the same numbers, whatever was drawn before.
/// let first = stream(0, "noise", "test/00012").next_u64();
/// assert_eq!(stream(0, "noise", "test/00012").next_u64(), first);
/// assert_ne!(stream(0, "noise", "test/00013").next_u64(), first);
/// ```
pub fn stream(seed: u64, purpose: &str, item: &str) -> Stream {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update((purpose.len() as u64).to_le_bytes());
    hash.update(purpose.as_bytes());
    hash.update(item.as_bytes());
    Stream(ChaCha8Rng::from_seed(hash.finalize().into()))
}

impl Stream {
    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform number in `[0, 1)` with 24 random bits.
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// A uniform integer in `0..n`, without bias; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 {
            return 0;
        }
        let n = n as u64;
        // Lemire 2019, "Fast random integer generation in an interval": reject the short last interval. Its length is
        // below n, so the division that finds it is needed once in 2^64 / n draws.
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            let low = product as u64;
            if low >= n || low >= n.wrapping_neg() % n {
                return (product >> 64) as usize;
            }
        }
    }

    /// -1 or +1, each with probability one half.
    pub fn sign(&mut self) -> f32 {
        if self.0.next_u32() >> 31 == 0 { 1.0 } else { -1.0 }
    }

    /// A standard normal number (Box and Muller 1958; one of the pair is thrown away).
    pub fn normal(&mut self) -> f32 {
        let u = f64::from(self.unit()) + 0.5 / 16_777_216.0;
        let v = f64::from(self.unit());
        ((-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
    }

    /// Shuffles in place, every order equally likely, from a fifth of the random bits of [`Stream::shuffle`]: for
    /// statistics that need a thousand orders of a small map.
    ///
    /// # Panics
    /// If there are more than 4,096 items.
    ///
    /// # References
    /// Brackett-Rozinsky and Lemire, "Batched ranged random integer generation", 2024, arXiv:2408.06213.
    pub fn shuffle_small<T>(&mut self, items: &mut [T]) {
        /// Places drawn from one random word: the product of their ranges must stay below 2^64.
        const AT_ONCE: usize = 5;
        assert!(items.len() <= 1 << 12, "five places below 2^12 fit into 64 random bits");
        let mut last = items.len();
        while last > 1 {
            // Ranges last, last - 1, ...; past the first item ranges of 1, which change nothing.
            let ranges: [usize; AT_ONCE] = std::array::from_fn(|k| last.saturating_sub(k).max(1));
            let product: u64 = ranges.iter().map(|&n| n as u64).product();
            let places = loop {
                let mut rest = self.next_u64();
                let places = ranges.map(|n| {
                    let next = u128::from(rest) * n as u128;
                    rest = next as u64;
                    (next >> 64) as usize
                });
                // As in `below`.
                if rest >= product || rest >= product.wrapping_neg() % product {
                    break places;
                }
            };
            for (n, place) in ranges.into_iter().zip(places) {
                items.swap(n - 1, place);
            }
            last = last.saturating_sub(AT_ONCE);
        }
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_item_and_repeat_themselves() {
        let first = |seed, purpose, item| stream(seed, purpose, item).next_u64();
        assert_eq!(first(0, "a", "b"), first(0, "a", "b"));
        assert_ne!(first(0, "a", "b"), first(1, "a", "b"));
        assert_ne!(first(0, "a", "b"), first(0, "b", "b"));
        assert_ne!(first(0, "a", "b"), first(0, "a", "c"));
        assert_ne!(first(0, "a", "bc"), first(0, "ab", "c"), "the purpose's length is part of the key");
    }

    #[test]
    fn every_order_is_equally_likely() {
        let mut s = stream(3, "test", "");
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..6_000 {
            let mut items = [0, 1, 2];
            s.shuffle_small(&mut items);
            *seen.entry(items).or_insert(0usize) += 1;
        }
        // Binomial(6000, 1/6): six standard deviations are 173.
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|k| (827..=1173).contains(k)), "{seen:?}");
    }

    #[test]
    fn every_item_goes_everywhere() {
        // Across several random words: 12 items, each 500 times in each place. Binomial(6000, 1/12): six standard
        // deviations are 129.
        let mut s = stream(4, "test", "");
        let mut seen = [[0usize; 12]; 12];
        for _ in 0..6_000 {
            let mut items: [usize; 12] = std::array::from_fn(|i| i);
            s.shuffle_small(&mut items);
            for (place, item) in items.into_iter().enumerate() {
                seen[item][place] += 1;
            }
        }
        assert!(seen.iter().flatten().all(|k| (371..=629).contains(k)), "{seen:?}");
    }

    #[test]
    fn below_covers_its_range_and_no_more() {
        let mut s = stream(7, "test", "");
        let mut seen = [0usize; 5];
        for _ in 0..5_000 {
            seen[s.below(5)] += 1;
        }
        // Binomial(5000, 1/5): six standard deviations are 170.
        assert!(seen.iter().all(|&k| (830..=1170).contains(&k)), "{seen:?}");
    }
}
