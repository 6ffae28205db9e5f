//! How images are cut into tiles.

use super::transform::{Four, Tile, Two};

/// Which tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Four,
    Two,
}

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
        let (four, two) = (grid(Size::Four, Four::OUT), grid(Size::Two, Two::OUT));
        let products = |g: &Self| g.rows * g.columns * g.places();
        if products(&four) <= products(&two) { four } else { two }
    }

    /// Products per tile and pair of channels: the squares of the tiles' input.
    pub(crate) fn places(&self) -> usize {
        match self.size {
            Size::Four => Four::SIDE * Four::SIDE,
            Size::Two => Two::SIDE * Two::SIDE,
        }
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
