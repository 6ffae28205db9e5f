//! A batch through the transformed filters: the convolution, or its gradient to the input.
//!
//! Two ways, chosen by the layer alone. With few channels, a thread takes some rows of tiles through all three steps
//! while they are in its own cache. With many, the filters are the larger part: threads share them, each
//! reading different ones for many tiles, so that they come from memory once.

use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

use super::filters::Filters;
use super::grid::{Grid, Size, run_tiles};
use super::product::Product;
use super::tiles::{Gate, Gather, Pixels, Scatter};
use crate::scalar::Scratch;
use crate::simd::{Isa, LANES, Lanes, run};

/// Filters of more bytes than this are shared.
const SHARED: usize = 6 << 20;

/// Bytes of transformed tiles that stay in one thread's own cache, and in the cache of all.
const OWN_CACHE: usize = 640 << 10;
const COMMON_CACHE: usize = 24 << 20;

/// The parts of a batch that threads take in turn.
struct Task<'a> {
    /// Tiles, in whole rows.
    tiles: Range<usize>,
    /// The first row of pixels, and of the output: pixels or windows.
    first: usize,
    first_out: usize,
    output: &'a mut [f32],
    gate: Gate<'a>,
    /// For each tile, the outputs that are exactly zero before the bias.
    unseeing: Vec<u16>,
}

/// A convolution with prepared filters.
pub(crate) struct Pass<'a> {
    pub isa: Isa,
    pub grid: Grid,
    pub filters: &'a Filters,
    /// One vector per group of output channels, or none.
    pub bias: &'a [Lanes],
    pub images: usize,
    pub input: Pixels<'a>,
    /// Of the output's pixels, if they are pooled; empty if unknown.
    pub kinds: &'a [u64],
}

