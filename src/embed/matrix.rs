//! Dense products in 32-bit floats, `out = left · right + bias`, with the right side laid out for the processor beforehand.
//!
//! A general multiplication lays out both sides at each call. Here the right side is mostly a weight that never changes, so
//! its layout is made once, when the model is loaded; for a question of a dozen tokens that would be most of the work. The
//! method is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), without its outer
//! blocking: a panel of weights fits the second-level cache, and so do the rows of a batch.
//!
//! Each output is one chain of fused multiply-adds over the inner dimension in order, whatever rows stand beside it: the
//! result for a text does not depend on the batch it is in.

use pulp::{Arch, Simd, WithSimd};

use super::elementwise::gelu;

/// Rows of a tile: as many as the processor has registers for their sums.
const fn tile_rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 8 } else { 4 }
}

/// The left side: `rows` rows of `inner` values, one `stride` apart.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub values: &'a [f32],
    pub stride: usize,
    pub rows: usize,
    pub inner: usize,
}

/// The right side, in panels of `V` registers' columns: `panel[inner][column]`, the last one filled up with zeros.
#[derive(Default)]
pub struct Right<const V: usize> {
    panels: Vec<f32>,
    bias: Vec<f32>,
    inner: usize,
    columns: usize,
}

impl<const V: usize> Right<V> {
    /// A linear layer's weight as the model's file has it, `[columns][inner]`, with its bias.
    pub fn from_weight(arch: Arch, weight: &[f32], bias: &[f32]) -> Self {
        let mut right = Right::default();
        let columns = bias.len();
        let inner = weight.len() / columns;
        right.pack_transposed(arch, weight, inner, columns, inner);
        right.bias[..columns].copy_from_slice(bias);
        right
    }

    /// Lays out the transpose of `columns` rows of `inner` values, one `stride` apart. No bias.
    pub fn pack_transposed(&mut self, arch: Arch, values: &[f32], stride: usize, columns: usize, inner: usize) {
        let width = self.prepare(arch, inner, columns);
        for (panel, first) in self.panels.chunks_exact_mut(inner * width).zip((0..columns).step_by(width)) {
            for column in 0..width.min(columns - first) {
                let source = &values[(first + column) * stride..][..inner];
                for (place, value) in panel[column..].iter_mut().step_by(width).zip(source) {
                    *place = *value;
                }
            }
        }
    }

    /// Lays out `inner` rows of `columns` values, one `stride` apart. No bias.
    pub fn pack(&mut self, arch: Arch, values: &[f32], stride: usize, inner: usize, columns: usize) {
        let width = self.prepare(arch, inner, columns);
        for (panel, first) in self.panels.chunks_exact_mut(inner * width).zip((0..columns).step_by(width)) {
            let filled = width.min(columns - first);
            for (row, place) in panel.chunks_exact_mut(width).enumerate() {
                place[..filled].copy_from_slice(&values[row * stride + first..][..filled]);
            }
        }
    }

    pub fn inner(&self) -> usize {
        self.inner
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Makes room and returns the width of a panel.
    fn prepare(&mut self, arch: Arch, inner: usize, columns: usize) -> usize {
        let width = V * arch.dispatch(Lanes);
        let padded = columns.next_multiple_of(width);
        (self.inner, self.columns) = (inner, columns);
        if !columns.is_multiple_of(width) {
            // Columns beyond the last are computed and thrown away; they must be numbers, and none of an earlier text.
            self.panels.clear();
        }
        self.panels.resize(padded * inner, 0.0);
        self.bias.resize(padded, 0.0);
        width
    }
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// What becomes of a sum before it is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Nothing,
    Gelu,
}

/// Writes `left · right + bias` to `out`, whose row `r` begins at `r * stride`.
///
/// # Panics
/// When the inner dimensions of the two sides differ, or `out` is too short.
pub fn multiply<const V: usize>(arch: Arch, left: Rows<'_>, right: &Right<V>, then: Then, out: &mut [f32], stride: usize) {
    assert_eq!(left.inner, right.inner, "the inner dimensions differ");
    arch.dispatch(Multiply { left, right, then, out, stride });
}

struct Multiply<'a, const V: usize> {
    left: Rows<'a>,
    right: &'a Right<V>,
    then: Then,
    out: &'a mut [f32],
    stride: usize,
}

