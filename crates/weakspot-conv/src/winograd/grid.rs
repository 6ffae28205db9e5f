//! How images are cut into tiles.

use super::transform::{Four, Pair, Tile, Two};

/// Which tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Four,
    Two,
    Pair,
}

/// Runs a kernel for tiles of a size.
macro_rules! run_tiles {
    ($isa:expr, $size:expr, $kernel:ident { $($field:tt)* }) => {{
        use crate::winograd::transform::{Four, Pair, Two};
        match $size {
            Size::Four => run($isa, $kernel { tile: PhantomData::<Four>, $($field)* }),
            Size::Two => run($isa, $kernel { tile: PhantomData::<Two>, $($field)* }),
            Size::Pair => run($isa, $kernel { tile: PhantomData::<Pair>, $($field)* }),
        }
    }};
}
pub(super) use run_tiles;

/// Images of one size and their tiles. Tiles are counted image by image, row by row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub size: Size,
    pub height: usize,
    pub width: usize,
    /// Output pixels per tile and side.
    pub out: usize,
    /// Rows of tiles in an image.
    pub rows: usize,
    /// Tiles in a row.
    pub columns: usize,
}

impl Grid {
    /// The tiles that need the fewest products.
    pub(crate) fn new((height, width): (usize, usize)) -> Self {
        let grid = |size, out| Self {
            size,
            height,
            width,
            out,
            rows: height.div_ceil(out),
            columns: width.div_ceil(out),
        };
        if (height, width) == (Pair::OUT, Pair::OUT) {
            return grid(Size::Pair, Pair::OUT);
        }
        let (four, two) = (grid(Size::Four, Four::OUT), grid(Size::Two, Two::OUT));
        let products = |g: &Self| g.rows * g.columns * g.places();
        if products(&four) <= products(&two) { four } else { two }
    }

    /// Products per tile and pair of channels.
    pub(crate) fn places(&self) -> usize {
        let per_side = match self.size {
            Size::Four => Four::PLACES,
            Size::Two => Two::PLACES,
            Size::Pair => Pair::PLACES,
        };
        per_side * per_side
    }

    /// The pixel row, counted through all images, where a row of tiles begins.
    pub(crate) fn pixel_row(&self, row: usize) -> usize {
        row / self.rows * self.height + (row % self.rows * self.out).min(self.height)
    }

    /// The row of 2x2 windows, counted through all images, where a row of tiles begins.
    pub(crate) fn window_row(&self, row: usize) -> usize {
        row / self.rows * (self.height / 2) + (row % self.rows * self.out).min(self.height) / 2
    }

    /// Image, and pixel where the output of a tile begins.
    pub(crate) fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (row, column) = (tile / self.columns, tile % self.columns);
        (row / self.rows, row % self.rows * self.out, column * self.out)
    }
}
