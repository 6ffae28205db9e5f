//! The places of a graph where maps can be read, by the names that their author gave them, and the choice among them.

use std::collections::{BTreeMap, HashMap};

use weakspot::Result;
use weakspot::attribution::MIN_GRID_SIDE;
use weakspot::classifier::LayerKind;

use crate::graph::executor::{Executor, Stop};
use crate::graph::{Graph, Source, Spot, places};

/// A place whose output can be traced.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The modules that end here, the outermost first, and the node itself.
    pub names: Vec<String>,
    /// What kind of layer it is.
    pub kind: LayerKind,
    /// Channels of its output.
    pub channels: usize,
    /// `(height, width)` of its grid.
    pub grid: (usize, usize),
    /// Whether every path from the image to the logits goes through it.
    pub on_every_path: bool,
    /// The side of the square of pixels that one cell depends on, `None` if it depends on the whole image.
    pub receptive_field: Option<usize>,
    pub(crate) node: usize,
    pub(crate) spot: Spot,
    pub(crate) computes: bool,
}

/// All places of a graph, from the image on.
pub(crate) fn list(graph: &Graph) -> Vec<Listed> {
    let fields = receptive_fields(graph);
    // The last node of each module.
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        for module in &node.modules {
            last.insert(module, i);
        }
    }
    let mut ending: HashMap<usize, Vec<&str>> = HashMap::new();
    for (module, node) in last {
        ending.entry(node).or_default().push(module);
    }
    let mut listed: Vec<Listed> = Vec::new();
    for place in places(graph) {
        let mut names: Vec<String> =
            ending.get(&place.node).into_iter().flatten().map(|&m| m.to_owned()).collect();
        names.sort_by_key(|name| (name.matches('.').count(), name.len()));
        let own = &graph.nodes[place.node].name;
        if !names.contains(own) {
            names.push(own.clone());
        }
        names.retain(|name| !listed.iter().any(|other| other.names.contains(name)));
        if names.is_empty() {
            continue;
        }
        listed.push(Listed {
            names,
            kind: place.kind,
            channels: place.channels,
            grid: place.grid,
            on_every_path: place.on_every_path,
            receptive_field: fields[place.node],
            node: place.node,
            spot: place.spot,
            computes: place.computes,
        });
    }
    listed
}

/// How many pixels a side each value depends on; `None` for the whole image.
fn receptive_fields(graph: &Graph) -> Vec<Option<usize>> {
    // Side and distance between neighbours, in pixels.
    let mut found: Vec<Option<(usize, usize)>> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let mut field = Some((1, 1));
        for input in &node.inputs {
            let own = match input {
                Source::Image => Some((1, 1)),
                Source::Node(i) => found[*i],
                Source::Tensor(_) => continue,
            };
            field = field.zip(own).map(|((a, x), (b, y))| (a.max(b), x.max(y)));
        }
        let field = field.and_then(|(side, step)| {
            let (kernel, stride) =
                node.operator.window(&node.inputs.iter().map(|&i| graph.dims(i)).collect::<Vec<_>>())?;
            Some((side + (kernel - 1) * step, step * stride))
        });
        found.push(field);
    }
    found.into_iter().map(|field| field.map(|(side, _)| side)).collect()
}

/// Chooses the layer that a map is read at: the last that computes something, has a grid of enough cells, lies on every
/// path, and from whose cells a gradient reaches the logits. The last is seen by walking back once from all logits of
/// an image of noise.
///
/// # Errors
/// What a pass reports.
pub(crate) fn choose(executor: &Executor<f32>, listed: &[Listed]) -> Result<Option<usize>> {
    let wide = |place: &Listed| place.grid.0 >= MIN_GRID_SIDE && place.grid.1 >= MIN_GRID_SIDE;
    let mut candidates: Vec<usize> = (0..listed.len())
        .filter(|&i| listed[i].computes && listed[i].on_every_path && wide(&listed[i]))
        .collect();
    // A network whose branches never meet on a grid: any place will do.
    if candidates.is_empty() {
        candidates = (0..listed.len()).filter(|&i| listed[i].computes && wide(&listed[i])).collect();
    }
    // The last few are enough: a transformer's last two blocks hide the others' cells at most.
    let first = candidates.len().saturating_sub(CANDIDATES);
    let candidates = &candidates[first..];
    if candidates.is_empty() {
        return Ok(None);
    }
    let len = executor.image_layout().len();
    let mut noise = weakspot::rng::stream(0, "probe", "image");
    let image = (0..len).map(|_| noise.unit()).collect();
    let stops: Vec<Stop> = candidates.iter().map(|&i| Stop::Node(listed[i].node)).collect();
    let (output, tape) = executor.forward(1, image, &[], &stops)?;
    let seed = (0..output.len()).map(|_| noise.unit() + 0.5).collect();
    let found = executor.backward(&tape, seed, &stops)?;
    executor.recycle(tape);
    let reached = candidates.iter().zip(found).filter(|&(&i, ref gradient)| {
        let place = &listed[i];
        kept_cells(executor, place, gradient)
    });
    Ok(reached.map(|(&i, _)| i).last().or(candidates.last().copied()))
}

const CANDIDATES: usize = 12;

/// Whether a gradient at the cells of the grid is anything but zero.
fn kept_cells(executor: &Executor<f32>, place: &Listed, gradient: &[f32]) -> bool {
    let layout = executor.layout(place.node);
    match place.spot {
        Spot::Pixels { .. } => gradient.iter().any(|&g| g != 0.0),
        Spot::Tokens { tokens, skip, grid, .. } => {
            let (step, length) = (layout.strides()[tokens], layout.dims()[tokens]);
            let cells = skip..skip + grid.0 * grid.1;
            gradient.iter().enumerate().any(|(i, &g)| g != 0.0 && cells.contains(&(i / step % length)))
        }
    }
}
