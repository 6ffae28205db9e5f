//! The same network with fewer nodes: operators that exporters write in several become one.
//!
//! `x sigmoid(x)` is SiLU, and `x (1 + erf(x / sqrt(2))) / 2` is GELU, whatever the order of its factors. One node
//! reads its input once, forward and back, and keeps nothing else. What is left without readers is pruned.

use std::any::Any;
use std::sync::Arc;

use weakspot_conv::Function;

use super::{Graph, Source};
use crate::operators::{Binary, Elementwise, Pairwise};

impl Graph {
    /// Joins nodes that are one operator written in several.
    pub(crate) fn simplified(mut self) -> Self {
        for i in 0..self.nodes.len() {
            let found = self.silu(i).map(|input| (input, "Swish", Function::Silu));
            let found = found.or_else(|| self.gelu(i).map(|input| (input, "Gelu", Function::Gelu)));
            // An input of another shape would be repeated.
            if let Some((input, name, function)) = found
                && self.dims(input) == self.nodes[i].dims
            {
                self.nodes[i].operator = Arc::new(Elementwise { name, function });
                self.nodes[i].inputs = vec![input];
            }
        }
        self.pruned()
    }

    /// The two inputs of a node that does something with a pair.
    fn pair(&self, source: Source, what: Pairwise) -> Option<[Source; 2]> {
        let Source::Node(i) = source else { return None };
        let operator: &dyn Any = self.nodes[i].operator.as_ref();
        let [a, b] = self.nodes[i].inputs[..] else { return None };
        (operator.downcast_ref::<Binary>()? == &Binary(what)).then_some([a, b])
    }

    /// The input of a node that applies a function.
    fn function(&self, source: Source, function: Function) -> Option<Source> {
        let Source::Node(i) = source else { return None };
        let operator: &dyn Any = self.nodes[i].operator.as_ref();
        let found = operator.downcast_ref::<Elementwise>()?.function == function;
        self.nodes[i].inputs.first().copied().filter(|_| found)
    }

    /// Whether a source is one number, up to the rounding of an exporter.
    fn is_number(&self, source: Source, wanted: f64) -> bool {
        let Source::Tensor(i) = source else { return false };
        let values = &self.constants[i].tensor.data;
        values.len() == 1 && (f64::from(values[0]) - wanted).abs() < 1e-6
    }

    /// The other input of a pair of which one is a number.
    fn beside(&self, pair: [Source; 2], number: f64) -> Option<Source> {
        let [a, b] = pair;
        if self.is_number(b, number) { Some(a) } else { self.is_number(a, number).then_some(b) }
    }

    /// `x` of `x sigmoid(x)`.
    fn silu(&self, node: usize) -> Option<Source> {
        let [a, b] = self.pair(Source::Node(node), Pairwise::Mul)?;
        if self.function(b, Function::Sigmoid) == Some(a) {
            return Some(a);
        }
        (self.function(a, Function::Sigmoid) == Some(b)).then_some(b)
    }

    /// `x` of the three products of `x`, `1/2` and `1 + erf(x / sqrt(2))`.
    fn gelu(&self, node: usize) -> Option<Source> {
        let outer = self.pair(Source::Node(node), Pairwise::Mul)?;
        // (1/2 x) (1 + erf) or x (1/2 (1 + erf)), or (x (1 + erf)) 1/2.
        let mut factors = Vec::with_capacity(4);
        for factor in outer {
            match self.pair(factor, Pairwise::Mul) {
                Some(inner) => factors.extend(inner),
                None => factors.push(factor),
            }
        }
        let half = factors.iter().position(|&factor| self.is_number(factor, 0.5))?;
        factors.remove(half);
        let [a, b] = factors[..] else { return None };
        let curve = |source: Source| {
            let sum = self.pair(source, Pairwise::Add)?;
            let scaled = self.function(self.beside(sum, 1.0)?, Function::Erf)?;
            let divided = self
                .pair(scaled, Pairwise::Div)
                .filter(|pair| self.is_number(pair[1], std::f64::consts::SQRT_2));
            let times = self.pair(scaled, Pairwise::Mul);
            divided.map(|pair| pair[0]).or_else(|| self.beside(times?, std::f64::consts::FRAC_1_SQRT_2))
        };
        if curve(b) == Some(a) {
            return Some(a);
        }
        (curve(a) == Some(b)).then_some(b)
    }
}
