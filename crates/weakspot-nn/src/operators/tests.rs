//! Every operator alone: its gradient against finite differences in double precision, and the bytes of a batch with
//! those of one image.

use std::sync::Arc;

use weakspot_conv::{Function, Method};

use super::pool::Places;
use super::*;
use crate::graph::executor::{Executor, Stop};
use crate::graph::{Graph, Source};
use crate::train::hashed;

const IMAGE: [usize; 4] = [1, 6, 5, 4];

fn tensor(shape: &[usize], seed: u32) -> Arc<Tensor> {
    let len: usize = shape.iter().product();
    Arc::new(Tensor { shape: shape.to_vec(), data: hashed(len as u32, seed) })
}

/// Above zero, for variances and logarithms.
fn positive(shape: &[usize], seed: u32) -> Arc<Tensor> {
    let mut tensor = Tensor::clone(&tensor(shape, seed));
    for v in &mut tensor.data {
        *v += 1.5;
    }
    Arc::new(tensor)
}

/// An operator, and the constants that it reads.
type Step = (Arc<dyn Operator>, Vec<Arc<Tensor>>);

/// A graph of nodes on the image, each reading the one before and some constants.
fn chain(nodes: Vec<Step>) -> Graph {
    let mut graph = Graph::new(IMAGE.to_vec(), 1);
    let mut at = Source::Image;
    for (i, (operator, constants)) in nodes.into_iter().enumerate() {
        let mut inputs = vec![at];
        for constant in constants {
            let name = format!("constant {}", graph.constants.len());
            inputs.push(graph.constant(name, constant));
        }
        at = graph.push(format!("node {i}"), Vec::new(), operator, inputs).unwrap();
    }
    graph.output = at;
    graph
}

fn op(operator: impl Operator + 'static) -> Step {
    (Arc::new(operator), Vec::new())
}

fn with(operator: impl Operator + 'static, constants: Vec<Arc<Tensor>>) -> Step {
    (Arc::new(operator), constants)
}

/// Every operator in the forms that networks use.
fn graphs() -> Vec<(&'static str, Graph)> {
    let function = |function| Elementwise { name: "function", function };
    let windows =
        |ceil| Places { kernel: (3, 2), stride: (2, 1), dilation: (1, 1), padding: [1, 0, 0, 1], ceil };
    let conv = |groups| conv::Conv { stride: (1, 2), dilation: (2, 1), padding: [2, 0, 1, 1], groups };
    let tokens = || vec![op(Reshape { dims: vec![1, 6, 20] }), op(Transpose { axes: vec![0, 2, 1] })];
    let mut all = vec![
        ("relu", chain(vec![op(relu::Relu)])),
        ("function", chain(vec![op(function(Function::Gelu))])),
        ("normalize", chain(vec![op(Normalize { axis: 1, mean: vec![0.3; 6], std: vec![0.7; 6] })])),
        ("batch norm", {
            let parts = vec![tensor(&[6], 1), tensor(&[6], 2), tensor(&[6], 3), positive(&[6], 4)];
            chain(vec![with(affine::Affine { epsilon: 1e-3 }, parts)])
        }),
        ("conv", chain(vec![with(conv(1), vec![tensor(&[4, 6, 3, 2], 1), tensor(&[4], 2)])])),
        ("conv in groups", chain(vec![with(conv(3), vec![tensor(&[9, 2, 3, 2], 1)])])),
        ("depthwise, relu", chain(vec![with(conv(6), vec![tensor(&[6, 1, 3, 2], 1)]), op(relu::Relu)])),
        ("max pool", chain(vec![op(pool::MaxPool(windows(false)))])),
        ("max pool, ceil", chain(vec![op(pool::MaxPool(windows(true)))])),
        ("mean pool", chain(vec![op(pool::AveragePool { places: windows(false), count_padding: false })])),
        (
            "mean pool, border",
            chain(vec![op(pool::AveragePool { places: windows(true), count_padding: true })]),
        ),
        ("pad", chain(vec![op(pad::Pad { borders: vec![(0, 0), (0, 0), (2, 1), (0, 3)], value: 0.5 })])),
        ("gather", chain(vec![op(Gather { name: "Gather", axis: 2, indices: vec![4, 1, 1, 0, 4, 2] })])),
        ("gather channels", chain(vec![op(Gather { name: "Slice", axis: 1, indices: vec![1, 2, 3] })])),
        ("resize", {
            let neighbours = vec![(0, 0, 0.0), (0, 1, 0.25), (1, 2, 0.5), (3, 4, 0.9), (4, 4, 0.0)];
            chain(vec![op(resize::Resize { axis: 2, neighbours })])
        }),
        ("softmax of channels", {
            let mut nodes = tokens();
            nodes.push(op(Softmax));
            chain(nodes)
        }),
        ("softmax of columns", chain(vec![op(Softmax)])),
        ("layer norm", {
            let mut nodes = tokens();
            nodes.push(with(
                layer_norm::LayerNorm { axes: 1, epsilon: 1e-5 },
                vec![tensor(&[6], 5), tensor(&[6], 6)],
            ));
            chain(nodes)
        }),
        ("group norm", {
            let rows = Reshape { dims: vec![1, 2, 60] };
            let norm = layer_norm::LayerNorm { axes: 1, epsilon: 1e-5 };
            chain(vec![op(rows), op(norm), op(Reshape { dims: IMAGE.to_vec() })])
        }),
        ("linear", {
            let mut nodes = tokens();
            let parts = vec![tensor(&[7, 6], 7), tensor(&[7], 8)];
            nodes.extend([with(Linear { transposed: true }, parts), op(relu::Relu)]);
            chain(nodes)
        }),
        ("flatten, linear", {
            let flat = Reshape { dims: vec![1, 120] };
            chain(vec![op(flat), with(Linear { transposed: false }, vec![tensor(&[120, 3], 9)])])
        }),
        ("concat", {
            let mut graph = chain(vec![op(relu::Relu), op(function(Function::Tanh))]);
            let constant = graph.constant("more".to_owned(), tensor(&[1, 2, 5, 4], 3));
            let inputs = vec![Source::Node(0), constant, Source::Node(1), Source::Image];
            graph.output =
                graph.push("concat".into(), vec![], Arc::new(concat::Concat { axis: 1 }), inputs).unwrap();
            graph
        }),
        ("attention", {
            // Scores of every pixel with every pixel.
            let mut graph = chain(tokens());
            let turned = Source::Node(0);
            let product = |graph: &mut Graph, a, b, name: &str| {
                graph.push(name.to_owned(), vec![], Arc::new(MatMul), vec![a, b]).unwrap()
            };
            let scores = product(&mut graph, Source::Node(1), turned, "scores");
            let shares = graph.push("shares".into(), vec![], Arc::new(Softmax), vec![scores]).unwrap();
            graph.output = product(&mut graph, shares, Source::Node(1), "mixed");
            graph
        }),
        ("squeeze and excite", {
            let mut graph = chain(vec![op(Reduce { what: Reduction::Mean, axes: vec![2, 3] })]);
            let gate = Arc::new(function(Function::Sigmoid));
            let gate = graph.push("gate".into(), vec![], gate, vec![Source::Node(0)]).unwrap();
            let scaled = vec![Source::Image, gate];
            graph.output =
                graph.push("scaled".into(), vec![], Arc::new(Binary(Pairwise::Mul)), scaled).unwrap();
            graph
        }),
    ];
    for (name, what) in [
        ("sum", Reduction::Sum),
        ("mean", Reduction::Mean),
        ("largest", Reduction::Max),
        ("smallest", Reduction::Min),
    ] {
        all.push((name, chain(vec![op(Reduce { what, axes: vec![1, 3] })])));
    }
    for (name, what) in [
        ("add", Pairwise::Add),
        ("sub", Pairwise::Sub),
        ("mul", Pairwise::Mul),
        ("div", Pairwise::Div),
        ("pow", Pairwise::Pow),
        ("min", Pairwise::Min),
        ("max", Pairwise::Max),
        ("prelu", Pairwise::PRelu),
    ] {
        // Numbers above zero, so that every power and quotient is one.
        let above = || op(function(Function::Exp));
        all.push((name, chain(vec![above(), with(Binary(what), vec![positive(&[6, 1, 1], 3)])])));
        // A row of the image with the whole, both ways.
        for swapped in [false, true] {
            let mut graph = chain(vec![above(), op(Gather { name: "Gather", axis: 2, indices: vec![2] })]);
            let mut inputs = vec![Source::Node(0), Source::Node(1)];
            if swapped {
                inputs.reverse();
            }
            graph.output = graph.push("pair".into(), vec![], Arc::new(Binary(what)), inputs).unwrap();
            all.push((name, graph));
        }
    }
    all
}