impl Pass<'_> {
    pub(crate) fn run(&self, output: &mut [f32], gate: Gate<'_>) {
        let grid = &self.grid;
        let shared = size_of_val(self.filters.data.as_slice()) > SHARED && grid.columns <= 64;
        // Rows of the product's block: a few whole ones.
        let per_task = if shared { 48 } else { 96 };
        let tasks = self.tasks(per_task.max(grid.columns) / grid.columns, output, gate);
        if shared { self.run_shared(tasks) } else { self.run_apart(tasks) }
    }

    /// Stretches of `rows` rows of tiles.
    fn tasks<'a>(&self, rows: usize, mut output: &'a mut [f32], mut gate: Gate<'a>) -> Vec<Task<'a>> {
        let grid = &self.grid;
        let channels = self.filters.channels;
        let last = self.images * grid.rows;
        let mut tasks = Vec::with_capacity(last.div_ceil(rows));
        for row in (0..last).step_by(rows) {
            let end = (row + rows).min(last);
            let first = grid.pixel_row(row);
            let pixels = (grid.pixel_row(end) - first) * grid.width;
            let (first_out, out) = if gate.pools() {
                let first_out = grid.window_row(row);
                (first_out, (grid.window_row(end) - first_out) * (grid.width / 2))
            } else {
                (first, pixels)
            };
            let (head, tail) = output.split_at_mut(out * channels);
            output = tail;
            let (own, rest) = gate.split_at(pixels * channels.div_ceil(LANES));
            gate = rest;
            let tiles = row * grid.columns..end * grid.columns;
            let unseeing = vec![0; tiles.len()];
            tasks.push(Task { tiles, first, first_out, output: head, gate: own, unseeing });
        }
        tasks
    }

    fn groups_in(&self) -> usize {
        self.filters.terms.div_ceil(LANES)
    }

    /// Each task through all steps in one thread.
    fn run_apart(&self, tasks: Vec<Task<'_>>) {
        let (places, panels) = (self.grid.places(), self.filters.panels());
        let per_tile = places * (self.groups_in() + 2 * panels) * size_of::<Lanes>();
        let at_once = (OWN_CACHE / per_tile / 12 * 12).clamp(24, 96);
        tasks.into_par_iter().for_each(|mut task| {
            // Odd, so that places do not fall on the same lines of the cache.
            let stride = at_once.min(task.tiles.len()) | 1;
            let (v, m) = (self.groups_in() * places * stride, places * panels * 2 * stride);
            Lanes::with_scratch(v + m, |scratch| {
                let (transformed, products) = scratch.split_at_mut(v);
                for start in task.tiles.clone().step_by(at_once) {
                    let tiles = start..(start + at_once).min(task.tiles.end);
                    let unseeing = &mut task.unseeing[start - task.tiles.start..][..tiles.len()];
                    self.gather(tiles.clone(), transformed, stride, unseeing);
                    for (i, c) in products.chunks_exact_mut(2 * stride).enumerate() {
                        self.product(i / panels, i % panels, transformed, tiles.len(), c, stride);
                    }
                    self.scatter(&mut task, tiles, products, 2 * stride, stride);
                }
            });
        });
    }

    /// Many tasks at a time, one step after the other, each step shared by all threads.
    fn run_shared(&self, mut tasks: Vec<Task<'_>>) {
        let (places, panels) = (self.grid.places(), self.filters.panels());
        let widest = tasks.iter().map(|t| t.tiles.len()).max().unwrap_or(1);
        let stride = widest | 1;
        let (v, m) = (self.groups_in() * places * stride, places * panels * 2 * stride);
        let at_once = (COMMON_CACHE / ((v + m) * size_of::<Lanes>())).clamp(1, tasks.len().max(1));
        Lanes::with_scratch((v + m) * at_once, |scratch| {
            for tasks in tasks.chunks_mut(at_once) {
                let (transformed, products) = scratch.split_at_mut(v * tasks.len());
                transformed.par_chunks_exact_mut(v).zip(&mut *tasks).for_each(|(to, task)| {
                    self.gather(task.tiles.clone(), to, stride, &mut task.unseeing);
                });
                let transformed = &*transformed;
                let products = &mut products[..m * tasks.len()];
                let sizes: Vec<usize> = tasks.iter().map(|t| t.tiles.len()).collect();
                let panel_stride = 2 * stride * tasks.len();
                products.par_chunks_exact_mut(panel_stride).enumerate().for_each(|(i, c)| {
                    let parts = transformed.chunks_exact(v).zip(c.chunks_exact_mut(2 * stride));
                    for ((transformed, c), &rows) in parts.zip(&sizes) {
                        self.product(i / panels, i % panels, transformed, rows, c, stride);
                    }
                });
                let products = &*products;
                tasks.par_iter_mut().enumerate().for_each(|(i, task)| {
                    let tiles = task.tiles.clone();
                    self.scatter(task, tiles, &products[2 * stride * i..], panel_stride, stride);
                });
            }
        });
    }

    fn gather(&self, tiles: Range<usize>, to: &mut [Lanes], stride: usize, unseeing: &mut [u16]) {
        let (grid, channels, pixels) = (self.grid, self.filters.terms, self.input);
        run_tiles!(self.isa, grid.size, Gather { grid, channels, pixels, tiles, to, stride, unseeing });
    }

    /// One place of the tiles, one panel of output channels.
    fn product(
        &self,
        place: usize,
        panel: usize,
        transformed: &[Lanes],
        rows: usize,
        c: &mut [Lanes],
        stride: usize,
    ) {
        let product = Product {
            a: &transformed[place * stride..],
            a_stride: self.grid.places() * stride,
            rows,
            terms: self.filters.terms,
            b: self.filters.matrix(panel, place),
            width: self.filters.width(panel),
            c,
            c_stride: stride,
        };
        run(self.isa, product);
    }

    fn scatter(
        &self,
        task: &mut Task<'_>,
        tiles: Range<usize>,
        from: &[Lanes],
        panel_stride: usize,
        stride: usize,
    ) {
        let (grid, channels, bias, kinds) = (self.grid, self.filters.channels, self.bias, self.kinds);
        let unseeing = &task.unseeing[tiles.start - task.tiles.start..][..tiles.len()];
        let (first, first_out) = (task.first, task.first_out);
        let (output, gate) = (&mut *task.output, &mut task.gate);
        run_tiles!(
            self.isa,
            grid.size,
            Scatter {
                grid,
                channels,
                from,
                panel_stride,
                stride,
                tiles,
                unseeing,
                bias,
                first,
                first_out,
                output,
                gate,
                kinds,
            }
        );
    }
}
