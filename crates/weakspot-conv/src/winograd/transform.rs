//! Winograd's minimal filtering F(4x4, 3x3) and F(2x2, 3x3), and the minimal form for images of 2x2 pixels: the small
//! linear maps, applied to columns and rows.
//!
//! With `Y = A^T [(G g G^T) . (B^T d B)] A` for a tile, `input` is `B^T`, `output` is `A^T` and `filter` is `G`. The
//! gradient to the filter is `G^T [(B^T d B) . (A dY A^T)] G`, whose maps are `spread` (`A`) and `collect` (`G^T`).
//!
//! Arrays have room for the larger tile; F(2x2) uses the first four (two) places and leaves zeros in the rest.
//!
//! # References
//! Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks", CVPR 2016, arXiv:1509.09308, sections 4.1 and 4.2 (points 0, 1, -1, 2, -2 and infinity for F(4x4)).

use crate::simd::Vector;

/// The side of the larger tile.
pub(crate) const SIDE: usize = 6;
/// The side of the larger tile's output.
pub(crate) const OUT: usize = 4;

/// One size of tile.
pub(crate) trait Tile: Send + Sync {
    /// Input pixels per side.
    const SIDE: usize;
    /// Output pixels per side.
    const OUT: usize;
    /// Products per side.
    const PLACES: usize;

    fn input<V: Vector>(d: [V; SIDE]) -> [V; SIDE];
    fn output<V: Vector>(m: [V; SIDE]) -> [V; OUT];
    fn filter<V: Vector>(g: [V; 3]) -> [V; SIDE];
    fn spread<V: Vector>(y: [V; OUT]) -> [V; SIDE];
    fn collect<V: Vector>(u: [V; SIDE]) -> [V; 3];
}

/// F(4x4, 3x3): 36 products for 16 outputs, four times fewer than the 144 of the definition.
pub(crate) struct Four;

/// F(2x2, 3x3): 16 products for 4 outputs; for grids that a 4x4 tile would mostly overhang.
pub(crate) struct Two;

/// Images of 2x2 pixels, which have only zeros around them: 9 products for 4 outputs. Per side it is a Toeplitz matrix
/// of two rows, which needs three products where F(2) needs four: `g1 (d1 + d2)`, `(g2 - g1) d2` and `(g0 - g1) d1`.
pub(crate) struct Pair;

impl Tile for Four {
    const SIDE: usize = 6;
    const OUT: usize = 4;
    const PLACES: usize = 6;

    #[inline(always)]
    fn input<V: Vector>([d0, d1, d2, d3, d4, d5]: [V; SIDE]) -> [V; SIDE] {
        let (two, four, minus_four, minus_five) =
            (V::splat(2.0), V::splat(4.0), V::splat(-4.0), V::splat(-5.0));
        let even = d2.mul_add(minus_four, d4);
        let odd = d1.mul_add(minus_four, d3);
        let outer = d4.sub(d2);
        let inner = d3.sub(d1).mul(two);
        [
            d0.mul_add(four, d2.mul_add(minus_five, d4)),
            even.add(odd),
            even.sub(odd),
            outer.add(inner),
            outer.sub(inner),
            d1.mul_add(four, d3.mul_add(minus_five, d5)),
        ]
    }

    #[inline(always)]
    fn output<V: Vector>([m0, m1, m2, m3, m4, m5]: [V; SIDE]) -> [V; OUT] {
        let (a, b) = (m1.add(m2), m1.sub(m2));
        let (c, d) = (m3.add(m4), m3.sub(m4));
        [
            m0.add(a.add(c)),
            d.mul_add(V::splat(2.0), b),
            c.mul_add(V::splat(4.0), a),
            m5.add(d.mul_add(V::splat(8.0), b)),
        ]
    }

    #[inline(always)]
    fn filter<V: Vector>([g0, g1, g2]: [V; 3]) -> [V; SIDE] {
        let outer = g0.add(g2);
        let (sixth, twelfth) = (V::splat(-1.0 / 6.0), V::splat(1.0 / 12.0));
        let weighted = g2.mul_add(V::splat(1.0 / 6.0), g0.mul(V::splat(1.0 / 24.0)));
        [
            g0.mul(V::splat(0.25)),
            outer.add(g1).mul(sixth),
            outer.sub(g1).mul(sixth),
            g1.mul_add(twelfth, weighted),
            weighted.sub(g1.mul(twelfth)),
            g2,
        ]
    }

