//! Where in a network a map can be read: values that still lie on a grid over the image.
//!
//! Pixels of a convolution lie on a grid; so do the tokens of a transformer, which are the patches of its first
//! convolution in a row, perhaps behind a class token. The places are followed from the image on: a reshaping that
//! joins rows and columns keeps them, one that cuts the image into windows loses them, and a sum of a value that has
//! them with one that has lost them has them again.

use weakspot::classifier::LayerKind;

use super::{Graph, Source};

/// Which axes of a value are the grid and the channels. The first axis is the batch's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// Rows and columns are axes of their own.
    Pixels { rows: usize, columns: usize, channels: usize },
    /// One axis has the cells of the grid row by row, behind `skip` others.
    Tokens { tokens: usize, channels: usize, skip: usize, grid: (usize, usize) },
}

impl Spot {
    /// `[batch, channels, rows, columns]`.
    pub(crate) const IMAGE: Self = Self::Pixels { rows: 2, columns: 3, channels: 1 };

    /// The axis of the channels.
    pub(crate) fn channels(self) -> usize {
        let (Self::Pixels { channels, .. } | Self::Tokens { channels, .. }) = self;
        channels
    }

    /// `(height, width)` of the grid of a value of this shape.
    pub(crate) fn grid(self, dims: &[usize]) -> (usize, usize) {
        match self {
            Self::Pixels { rows, columns, .. } => (dims[rows], dims[columns]),
            Self::Tokens { grid, .. } => grid,
        }
    }

    /// After a transposition.
    pub(crate) fn transposed(self, axes: &[usize]) -> Option<Self> {
        let find = |axis: usize| axes.iter().position(|&from| from == axis);
        Some(match self {
            Self::Pixels { rows, columns, channels } => {
                Self::Pixels { rows: find(rows)?, columns: find(columns)?, channels: find(channels)? }
            }
            Self::Tokens { tokens, channels, skip, grid } => {
                Self::Tokens { tokens: find(tokens)?, channels: find(channels)?, skip, grid }
            }
        })
    }

    /// After a reshaping, if the axes can still be told apart.
    pub(crate) fn reshaped(self, from: &[usize], to: &[usize]) -> Option<Self> {
        // Where an axis, or a row of neighbouring axes, begins and ends in the order of the numbers.
        let after = |dims: &[usize], axis: usize| dims[axis + 1..].iter().product::<usize>();
        let find = |length: usize, behind: usize| {
            (0..to.len()).find(|&axis| to[axis] == length && after(to, axis) == behind)
        };
        let channels = find(from[self.channels()], after(from, self.channels()))?;
        match self {
            Self::Pixels { rows, columns, .. } if columns == rows + 1 => {
                let behind = after(from, columns);
                let grid = (from[rows], from[columns]);
                let apart = find(grid.1, behind).zip(find(grid.0, behind * grid.1));
                match apart {
                    Some((columns, rows)) if rows + 1 == columns => {
                        Some(Self::Pixels { rows, columns, channels })
                    }
                    _ => {
                        let tokens = find(grid.0 * grid.1, behind)?;
                        Some(Self::Tokens { tokens, channels, skip: 0, grid })
                    }
                }
            }
            Self::Pixels { .. } => None,
            Self::Tokens { tokens, skip, grid, .. } => {
                let behind = after(from, tokens);
                if let Some(tokens) = find(from[tokens], behind) {
                    return Some(Self::Tokens { tokens, channels, skip, grid });
                }
                let whole = skip == 0 && from[tokens] == grid.0 * grid.1;
                let (columns, rows) =
                    find(grid.1, behind).zip(find(grid.0, behind * grid.1)).filter(|_| whole)?;
                Some(Self::Pixels { rows, columns, channels })
            }
        }
    }
}

/// A value on a grid.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// The node that makes it.
    pub node: usize,
    pub kind: LayerKind,
    pub spot: Spot,
    pub channels: usize,
    pub grid: (usize, usize),
    /// Whether every path from the image to the output goes through it.
    pub on_every_path: bool,
    /// Whether the node computes something: not a pooling, and no number only moves.
    pub computes: bool,
}

