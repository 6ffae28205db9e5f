//! Where the maxima of a pooling were.

use crate::pool::MaxPool;

/// Where in its window each maximum was: the number's bits, sixteen channels a word.
///
/// # Examples
/// ```
/// use weakspot_conv::MaxPool;
///
/// let pool = MaxPool::new(2, 1, (2, 2))?;
/// let mut largest = [0.0_f32];
/// // Places are kept on request.
/// assert!(pool.forward(1, &[0.0, 1.0, 2.0, 3.0], false, None, &mut largest)?.is_none());
/// assert!(pool.forward(1, &[0.0, 1.0, 2.0, 3.0], true, None, &mut largest)?.is_some());
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(pub(crate) Vec<u16>);

impl Places {
    /// The channels of a group whose maximum is at the k-th pixel of a window, counted through all images.
    pub(crate) fn at(&self, pool: &MaxPool, window: usize, group: usize, k: usize) -> u16 {
        let words = &self.0[(window * pool.groups() + group) * pool.planes()..][..pool.planes()];
        let is = |plane: usize, word: u16| if k >> plane & 1 == 1 { word } else { !word };
        words.iter().enumerate().fold(u16::MAX, |all, (plane, &word)| all & is(plane, word))
    }
}