impl<const V: usize> WithSimd for Multiply<'_, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let width = V * S::F32_LANES;
        let inner = self.left.inner;
        for column in (0..self.right.columns).step_by(width) {
            let panel = S::as_simd_f32s(&self.right.panels[column * inner..][..width * inner]).0.as_chunks::<V>().0;
            let mut row = 0;
            while row < self.left.rows {
                let height = tile_rows::<S>().min(self.left.rows - row);
                match height {
                    8 => self.tile::<S, 8>(simd, panel, row, column),
                    7 => self.tile::<S, 7>(simd, panel, row, column),
                    6 => self.tile::<S, 6>(simd, panel, row, column),
                    5 => self.tile::<S, 5>(simd, panel, row, column),
                    4 => self.tile::<S, 4>(simd, panel, row, column),
                    3 => self.tile::<S, 3>(simd, panel, row, column),
                    2 => self.tile::<S, 2>(simd, panel, row, column),
                    _ => self.tile::<S, 1>(simd, panel, row, column),
                }
                row += height;
            }
        }
    }
}

impl<const V: usize> Multiply<'_, V> {
    /// `R` rows by one panel's columns, summed in registers.
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(&mut self, simd: S, panel: &[[S::f32s; V]], row: usize, column: usize) {
        let width = V * S::F32_LANES;
        let inner = self.left.inner;
        let rows: [&[f32]; R] = std::array::from_fn(|r| &self.left.values[(row + r) * self.left.stride..][..inner]);
        assert_eq!(panel.len(), inner, "a panel is as deep as the rows are long");
        let bias = S::as_simd_f32s(&self.right.bias[column..][..width]).0;
        // Indices alone, no slices of `sums`: only then it is kept in registers.
        let bias: [S::f32s; V] = std::array::from_fn(|v| bias[v]);
        let mut sums = [bias; R];
        for (i, right) in panel.iter().enumerate() {
            for r in 0..R {
                let value = simd.splat_f32s(rows[r][i]);
                for v in 0..V {
                    sums[r][v] = simd.mul_add_e_f32s(value, right[v], sums[r][v]);
                }
            }
        }
        let filled = width.min(self.right.columns - column);
        #[expect(clippy::needless_range_loop, reason = "with indices alone `sums` is kept in registers")]
        for r in 0..R {
            let out = &mut self.out[(row + r) * self.stride + column..][..filled];
            for v in 0..V {
                let sum = if self.then == Then::Gelu { gelu(simd, sums[r][v]) } else { sums[r][v] };
                let place = (v * S::F32_LANES).min(filled)..((v + 1) * S::F32_LANES).min(filled);
                simd.partial_store_f32s(&mut out[place], sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small whole numbers, whose products and sums are exact in any order.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 31 + seed * 17) % 13) as f32 - 6.0).collect()
    }

    #[test]
    fn a_product_is_that_of_the_textbook_at_every_awkward_size() {
        let arch = Arch::new();
        for (rows, inner, columns) in [(1, 1, 1), (3, 5, 7), (8, 32, 48), (9, 33, 49), (17, 64, 100), (13, 10, 384)] {
            let (left, weight, bias) = (numbers(rows * inner, 1), numbers(columns * inner, 2), numbers(columns, 3));
            let left = Rows { values: &left, stride: inner, rows, inner };
            let expected: Vec<f32> = (0..rows * columns)
                .map(|i| bias[i % columns] + (0..inner).map(|k| left.values[i / columns * inner + k] * weight[i % columns * inner + k]).sum::<f32>())
                .collect();
            let mut out = vec![f32::NAN; rows * columns];
            multiply(arch, left, &Right::<3>::from_weight(arch, &weight, &bias), Then::Nothing, &mut out, columns);
            assert_eq!(out, expected, "{rows} × {inner} × {columns}");
        }
    }

    #[test]
    fn both_ways_to_lay_out_the_right_side_agree() {
        let arch = Arch::new();
        let (rows, inner, columns) = (5, 12, 21);
        let (left, right) = (numbers(rows * inner, 1), numbers(inner * columns, 2));
        let transposed: Vec<f32> = (0..columns * inner).map(|i| right[i % inner * columns + i / inner]).collect();
        let left = Rows { values: &left, stride: inner, rows, inner };
        let (mut a, mut b) = (Right::<2>::default(), Right::<2>::default());
        a.pack(arch, &right, columns, inner, columns);
        b.pack_transposed(arch, &transposed, inner, columns, inner);
        let (mut out_a, mut out_b) = (vec![0.0; rows * columns], vec![1.0; rows * columns]);
        multiply(arch, left, &a, Then::Nothing, &mut out_a, columns);
        multiply(arch, left, &b, Then::Nothing, &mut out_b, columns);
        assert_eq!(out_a, out_b);
    }
}