/// All places, in the order of the nodes.
pub(crate) fn places(graph: &Graph) -> Vec<Place> {
    let spots = spots(graph);
    let cuts = on_every_path(graph);
    let place = |node: usize| {
        let here = &graph.nodes[node];
        let spot = spots[node]?;
        let lost = |input: &Source| matches!(input, Source::Node(i) if spots[*i].is_none());
        let moves = matches!(here.operator.name(), "Reshape" | "Transpose");
        let kind = here.operator.kind();
        Some(Place {
            node,
            kind,
            spot,
            channels: here.dims[spot.channels()],
            grid: spot.grid(&here.dims),
            on_every_path: cuts[node],
            // Windows that are laid back on the grid are seen here for the first time.
            computes: kind != LayerKind::Pooling && (!moves || here.inputs.iter().any(lost)),
        })
    };
    (0..graph.nodes.len()).filter_map(place).collect()
}

/// Where each value's places are.
fn spots(graph: &Graph) -> Vec<Option<Spot>> {
    let image = match graph.channel_axis() {
        1 => Spot::IMAGE,
        _ => Spot::Pixels { rows: 1, columns: 2, channels: 3 },
    };
    let mut spots: Vec<Option<Spot>> = Vec::with_capacity(graph.nodes.len());
    // Shapes that have been on a grid.
    let mut seen: Vec<(Vec<usize>, Spot)> = Vec::new();
    for node in &graph.nodes {
        let inputs: Vec<&[usize]> = node.inputs.iter().map(|&input| graph.dims(input)).collect();
        let known: Vec<Option<Spot>> = node
            .inputs
            .iter()
            .map(|input| match input {
                Source::Image => Some(image),
                Source::Node(i) => spots[*i],
                Source::Tensor(_) => None,
            })
            .collect();
        let first = node.dims.first() == graph.image().first();
        let mut spot = node.operator.follow(&known, &inputs, &node.dims).filter(|spot| {
            // A batch of windows is no batch of images.
            first || !matches!(spot, Spot::Pixels { .. })
        });
        if spot.is_none() && first && matches!(node.operator.name(), "Reshape" | "Transpose") {
            spot = seen.iter().rev().find(|(dims, _)| *dims == node.dims).map(|(_, spot)| *spot);
        }
        if let Some(spot) = spot
            && !seen.iter().any(|(dims, other)| *dims == node.dims && *other == spot)
        {
            seen.push((node.dims.clone(), spot));
        }
        spots.push(spot);
    }
    spots
}

/// Through which nodes every path from the image to the output goes.
fn on_every_path(graph: &Graph) -> Vec<bool> {
    let count = graph.nodes.len();
    // Only nodes that depend on the image and reach the output lie on a path.
    let mut depends = vec![false; count];
    for (i, node) in graph.nodes.iter().enumerate() {
        depends[i] = node.inputs.iter().any(|input| match input {
            Source::Image => true,
            Source::Node(from) => depends[*from],
            Source::Tensor(_) => false,
        });
    }
    let mut last_use = vec![0; count];
    let mut image_used = 0;
    for (i, node) in graph.nodes.iter().enumerate().filter(|(i, _)| depends[*i]) {
        for input in &node.inputs {
            match input {
                Source::Node(from) => last_use[*from] = i,
                Source::Image => image_used = i,
                Source::Tensor(_) => {}
            }
        }
    }
    if let Source::Node(output) = graph.output {
        last_use[output] = count;
    }
    // After a node that every path goes through, no earlier value is read again.
    let mut reaching = image_used;
    (0..count)
        .map(|i| {
            let alone = depends[i] && last_use[i] > i && reaching <= i;
            if depends[i] {
                reaching = reaching.max(last_use[i]);
            }
            alone
        })
        .collect()
}