    #[inline(always)]
    fn spread<V: Vector>([y0, y1, y2, y3]: [V; OUT]) -> [V; SIDE] {
        let (even, odd) = (y0.add(y2), y1.add(y3));
        let far_even = y2.mul_add(V::splat(4.0), y0);
        let far_odd = y3.mul_add(V::splat(8.0), y1.add(y1));
        [y0, even.add(odd), even.sub(odd), far_even.add(far_odd), far_even.sub(far_odd), y3]
    }

    #[inline(always)]
    fn collect<V: Vector>([u0, u1, u2, u3, u4, u5]: [V; SIDE]) -> [V; 3] {
        let near = u1.add(u2).mul(V::splat(-1.0 / 6.0));
        let far = u3.add(u4).mul(V::splat(1.0 / 24.0));
        let sides = u3.sub(u4).mul(V::splat(1.0 / 12.0));
        [
            u0.mul_add(V::splat(0.25), near.add(far)),
            u2.sub(u1).mul_add(V::splat(1.0 / 6.0), sides),
            far.mul_add(V::splat(4.0), near.add(u5)),
        ]
    }
}

impl Tile for Two {
    const SIDE: usize = 4;
    const OUT: usize = 2;
    const PLACES: usize = 4;

    #[inline(always)]
    fn input<V: Vector>([d0, d1, d2, d3, ..]: [V; SIDE]) -> [V; SIDE] {
        [d0.sub(d2), d1.add(d2), d2.sub(d1), d1.sub(d3), V::zero(), V::zero()]
    }

    #[inline(always)]
    fn output<V: Vector>([m0, m1, m2, m3, ..]: [V; SIDE]) -> [V; OUT] {
        [m0.add(m1.add(m2)), m1.sub(m2.add(m3)), V::zero(), V::zero()]
    }

    #[inline(always)]
    fn filter<V: Vector>([g0, g1, g2]: [V; 3]) -> [V; SIDE] {
        let half = V::splat(0.5);
        let outer = g0.add(g2);
        [g0, outer.add(g1).mul(half), outer.sub(g1).mul(half), g2, V::zero(), V::zero()]
    }

    #[inline(always)]
    fn spread<V: Vector>([y0, y1, ..]: [V; OUT]) -> [V; SIDE] {
        [y0, y0.add(y1), y0.sub(y1), V::zero().sub(y1), V::zero(), V::zero()]
    }

    #[inline(always)]
    fn collect<V: Vector>([u0, u1, u2, u3, ..]: [V; SIDE]) -> [V; 3] {
        let half = V::splat(0.5);
        let sum = u1.add(u2).mul(half);
        [u0.add(sum), u1.sub(u2).mul(half), sum.add(u3)]
    }
}

impl Tile for Pair {
    const SIDE: usize = 4;
    const OUT: usize = 2;
    const PLACES: usize = 3;

    #[inline(always)]
    fn input<V: Vector>([_, d1, d2, ..]: [V; SIDE]) -> [V; SIDE] {
        [d1.add(d2), d2, d1, V::zero(), V::zero(), V::zero()]
    }

    #[inline(always)]
    fn output<V: Vector>([m0, m1, m2, ..]: [V; SIDE]) -> [V; OUT] {
        [m0.add(m1), m0.add(m2), V::zero(), V::zero()]
    }

    #[inline(always)]
    fn filter<V: Vector>([g0, g1, g2]: [V; 3]) -> [V; SIDE] {
        [g1, g2.sub(g1), g0.sub(g1), V::zero(), V::zero(), V::zero()]
    }

    #[inline(always)]
    fn spread<V: Vector>([y0, y1, ..]: [V; OUT]) -> [V; SIDE] {
        [y0.add(y1), y0, y1, V::zero(), V::zero(), V::zero()]
    }

    #[inline(always)]
    fn collect<V: Vector>([u0, u1, u2, ..]: [V; SIDE]) -> [V; 3] {
        [u2, u0.sub(u1.add(u2)), u1]
    }
}