#[test]
fn every_gradient_is_a_difference_of_outputs() {
    for (name, graph) in graphs() {
        let executor = Executor::<f64>::new(Arc::new(graph), Method::Direct).unwrap();
        let len: usize = IMAGE.iter().product();
        let image: Vec<f64> = hashed(len as u32, 21).into_iter().map(f64::from).collect();
        let (output, tape) = executor.forward(1, image.clone(), &[], &[Stop::Image]).unwrap();
        let cotangent: Vec<f64> = hashed(output.len() as u32, 22).into_iter().map(f64::from).collect();
        let found = executor.backward(&tape, cotangent.clone(), &[Stop::Image]).unwrap().remove(0);
        for i in 0..len {
            let step = 1e-6;
            let value = |by: f64| {
                let mut moved = image.clone();
                moved[i] += by;
                let (output, _) = executor.forward(1, moved, &[], &[]).unwrap();
                output.iter().zip(&cotangent).map(|(y, c)| y * c).sum::<f64>()
            };
            let wanted = (value(step) - value(-step)) / (2.0 * step);
            assert!(
                (found[i] - wanted).abs() < 1e-6 * (1.0 + wanted.abs()),
                "{name}, {i}: {} and not {wanted}",
                found[i]
            );
        }
    }
}

#[test]
fn neither_batch_nor_threads_change_a_byte() {
    for (name, graph) in graphs() {
        let executor = Executor::<f32>::new(Arc::new(graph), Method::Fast).unwrap();
        let len: usize = IMAGE.iter().product();
        let images = hashed(3 * len as u32, 23);
        let run = |threads: usize, images: &[f32], skip: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let n = images.len() / len;
                let (output, tape) = executor.forward(n, images.to_vec(), &[], &[Stop::Image]).unwrap();
                let cotangents = hashed(3 * (output.len() / n) as u32, 24);
                let cotangent = cotangents[skip * output.len() / n..][..output.len()].to_vec();
                let gradient = executor.backward(&tape, cotangent, &[Stop::Image]).unwrap().remove(0);
                (output, gradient)
            })
        };
        let whole = run(1, &images, 0);
        assert_eq!(run(3, &images, 0), whole, "{name}");
        let last = run(2, &images[2 * len..], 2);
        assert_eq!(last.0[..], whole.0[whole.0.len() / 3 * 2..], "{name}");
        assert_eq!(last.1[..], whole.1[2 * len..], "{name}");
    }
}
