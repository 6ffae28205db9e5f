//! Whether a batch is nothing but several images.
//!
//! The same file is walked for one, two and three images. In every value exactly one axis then grows with the batch. In
//! memory the images may lie inside that axis (outermost, as windows of each image) or outside of it (innermost, as
//! tokens of all images): how many numbers of the axis lie behind one image is followed through reshapings, so that
//! each image's part of a value is known.

use weakspot::{Error, ErrorKind, Result};

use crate::graph::{Graph, Source};

/// Where the images are in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Images {
    axis: usize,
    /// Positions of the axis between an image and the next.
    inner: usize,
}

fn mixes(name: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("expected a network that treats each image on its own; {name} mixes images: {why}"),
    )
    .with_hint("export the model with a dynamic batch, in evaluation mode, for one image at a time")
}

/// Checks the graphs of one, two and three images.
pub(super) fn check(graphs: [&Graph; 3]) -> Result<()> {
    let [one, two, three] = graphs;
    if one.nodes.len() != two.nodes.len() || one.nodes.len() != three.nodes.len() {
        return Err(mixes("the network", "it has other nodes for another number of images"));
    }
    let mut found: Vec<Option<Images>> = Vec::with_capacity(one.nodes.len());
    for i in 0..one.nodes.len() {
        let (node, name) = (&one.nodes[i], one.nodes[i].name.as_str());
        if node.operator.name() != two.nodes[i].operator.name()
            || node.inputs.len() != two.nodes[i].inputs.len()
        {
            return Err(mixes(name, "it is another node for another number of images"));
        }
        let mut come: Option<(usize, Images)> = None;
        for (k, &input) in node.inputs.iter().enumerate() {
            let images = match input {
                Source::Image => Some(Images { axis: 0, inner: 1 }),
                Source::Node(from) => found[from],
                Source::Tensor(_) => {
                    constants(one, two, i, k)?;
                    None
                }
            };
            let Some(images) = images else { continue };
            let shapes: Vec<&[usize]> = two.nodes[i].inputs.iter().map(|&input| two.dims(input)).collect();
            if two.nodes[i].operator.mixed_axes(&shapes).contains(&(k, images.axis)) {
                return Err(mixes(name, "it combines positions along the axis of the batch"));
            }
            // Where this input's images are in the output, counted from the last axis.
            let from_end = |k: usize, images: Images| shapes[k].len() - images.axis;
            match come {
                Some((first, other))
                    if from_end(first, other) != from_end(k, images) || other.inner != images.inner =>
                {
                    return Err(mixes(name, "its inputs have the batch on different axes"));
                }
                Some(_) => {}
                None => come = Some((k, images)),
            }
        }
        let grown = grows(&node.dims, &two.nodes[i].dims, &three.nodes[i].dims);
        found.push(match (come, grown) {
            (None, _) if node.dims == two.nodes[i].dims => None,
            (Some((k, images)), Some(axis)) => Some(follow(one, i, k, images, axis)?),
            _ => return Err(mixes(name, "its shape does not grow with the batch along one axis")),
        });
    }
    let output = match one.output {
        Source::Node(i) => found[i],
        _ => Some(Images { axis: 0, inner: 1 }),
    };
    match output {
        Some(_) => Ok(()),
        None => Err(mixes("the network", "its output is the same for every image")),
    }
}

/// The axis along which shapes for one, two and three images grow.
fn grows(one: &[usize], two: &[usize], three: &[usize]) -> Option<usize> {
    if one.len() != two.len() || one.len() != three.len() {
        return None;
    }
    let mut changed = (0..one.len()).filter(|&axis| one[axis] != two[axis] || one[axis] != three[axis]);
    let axis = changed.next()?;
    let linear = two[axis] == 2 * one[axis] && three[axis] == 3 * one[axis];
    (linear && changed.next().is_none()).then_some(axis)
}

/// Where the images are in a node's output, and whether the axis that grows agrees.
fn follow(one: &Graph, i: usize, k: usize, images: Images, axis: usize) -> Result<Images> {
    let node = &one.nodes[i];
    let input = one.dims(node.inputs[k]);
    let after = |dims: &[usize], axis: usize| dims[axis + 1..].iter().product::<usize>();
    let expected = match node.operator.name() {
        "Reshape" => {
            // Numbers between an image and the next stay as many.
            let behind = images.inner * after(input, images.axis);
            let inner = behind / after(&node.dims, axis);
            let whole = inner > 0 && behind.is_multiple_of(after(&node.dims, axis));
            (whole && node.dims[axis].is_multiple_of(inner)).then_some(Images { axis, inner })
        }
        "Transpose" => node.operator.moved_axis(images.axis).map(|axis| Images { axis, ..images }),
        _ => (images.axis + node.dims.len()).checked_sub(input.len()).map(|axis| Images { axis, ..images }),
    };
    match expected {
        Some(expected) if expected.axis == axis => Ok(expected),
        _ => Err(mixes(&node.name, "the batch leaves its axis")),
    }
}

/// Checks that a constant is the same for every image.
fn constants(one: &Graph, two: &Graph, node: usize, input: usize) -> Result<()> {
    let name = &one.nodes[node].name;
    let (Source::Tensor(a), Source::Tensor(b)) =
        (one.nodes[node].inputs[input], two.nodes[node].inputs[input])
    else {
        return Err(mixes(name, "an input depends on the number of images"));
    };
    let (a, b) = (&one.constants[a].tensor, &two.constants[b].tensor);
    if std::sync::Arc::ptr_eq(a, b) || a == b {
        return Ok(());
    }
    let refuse = || mixes(name, "a constant is not the same for every image");
    if a.shape.len() != b.shape.len() {
        return Err(refuse());
    }
    let mut changed = (0..a.shape.len()).filter(|&axis| a.shape[axis] != b.shape[axis]);
    let (Some(axis), None) = (changed.next(), changed.next()) else { return Err(refuse()) };
    if b.shape[axis] != 2 * a.shape[axis] {
        return Err(refuse());
    }
    let block: usize = a.shape[axis..].iter().product();
    let run: usize = a.shape[axis + 1..].iter().product();
    // Image by image, or position by position.
    let whole =
        a.data.chunks(block).zip(b.data.chunks(2 * block)).all(|(a, b)| a == &b[..block] && a == &b[block..]);
    let apart = a.data.chunks(run).zip(b.data.chunks(2 * run)).all(|(a, b)| a == &b[..run] && a == &b[run..]);
    if whole || apart { Ok(()) } else { Err(refuse()) }
}

/// Whether constants are subtracted from the image, or multiply it, before the first operator that looks at several
/// pixels.
pub(super) fn normalizes(graph: &Graph) -> bool {
    let mut at = Source::Image;
    let mut found = false;
    for (i, node) in graph.nodes.iter().enumerate() {
        if !node.inputs.contains(&at) {
            continue;
        }
        match node.operator.name() {
            "Sub" | "Div" | "Mul" | "Add" | "BatchNormalization" => found = true,
            "Transpose" | "Reshape" | "Gather" | "Slice" | "Concat" => {}
            _ => break,
        }
        at = Source::Node(i);
    }
    found
}
