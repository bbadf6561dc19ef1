//! Dense products of 16-bit floats summed in 32 bits, on processors that have an instruction for it (AVX-512 BF16).
//!
//! It multiplies twice as many numbers at a time as `matrix` and reads half the memory. A bfloat16 keeps 8 bits of each
//! number; over the whole encoder that turns a vector by less than half a degree (cosine above 0.9999, which the tests check),
//! far less than what tells two passages apart.

use super::matrix::Then;

#[cfg(target_arch = "x86_64")]
pub use x86::{Converted, Right};

#[cfg(not(target_arch = "x86_64"))]
pub use elsewhere::{Converted, Right};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m512, __m512bh, _mm512_cvtne2ps_pbh, _mm512_dpbf16_ps};

    use bytemuck::cast;
    use half::bf16;
    use pulp::f32x16;
    use pulp::x86::V4;

    use super::Then;
    use crate::embed::elementwise::gelu;

    /// 32-bit lanes of a register.
    const LANES: usize = 16;
    /// Registers of columns and rows of a tile: 24 sums, 3 columns, 1 row value of the 32 registers.
    const REGISTERS: usize = 3;
    const ROWS: usize = 8;
    const WIDTH: usize = REGISTERS * LANES;

    /// Two neighbours of the inner dimension, the first in the low half.
    type Pair = u32;

    fn is_supported() -> bool {
        V4::try_new().is_some() && std::arch::is_x86_feature_detected!("avx512bf16")
    }

    /// The left side, rounded.
    #[derive(Default)]
    pub struct Converted {
        pairs: Vec<[Pair; LANES]>,
        rows: usize,
    }

    /// The right side with its bias, in panels: `panel[pair][column]`.
    pub struct Right {
        simd: V4,
        panels: Vec<[[Pair; LANES]; REGISTERS]>,
        bias: Vec<[f32x16; REGISTERS]>,
        /// Pairs of the inner dimension.
        depth: usize,
        columns: usize,
    }

    impl Right {
        /// From a linear layer's weight, `[columns][inner]`; `None` where the processor or the layer's shape does not fit.
        pub fn from_weight(weight: &[f32], bias: &[f32]) -> Option<Self> {
            let columns = bias.len();
            let inner = weight.len() / columns;
            let simd = V4::try_new().filter(|_| is_supported())?;
            if !columns.is_multiple_of(WIDTH) || !inner.is_multiple_of(2 * LANES) {
                return None;
            }
            let depth = inner / 2;
            let mut panels = vec![[[0; LANES]; REGISTERS]; columns / WIDTH * depth];
            for (column, row) in weight.chunks_exact(inner).enumerate() {
                let panel = &mut panels[column / WIDTH * depth..][..depth];
                let (register, lane) = (column % WIDTH / LANES, column % LANES);
                for (place, [low, high]) in panel.iter_mut().zip(row.as_chunks::<2>().0) {
                    let half = |value: f32| Pair::from(bf16::from_f32(value).to_bits());
                    place[register][lane] = half(*low) | half(*high) << 16;
                }
            }
            let bias = bias.as_chunks::<LANES>().0.as_chunks::<REGISTERS>().0.iter().map(|bias| bias.map(cast)).collect();
            Some(Right { simd, panels, bias, depth, columns })
        }

        pub fn inner(&self) -> usize {
            2 * self.depth
        }

        /// Rounds rows of this right side's inner dimension.
        pub fn convert(&self, values: &[f32], converted: &mut Converted) {
            converted.rows = values.len() / (2 * self.depth);
            converted.pairs.resize(values.len() / (2 * LANES), [0; LANES]);
            #[expect(unsafe_code, reason = "a `Right` exists only where the processor has these instructions")]
            unsafe {
                round(values, &mut converted.pairs);
            }
        }

        /// Writes `left · self + bias` to `out`, row after row.
        ///
        /// # Panics
        /// When `left` was converted for another inner dimension or `out` is too short.
        pub fn multiply(&self, left: &Converted, then: Then, out: &mut [f32]) {
            #[expect(unsafe_code, reason = "a `Right` exists only where the processor has these instructions")]
            unsafe {
                multiply(self, left, then, out);
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16")]
    fn round(values: &[f32], pairs: &mut [[Pair; LANES]]) {
        for ([low, high], place) in values.as_chunks::<LANES>().0.as_chunks::<2>().0.iter().zip(pairs) {
            *place = cast(_mm512_cvtne2ps_pbh(cast(*high), cast(*low)));
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16")]
    fn multiply(right: &Right, left: &Converted, then: Then, out: &mut [f32]) {
        let rows = left.pairs.as_flattened();
        for (number, panel) in right.panels.chunks_exact(right.depth).enumerate() {
            let mut row = 0;
            while row < left.rows {
                let height = ROWS.min(left.rows - row);
                match height {
                    8 => tile::<8>(right, panel, rows, then, out, row, number),
                    7 => tile::<7>(right, panel, rows, then, out, row, number),
                    6 => tile::<6>(right, panel, rows, then, out, row, number),
                    5 => tile::<5>(right, panel, rows, then, out, row, number),
                    4 => tile::<4>(right, panel, rows, then, out, row, number),
                    3 => tile::<3>(right, panel, rows, then, out, row, number),
                    2 => tile::<2>(right, panel, rows, then, out, row, number),
                    _ => tile::<1>(right, panel, rows, then, out, row, number),
                }
                row += height;
            }
        }
    }

    /// `R` rows by the columns of panel `number`, summed in registers.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16")]
    fn tile<const R: usize>(
        right: &Right,
        panel: &[[[Pair; LANES]; REGISTERS]],
        rows: &[Pair],
        then: Then,
        out: &mut [f32],
        row: usize,
        number: usize,
    ) {
        let depth = panel.len();
        let rows = &rows[row * depth..][..R * depth];
        #[expect(clippy::redundant_closure, reason = "a closure is compiled for the processor that this function is for")]
        let bias: [__m512; REGISTERS] = right.bias[number].map(|lanes| cast(lanes));
        // Indices alone, no slices of `sums`: only then it is kept in registers.
        let mut sums = [bias; R];
        for (i, registers) in panel.iter().enumerate() {
            #[expect(clippy::needless_range_loop, reason = "see above")]
            for r in 0..R {
                #[expect(unsafe_code, reason = "i < depth and r < R, so this is in bounds; eight checks a step would cost a third of the speed")]
                let pair = unsafe { *rows.get_unchecked(r * depth + i) };
                let value: __m512bh = cast([pair; LANES]);
                for v in 0..REGISTERS {
                    sums[r][v] = _mm512_dpbf16_ps(sums[r][v], value, cast(registers[v]));
                }
            }
        }
        for r in 0..R {
            let out = &mut out[(row + r) * right.columns + number * WIDTH..][..WIDTH].as_chunks_mut::<LANES>().0;
            for v in 0..REGISTERS {
                let sum: f32x16 = cast(sums[r][v]);
                out[v] = cast(if then == Then::Gelu { gelu(right.simd, sum) } else { sum });
            }
        }
    }
}

/// Nothing of this is ever made on other processors.
#[cfg(not(target_arch = "x86_64"))]
mod elsewhere {
    use super::Then;

    #[derive(Default)]
    pub struct Converted;

    pub enum Right {}

    impl Right {
        pub fn from_weight(_: &[f32], _: &[f32]) -> Option<Self> {
            None
        }

        pub fn inner(&self) -> usize {
            match *self {}
        }

        pub fn convert(&self, _: &[f32], _: &mut Converted) {
            match *self {}
        }

        pub fn multiply(&self, _: &Converted, _: Then, _: &mut [f32]) {
            match *self {}
        }
    }
}
